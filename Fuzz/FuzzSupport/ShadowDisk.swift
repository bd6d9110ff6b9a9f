// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// What a disk should read as, each byte known or unknown. Only the first bytes of a disk are followed.
struct ShadowDisk {
  /// How many bytes are followed at most.
  static let reach: UInt64 = 1 << 20

  /// Length of the disk in bytes.
  private(set) var length: UInt64
  private var bytes: [UInt8]
  private var known: [Bool]

  /// A disk of zeros.
  init(length: UInt64) {
    self.length = length
    let count = Int(min(length, ShadowDisk.reach))
    bytes = [UInt8](repeating: 0, count: count)
    known = [Bool](repeating: true, count: count)
  }

  /// The part of a range that is followed.
  func followed(_ offset: UInt64, _ count: UInt64) -> Range<Int> {
    let limit = UInt64(bytes.count)
    let start = min(offset, limit)
    return Int(start)..<Int(start + min(count, limit - start))
  }

  /// Notes a byte for all of a range.
  mutating func fill(_ range: Range<Int>, _ byte: (Int) -> UInt8) {
    for index in range {
      bytes[index] = byte(index)
      known[index] = true
    }
  }

  /// Knows nothing of a range any more.
  mutating func forget(_ range: Range<Int>) {
    for index in range { known[index] = false }
  }

  /// Takes a new length over; what is added is zero.
  mutating func resize(to length: UInt64) {
    self.length = length
    let count = Int(min(length, ShadowDisk.reach))
    if count < bytes.count {
      bytes.removeLast(bytes.count - count)
      known.removeLast(known.count - count)
    } else {
      known += [Bool](repeating: true, count: count - bytes.count)
      bytes += [UInt8](repeating: 0, count: count - bytes.count)
    }
  }

  /// The first index at which `now`, read from `start`, is not what is known.
  func mismatch(_ now: [UInt8], at start: Int) -> Int? {
    for (index, byte) in now.enumerated() where known[start + index] && bytes[start + index] != byte {
      return start + index
    }
    return nil
  }

  /// Takes over what a discarded range reads as: what it was, or zero. The first index with anything else.
  mutating func adopt(_ now: [UInt8], at start: Int) -> Int? {
    for (index, byte) in now.enumerated() {
      if known[start + index], byte != 0, bytes[start + index] != byte { return start + index }
      bytes[start + index] = byte
      known[start + index] = true
    }
    return nil
  }

  /// How many bytes are known.
  var knownCount: Int { known.count { $0 } }
  /// How many bytes are followed.
  var followedCount: Int { bytes.count }
}
