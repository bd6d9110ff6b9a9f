// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Compression
internal import Crypto
internal import Errors
internal import Host
internal import Options

/// An open qcow image, version 1: a header beside tables that the L1 table names.
final class QcowDriver: BlockTableDriver, @unchecked Sendable {
  let name = "qcow"
  let table: BlockTable
  private let header: StoredHeader<QcowHeader>
  private let isEncrypted: Bool
  /// Nil where the image is not encrypted, or is open without its key.
  private let cipher: SectorCipher?
  private let decoders: CompressedBlocks<Inflater>

  init(_ header: QcowHeader, _ cipher: SectorCipher?) {
    self.header = StoredHeader(header)
    self.cipher = cipher
    isEncrypted = header.isEncrypted
    table = BlockTable(header.layout, header.coding)
    decoders = CompressedBlocks(blockSize: header.clusterSize) { () throws(BlockError) in
      Inflater(format: .raw)
    }
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.clusterSize = table.blockSize
    information.isEncrypted = isEncrypted
    information.backing = header.current.backing
    return information
  }

  func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.clusterSize = table.blockSize
    if isEncrypted { limits.requestAlignment = 512 }
    return limits
  }

  func tells(of event: BlockEvent) -> Bool {
    switch event {
    case .readAIO, .readBackingAIO, .writeAIO, .writeCompressed: true
    case .clusterAlloc, .l1Update, .l2Load, .l2Update, .l2UpdateCompressed: true
    default: false
    }
  }

  // MARK: Reading

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    var extent = try table.extent(at: offset, length: length, of: node)
    if isEncrypted, extent.kind == .data, extent.encoding == .plain { extent.encoding = .encrypted }
    return extent
  }

  func readEncoded(
    _ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node
  ) throws(BlockError) {
    guard let file = node.file else { return }
    if extent.encoding == .encrypted, let location = extent.location {
      return try EncryptedSectors(of: file, by: try key()).read(
        at: location.offset, skip: offset % 512, number: offset / 512, into: &buffer)
    }
    try buffer.forEachBlock(of: table.blockSize, from: offset) { (start, range, part) throws(BlockError) in
      try readCompressed(at: start + UInt64(range.lowerBound), range, into: &part, file, node)
    }
  }

  /// Reads part of a cluster that was compressed when the tables were looked at.
  private func readCompressed(
    at offset: UInt64, _ range: Range<Int>, into buffer: inout MutableRawSpan, _ file: Edge, _ node: Node
  ) throws(BlockError) {
    let entry = try table.entry(at: offset, of: node)
    switch entry {
    case .compressed(let place, let length):
      let value = header.current.coding.value(of: entry) ?? place
      try decoders.read(value, range, into: &buffer) { (decoder, target) throws(BlockError) in
        try QcowDriver.decode(place, Int(length), guest: offset, into: &target, decoder, file)
      }
    case .data(let place):
      // Somebody wrote over it between the look at the tables and the reading.
      try file.read(at: place + UInt64(range.lowerBound), into: &buffer)
    case .hole, .zero, .partial:
      if entry == .hole, let backing = node.backing {
        try backing.read(at: offset, into: &buffer)
      } else {
        buffer.fill()
      }
    }
  }

  /// Reads and decodes a whole cluster. Its length is below a cluster's by the number of its bits.
  private static func decode(
    _ place: UInt64, _ length: Int, guest: UInt64, into target: inout MutableRawSpan,
    _ decoder: CompressedBlocks<Inflater>.Decoder, _ file: Edge
  ) throws(BlockError) {
    let fileLength = file.length
    guard place < fileLength, UInt64(length) <= fileLength - place else {
      throw BlockError(
        .corrupt,
        "compressed cluster at guest offset \(guest) lies past the end of the file (offset \(place))")
    }
    decoder.makeRoom(length)
    let input = decoder.input
    var room = input.mutableBytes
    var bytes = room.slice(0..<length)
    try file.read(at: place, into: &bytes)
    try inContext("compressed cluster at guest offset \(guest)") { () throws(BlockError) in
      try decoder.decompressor.decompress(input.bytes.slice(0..<length), into: &target)
    }
  }

  private func key() throws(BlockError) -> SectorCipher {
    guard let cipher else { throw BlockError(.accessDenied, "Encrypted image is open without its key") }
    return cipher
  }

  // MARK: Zeros

  /// Zeros of encrypted images are stored like anything else.
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    guard !isEncrypted else { return false }
    return try table.clear(offset..<offset + length, keepingSpace: !mayUnmap, of: node)
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard node.flags.contains(.unmap), !isEncrypted else { return }
    _ = try table.clear(offset..<offset + length, keepingSpace: false, of: node)
  }

  // MARK: Changes

  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    var options = options
    _ = try QcowEncryption(taking: &options)
    try options.refuseRest(of: name)
    try flush(node)
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard preallocation != .metadata, preallocation == .off || !isEncrypted else {
      throw BlockError.noGrowth(preallocation, but: isEncrypted ? [.off] : .ofData)
    }
    guard length >= 512 else {
      throw BlockError(.invalidArgument, "Image size is too small (must be at least 2 bytes)")
    }
    let tables = header.current.tables(for: length)
    guard length % 512 == 0 else { throw BlockError.noWholeSectors }
    guard tables <= QcowHeader.largestTable else {
      throw BlockError(.tooLarge, "Image too large")
    }
    let old = table.length
    if length > old, isEncrypted {
      guard node.backing?.length ?? 0 <= old else {
        throw BlockError(
          .unsupported, "An encrypted image cannot hide what its backing file has behind the old end")
      }
      try fillTail(of: old, node)
    }
    try table.moveDirectory(toHold: tables, of: node) { (next) throws(BlockError) in
      try self.header.change(node) { $0.tableOffset = next.tableOffset }
    }
    try table.resize(to: length, preallocation: preallocation, of: node) { (next) throws(BlockError) in
      try self.header.change(node) { $0.statedSize = next.length }
    }
    if length < old {
      decoders.forget()
      try table.cutDirectory(of: node)
      // The L1 table became shorter, too, and what is reserved keeps the file from being cut before it.
      try table.adopt(header.current.layout, header.current.coding, of: node)
      try table.packDirectory(of: node) { (next) throws(BlockError) in
        try self.header.change(node) { $0.tableOffset = next.tableOffset }
      }
      try table.adopt(header.current.layout, header.current.coding, of: node)
      try table.compact(of: node)
    }
  }

  /// Lets what is stored behind the end of the last cluster of an encrypted image read as zeros.
  private func fillTail(of length: UInt64, _ node: Node) throws(BlockError) {
    let inside = length % table.blockSize
    guard inside > 0, let file = node.file, case .data(let place) = try table.entry(at: length - 1, of: node)
    else { return }
    let zeros = Buffer(count: Int(table.blockSize - inside))
    var bytes = zeros.mutableBytes
    try key().encrypt(&bytes, from: length / 512)
    try file.write(at: place + inside, from: zeros.bytes)
  }

  /// The new name gets a place of its own; its format is stored nowhere.
  func setBackingFile(_ name: String?, format: String?, of node: Node) throws(BlockError) {
    try flush(node)
    guard let name, name.spelledCount > 0, let file = node.file else {
      return try header.change(node) { $0.backingName = nil }
    }
    guard name.spelledCount <= QcowHeader.longestName else {
      throw BlockError(.tooLarge, "Backing file name too long")
    }
    let place = try table.reserve(UInt64(name.spelledCount), of: node)
    try file.write(at: place, from: Buffer(name.spelledBytes).bytes)
    try file.flush()
    try header.change(node) {
      $0.backingName = name
      $0.nameOffset = place
    }
  }

  func makeEmpty(_ node: Node) throws(BlockError) {
    try table.makeEmpty(node)
    decoders.forget()
  }

  // MARK: Check

  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    defer { decoders.forget() }
    let result = try table.repair(what, of: node, context) { (finding) throws(BlockError) in
      report(self.text(of: finding))
    }
    try flush(node)
    return result
  }
}

extension QcowDriver: CompressingDriver {
  func makeCompressor() throws(BlockError) -> any ClusterCompressor {
    guard !isEncrypted else {
      throw BlockError(.unsupported, "Compression and encryption not supported at the same time")
    }
    // Over distances that all readers of the format know.
    return BlockwiseCompressor(DeflateCompressor(format: .raw, windowBits: 12))
  }

  func prepareCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError) -> CompressedSlot
  {
    try table.prepareCompressed(clusters, of: node)
  }

  func finishCompressed(_ slot: CompressedSlot, written: Bool, of node: Node) throws(BlockError) {
    try table.finishCompressed(slot, written: written, of: node)
    decoders.forget()
  }
}

extension QcowDriver: EncryptingDriver {
  var encryptionUnit: UInt64? { isEncrypted ? 512 : nil }

  /// The IV is made of where the guest has a sector.
  func encrypt(_ bytes: inout MutableRawSpan, guestOffset: UInt64, hostOffset: UInt64) throws(BlockError) {
    try key().encrypt(&bytes, from: guestOffset / 512)
  }
}
