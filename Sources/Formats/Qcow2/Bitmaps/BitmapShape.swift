// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// How the bits of one bitmap are spread over clusters, and which of them stand for a range of the disk.
struct BitmapShape: Hashable, Sendable {
  /// Smallest and largest granularity, as powers of two.
  static let granularityBits: ClosedRange<UInt8> = 9...31
  /// Bytes of all bits of a bitmap that other programs still open.
  static let largestBytes: UInt64 = 512 << 20
  /// The bounds of the granularity that a bitmap gets by default, in bytes: it is the cluster size inside these.
  static let usualGranularity: ClosedRange<UInt64> = 4096...65536

  /// Bytes of the disk that one bit stands for, as a power of two.
  let granularityBits: UInt64
  let clusterBits: UInt64
  /// Bytes of the disk.
  var length: UInt64

  init(granularityBits: UInt8, clusterBits: UInt64, length: UInt64) {
    self.granularityBits = UInt64(granularityBits)
    self.clusterBits = clusterBits
    self.length = length
  }

  /// Bytes of a cluster of bits.
  var clusterSize: Int { 1 << Int(clusterBits) }
  /// Bits in one cluster.
  var bitsPerCluster: UInt64 { 8 << clusterBits }
  /// How many bits there are.
  var bits: UInt64 { length.dividedUp(by: 1 << granularityBits) }
  /// Entries that the table has to have: one for each cluster of bits.
  var tableSize: UInt64 { bits.dividedUp(by: 8).dividedUp(by: 1 << clusterBits) }
  /// Whether bitmaps of this shape are small enough for all programs.
  var isUsable: Bool { tableSize << clusterBits <= BitmapShape.largestBytes }

  /// The bits that stand for a range of the disk; the part past its end has none.
  func bits(of range: Range<UInt64>) -> Range<UInt64> {
    let end = min(range.upperBound, length)
    guard range.lowerBound < end else { return 0..<0 }
    return range.lowerBound >> granularityBits..<((end - 1) >> granularityBits) + 1
  }

  /// The part of the disk that bits stand for.
  func range(of bits: Range<UInt64>) -> Range<UInt64> {
    bits.lowerBound << granularityBits..<min(bits.upperBound << granularityBits, length)
  }

  /// The granularity of a number of bytes as a power of two.
  ///
  /// - Throws: kind `invalidArgument` where it cannot be one.
  static func granularityBits(_ granularity: UInt64) throws(BlockError) -> UInt8 {
    guard granularity.nonzeroBitCount == 1,
      granularityBits.contains(UInt8(clamping: granularity.trailingZeroBitCount))
    else {
      throw BlockError(.invalidArgument, "Granularity must be power of 2 and at least 512")
    }
    return UInt8(clamping: granularity.trailingZeroBitCount)
  }
}

/// Bits in a cluster: the first one is the lowest of the first byte.
enum BitmapBits {
  /// Sets or clears bits; whether any changed.
  static func fill(_ bytes: inout MutableRawSpan, _ bits: Range<Int>, _ value: Bool) -> Bool {
    var changed = false
    var bit = bits.lowerBound
    while bit < bits.upperBound {
      let end = min((bit | 7) + 1, bits.upperBound)
      let mask = UInt8(truncatingIfNeeded: (1 << (end - bit)) - 1) << UInt8(bit & 7)
      let old = bytes.bytes.byte(at: bit >> 3)
      let new = value ? old | mask : old & ~mask
      if new != old {
        bytes.store(new, at: bit >> 3)
        changed = true
      }
      bit = end
    }
    return changed
  }

  /// The first bit with `value` from `start` on, or `end` where there is none.
  static func first(_ value: Bool, _ bytes: RawSpan, from start: Int, to end: Int) -> Int {
    var bit = start
    let idle: UInt8 = value ? 0 : 0xff
    while bit < end {
      let byte = bytes.byte(at: bit >> 3)
      if bit & 7 == 0, byte == idle {
        bit += 8
        continue
      }
      if (byte >> UInt8(bit & 7)) & 1 == (value ? 1 : 0) { return bit }
      bit += 1
    }
    return end
  }
}
