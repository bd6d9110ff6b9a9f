// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Errors
internal import Host

/// The memory that reading compressed blocks keeps between reads: decoders for as many threads as read at once, and the
/// blocks decoded last, since guests read in smaller pieces than blocks. Threads that want the same block wait for the one
/// that decodes it.
///
/// A block is known by its entry's value.
package final class CompressedBlocks<Decompressor>: @unchecked Sendable {
  /// The decompressor and the input buffer of one thread.
  package final class Decoder {
    /// The decompressor.
    package let decompressor: Decompressor
    /// The compressed bytes; grows to what was needed.
    package private(set) var input = Buffer(count: 0)

    fileprivate init(_ decompressor: Decompressor) { self.decompressor = decompressor }

    /// Room for so many compressed bytes.
    package func makeRoom(_ count: Int) {
      if input.count < count { input = Buffer(count: count) }
    }

    /// Gives memory back that only unusual blocks need.
    fileprivate func trim(to count: Int) {
      if input.count > count { input = Buffer(count: 0) }
    }
  }

  /// A decoded block. The buffer is never written again, so that it can be read without the lock.
  private struct Decoded {
    let content: Buffer
    var lastUse: UInt64
  }

  /// How many decoded blocks are kept at most, however small they are.
  private static var mostKept: Int { 64 }

  /// Bytes of a block, but for those that a read states itself.
  private let blockSize: Int
  /// Bytes that blocks being decoded may take together.
  private let memory: Int
  private let makeDecompressor: @Sendable () throws(BlockError) -> Decompressor
  private let lock = ConditionLock()
  private var takenCount = 0
  private var takenBytes = 0
  private var idle: [Decoder] = []
  private var decoded: [UInt64: Decoded] = [:]
  private var decodedBytes = 0
  private var useCount: UInt64 = 0
  /// The blocks that some thread decodes to keep them.
  private var underWay: Set<UInt64> = []
  /// Counts what makes decoded content stale: space that compressed blocks had may hold others.
  private var generation: UInt64 = 0

  /// Nothing kept yet.
  ///
  /// - Parameters:
  ///   - blockSize: bytes of a decoded block.
  ///   - memory: bytes that blocks being decoded may take together, where one of them does not take more; half as many
  ///     keep decoded ones.
  package init(
    blockSize: UInt64, memory: Int = 8 << 20,
    _ makeDecompressor: @escaping @Sendable () throws(BlockError) -> Decompressor
  ) {
    self.blockSize = Int(blockSize)
    self.memory = memory
    self.makeDecompressor = makeDecompressor
  }

  /// Reads a range of the block that `entry` stands for, which `decode` reads and decodes as a whole.
  ///
  /// - Parameter size: bytes of this block where blocks differ.
  package func read(
    _ entry: UInt64, size: Int? = nil, _ range: Range<Int>, into buffer: inout MutableRawSpan,
    decode: (Decoder, inout MutableRawSpan) throws(BlockError) -> Void
  ) throws(BlockError) {
    let size = size ?? blockSize
    if range.count == size {
      let decoder = try takeDecoder(for: size)
      defer { giveBack(decoder, for: size) }
      return try decode(decoder, &buffer)
    }
    if let content = claim(entry) { return buffer.copy(content.bytes.slice(range)) }
    var whole: Buffer?
    let ticket = lock.withLock { generation }
    defer { keep(whole, of: entry, ticket: ticket) }
    let decoder = try takeDecoder(for: size)
    defer { giveBack(decoder, for: size) }
    let content = Buffer(count: size)
    var bytes = content.mutableBytes
    try decode(decoder, &bytes)
    buffer.copy(content.bytes.slice(range))
    whole = content
  }

  /// A block that was decoded lately, once nobody decodes it any more; nil where the caller is to do it, who calls `keep`.
  private func claim(_ entry: UInt64) -> Buffer? {
    lock.lock()
    defer { lock.unlock() }
    while true {
      if let known = decoded[entry] {
        useCount += 1
        decoded[entry]?.lastUse = useCount
        return known.content
      }
      guard underWay.contains(entry) else { break }
      lock.wait()
    }
    underWay.insert(entry)
    return nil
  }

  /// Ends a claim, and keeps the block where it was decoded, unless something happened since the ticket was taken.
  private func keep(_ content: Buffer?, of entry: UInt64, ticket: UInt64) {
    lock.lock()
    defer { lock.unlock() }
    underWay.remove(entry)
    lock.notifyAll()
    guard let content, ticket == generation else { return }
    while !decoded.isEmpty,
      decoded.count >= Self.mostKept || decodedBytes + content.count > memory / 2
    {
      dropOldest()
    }
    useCount += 1
    decoded[entry] = Decoded(content: content, lastUse: useCount)
    decodedBytes += content.count
  }

  private func dropOldest() {
    var oldest: (entry: UInt64, use: UInt64)?
    for (entry, block) in decoded where block.lastUse < oldest?.use ?? .max {
      oldest = (entry, block.lastUse)
    }
    guard let oldest, let block = decoded.removeValue(forKey: oldest.entry) else { return }
    decodedBytes -= block.content.count
  }

  /// Forgets decoded content: space of compressed blocks was given back or taken.
  package func forget() {
    lock.lock()
    generation += 1
    decoded = [:]
    decodedBytes = 0
    lock.unlock()
  }

  /// A decoder for the use of the caller alone, who gives it back; waits until there is memory for it.
  private func takeDecoder(for size: Int) throws(BlockError) -> Decoder {
    // Compressed and decoded.
    let cost = 2 * size
    lock.lock()
    // Two go on side by side where that does not take more than four times as much.
    while takenCount > 0, takenBytes + cost > (takenCount == 1 ? 4 * memory : memory) { lock.wait() }
    takenCount += 1
    takenBytes += cost
    let known = idle.popLast()
    lock.unlock()
    if let known { return known }
    do throws(BlockError) {
      return Decoder(try makeDecompressor())
    } catch {
      giveBack(nil, for: size)
      throw error
    }
  }

  /// Takes a decoder back, or with nil, the claim to one.
  private func giveBack(_ decoder: Decoder?, for size: Int) {
    decoder?.trim(to: memory)
    lock.withLock {
      takenCount -= 1
      takenBytes -= 2 * size
      if let decoder { idle.append(decoder) }
      lock.notifyAll()
    }
  }
}
