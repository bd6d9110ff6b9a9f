// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// An open QED image: a header beside tables that the L1 table names.
///
/// The header says "needs a check" from before the first change until the image is closed.
final class QedDriver: BlockTableDriver, @unchecked Sendable {
  let name = "qed"
  let table: BlockTable
  private let lock = ConditionLock()
  /// Guarded by `lock`, also while it is written.
  private var header: QedHeader
  private let marking = ConditionLock()
  /// Whether the image has been marked by us. Guarded by `marking`, also while that happens.
  private var isMarked = false

  init(_ header: QedHeader, _ layout: BlockTableLayout) {
    self.header = header
    table = BlockTable(layout, QedCoding())
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.clusterSize = table.blockSize
    information.backing = lock.withLock { header.backing }
    return information
  }

  // MARK: The mark

  /// Lets the header say that the image is being changed. One that says so already is mended first.
  func beginChanges(_ node: Node) throws(BlockError) {
    try marking.withLock { () throws(BlockError) in
      guard !isMarked else { return }
      if needsCheck, !node.flags.contains(.checking) {
        let result = try table.check(of: node, JobContext()) { _ in }
        if result.corruptions > 0 { _ = try table.repair(.all, of: node, JobContext()) { _ in } }
      }
      try change(node) {
        $0.features.insert(.needsCheck)
        $0.autoclear = 0
      }
      isMarked = true
    }
  }

  /// Takes the mark off: everything is in the file.
  private func endChanges(_ node: Node) throws(BlockError) {
    guard node.flags.contains(.writable) else { return }
    try flush(node)
    try marking.withLock { () throws(BlockError) in
      guard isMarked else { return }
      try change(node) { $0.features.remove(.needsCheck) }
      isMarked = false
    }
  }

  private var needsCheck: Bool { lock.withLock { header.features.contains(.needsCheck) } }

  /// Changes the header with one write, durable on return.
  private func change(_ node: Node, _ edit: (inout QedHeader) throws(BlockError) -> Void) throws(BlockError) {
    guard let file = node.file else { return }
    try lock.withLock { () throws(BlockError) in
      var next = header
      try edit(&next)
      try next.write(to: file)
      try file.flush()
      header = next
    }
  }

  func close(_ node: Node) throws(BlockError) { try endChanges(node) }

  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    if let left = options.flattened().first?.key {
      throw BlockError(.invalidArgument, "Block format '\(name)' does not support the option '\(left)'")
    }
    try endChanges(node)
  }

  // MARK: Changes

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard length % 512 == 0, length <= lock.withLock({ header.largestDisk }) else {
      throw BlockError(.invalidArgument, "Invalid image size specified")
    }
    guard preallocation != .metadata else {
      throw BlockError(.unsupported, "Unsupported preallocation mode '\(preallocation.rawValue)'")
    }
    try beginChanges(node)
    try table.resize(to: length, preallocation: preallocation, of: node) { (next) throws(BlockError) in
      try self.change(node) { $0.size = next.length }
    }
  }

  func setBackingFile(_ name: String?, format: String?, of node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    try flush(node)
    try change(node) { (next) throws(BlockError) in try next.setBacking(name, format: format, in: file) }
  }

  func makeEmpty(_ node: Node) throws(BlockError) {
    try beginChanges(node)
    try table.makeEmpty(node)
  }

  // MARK: Check

  /// The header counts nothing; a mended image needs no check any more.
  func checkCounters(
    _ result: inout CheckResult, repair: CheckRepair?, of node: Node, report: (String) -> Void
  ) throws(BlockError) {
    // `qemu-img` tells no end of the image here.
    result.imageEndOffset = 0
    guard repair != nil else { return }
    try flush(node)
    if result.corruptions == 0, needsCheck { try change(node) { $0.features.remove(.needsCheck) } }
  }
}
