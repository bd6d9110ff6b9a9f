// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The files of an image: the way to them, the means to make them durable, and how far the image file has to reach.
final class FileSpace: @unchecked Sendable {
  /// How far the image file has to reach, at two moments.
  struct Ends {
    /// When it is closed: tables are read whole.
    fileprivate(set) var required: UInt64 = 0
    /// Before anything points to the last of the tables that are still empty because the file does not reach them.
    fileprivate(set) var emptyTables: UInt64 = 0
  }

  /// The slot of the file with guest data.
  let dataSlot: EdgeSlot
  private let clusterSize: UInt64
  private(set) var ends = Ends()

  init(dataSlot: EdgeSlot, clusterSize: UInt64) {
    self.dataSlot = dataSlot
    hasDataFile = dataSlot != .file
    self.clusterSize = clusterSize
  }

  /// Whether guest data lies in a file of its own.
  let hasDataFile: Bool

  // MARK: Edges

  /// The edge to the image file.
  func file(of node: Node) throws(BlockError) -> Edge { try node.child(in: .file) }

  /// The edge to guest data.
  func dataFile(of node: Node) throws(BlockError) -> Edge { try node.child(in: dataSlot) }

  /// The edge to the image file.
  func file(_ held: borrowing Held) throws(BlockError) -> Edge { try file(of: held.node) }
  /// The edge to guest data.
  func dataFile(_ held: borrowing Held) throws(BlockError) -> Edge { try dataFile(of: held.node) }

  /// Tells the image file what the next request is about.
  func note(_ event: BlockEvent, _ held: borrowing Held) { held.node.file?.note(event) }

  /// Makes what was written so far durable before what follows, unless the user does not care.
  func barrier(_ held: borrowing Held) throws(BlockError) {
    guard !held.node.flags.contains(.noFlush) else { return }
    if hasDataFile { try dataFile(held).flush() }
    try file(held).flush()
  }

  // MARK: Length

  /// Notes that the file has to reach `end` when it is closed.
  func require(_ end: UInt64) { ends.required = max(ends.required, end) }

  /// Lets the file end as it had to at another moment.
  func restore(_ former: Ends) { ends = former }

  /// Makes the cluster at an offset read as zeros that held something else before. Space past the end of the file does
  /// already.
  func clearCluster(at offset: UInt64, _ held: borrowing Held) throws(BlockError) {
    let file = try file(held)
    let end = offset + clusterSize
    require(end)
    if offset < file.length {
      try file.writeZeroes(at: offset, length: clusterSize)
    } else {
      ends.emptyTables = max(ends.emptyTables, end)
    }
  }

  /// Makes the file reach the end of a table before anything points there. A part of the table that the file lacked is
  /// zeros.
  ///
  /// Others may be writing further on, so that a length cannot be set.
  ///
  /// - Returns: whether the file was shorter.
  @discardableResult
  func extend(to tableEnd: UInt64, _ held: borrowing Held) throws(BlockError) -> Bool {
    let file = try file(held)
    guard file.length < tableEnd else { return false }
    let lastEntry = Buffer(count: L1Entry.size)
    try file.write(at: tableEnd - UInt64(lastEntry.count), from: lastEntry.bytes)
    return true
  }

  /// Makes the file reach the end of all tables that are still empty.
  func extendOverEmptyTables(_ held: borrowing Held) throws(BlockError) {
    try extend(to: ends.emptyTables, held)
  }

  /// Tables and the last sector of compressed clusters are read whole, so the file must hold all of them.
  func pad(_ held: borrowing Held) throws(BlockError) {
    let file = try file(held)
    if file.length < ends.required { try file.truncate(to: ends.required) }
  }

  /// Cuts the file off behind everything in use.
  func cut(to length: UInt64, _ held: borrowing Held) throws(BlockError) {
    ends.required = min(ends.required, length)
    ends.emptyTables = min(ends.emptyTables, length)
    try file(held).truncate(to: length)
  }
}
