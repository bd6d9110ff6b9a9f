// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Compression
internal import Errors
internal import Host

/// An open image. The table stays in the file: of a long one, a page at a time is in memory.
final class CloopDriver: ReadOnlyDriver, @unchecked Sendable {
  /// Entries looked at together.
  private static let perPage: UInt64 = 1 << 13
  /// Entries of the longest table that is looked through when an image is opened: those of 64 GiB in blocks of 64 KiB.
  private static let mostChecked: UInt64 = 1 << 20

  let name = "cloop"
  private let header: CloopHeader
  private let blocks: CompressedBlocks<Inflater>
  private let zeroes: ZeroStreams

  init(_ header: CloopHeader) {
    self.header = header
    blocks = CompressedBlocks(blockSize: UInt64(header.blockSize)) { () throws(BlockError) in
      Inflater(format: .zlib)
    }
    zeroes = ZeroStreams(blockSize: Int(header.blockSize))
  }

  func length(of node: Node) -> UInt64 { header.size }

  func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.clusterSize = UInt64(header.blockSize)
    limits.decodingUnit = limits.clusterSize
    return limits
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.isDirty = nil
    return information
  }

  // MARK: The table

  /// Throws, in `qemu-img`'s words, where an entry makes no sense; of a long table, only the first are looked at.
  func checkTable(in file: Edge) throws(BlockError) {
    guard header.tableEnd <= max(file.length, CloopHeader.offset(ofEntry: CloopDriver.mostChecked)) else {
      throw BlockError(.corrupt, "Could not allocate offsets table")
    }
    let count = min(UInt64(header.blockCount), CloopDriver.mostChecked)
    try forEachPlace(of: 0..<count, in: file) { (_, _) throws(BlockError) in true }
  }

  /// Calls `body` with each of some blocks and its place, until it answers false.
  ///
  /// - Throws: where an entry makes no sense.
  private func forEachPlace(
    of blocks: Range<UInt64>, in file: Edge, _ body: (UInt64, Range<UInt64>) throws(BlockError) -> Bool
  ) throws(BlockError) {
    var page = blocks.lowerBound
    while page < blocks.upperBound {
      let count = min(blocks.upperBound - page, CloopDriver.perPage)
      let entries = try file.read(at: CloopHeader.offset(ofEntry: page), count: Int(count + 1) * 8)
      for index in 0..<Int(count) {
        let (start, end) = (entries.bytes.big64(at: index * 8), entries.bytes.big64(at: index * 8 + 8))
        let block = page + UInt64(index)
        guard try body(block, header.place(of: block, start, end)) else { return }
      }
      page += count
    }
  }

  // MARK: Reading

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let file = try node.child(in: .file)
    let size = UInt64(header.blockSize)
    let first = offset / size
    let last = min((offset + length - 1) / size + 1, first + CloopDriver.perPage)
    var kind: Bool?
    var end = first
    do throws(BlockError) {
      try forEachPlace(of: first..<last, in: file) { (block, place) throws(BlockError) in
        let isZero = try zeroes.holds(place, in: file)
        guard kind == nil || kind == isZero else { return false }
        kind = isZero
        end = block + 1
        return true
      }
    } catch {
      // What precedes a block that makes no sense can be told.
      guard end > first else { throw error }
    }
    let known = min(end * size - offset, length)
    return kind == true
      ? Extent(.zero, length: known) : Extent(.data, length: known, encoding: .compressed)
  }

  func readEncoded(
    _ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node
  ) throws(BlockError) {
    let file = try node.child(in: .file)
    let size = UInt64(header.blockSize)
    try buffer.forEachBlock(of: size, from: offset) { (start, range, part) throws(BlockError) in
      let block = start / size
      try blocks.read(block, range, into: &part) { (decoder, target) throws(BlockError) in
        try self.inflate(block, into: &target, decoder, file)
      }
    }
  }

  /// Reads and inflates a whole block. Its stream is no longer than twice the block.
  private func inflate(
    _ block: UInt64, into target: inout MutableRawSpan, _ decoder: CompressedBlocks<Inflater>.Decoder,
    _ file: Edge
  ) throws(BlockError) {
    try inContext("block \(block)") { () throws(BlockError) in
      try forEachPlace(of: block..<block + 1, in: file) { (_, place) throws(BlockError) in
        guard place.upperBound <= file.length else {
          throw BlockError(.corrupt, "it goes on past the end of the file (offset \(place.upperBound))")
        }
        decoder.makeRoom(place.count)
        let input = decoder.input
        var room = input.mutableBytes
        var bytes = room.slice(0..<place.count)
        try file.read(at: place.lowerBound, into: &bytes)
        try decoder.decompressor.decompress(input.bytes.slice(0..<place.count), into: &target)
        return true
      }
    }
  }
}

extension CloopDriver: CheckingDriver {
  /// Blocks that a check tells of, at most.
  private static var mostFindings: UInt64 { 1000 }

  /// Looks through the table, and inflates every block.
  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError) -> CheckResult
  {
    var result = CheckResult()
    let file = try node.child(in: .file)
    let count = UInt64(header.blockCount)
    context.expect(count)
    if header.tableEnd > file.length {
      report("ERROR: the table of offsets goes on past the end of the file")
      result.corruptions += 1
      return result
    }
    let content = Buffer(count: Int(header.blockSize))
    var previousEnd: UInt64?
    for block in 0..<count {
      try context.checkInterrupted()
      guard result.corruptions + result.checkErrors < CloopDriver.mostFindings else {
        report("ERROR: so many blocks are damaged that the ones from \(block) on were not looked at")
        break
      }
      do throws(BlockError) {
        try forEachPlace(of: block..<block + 1, in: file) { (_, place) throws(BlockError) in
          if previousEnd == nil, place.lowerBound < header.tableEnd {
            throw BlockError(.corrupt, "block 0: it stands on the table (offset \(place.lowerBound))")
          }
          previousEnd = place.upperBound
          return true
        }
        var bytes = content.mutableBytes
        try blocks.read(block, 0..<content.count, into: &bytes) { (decoder, target) throws(BlockError) in
          try self.inflate(block, into: &target, decoder, file)
        }
        result.allocatedClusters += 1
        result.compressedClusters += 1
      } catch  where error.kind == .corrupt {
        report("ERROR: \(error.message)")
        result.corruptions += 1
      } catch {
        report("ERROR: \(error.message)")
        result.checkErrors += 1
      }
      context.advance(1)
    }
    result.totalClusters = count
    result.imageEndOffset = previousEnd ?? header.tableEnd
    return result
  }
}

/// Finds blocks of nothing but zeros, whose streams are among the shortest there are. The same program makes the same
/// stream of all of them: each is inflated once.
private final class ZeroStreams: @unchecked Sendable {
  /// Bytes of the longest stream that is looked at; no longer block is told to be zeros.
  private static let longest = 8192
  /// Bytes that a byte of a stream can become, at most (RFC 1951 gives 258 bytes for 2 bits).
  private static let densest = 1032
  /// Streams that are remembered.
  private static let mostKnown = 16

  private let content: Int
  /// Bytes of a stream that is short enough to hold one byte repeated.
  private let limit: Int
  private let lock = ConditionLock()
  private var known: [[UInt8]: Bool] = [:]
  private let inflater = Inflater(format: .zlib)

  init(blockSize: Int) {
    content = blockSize
    limit = min(blockSize / 500 + 64, ZeroStreams.longest)
  }

  /// Whether the stream at a place in the file inflates to zeros. One that is damaged does not: its reader is told.
  func holds(_ place: Range<UInt64>, in file: Edge) throws(BlockError) -> Bool {
    guard !place.isEmpty, place.count <= limit, place.count >= content / ZeroStreams.densest,
      place.upperBound <= file.length
    else { return false }
    let stream = try file.read(at: place.lowerBound, count: place.count)
    let bytes = stream.array
    lock.lock()
    defer { lock.unlock() }
    if let answer = known[bytes] { return answer }
    let block = Buffer(count: content)
    var target = block.mutableBytes
    let isZero = (try? inflater.decompress(stream.bytes, into: &target)) != nil && block.bytes.isZero
    if known.count < ZeroStreams.mostKnown { known[bytes] = isZero }
    return isZero
  }
}
