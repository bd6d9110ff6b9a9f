// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The places in the file of the tables that directories name, or of bitmaps: nothing else may be written there.
struct TablePlaces {
  /// Byte ranges in order, which neither overlap nor touch each other.
  private var ranges: [Range<UInt64>] = []
  /// The numbers of tables that lie on one with another number.
  private(set) var overlapping: Set<UInt64> = []

  /// Collects the places of tables, by their numbers.
  init(_ tables: [(number: UInt64, place: Range<UInt64>)]) {
    var owner: UInt64?
    for (number, place) in tables.sorted(by: { $0.place.lowerBound < $1.place.lowerBound }) {
      defer { owner = number }
      guard let last = ranges.last, place.lowerBound <= last.upperBound else {
        ranges.append(place)
        continue
      }
      if place.lowerBound < last.upperBound, let owner, owner != number {
        overlapping.formUnion([owner, number])
      }
      ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, place.upperBound)
    }
  }

  /// The index of the first range that ends behind an offset.
  private func index(behind offset: UInt64) -> Int {
    ranges.firstIndexSorted { $0.upperBound > offset }
  }

  /// Whether a table stands in a range, or in part of it.
  func overlap(_ range: Range<UInt64>) -> Bool {
    let index = index(behind: range.lowerBound)
    return index < ranges.count && ranges[index].overlaps(range)
  }

  /// Adds the place of a new table, where nothing was before.
  mutating func add(_ place: Range<UInt64>) {
    let index = index(behind: place.lowerBound)
    if index > 0, ranges[index - 1].upperBound == place.lowerBound {
      ranges[index - 1] = ranges[index - 1].lowerBound..<place.upperBound
    } else {
      ranges.insert(place, at: index)
    }
  }
}
