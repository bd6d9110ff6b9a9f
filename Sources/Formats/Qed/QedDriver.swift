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
final class QedDriver: MarkingDriver, @unchecked Sendable {
  let name = "qed"
  let table: BlockTable
  private let header: StoredHeader<QedHeader>
  let mark = ChangeMark()

  init(_ header: QedHeader, _ layout: BlockTableLayout) {
    self.header = StoredHeader(header)
    table = BlockTable(layout, QedCoding())
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.clusterSize = table.blockSize
    information.backing = header.current.backing
    return information
  }

  func tells(of event: BlockEvent) -> Bool {
    switch event {
    case .readAIO, .readBackingAIO, .writeAIO, .cowWrite, .l1Update, .l2Load, .l2Update: true
    default: false
    }
  }

  // MARK: The mark

  /// Lets the header say that the image is being changed. One that says so already is mended first.
  func beginChanges(_ node: Node) throws(BlockError) {
    try mark.set { () throws(BlockError) in
      if needsCheck, !node.flags.contains(.checking) {
        let result = try table.check(of: node, JobContext()) { _ in }
        if result.corruptions > 0 { _ = try table.repair(.all, of: node, JobContext()) { _ in } }
      }
      try header.change(node) {
        $0.features.insert(.needsCheck)
        $0.autoclear = 0
      }
    }
  }

  func takeMarkOff(_ node: Node) throws(BlockError) {
    try header.change(node) { $0.features.remove(.needsCheck) }
  }

  private var needsCheck: Bool { header.current.features.contains(.needsCheck) }

  // MARK: Changes

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard length % 512 == 0, length <= header.current.largestDisk else {
      throw BlockError(.invalidArgument, "Invalid image size specified")
    }
    guard preallocation != .metadata else {
      throw BlockError.noGrowth(preallocation)
    }
    try beginChanges(node)
    try table.resize(to: length, preallocation: preallocation, of: node) { (next) throws(BlockError) in
      try self.header.change(node) { $0.size = next.length }
    }
  }

  func setBackingFile(_ name: String?, format: String?, of node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    try flush(node)
    try header.change(node) { (next) throws(BlockError) in try next.setBacking(name, format: format, in: file)
    }
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
    if result.corruptions == 0, needsCheck { try header.change(node) { $0.features.remove(.needsCheck) } }
  }
}
