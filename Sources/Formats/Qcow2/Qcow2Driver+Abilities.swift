// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors
internal import Host

extension Qcow2Driver: SnapshottingDriver {
  func createSnapshot(_ name: String, seconds: UInt32, nanoseconds: UInt32, of node: Node) throws(BlockError)
  {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try prepareForChanges(held)
      try snapshots.create(name, seconds: seconds, nanoseconds: nanoseconds, held)
    }
  }

  func applySnapshot(_ selector: BlockGraph.SnapshotSelector, of node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard bitmaps.listing.isEmpty else {
        throw BlockError(.refused, "Device has active dirty bitmaps")
      }
      try prepareForChanges(held)
      try snapshots.apply(selector, held)
    }
    node.childResized()
  }

  func deleteSnapshot(_ selector: BlockGraph.SnapshotSelector, of node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try prepareForChanges(held)
      try snapshots.delete(selector, held)
    }
  }
}

extension Qcow2Driver: BitmapDriver {
  func supportsBitmaps(of node: Node) -> Bool { lock.withLock { header.version >= 3 } }

  func bitmaps(of node: Node) -> [BitmapInformation] { lock.withLock { bitmaps.listing.all } }

  func bitmapContent(_ name: String, of node: Node) throws(BlockError) -> any BitmapContent {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try bitmaps.content(name, held)
    }
  }

  func dropStaleBitmaps(of node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard case .stale = bitmaps.state else { return }
      try prepareForChanges(held)
    }
  }

  func usableBitmaps(of node: Node) throws(BlockError) -> [NewBitmap] {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try bitmaps.usableContents(held)
    }
  }

  func addBitmaps(_ added: [NewBitmap], of node: Node) throws(BlockError) {
    guard !added.isEmpty else { return }
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let entries = try bitmaps.newEntries(added, held)
      try prepareForChanges(held)
      try bitmaps.add(added, as: entries, held)
    }
  }

  func changeBitmap(_ name: String, _ change: BitmapChange, of node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      // Whether it can be done is looked at first: a refusal changes nothing.
      let index = try bitmaps.refuseChange(name, change, held)
      try prepareForChanges(held)
      try bitmaps.change(name, at: index, change, held)
    }
  }
}

extension Qcow2Driver: CheckingDriver {
  /// Reads every table once, counts all references and compares them with the refcounts.
  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError) -> CheckResult
  {
    let file = try files.file(of: node)
    return try withoutActuallyEscaping(report) { (report: @escaping (String) -> Void) throws(BlockError) in
      let log = FindingLog(report)
      defer { log.finish() }
      return try ImageCheck(header.current, allocator.refcounts.table, file, context, log).run()
    }
  }

  /// Mends what can be mended, in an order that is safe to be interrupted at any moment.
  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    let file = try files.file(of: node)
    return try withoutActuallyEscaping(report) { (report: @escaping (String) -> Void) throws(BlockError) in
      let log = FindingLog(report)
      defer { log.finish() }
      return try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
        var repair = ImageRepair(snapshots, bitmaps, file, what, context, log)
        return try repair.run(held)
      }
    }
  }
}

extension Qcow2Driver: AmendingDriver {
  /// Looks whether the image may be written; takes nothing.
  func prepareAmend(of node: Node, in graph: Graph) throws(BlockError) {
    guard node.isWritable else { throw BlockError(.readOnly, "Block node is read-only") }
  }

  func amend(_ request: AmendRequest, of node: Node, _ context: JobContext) throws(BlockError) -> AmendEffect?
  {
    let plan = try lock.withLock { () throws(BlockError) -> AmendPlan in
      try header.refuseBroken()
      return try AmendPlan(request.options, header.current, snapshots: snapshots.entries)
    }
    let amendment = ImageAmendment(self)
    // Keys first, which secrets that are wrong refuse; else the order lets each step find what it needs: newer
    // features come before, and go last.
    let keys = plan.changesKeys ? try codec.amendKeys(request, of: node) : nil
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try prepareForChanges(held)
      try amendment.begin(plan, held, context)
    }
    if let length = plan.length, length != mapping.length {
      try truncate(to: length, exact: true, preallocation: .off, of: node)
      node.childResized()
    }
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try prepareForChanges(held)
      try amendment.end(plan, held, context)
    }
    return keys
  }
}
