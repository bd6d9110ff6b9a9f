// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockTables

/// The place of a guest cluster's entry in the tables.
struct L2Place {
  /// The L1 index.
  var l1Index: Int
  /// Host offset of the L2 table.
  var table: UInt64
  /// The index in the table.
  var index: Int
  /// The slice of the table, in memory.
  var slice: TableCache.Slice
  /// The index in the slice.
  var indexInSlice: Int
  /// Entries from here to the end of the slice.
  var remaining: Int
}

/// A number in hexadecimal digits.
func hex(_ number: UInt64) -> String { String(number, radix: 16) }

/// A number in hexadecimal digits with `0x` in front, or `0`: how indices are told.
func prefixedHex(_ number: UInt64) -> String { number == 0 ? "0" : "0x" + hex(number) }
