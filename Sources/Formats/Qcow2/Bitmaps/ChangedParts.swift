// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The parts of the disk that changed since the enabled bitmaps were marked as in use: noted once for all bitmaps,
/// however many there are, until the changes go into one after the other.
///
/// All enabled bitmaps see the same changes. Parts are as small as the finest of them tells apart, which for the others
/// comes to the same: their parts are made of whole ones of these.
struct ChangedParts {
  /// Bytes of memory that bits may take, those of all bitmaps together.
  static let budget = 16 << 20
  private static let pageBytes = 4096
  private static let pageBits = UInt64(pageBytes * 8)

  /// Bytes of the disk that one bit stands for, as a power of two.
  let granularityBits: UInt64
  /// Bytes of the disk.
  let length: UInt64
  /// Bits by the number of their page; none where all are clear.
  private var pages: [UInt64: Buffer] = [:]

  init(granularityBits: UInt64, length: UInt64) {
    self.granularityBits = granularityBits
    self.length = length
  }

  var isEmpty: Bool { pages.isEmpty }
  /// Whether memory is full, so that the bitmaps have to take in what changed.
  var isFull: Bool { pages.count * ChangedParts.pageBytes >= ChangedParts.budget }

  /// Notes as much of a range as there is memory for; where the rest starts.
  mutating func note(_ range: Range<UInt64>) -> UInt64 {
    let end = min(range.upperBound, length)
    guard range.lowerBound < end else { return range.upperBound }
    var bit = range.lowerBound >> granularityBits
    let stop = (end - 1) >> granularityBits + 1
    while bit < stop {
      let page = bit / ChangedParts.pageBits
      let pageEnd = min((page + 1) * ChangedParts.pageBits, stop)
      if pages[page] == nil {
        guard !isFull else { return bit << granularityBits }
        pages[page] = Buffer(count: ChangedParts.pageBytes)
      }
      if let buffer = pages[page] {
        var bytes = buffer.mutableBytes
        let start = page * ChangedParts.pageBits
        _ = BitmapBits.fill(&bytes, Int(bit - start)..<Int(pageEnd - start), true)
      }
      bit = pageEnd
    }
    return range.upperBound
  }

  /// Calls `body` with each part of the disk that changed, in order.
  func forEach<Failure: Error>(_ body: (Range<UInt64>) throws(Failure) -> Void) throws(Failure) {
    for page in pages.keys.sorted() {
      guard let buffer = pages[page] else { continue }
      let start = page * ChangedParts.pageBits
      let count = Int(ChangedParts.pageBits)
      var bit = BitmapBits.first(true, buffer.bytes, from: 0, to: count)
      while bit < count {
        let stop = BitmapBits.first(false, buffer.bytes, from: bit, to: count)
        let range = (start + UInt64(bit)) << granularityBits..<(start + UInt64(stop)) << granularityBits
        try body(range.lowerBound..<min(range.upperBound, length))
        bit = BitmapBits.first(true, buffer.bytes, from: stop, to: count)
      }
    }
  }
}
