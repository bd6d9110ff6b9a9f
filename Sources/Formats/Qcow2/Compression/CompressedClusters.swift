// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockTables
internal import Bytes
internal import Compression
internal import Errors
internal import Host

/// The memory that reading compressed clusters keeps between reads: decoders for as many threads as read at once, and
/// the cluster decoded last, since guests read in smaller pieces than clusters.
final class CompressedClusters: @unchecked Sendable {
  /// The decompressor and the input buffer of one thread.
  final class Decoder {
    let decompressor: any BlockDecompressor
    /// The compressed bytes; grows to what was needed.
    fileprivate(set) var input = Buffer(count: 0)

    init(_ type: CompressionType) throws(BlockError) {
      switch type {
      case .zlib: decompressor = Inflater(format: .raw)
      case .zstd: decompressor = try ZstdDecompressor()
      }
    }

    /// Room for so many compressed bytes.
    func makeRoom(_ count: Int) {
      if input.count < count { input = Buffer(count: count) }
    }
  }

  /// Memory in bytes that clusters being decoded may take together, where two of them do not take more.
  private static let memory: UInt64 = 8 << 20

  private let type: CompressionType
  /// How many clusters may be decoded at once.
  private let capacity: Int
  private let lock = ConditionLock()
  private var takenCount = 0
  private var idle: [Decoder] = []
  private var decoded: (entry: L2Entry, content: Buffer)?
  /// Counts what makes decoded content stale: space that compressed clusters had may hold others.
  private var generation: UInt64 = 0

  /// Nothing kept yet.
  init(_ type: CompressionType, clusterSize: UInt64) {
    self.type = type
    // Compressed and decoded.
    capacity = max(2, Int(CompressedClusters.memory / (2 * clusterSize)))
  }

  /// Copies part of the cluster that was decoded last, if it is this one.
  func copyDecoded(_ entry: L2Entry, _ range: Range<Int>, into buffer: inout MutableRawSpan) -> Bool {
    lock.lock()
    let known = decoded
    lock.unlock()
    // The buffer is never written again, so that it can be read without the lock.
    guard let known, known.entry == entry else { return false }
    buffer.copy(known.content.bytes.slice(range))
    return true
  }

  /// The ticket that `keep` asks for: taken before the compressed bytes are read.
  var ticket: UInt64 { lock.withLock { generation } }

  /// Keeps a decoded cluster, unless something happened since the ticket was taken.
  func keep(_ content: Buffer, of entry: L2Entry, ticket: UInt64) {
    lock.lock()
    if ticket == generation { decoded = (entry, content) }
    lock.unlock()
  }

  /// Forgets decoded content: space of compressed clusters was given back or taken.
  func forget() {
    lock.lock()
    generation += 1
    decoded = nil
    lock.unlock()
  }

  /// A decoder for the use of the caller alone, who gives it back; waits until there is memory for it.
  func takeDecoder() throws(BlockError) -> Decoder {
    lock.lock()
    while takenCount == capacity { lock.wait() }
    takenCount += 1
    let known = idle.popLast()
    lock.unlock()
    if let known { return known }
    do throws(BlockError) {
      return try Decoder(type)
    } catch {
      giveBack(nil)
      throw error
    }
  }

  /// Takes a decoder back, or with nil, the claim to one.
  func giveBack(_ decoder: Decoder?) {
    lock.withLock {
      takenCount -= 1
      if let decoder { idle.append(decoder) }
      lock.notifyAll()
    }
  }
}
