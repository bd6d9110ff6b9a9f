// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Compression
internal import Errors
internal import Options

/// An open extent with tables: an image of its own where it has a descriptor, and one part of an image else.
final class SparseDriver: BlockTableDriver, VmdkDriver, @unchecked Sendable {
  let name = "vmdk"
  let table: BlockTable
  let descriptor: OpenDescriptor?
  let header: SparseHeader
  /// Stands while the header says that the extent was not closed.
  private let mark = ChangeMark()
  private let grains: CompressedBlocks

  init(_ header: SparseHeader, _ layout: BlockTableLayout, _ descriptor: OpenDescriptor?) {
    self.header = header
    self.descriptor = descriptor
    let coding = GrainCoding(
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
  private func decode(
    _ place: UInt64, guest offset: UInt64, into target: inout MutableRawSpan,
    _ decoder: CompressedBlocks.Decoder, _ file: Edge
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
      try descriptor?.renew(in: file)
    }
  }

  private func setUnclean(_ isUnclean: Bool, _ file: Edge) throws(BlockError) {
    let byte = Buffer([isUnclean ? 1 : 0])
    try file.write(at: 72, from: byte.bytes)
    try file.flush()
  }

  private func endChanges(_ node: Node) throws(BlockError) {
    guard node.flags.contains(.writable) else { return }
    try flush(node)
    try mark.clear { () throws(BlockError) in try setUnclean(false, node.child(in: .file)) }
  }

  func close(_ node: Node) throws(BlockError) { try endChanges(node) }

  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    try options.refuseRest(of: name)
    try endChanges(node)
  }

  func makeEmpty(_ node: Node) throws(BlockError) {
    try beginChanges(node)
    try table.makeEmpty(node)
    if let file = node.file { try descriptor?.adoptParent(of: node, in: file) }
  }
}

/// The bytes before a compressed grain (Virtual Disk Format 5.0, "Stream-Optimized Compressed Sparse Extents").
struct GrainMarker {
  /// Bytes of a marker.
  static let length = 12

  /// Bytes of compressed data behind the marker.
  let size: Int

  /// The marker of a grain that was compressed to so many bytes.
  init(size: Int) { self.size = size }

  /// The marker of the grain at a guest offset.
  func bytes(of offset: UInt64) -> Buffer {
    let marker = Buffer(count: GrainMarker.length)
    var bytes = marker.mutableBytes
    bytes.storeLittle(offset / 512, at: 0)
    bytes.storeLittle(UInt32(clamping: size), at: 8)
    return marker
  }

  /// Reads a marker, which must be that of the grain at a guest offset.
  ///
  /// - Throws: kind `corrupt` for one of another grain, or of one longer than twice a grain.
  init(parsing bytes: RawSpan, of offset: UInt64, grain: UInt64) throws(BlockError) {
    let sector = bytes.little64(at: 0)
    let size = bytes.little32(at: 8)
    guard sector == offset / 512 else {
      throw BlockError(
        .corrupt, "the compressed grain of sector \(offset / 512) says that it is of sector \(sector)")
    }
    guard size > 0, UInt64(size) <= 2 * grain else {
      throw BlockError(
        .corrupt, "the compressed grain of sector \(sector) has an impossible size (\(size))")
    }
    self.size = Int(size)
  }
}

extension VmdkDescriptor {
  /// The part of `info` that is the format's own.
  func information(_ extents: [OptionObject]) -> OptionTree {
    var data = OptionObject()
    data["cid"] = OptionTree(UInt64(contentID))
    data["parent-cid"] = OptionTree(UInt64(parentContentID))
    data["create-type"] = .string(createType)
    data["extents"] = .array(extents.map { .object($0) })
    return .object(["type": "vmdk", "data": .object(data)])
  }
}
