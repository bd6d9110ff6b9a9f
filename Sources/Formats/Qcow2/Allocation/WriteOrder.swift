// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors

/// The tables of an image in the order in which they may reach the file: the clusters that one refers to are durable
/// before it is written, which makes a crash leave space unaccounted for at worst.
///
/// Guest data is written before all of them, by the writer that asked for a place. References that tables no longer
/// hold are counted down behind the last.
enum TableKind: Int, CaseIterable, Comparable {
  /// How often clusters are referred to. Refers to nothing.
  case refcountBlocks
  /// Refers to refcount blocks.
  case refcountTable
  /// Refer to guest data, which is counted.
  case l2Tables
  /// Refers to L2 tables, which are counted.
  case l1Table

  static func < (one: TableKind, other: TableKind) -> Bool { one.rawValue < other.rawValue }

  /// Whether it refers to tables, which may be so new that the file does not reach them.
  fileprivate var refersToTables: Bool { self == .refcountTable || self == .l1Table }
}

extension FileSpace {
  /// Writes the kinds of tables that changed, in order.
  func writeInOrder(
    _ kinds: ClosedRange<TableKind>, _ held: borrowing Held, where isChanged: (TableKind) -> Bool,
    _ write: (TableKind) throws(BlockError) -> Void
  ) throws(BlockError) {
    for kind in TableKind.allCases where kinds.contains(kind) && isChanged(kind) {
      if kind.refersToTables { try extendOverEmptyTables(held) }
      if kind > .refcountBlocks { try barrier(held) }
      try write(kind)
    }
  }
}
