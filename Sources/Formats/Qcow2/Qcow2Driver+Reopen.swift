// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors
internal import Host
internal import Options

/// Changing how the image is open, and looking at it anew.
extension Qcow2Driver {
  /// How the image is to be open.
  struct Reopening {
    var options: Qcow2Options
    var l2SliceBytes: Int
  }

  /// Everything but which state of the disk is served.
  var mutableOptions: Set<String> { Qcow2Options.mutable.union(["backing"]) }

  /// Looks whether the image may be used so, and leaves it as closing would: the next change prepares it anew.
  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    var rest = options
    let options = try Qcow2Options(taking: &rest)
    if let left = rest.flattened().first?.key {
      throw BlockError(.invalidArgument, "Block format '\(name)' does not support the option '\(left)'")
    }
    try Qcow2Format.checkUse(header, options, flags)
    let sliceBytes = try options.sliceBytes(geometry)
    if !isBroken, isPrepared { try leaveWhole(node) }
    reopening = Reopening(options: options, l2SliceBytes: sliceBytes)
  }

  func commitReopen(of node: Node) {
    monitor.lock()
    defer { monitor.unlock() }
    guard let reopening else { return }
    self.reopening = nil
    options = reopening.options
    // All that they hold is in the file, or lost with a broken image.
    makeCaches(refcounts.table, l2SliceBytes: reopening.l2SliceBytes)
  }

  func finishReopen(of node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    try clearUnknownFeatures(try file(of: node), node.flags)
  }

  func abortReopen(of node: Node) {
    monitor.withLock { reopening = nil }
  }

  private func makeCaches(_ table: TableInMemory, l2SliceBytes: Int) {
    l2Cache = TableCache(bytes: options.l2CacheBytes, sliceBytes: l2SliceBytes, monitor: monitor)
    refcounts = RefcountStore(
      table, geometry: geometry, cacheBytes: options.refcountCacheBytes, monitor: monitor)
    metadataMap = nil
  }

  /// Reads header and tables once more.
  ///
  /// - Throws: what is wrong with them; kind `conflict` where another image stands there.
  func invalidateCache(_ node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    if !isBroken, isPrepared { try leaveWhole(node) }
    let file = try file(of: node)
    let fresh = try Qcow2Format.readTables(try Qcow2Format.readHeader(file), file, options, node.flags)
    guard fresh.geometry == geometry, fresh.dataSlot == dataSlot, fresh.isDataRaw == isDataRaw,
      fresh.compression == compression, fresh.header.cryptMethod == header.cryptMethod
    else { throw BlockError(.conflict, "another image stands there now") }
    header = fresh.header
    snapshots = fresh.snapshots
    bitmaps = fresh.bitmaps
    l1 = fresh.l1
    length = fresh.length
    makeCaches(fresh.refcounts.table, l2SliceBytes: l2Cache.sliceBytes)
    compressed.forget()
    pendingFrees = PendingFrees()
    (requiredEnd, emptyTablesEnd, compressedEnd) = (0, 0, 0)
    (isPrepared, hasDirtyBit, isBroken) = (false, false, false)
    hasUnwrittenClusters = nil
  }
}
