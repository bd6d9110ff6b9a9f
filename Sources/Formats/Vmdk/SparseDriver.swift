// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Compression
internal import Errors
internal import Options

/// An open extent with tables: an image of its own where it has a descriptor, and one part of an image else.
final class SparseDriver: MarkingDriver, VmdkDriver, @unchecked Sendable {
  let name = "vmdk"
  let table: BlockTable
  let descriptor: OpenDescriptor?
  /// The header as it was when the extent was opened.
  let header: SparseHeader
  /// What opening the extent found, until a repair has told it.
  private(set) var findings: [OpeningFinding]
  /// Whether markers told of all compressed grains when the extent was opened for a check. Set before anybody uses the node.
  var knowsAllGrains = false
  /// The end of an image that was written in one pass, in bytes: behind the marker for it. Set as above.
  var endOfStream: UInt64?
  private let coding: GrainCoding
  /// Stands while the header says that the extent was not closed.
  let mark = ChangeMark()
  let grains: CompressedBlocks<Inflater>

  init(
    _ header: SparseHeader, _ layout: BlockTableLayout, _ descriptor: OpenDescriptor?,
    findings: [OpeningFinding]
  ) {
    self.header = header
    self.findings = findings
    self.descriptor = descriptor
    coding = GrainCoding(
      hasZeroes: header.flags.contains(.zeroedGrains), isCompressed: header.isCompressed)
    table = BlockTable(layout, coding)
    grains = CompressedBlocks(blockSize: header.grainBytes) { () throws(BlockError) in Inflater(format: .zlib)
    }
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.clusterSize = table.blockSize
    information.isDirty = false
    guard let descriptor = descriptor?.current else { return information }
    information.backing = descriptor.backing
    var extent = OptionObject()
    if header.isCompressed { extent["compressed"] = true }
    extent["virtual-size"] = OptionTree(table.length)
    extent["filename"] = .string(node.fileName)
    extent["cluster-size"] = OptionTree(table.blockSize)
    extent["format"] = ""
    information.specific = descriptor.information([extent])
    return information
  }

  /// Forgets what opening the extent found: a repair has told it.
  func dropFindings() { findings = [] }

  func requireHoles() throws(BlockError) {
    guard header.isCompressed else { return }
    throw BlockError(.invalidArgument, "Images of subformat streamOptimized have no backing file")
  }

  /// Data is copied where the file's storage copies; asked to compress, `qemu-img` stores grains as they are.
  func capabilities(of node: Node) -> Capabilities {
    let copies = node.file?.child.capabilities.contains(.copiesRanges) == true
    return copies
      ? [.nativeZeroes, .copiesRanges, .ignoresCompression] : [.nativeZeroes, .ignoresCompression]
  }

  // MARK: Compressed grains

  func readEncoded(
    _ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node
  ) throws(BlockError) {
    let file = try node.child(in: .file)
    try buffer.forEachBlock(of: table.blockSize, from: offset) { (start, range, part) throws(BlockError) in
      guard case .compressed(let place, _) = try table.entry(at: start, of: node) else { return part.fill() }
      try grains.read(place, range, into: &part) { (decoder, target) throws(BlockError) in
        try self.decode(place, guest: start, into: &target, decoder, file)
      }
    }
  }

  /// Reads and decodes the grain of a guest offset: behind a marker of 12 bytes.
  func decode(
    _ place: UInt64, guest offset: UInt64, into target: inout MutableRawSpan,
    _ decoder: CompressedBlocks<Inflater>.Decoder, _ file: Edge
  ) throws(BlockError) {
    let grain = table.blockSize
    decoder.makeRoom(GrainMarker.length + 2 * Int(grain))
    let input = decoder.input
    var bytes = input.mutableBytes
    var first = bytes.slice(0..<512)
    try file.read(at: place, into: &first)
    let end = GrainMarker.length + (try GrainMarker(parsing: input.bytes, of: offset, grain: grain)).size
    if end > 512 {
      var rest = bytes.slice(512..<end)
      try file.read(at: place + 512, into: &rest)
    }
    let source = input.bytes.slice(GrainMarker.length..<end)
    // Writers store the last grain whole, or as far as the disk goes.
    let known = Int(min(grain, table.length - offset))
    if known < target.byteCount {
      var start = target.slice(0..<known)
      if (try? decoder.decompressor.decompress(source, into: &start)) != nil { return }
    }
    try decoder.decompressor.decompress(source, into: &target)
  }

  // MARK: Changes

  /// Marks the extent as open, and gives the image another identity.
  func beginChanges(_ node: Node) throws(BlockError) {
    let file = try node.child(in: .file)
    try mark.set { () throws(BlockError) in
      guard !header.isCompressed else {
        throw BlockError(
          .unsupported, "a stream-optimized image cannot be changed",
          advice: "'convert -O vmdk' makes another of it that can.")
      }
      try setUnclean(true, file)
    }
    try descriptor?.renew(of: node, in: file)
  }

  // MARK: Length

  /// The directories get room where they stand, or at the end of the file; all tables are there before the disk is longer.
  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard length % 512 == 0, length / 512 <= UInt64(Int64.max) / 512 else {
      throw BlockError(.invalidArgument, "Invalid image size specified")
    }
    guard preallocation != .metadata else {
      throw BlockError.noGrowth(preallocation)
    }
    try beginChanges(node)
    let file = try node.child(in: .file)
    let before = table.length
    let blocks = length.dividedUp(by: header.grainBytes)
    let isMoved = try makeRoom(for: blocks.dividedUp(by: UInt64(header.perTable)), node, file)
    if length > before { try table.makeTables(ofFirst: blocks, of: node) }
    try table.resize(to: length, preallocation: preallocation, of: node) { (next) throws(BlockError) in
      try SparseHeader.rewrite(in: file) {
        $0.storeLittle(next.length / 512, at: SparseHeader.Place.capacity)
      }
    }
    // Where directories were, grains find a place.
    if length < before || isMoved { try table.cutDirectory(of: node) }
    if length < before {
      try table.packDirectory(of: node) { (next) throws(BlockError) in try store(next, in: file) }
      try table.cutDirectory(of: node)
    }
    try descriptor?.edit(in: file) {
      $0.setSectors(length / 512, ofExtent: 0)
      $0.setGeometry(sectors: length / 512)
    }
  }

  /// Gives the directories room for so many tables; whether they have moved for it.
  private func makeRoom(for tables: UInt64, _ node: Node, _ file: Edge) throws(BlockError) -> Bool {
    let perTable = UInt64(header.perTable)
    var layout = table.currentLayout
    let present = layout.capacity / perTable
    guard tables > present else { return false }
    // Places are counted in sectors: the rest of a directory's last one is nobody else's.
    let room = (present * 4).dividedUp(by: 512) * 128
    guard tables <= room else {
      try table.moveDirectory(toHold: tables, of: node) { (next) throws(BlockError) in
        try store(next, in: file)
      }
      return true
    }
    let blank = Buffer(count: Int((room - present) * 4))
    for start in [layout.tableOffset, layout.directory?.second] {
      guard let start else { continue }
      try file.write(at: start + present * 4, from: blank.bytes)
      layout.reserved.removeAll { $0.lowerBound == start }
      layout.reserved.append(start..<start + room * 4)
    }
    try file.flush()
    layout.capacity = room * perTable
    try table.adopt(layout, coding, of: node)
    return false
  }

  /// Lets the header say where the directories are.
  private func store(_ layout: BlockTableLayout, in file: Edge) throws(BlockError) {
    try SparseHeader.rewrite(in: file) {
      $0.storeLittle(layout.tableOffset / 512, at: SparseHeader.Place.directory)
      guard let second = layout.directory?.second else { return }
      $0.storeLittle(second / 512, at: SparseHeader.Place.secondDirectory)
    }
  }

  private func setUnclean(_ isUnclean: Bool, _ file: Edge) throws(BlockError) {
    let byte = Buffer([isUnclean ? 1 : 0])
    try file.write(at: UInt64(SparseHeader.Place.unclean), from: byte.bytes)
    try file.flush()
  }

  func takeMarkOff(_ node: Node) throws(BlockError) {
    try setUnclean(false, node.child(in: .file))
  }

  /// Makes the tables that are not there: QEMU writes over the header where a directory leads to none.
  func makeAllTables(_ node: Node) throws(BlockError) {
    try beginChanges(node)
    try table.makeTables(ofFirst: table.length.dividedUp(by: header.grainBytes), of: node)
  }

  /// What lies below has the same content.
  func makeEmpty(_ node: Node) throws(BlockError) {
    guard let descriptor else { return try giveUpAll(node) }
    try descriptor.keepingContent { () throws(BlockError) in try giveUpAll(node) }
    if let file = node.file { try descriptor.adoptParent(of: node, in: file) }
  }

  private func giveUpAll(_ node: Node) throws(BlockError) {
    try beginChanges(node)
    try table.makeEmpty(node)
    try makeAllTables(node)
  }
}
