// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// One of the things that have a place in the file which an entry names.
package enum BlockTableItem: Sendable, Equatable, CustomStringConvertible {
  /// A block of the guest's disk.
  case block(UInt64)
  /// A table that the directory names.
  case table(UInt64)
  /// One that the second directory names.
  case secondTable(UInt64)
  /// The bitmap of a group of blocks.
  case bitmap(UInt64)

  /// Whether a directory names it.
  var isTable: Bool {
    switch self {
    case .table, .secondTable: true
    case .block, .bitmap: false
    }
  }

  /// Its number among its kind.
  package var number: UInt64 {
    switch self {
    case .block(let number), .table(let number), .secondTable(let number), .bitmap(let number): number
    }
  }

  /// Names the entry.
  package var description: String {
    switch self {
    case .block(let number): "block map entry \(number)"
    case .table(let number): "block map directory entry \(number)"
    case .secondTable(let number): "second block map directory entry \(number)"
    case .bitmap(let number): "sector bitmap entry \(number)"
    }
  }
}
