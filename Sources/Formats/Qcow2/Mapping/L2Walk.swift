// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// A walk through those entries of an L2 table whose first word is not zero; only they refer to clusters.
struct L2Walk {
  private let count: Int
  private let entryBytes: Int
  private var index = 0

  init(_ geometry: Geometry) {
    count = Int(geometry.l2Entries)
    entryBytes = geometry.l2EntryBytes
  }

  /// The next such entry of the table `bytes`, which is a whole cluster, and where it lies there, in bytes.
  mutating func next(in bytes: RawSpan) -> (offset: Int, entry: L2Entry)? {
    while index < count {
      let offset = index * entryBytes
      let entry = L2Entry(rawValue: bytes.big64(at: offset))
      if entry.rawValue != 0 {
        index += 1
        return (offset, entry)
      }
      // Most tables are empty for the most part.
      index += entryBytes == 8 ? bytes.run64(index..<count, first: 0, step: 0, mask: .max) : 1
    }
    return nil
  }
}
