// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors

/// What is done to a table as a whole.
protocol BlockTableWork {
  /// The table that it is done to, whose lock is held meanwhile.
  var table: BlockTable { get }
}

extension BlockTableWork {
  var entries: BlockEntries { table.entries }
  var space: BlockSpace { table.space }
  var layout: BlockTableLayout { table.layout }
}

/// What is done to the table as a whole: each is an object of its own. `header` stands for the one write after which the file
/// has the new layout.
extension BlockTable {
  /// Looks at all entries and changes nothing.
  package func check(
    of node: Node, _ context: JobContext, report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try BlockTableCheck(table: self).look(held, context, report)
    }
  }

  /// Mends the findings of a check: the file gets as long as blocks that it ends in, blocks that are nowhere read as zero,
  /// blocks that share a place get their own, and with either kind of repair places that nothing points to go back to the
  /// file system.
  package func repair(
    _ what: CheckRepair, of node: Node, _ context: JobContext,
    report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try BlockTableRepair(table: self).repair(what, held, context, report)
    }
  }

  /// Lets items that are nowhere, or past the end of the file, have no place; all else stays as it is and where it is.
  package func dropAbsent(
    of node: Node, _ context: JobContext, report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try BlockTableRepair(table: self).dropAbsent(held, context, report)
    }
  }

  /// Moves the last things in the file into places that nothing points to, and cuts the file behind them: for formats that
  /// give up something else that they had reserved.
  package func compact(of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      _ = try Compaction(table: self).run(held)
    }
  }

  /// Sets the guest's length; the table must have room for the blocks that it makes.
  ///
  /// New blocks read as zero, whatever lies below; with a preallocation other than off, or where places are fixed, they
  /// have places.
  package func resize(
    to length: UInt64, preallocation: Preallocation, of node: Node,
    header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try LengthChange(table: self).resize(to: length, preallocation: preallocation, held, header: header)
    }
  }

  /// Moves a table that stands alone into the first `count` units, after what they held has got other places.
  ///
  /// `next` says where the table and the blocks are afterwards, `coding` how its entries are spelled there, and
  /// `header` makes it so in the file with one write.
  package func moveTable(
    toFirst count: UInt64, _ next: BlockTableLayout, _ coding: any BlockEntryCoding, of node: Node,
    header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try TableMove(table: self).move(toFirst: count, next, coding, held, header: header)
    }
  }

  /// Gives the directories room for `tables` tables: at the end of the file, where they have no more where they are.
  /// `header` makes it so in the file with one write.
  package func moveDirectory(
    toHold tables: UInt64, of node: Node, header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try DirectoryChange(table: self).move(toHold: tables, held, header: header)
    }
  }

  /// Moves the directories of a disk that became shorter to the first units that nothing takes, spare ones among them, where
  /// they stand behind these: what is reserved keeps the file from becoming shorter. `header` as above.
  package func packDirectory(
    of node: Node, header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try DirectoryChange(table: self).pack(held, header: header)
    }
  }

  /// Makes the tables of the first `blocks` blocks that are not there, in one piece at the end of the file: for formats whose
  /// other programs write only to tables that there are. The directories have room for them.
  package func makeTables(ofFirst blocks: UInt64, of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try DirectoryChange(table: self).makeTables(ofFirst: blocks, held)
    }
  }

  /// Lets the directories have no tables but those that the disk's length needs, once it is shorter.
  package func cutDirectory(of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try DirectoryChange(table: self).cut(held)
    }
  }

  /// Lets the bits of each stored block name all of its sectors: those that they did not name read as zero from then on.
  /// Where the bits are advisory, content stays as it is.
  package func nameAllSectors(of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try SectorNaming(table: self).nameAll(held)
    }
  }

  /// Lets each block that is stored in part be stored as a whole, and no bitmaps stand apart: sectors that were not named
  /// read as zero from then on.
  package func storeWhole(_ node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try SectorNaming(table: self).storeWhole(held)
    }
  }
}
