// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Compression
package import Errors
internal import Host

/// The memory that reading compressed blocks keeps between reads: decoders for as many threads as read at once, and the
/// block decoded last, since guests read in smaller pieces than blocks.
///
/// A block is known by its entry's value.
package final class CompressedBlocks: @unchecked Sendable {
  /// The decompressor and the input buffer of one thread.
  package final class Decoder {
    /// The decompressor.
    package let decompressor: any BlockDecompressor
    /// The compressed bytes; grows to what was needed.
    package private(set) var input = Buffer(count: 0)

    fileprivate init(_ decompressor: any BlockDecompressor) { self.decompressor = decompressor }

    /// Room for so many compressed bytes.
    package func makeRoom(_ count: Int) {
      if input.count < count { input = Buffer(count: count) }
    }
  }

  /// Memory in bytes that blocks being decoded may take together, where two of them do not take more.
  private static let memory: UInt64 = 8 << 20

  private let blockSize: Int
  private let makeDecompressor: @Sendable () throws(BlockError) -> any BlockDecompressor
  /// How many blocks may be decoded at once.
  private let capacity: Int
  private let lock = ConditionLock()
  private var takenCount = 0
  private var idle: [Decoder] = []
  private var decoded: (entry: UInt64, content: Buffer)?
  /// Counts what makes decoded content stale: space that compressed blocks had may hold others.
  private var generation: UInt64 = 0

  /// Nothing kept yet.
  ///
  /// - Parameter blockSize: bytes of a decoded block.
  package init(
    blockSize: UInt64, _ makeDecompressor: @escaping @Sendable () throws(BlockError) -> any BlockDecompressor
  ) {
    self.blockSize = Int(blockSize)
    self.makeDecompressor = makeDecompressor
    // Compressed and decoded.
    capacity = max(2, Int(CompressedBlocks.memory / (2 * blockSize)))
  }

  /// Reads a range of the block that `entry` stands for, which `decode` reads and decodes as a whole.
  package func read(
    _ entry: UInt64, _ range: Range<Int>, into buffer: inout MutableRawSpan,
    decode: (Decoder, inout MutableRawSpan) throws(BlockError) -> Void
  ) throws(BlockError) {
    if range.count < blockSize, copyDecoded(entry, range, into: &buffer) { return }
    let decoder = try takeDecoder()
    defer { giveBack(decoder) }
    if range.count == blockSize { return try decode(decoder, &buffer) }
    // While there was none to be had, somebody else may have decoded it.
    if copyDecoded(entry, range, into: &buffer) { return }
    let ticket = lock.withLock { generation }
    let whole = Buffer(count: blockSize)
    var bytes = whole.mutableBytes
    try decode(decoder, &bytes)
    buffer.copy(whole.bytes.slice(range))
    keep(whole, of: entry, ticket: ticket)
  }

  /// Copies part of the block that was decoded last, if it is this one.
  private func copyDecoded(_ entry: UInt64, _ range: Range<Int>, into buffer: inout MutableRawSpan) -> Bool {
    lock.lock()
    let known = decoded
    lock.unlock()
    // The buffer is never written again, so that it can be read without the lock.
    guard let known, known.entry == entry else { return false }
    buffer.copy(known.content.bytes.slice(range))
    return true
  }

  /// Keeps a decoded block, unless something happened since the ticket was taken.
  private func keep(_ content: Buffer, of entry: UInt64, ticket: UInt64) {
    lock.lock()
    if ticket == generation { decoded = (entry, content) }
    lock.unlock()
  }

  /// Forgets decoded content: space of compressed blocks was given back or taken.
  package func forget() {
    lock.lock()
    generation += 1
    decoded = nil
    lock.unlock()
  }

  /// A decoder for the use of the caller alone, who gives it back; waits until there is memory for it.
  private func takeDecoder() throws(BlockError) -> Decoder {
    lock.lock()
    while takenCount == capacity { lock.wait() }
    takenCount += 1
    let known = idle.popLast()
    lock.unlock()
    if let known { return known }
    do throws(BlockError) {
      return Decoder(try makeDecompressor())
    } catch {
      giveBack(nil)
      throw error
    }
  }

  /// Takes a decoder back, or with nil, the claim to one.
  private func giveBack(_ decoder: Decoder?) {
    lock.withLock {
      takenCount -= 1
      if let decoder { idle.append(decoder) }
      lock.notifyAll()
    }
  }
}
