// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The host clusters that are counted to have exactly one reference: one bit for each.
struct SingleReferences {
  /// Beyond this many clusters nothing is remembered: 32 MiB.
  private static let limit: UInt64 = 1 << 28
  private var words: [UInt64]

  /// None yet, for a file of so many clusters.
  init(clusters: UInt64) {
    let kept = clusters <= SingleReferences.limit ? clusters : 0
    words = [UInt64](repeating: 0, count: Int((kept + 63) / 64))
  }

  /// The clusters that can be remembered.
  var limit: UInt64 { UInt64(words.count) * 64 }

  /// Whether the cluster is known to have exactly one, or nil where it is not remembered.
  subscript(cluster: UInt64) -> Bool? {
    guard cluster < limit else { return nil }
    return words[Int(cluster >> 6)] & 1 << (cluster & 63) != 0
  }

  /// Whether each of neighbouring clusters is known to have exactly one, or each not to.
  func areAll(_ isSingle: Bool, in clusters: Range<UInt64>) -> Bool {
    guard clusters.upperBound <= limit else { return false }
    var position = clusters.lowerBound
    while position < clusters.upperBound {
      let end = min(position | 63, clusters.upperBound - 1)
      let chosen = (UInt64.max >> (63 - (end - position))) << (position & 63)
      guard words[Int(position >> 6)] & chosen == (isSingle ? chosen : 0) else { return false }
      position = end + 1
    }
    return true
  }

  /// Notes which of the clusters that a refcount block counts have exactly one; `first` is the first of them,
  /// `count` how many of them there are in the file.
  mutating func note(_ block: RawSpan, from first: UInt64, count: UInt64, order: UInt64) {
    var position: UInt64 = 0
    while position < count, first + position < limit {
      let run = min(64 - (first + position) & 63, count - position)
      var bits: UInt64 = 0
      if run == 64, order == 4, RefcountBlock.areAllOne(block, at: Int(position)) {
        bits = .max
      } else {
        for step in 0..<run
        where RefcountBlock.count(block, at: Int(position + step), order: order) == 1 {
          bits |= 1 << step
        }
      }
      words[Int((first + position) >> 6)] |= bits << ((first + position) & 63)
      position += run
    }
  }
}

extension RefcountBlock {
  /// Whether 64 counts of 16 bits, from `index` on, are all 1.
  static func areAllOne(_ bytes: RawSpan, at index: Int) -> Bool {
    var different: UInt64 = 0
    for word in 0..<16 { different |= bytes.big64(at: index * 2 + word * 8) ^ 0x0001_0001_0001_0001 }
    return different == 0
  }

  /// Whether 64 counts of 16 bits, from `index` on, are all 0.
  static func areAllZero(_ bytes: RawSpan, at index: Int) -> Bool {
    var any: UInt64 = 0
    for word in 0..<16 { any |= bytes.big64(at: index * 2 + word * 8) }
    return any == 0
  }
}
