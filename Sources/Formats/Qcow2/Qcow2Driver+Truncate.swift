// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Changing the length of the guest's disk.
extension Qcow2Driver {
  func truncate(to newLength: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard newLength % 512 == 0 else {
      throw BlockError(.invalidArgument, "The new size must be a multiple of 512")
    }
    monitor.lock()
    defer { monitor.unlock() }
    try refuseBitmaps(forLength: newLength)
    try prepareForChanges(node)
    if header.version < 3, !snapshots.isEmpty {
      throw BlockError(.unsupported, "Can't resize a v2 image which has snapshots")
    }
    guard newLength != length else { return }
    try noteResizing(node)
    // What guests could read before stays as it is.
    bitmaps.pauses += 1
    defer { bitmaps.pauses -= 1 }
    if newLength < length {
      guard preallocation == .off else {
        throw BlockError(.invalidArgument, "Preallocation can't be used for shrinking an image")
      }
      try shrink(to: newLength, node)
    } else if newLength > length {
      guard preallocation == .off || !isEncrypted || header.version >= 3 else {
        throw BlockError(
          .unsupported, "Preallocation of encrypted images requires compatibility level 1.1 or above")
      }
      try grow(to: newLength, preallocation, node)
    }
  }

  // MARK: Growing

  /// What the disk needs is there, and all of it counts, before the header tells the new length. Where any of it cannot
  /// be had, the image is as before.
  private func grow(to newLength: UInt64, _ preallocation: Preallocation, _ node: Node) throws(BlockError) {
    let showsThrough = (node.backing?.length ?? 0) > length
    let tail = min(length.roundedUp(to: geometry.clusterSize) ?? newLength, newLength)
    if showsThrough, header.version < 3, tail < newLength {
      throw BlockError(.unsupported, "Failed to zero out new clusters: Operation not supported")
    }
    let lengths = StoredLengths(
      file: try file(of: node).length, data: hasDataFile ? try dataFile(of: node).length : 0)
    do throws(BlockError) {
      try growL1(forLength: newLength, node)
      try prepareSpace(tail, newLength, preallocation, showsThrough: showsThrough, node)
      try writeBack(node)
      try barrier(node)
      var changed = header
      changed.size = newLength
      try switchHeader(to: changed, node)
    } catch {
      if !isBroken { try? takeBackSpace(tail..<newLength, lengths, node) }
      throw error
    }
    length = newLength
  }

  /// How long the files were, in bytes.
  private struct StoredLengths {
    var file: UInt64
    var data: UInt64
  }

  /// Lets what lies behind the old end read as zeros, and gives it space as asked for.
  private func prepareSpace(
    _ tail: UInt64, _ newLength: UInt64, _ preallocation: Preallocation, showsThrough: Bool, _ node: Node
  ) throws(BlockError) {
    let oldLength = length
    try zeroTail(oldLength, tail, node)
    // Nothing is there as a rule; another program may have been stopped while it made the disk shorter.
    try giveUp(from: tail, to: newLength, .cut, node)
    if showsThrough { _ = try zeroes(from: tail, to: newLength, node) }
    if hasDataFile {
      let storage = preallocation == .metadata ? Preallocation.off : preallocation
      try dataFile(of: node).truncate(to: newLength, exact: false, preallocation: storage)
    }
    guard preallocation != .off || isDataRaw else { return }
    // The cluster at the old end gets space too, but in a data file, where its place may hold anything.
    let start = hasDataFile ? tail : oldLength - geometry.offsetInCluster(oldLength)
    if hasDataFile {
      try linkSpace(start..<newLength, preallocation, node)
    } else {
      try preallocate(start..<newLength, preallocation, node)
    }
  }

  /// Leaves the image as if nothing had been prepared behind the old end.
  private func takeBackSpace(_ range: Range<UInt64>, _ lengths: StoredLengths, _ node: Node)
    throws(BlockError)
  {
    try giveUp(from: range.lowerBound, to: range.upperBound, .cut, node)
    try writeBack(node)
    try barrier(node)
    try applyPendingFrees(node)
    if hasDataFile, try dataFile(of: node).length > lengths.data {
      try dataFile(of: node).truncate(to: lengths.data)
    }
    try cutFile(keeping: lengths.file, node)
  }

  /// What the cluster at the old end holds behind it must not come to light.
  private func zeroTail(_ start: UInt64, _ end: UInt64, _ node: Node) throws(BlockError) {
    guard start < end else { return }
    let clusterStart = start - geometry.offsetInCluster(start)
    monitor.unlock()
    defer { monitor.lock() }
    let content = try extent(at: start, length: end - start, of: node)
    if content.length == end - start, content.kind == .zero { return }
    if content.length == end - start, content.kind == .unallocated, node.backing == nil { return }
    // The whole cluster, in a place that is right for it.
    let buffer = Buffer(count: Int(geometry.clusterSize))
    var bytes = buffer.mutableBytes
    var head = bytes.slice(0..<Int(start - clusterStart))
    if head.byteCount > 0 { try readAny(at: clusterStart, into: &head, node) }
    var claimed = ClaimedSlots(of: node)
    guard let slot = try claimed.claim(at: clusterStart, length: geometry.clusterSize) else { return }
    try encrypt(&bytes, guestOffset: clusterStart, hostOffset: slot.location.offset)
    try dataFile(of: node).write(at: slot.location.offset, from: buffer.bytes)
    try claimed.linkNext()
  }

  private func zeroes(from start: UInt64, to end: UInt64, _ node: Node) throws(BlockError) -> Bool {
    guard start < end else { return true }
    monitor.unlock()
    defer { monitor.lock() }
    return try writeZeroes(at: start, length: end - start, mayUnmap: true, of: node)
  }

  /// Makes the L1 table long enough; a longer one is in the file before the header points to it.
  private func growL1(forLength newLength: UInt64, _ node: Node) throws(BlockError) {
    let needed = geometry.l1Entries(forLength: newLength)
    guard needed > UInt64(l1.count) else { return }
    guard needed <= Qcow2Limits.l1Bytes / 8, newLength <= UInt64(Int64.max) else {
      throw BlockError(.tooLarge, "Failed to grow the L1 table: File too large")
    }
    let file = try file(of: node)
    let clusters = try allocate(geometry.clusters(covering: needed * 8), exactly: true, for: "L1 table", node)
    let old = l1
    var table = l1.moved(to: clusters.lowerBound << geometry.clusterBits, count: Int(needed))
    do throws(BlockError) {
      try writeBack(node)
      try writeRefcounts(node)
      try table.write(to: file)
      try barrier(node)
      var changed = header
      changed.use(table)
      try switchHeader(to: changed, node)
    } catch {
      if !isBroken { try? dropReferences(clusters, .other, node) }
      throw error
    }
    l1 = table
    requiredEnd = max(requiredEnd, table.offset + table.byteCount)
    for cluster in clusters { metadataMap?.insert(cluster) }
    if old.count > 0 {
      let first = old.offset >> geometry.clusterBits
      pendingFrees.add(first..<first + geometry.clusters(covering: old.byteCount), .other)
    }
    try barrier(node)
    try applyPendingFrees(node)
  }

  // MARK: Preallocation

  /// Whether an entry, as those behind the old end are, is empty or says no more than that there are zeros.
  private func lacksPlace(_ entry: L2Entry) -> Bool {
    entry.rawValue == 0 || (!geometry.hasExtendedL2 && entry.rawValue == L2Entry.zeroBit)
  }

  /// Gives all clusters of a range that have no place one at the end of the file.
  ///
  /// The storage comes first, with room for the tables, so that nothing ever points past its end.
  private func preallocate(_ range: Range<UInt64>, _ preallocation: Preallocation, _ node: Node)
    throws(BlockError)
  {
    let file = try file(of: node)
    let end = geometry.clusters(covering: file.length)
    let present = file.length
    try reserve(upTo: end + clustersNeeded(for: range), preallocation, node)
    try linkSpace(range, from: end, preallocation, node)
    try cutFile(keeping: present, node)
  }

  /// About as many clusters as the range takes at most, tables and blocks that count them included.
  private func clustersNeeded(for range: Range<UInt64>) -> UInt64 {
    let first = geometry.l1Index(at: range.lowerBound)
    let last = geometry.l1Index(at: range.upperBound - 1)
    var clusters = geometry.clusters(covering: range.upperBound - range.lowerBound)
    for index in first...last where !l1Entry(index).isCopied || l1Entry(index).offset == 0 { clusters += 1 }
    return clusters + clusters.dividedUp(by: geometry.refcountBlockEntries) + 1
  }

  private func reserve(upTo cluster: UInt64, _ preallocation: Preallocation, _ node: Node) throws(BlockError)
  {
    let file = try file(of: node)
    let end = cluster << geometry.clusterBits
    guard file.length < end else { return }
    let storage = preallocation == .metadata ? Preallocation.off : preallocation
    try inContext("Failed to resize underlying file") { () throws(BlockError) in
      try file.truncate(to: end, exact: false, preallocation: storage)
    }
  }

  /// Links space, which reads as zero, to all clusters of a range that have none: at `end` of the file or later, or
  /// each at its own place in a data file.
  private func linkSpace(
    _ range: Range<UInt64>, from end: UInt64 = 0, _ preallocation: Preallocation, _ node: Node
  ) throws(BlockError) {
    var end = end
    var position = range.lowerBound
    while position < range.upperBound {
      guard let place = try writablePlace(of: position, node) else { continue }
      let wanted = min(
        Int(clamping: geometry.clusters(covering: range.upperBound - position)), place.remaining)
      let buffer = place.slice.buffer
      var count = 0
      while count < wanted, lacksPlace(entry(buffer.bytes, place, plus: count)) { count += 1 }
      guard count > 0 else {
        position += geometry.clusterSize
        continue
      }
      var host = position
      if !hasDataFile {
        let found = try allocate(UInt64(count), from: end, for: "data cluster", node)
        do throws(BlockError) {
          try reserve(upTo: found.upperBound, preallocation, node)
        } catch {
          try? dropReferences(found, .other, node)
          throw error
        }
        (host, count, end) = (found.lowerBound << geometry.clusterBits, found.count, found.upperBound)
      }
      for step in 0..<count {
        link(host + UInt64(step) << geometry.clusterBits, at: place, plus: step, preallocation)
      }
      position += UInt64(count) << geometry.clusterBits
    }
  }

  private func link(_ host: UInt64, at place: L2Place, plus step: Int, _ preallocation: Preallocation) {
    let buffer = place.slice.buffer
    var zeros = bitmap(buffer.bytes, place, plus: step)
    var entry = entry(buffer.bytes, place, plus: step)
    // What hides the backing file with zeros goes on doing so; space that is real is zero by itself.
    // Space that decrypts to noise has to be called zero.
    if isEncrypted, !geometry.hasExtendedL2 {
      entry = L2Entry(rawValue: entry.rawValue | L2Entry.zeroBit)
    } else if preallocation != .metadata, !hasDataFile, !isEncrypted {
      entry = .unallocated
      if zeros.zero == .max { zeros = SubclusterBitmap(allocated: .max, zero: 0) }
    }
    setEntry(L2Entry(rawValue: entry.rawValue | L2Entry(data: host).rawValue), zeros, at: place, plus: step)
  }
}
