// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
package import Crypto
internal import Errors
internal import Host

/// How a checksum is computed, and its value.
package struct ContentChecksum: Sendable, Equatable {
  /// The way in which content is hashed.
  package enum Method: String, Sendable {
    /// The digests of blocks, as `BlockTree` puts them together: fast where much is zero.
    case blocks
    /// The content from the first byte to the last, as `sha256sum` and the like do.
    case plain
  }

  /// The hash function.
  package let algorithm: ContentHash
  /// The way in which the content was hashed.
  package let method: Method
  /// The value, in hexadecimal.
  package let digest: String
  /// The length of the content in bytes.
  package let length: UInt64

  /// The value with a word in front that tells how it was computed; a plain one stands as it is.
  package var text: String { method == .plain ? digest : "\(algorithm.name)-blocks:\(digest)" }
}

/// Computes checksums.
struct ChecksumScan {
  let algorithm: ContentHash
  let method: ContentChecksum.Method
  let threads: Int

  /// The checksum of all of `source`; the work is expected already.
  func run(_ source: any CopySource, _ context: JobContext) throws(BlockError) -> ContentChecksum {
    let digest =
      switch method {
      case .blocks: try blocks(source, context)
      case .plain: try plain(source, context)
      }
    return ContentChecksum(
      algorithm: algorithm, method: method, digest: ChecksumScan.hexadecimal(digest), length: source.length)
  }

  // MARK: Blocks

  /// The tree while it grows.
  private final class Growing: @unchecked Sendable {
    // Sendable because one thread at a time adds to it.
    var tree: BlockTree
    init(_ tree: BlockTree) { self.tree = tree }
  }

  private func blocks(_ source: any CopySource, _ context: JobContext) throws(BlockError) -> [UInt8] {
    let growing = Growing(try BlockTree(algorithm))
    let zero = try BlockTree.zeroBlock(algorithm)
    let algorithm = algorithm
    let pool = BufferPool()
    let reading = ContentReading<[UInt8]>(source: source, segment: BlockTree.groupSize, threads: threads)
    try reading.run(
      context,
      work: { range throws(BlockError) in
        try GroupReader(source: source, algorithm: algorithm, zeroBlock: zero).digest(range, pool)
      },
      fold: { piece throws(BlockError) in
        switch piece {
        case .zeroes(let length): try growing.tree.append(zeroGroups: length / BlockTree.groupSize)
        case .value(let digest): try growing.tree.append(group: digest)
        }
      })
    return try growing.tree.finish(length: source.length)
  }

  // MARK: Plain

  private static let plainSegment: UInt64 = 1 << 20

  private func plain(_ source: any CopySource, _ context: JobContext) throws(BlockError) -> [UInt8] {
    let running = Running(try algorithm.begin())
    let pool = BufferPool()
    let zeroes = LoadedSegment(Buffer(count: Int(ChecksumScan.plainSegment)), count: 0)
    let reading = ContentReading<LoadedSegment>(
      source: source, segment: ChecksumScan.plainSegment, threads: threads)
    try reading.run(
      context,
      work: { range throws(BlockError) in try LoadedSegment(range, of: source, pool) },
      fold: { piece throws(BlockError) in
        switch piece {
        case .zeroes(let length):
          for _ in 0..<length / ChecksumScan.plainSegment {
            try context.checkInterrupted()
            let buffer = zeroes.buffer
            try running.hash.update(buffer.bytes)
          }
        case .value(let segment):
          let buffer = segment.buffer
          try running.hash.update(buffer.bytes.slice(0..<segment.count))
          pool.put(buffer)
        }
      })
    return try running.hash.finish()
  }

  private final class Running: @unchecked Sendable {
    // Sendable because one thread at a time adds to it.
    let hash: RunningHash
    init(_ hash: RunningHash) { self.hash = hash }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".unicodeScalars)
    var text = String.UnicodeScalarView()
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(text)
  }
}

/// Hashes one group of blocks.
private struct GroupReader {
  /// Bytes read at once.
  static let bufferSize = 256 << 10
  let source: any CopySource
  let algorithm: ContentHash
  let zeroBlock: [UInt8]

  /// The digest of the group of blocks that starts with `range`; the part behind the content's end is zero.
  func digest(_ range: Range<UInt64>, _ pool: BufferPool) throws(BlockError) -> [UInt8] {
    let buffer = pool.take(GroupReader.bufferSize)
    defer { pool.put(buffer) }
    let hash = try algorithm.begin()
    var digests: [UInt8] = []
    digests.reserveCapacity(BlockTree.groupCount * algorithm.size)
    var position = range.lowerBound
    while position < range.upperBound {
      let count = Int(min(range.upperBound - position, UInt64(GroupReader.bufferSize)))
      try hashBlocks(at: position, count, buffer, hash, &digests)
      position += UInt64(count)
    }
    while digests.count < BlockTree.groupCount * algorithm.size { digests += zeroBlock }
    try hash.update(digests)
    return try hash.finish()
  }

  private func hashBlocks(
    at offset: UInt64, _ count: Int, _ buffer: Buffer, _ hash: RunningHash, _ digests: inout [UInt8]
  ) throws(BlockError) {
    var bytes = buffer.mutableBytes
    var part = bytes.slice(0..<count)
    let hasData = try source.readContent(at: offset, into: &part)
    let size = BlockTree.blockSize
    let whole = (count + size - 1) / size * size
    var rest = bytes.slice(count..<whole)
    rest.fill()
    for start in stride(from: 0, to: whole, by: size) {
      let block = buffer.bytes.slice(start..<start + size)
      if !hasData || block.isZero {
        digests += zeroBlock
      } else {
        try hash.update(block)
        digests += try hash.finish()
      }
    }
  }
}
