// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Compression
internal import Errors
internal import Host

/// An open image of compressed grains that has none yet. They are written in one pass, each table behind its grains, and
/// what leads to the tables last (Virtual Disk Format 5.0, "Stream-Optimized Compressed Sparse Extents").
final class StreamDriver: CompressingDriver, VmdkDriver, @unchecked Sendable {
  /// How far the image is.
  private enum Stage {
    case empty
    case writing
    /// Something that had its place was not written.
    case broken
    case sealed
    /// As above, where the file cannot be read.
    case handedOn
  }

  /// The table of the grains that are written now.
  private struct Table {
    let number: UInt64
    var entries: [UInt32]
  }

  let name = "vmdk"
  let descriptor: OpenDescriptor?
  private let header: SparseHeader
  private let lock = ConditionLock()
  /// All that follows is guarded by `lock`, also while something is written in the order that it decides.
  private var stage = Stage.empty
  /// Reads the image as it stands in the file: before the first grain, and once it is sealed.
  private var reader: SparseDriver
  private var directory: [UInt32]
  private var table: Table?
  /// The sector behind all that is written.
  private var next: UInt64
  /// The grain that may come next.
  private var nextGrain: UInt64 = 0

  /// - Parameters:
  ///   - header: the header at the start of the file.
  ///   - reader: the image, which is empty.
  init(_ header: SparseHeader, _ reader: SparseDriver) {
    self.header = header
    self.reader = reader
    descriptor = reader.descriptor
    directory = Array(repeating: 0, count: Int(header.tables))
    next = max(header.overhead, 1)
  }

  func length(of node: Node) -> UInt64 { header.capacity * 512 }

  func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.clusterSize = header.grainBytes
    return limits
  }

  /// Where the file takes what comes next alone, it gets that.
  func capabilities(of node: Node) -> Capabilities {
    let own: Capabilities = [.nativeZeroes, .compressedOnly]
    return own.union((node.file?.child.capabilities ?? []).intersection(.appendOnly))
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    lock.withLock { reader }.formatInformation(of: node)
  }

  // MARK: Reading

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let (isReadable, reader) = lock.withLock { (stage == .empty || stage == .sealed, self.reader) }
    guard isReadable else {
      throw BlockError(.unsupported, "an image that is written in one pass cannot be read before its end")
    }
    return try reader.extent(at: offset, length: length, of: node)
  }

  func readEncoded(
    _ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node
  ) throws(BlockError) {
    try lock.withLock { reader }.readEncoded(extent, at: offset, into: &buffer, of: node)
  }

  // MARK: Grains

  /// Grains that become larger are stored so, too.
  func makeCompressor() throws(BlockError) -> any ClusterCompressor {
    BlockwiseCompressor(try DenseDeflateCompressor(), slack: 512)
  }

  func prepareCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError) -> CompressedSlot
  {
    let file = try node.child(in: .file)
    let isOrdered = file.child.capabilities.contains(.appendOnly)
    return try lock.withLock { () throws(BlockError) in
      try begin(node, file)
      var pieces: [CompressedPiece] = []
      var done = 0
      for cluster in clusters {
        let grain = cluster.guestOffset / header.grainBytes
        guard grain >= nextGrain else { throw StreamDriver.outOfOrder }
        try use(grain / UInt64(header.perTable), file)
        let sectors = UInt64(GrainMarker.length + cluster.size).dividedUp(by: 512)
        guard let place = UInt32(exactly: next + sectors) else {
          throw BlockError(.tooLarge, "the image has no place for another grain")
        }
        let marker = GrainMarker(size: cluster.size).bytes(of: cluster.guestOffset)
        try file.write(at: next * 512, from: marker.bytes)
        if isOrdered {
          let end = next * 512 + UInt64(GrainMarker.length + cluster.size)
          try file.writeZeroes(at: end, length: (next + sectors) * 512 - end)
        }
        table?.entries[Int(grain % UInt64(header.perTable))] = place - UInt32(sectors)
        pieces.append(
          CompressedPiece(
            bytes: done..<done + cluster.size,
            location: Extent.Location(.file, next * 512 + UInt64(GrainMarker.length))))
        done += cluster.size
        next += sectors
        nextGrain = grain + 1
      }
      return CompressedSlot(pieces: pieces, allocation: 0)
    }
  }

  func finishCompressed(_ slot: CompressedSlot, written: Bool, of node: Node) throws(BlockError) {
    if !written { lock.withLock { stage = .broken } }
  }

  /// Gives up the end of the empty image, and lets the content have another identity.
  private func begin(_ node: Node, _ file: Edge) throws(BlockError) {
    switch stage {
    case .writing: return
    case .broken, .sealed, .handedOn: throw StreamDriver.outOfOrder
    case .empty: break
    }
    try file.truncate(to: next * 512, exact: false)
    try descriptor?.renew(of: node, in: file)
    stage = .writing
  }

  private static let outOfOrder = BlockError(
    .unsupported,
    "a stream-optimized image takes whole grains, in order and once, and is not changed afterwards",
    advice: "'convert -O vmdk -o subformat=monolithicSparse' makes an image of it that can be changed.")

  /// Goes on with the table of the next grain; the one before has all of its grains.
  private func use(_ number: UInt64, _ file: Edge) throws(BlockError) {
    guard table?.number != number else { return }
    try closeTable(file)
    table = Table(number: number, entries: Array(repeating: 0, count: Int(header.perTable)))
  }

  private func closeTable(_ file: Edge) throws(BlockError) {
    guard let table else { return }
    try mark(.table, sectors: header.tableSectors, file)
    guard let place = UInt32(exactly: next) else {
      throw BlockError(.tooLarge, "the image has no place for another table")
    }
    directory[Int(table.number)] = place
    try GrainCoding().writeTable(of: UInt64(table.entries.count), at: next * 512, to: file) {
      UInt64(table.entries[Int($0)])
    }
    next += header.tableSectors
    self.table = nil
  }

  private func mark(_ kind: StreamMarker, sectors: UInt64, _ file: Edge) throws(BlockError) {
    try file.write(at: next * 512, from: kind.sector(followedBy: sectors).bytes)
    next += 1
  }

  // MARK: The end

  func seal(_ node: Node) throws(BlockError) {
    let file = try node.child(in: .file)
    try lock.withLock { () throws(BlockError) in
      guard stage != .broken else { throw BlockError(.inputOutput, "the image was not written as a whole") }
      guard stage == .writing else { return }
      try closeTable(file)
      try StreamDriver.writeEnd(of: header, directory, at: &next, to: file)
      // What was handed on is not read any more.
      guard !file.child.capabilities.contains(.appendOnly) else { return stage = .handedOn }
      let read: VmdkReader = { (offset, count) throws(BlockError) in try file.read(at: offset, count: count) }
      let present = try VmdkFormat.present(header, fileLength: file.length, read)
      reader = try VmdkFormat.sparse(header, present, fileLength: file.length, read)
      stage = .sealed
    }
  }

  /// Writes the directory, a footer and the marker for the end, from a sector on.
  static func writeEnd(of header: SparseHeader, _ directory: [UInt32], at next: inout UInt64, to file: Edge)
    throws(BlockError)
  {
    try file.write(
      at: next * 512, from: StreamMarker.directory.sector(followedBy: header.directorySectors).bytes)
    var footer = header
    footer.directory = next + 1
    let start = (next + 1) * 512
    try GrainCoding().writeTable(of: UInt64(directory.count), at: start, to: file) {
      UInt64(directory[Int($0)])
    }
    next += 1 + header.directorySectors
    // Nothing stands behind a directory's last entry.
    let last = start + UInt64(directory.count) * 4
    try file.writeZeroes(at: last, length: next * 512 - last)
    let end = Buffer(count: 3 * 512)
    var bytes = end.mutableBytes
    bytes.copy(StreamMarker.footer.sector(followedBy: 1).bytes, at: 0)
    var sector = bytes.slice(512..<1024)
    footer.write(to: &sector)
    try file.write(at: next * 512, from: end.bytes)
    next += 3
  }

  /// An image that was filled in place is whole only with its end; where something failed, it has none.
  func close(_ node: Node) throws(BlockError) {
    guard lock.withLock({ stage == .writing }),
      node.file?.child.capabilities.contains(.appendOnly) == false
    else { return }
    try seal(node)
    try flush(node)
  }

  func flush(_ node: Node) throws(BlockError) { try node.file?.flush() }

  // MARK: Other changes

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    throw StreamDriver.outOfOrder
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}

  func beginChanges(_ node: Node) throws(BlockError) { throw StreamDriver.outOfOrder }

  func requireHoles() throws(BlockError) { try lock.withLock { reader }.requireHoles() }

  /// What has not been written reads as zeros.
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    guard offset >= lock.withLock({ nextGrain }) * header.grainBytes else { throw StreamDriver.outOfOrder }
    return true
  }
}
