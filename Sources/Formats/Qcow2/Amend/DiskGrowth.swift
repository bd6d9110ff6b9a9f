// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Making the guest's disk longer.
struct DiskGrowth {
  private let driver: Qcow2Driver

  init(_ driver: Qcow2Driver) { self.driver = driver }

  private var mapping: MappingTables { driver.mapping }
  private var allocator: ClusterAllocator { driver.allocator }
  private var header: HeaderStore { driver.header }
  private var files: FileSpace { driver.files }
  private var guardian: OverlapGuard { driver.guardian }
  private var codec: ClusterCodec { driver.codec }
  private var geometry: Geometry { driver.allocator.geometry }

  /// The tables and the space that the longer disk needs are there, and count, before the header tells the new length.
  /// If any of them cannot be had, the image is as before.
  func grow(to newLength: UInt64, _ preallocation: Preallocation, _ held: borrowing Held) throws(BlockError) {
    let showsThrough = (held.node.backing?.length ?? 0) > mapping.length
    let tail = min(mapping.length.roundedUp(to: geometry.clusterSize) ?? newLength, newLength)
    if showsThrough, header.version < 3, tail < newLength {
      throw BlockError(.unsupported, "Failed to zero out new clusters: Operation not supported")
    }
    let lengths = StoredLengths(
      file: try files.file(held).length, data: files.hasDataFile ? try files.dataFile(held).length : 0)
    do throws(BlockError) {
      try growL1(forLength: newLength, held)
      try prepareSpace(tail, newLength, preallocation, showsThrough: showsThrough, held)
      try mapping.writeBack(held)
      try files.barrier(held)
      try header.switchTables(held) { $0.size = newLength }
    } catch {
      if !header.isBroken { try? takeBackSpace(tail..<newLength, lengths, held) }
      throw error
    }
    mapping.setLength(newLength)
  }

  /// How long the files were, in bytes.
  private struct StoredLengths {
    var file: UInt64
    var data: UInt64
  }

  /// Lets what lies behind the old end read as zeros, and gives it space as asked for.
  private func prepareSpace(
    _ tail: UInt64, _ newLength: UInt64, _ preallocation: Preallocation, showsThrough: Bool,
    _ held: borrowing Held
  ) throws(BlockError) {
    let oldLength = mapping.length
    try zeroTail(oldLength, tail, held)
    // Nothing is there as a rule; another program may have been stopped while it made the disk shorter.
    try mapping.giveUp(from: tail, to: newLength, .cut, held)
    if showsThrough { try zeroes(from: tail, to: newLength, held) }
    if files.hasDataFile { try growData(tail, newLength, preallocation, held) }
    guard preallocation != .off || driver.isDataRaw else { return }
    // The cluster at the old end gets space too, but in a data file, where its place may hold anything.
    let start = files.hasDataFile ? tail : oldLength - geometry.offsetInCluster(oldLength)
    if files.hasDataFile {
      try linkSpace(start..<newLength, preallocation, held)
    } else {
      try preallocate(start..<newLength, preallocation, held)
    }
  }

  /// Lets the data file be as long as the disk will be, with space as asked for.
  private func growData(
    _ tail: UInt64, _ newLength: UInt64, _ preallocation: Preallocation, _ held: borrowing Held
  ) throws(BlockError) {
    let data = try files.dataFile(held)
    guard preallocation == .falloc || preallocation == .full else {
      return try data.truncate(to: newLength, exact: false)
    }
    // It may be longer than the disk, with holes; zeros that are encrypted are none.
    let kept = codec.isEncrypted ? tail : mapping.length
    if data.length > kept { try data.truncate(to: kept) }
    let storage = data.length < newLength ? preallocation : .off
    try data.truncate(to: newLength, exact: false, preallocation: storage)
  }

  /// Leaves the image as if nothing had been prepared behind the old end.
  private func takeBackSpace(_ range: Range<UInt64>, _ lengths: StoredLengths, _ held: borrowing Held)
    throws(BlockError)
  {
    try mapping.giveUp(from: range.lowerBound, to: range.upperBound, .cut, held)
    try mapping.settle(held)
    if files.hasDataFile, try files.dataFile(held).length > lengths.data {
      try files.dataFile(held).truncate(to: lengths.data)
    }
    try allocator.cutFile(keeping: lengths.file, held)
  }

  /// Zeroes the cluster at the old end from there on: its content behind the end must not come to light.
  private func zeroTail(_ start: UInt64, _ end: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard start < end else { return }
    let clusterStart = start - geometry.offsetInCluster(start)
    let node = held.node
    try held.released { () throws(BlockError) in
      let content = try driver.extent(at: start, length: end - start, of: node)
      if content.length == end - start, content.kind == .zero { return }
      if content.length == end - start, content.kind == .unallocated, node.backing == nil { return }
      // The whole cluster, in a place that is right for it.
      let buffer = Buffer(count: Int(geometry.clusterSize))
      var bytes = buffer.mutableBytes
      var head = bytes.slice(0..<Int(start - clusterStart))
      if head.byteCount > 0 { try driver.readAny(at: clusterStart, into: &head, of: node) }
      var claimed = ClaimedSlots(of: node)
      guard let slot = try claimed.claim(at: clusterStart, length: geometry.clusterSize) else { return }
      try codec.encrypt(&bytes, guestOffset: clusterStart, hostOffset: slot.location.offset)
      try files.dataFile(of: node).write(at: slot.location.offset, from: buffer.bytes)
      try claimed.linkNext()
    }
  }

  private func zeroes(from start: UInt64, to end: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard start < end else { return }
    let node = held.node
    try held.released { () throws(BlockError) in
      _ = try driver.writeZeroes(at: start, length: end - start, mayUnmap: true, of: node)
    }
  }

  /// Makes the L1 table long enough; a longer one is in the file before the header points to it.
  private func growL1(forLength newLength: UInt64, _ held: borrowing Held) throws(BlockError) {
    let needed = geometry.l1Entries(forLength: newLength)
    guard needed > UInt64(mapping.l1.count) else { return }
    guard needed <= Qcow2Limits.l1Bytes / 8, newLength <= UInt64(Int64.max) else {
      throw BlockError(.tooLarge, "Failed to grow the L1 table: File too large")
    }
    let file = try files.file(held)
    files.note(.l1GrowAllocTable, held)
    let clusters = try allocator.take(
      geometry.clusters(covering: needed * 8), exactly: true, for: "L1 table", held)
    let old = mapping.l1
    var table = mapping.l1.moved(to: clusters.lowerBound << geometry.clusterBits, count: Int(needed))
    do throws(BlockError) {
      try mapping.writeBack(held)
      try allocator.write(held)
      files.note(.l1GrowWriteTable, held)
      try table.write(to: file)
      try files.barrier(held)
      files.note(.l1GrowActivateTable, held)
      try header.switchTables(held) { $0.use(table) }
    } catch {
      if !header.isBroken { try? allocator.free(clusters, .other, held) }
      throw error
    }
    mapping.use(table)
    files.require(table.offset + table.byteCount)
    guardian.note(clusters)
    if old.count > 0 {
      let first = old.offset >> geometry.clusterBits
      allocator.freeLater(first..<first + geometry.clusters(covering: old.byteCount), .other)
    }
    try files.barrier(held)
    try allocator.applyFrees(held)
  }

  // MARK: Preallocation

  /// Whether an entry, as those behind the old end are, is empty or says no more than that there are zeros.
  private func lacksPlace(_ entry: L2Entry) -> Bool {
    entry.rawValue == 0 || (!geometry.hasExtendedL2 && entry.rawValue == L2Entry.zeroBit)
  }

  /// Gives all clusters of a range that have no place one at the end of the file.
  ///
  /// The storage comes first, with room for the tables, so that nothing ever points past its end.
  private func preallocate(_ range: Range<UInt64>, _ preallocation: Preallocation, _ held: borrowing Held)
    throws(BlockError)
  {
    let file = try files.file(held)
    let end = geometry.clusters(covering: file.length)
    let present = file.length
    try reserve(upTo: end + clustersNeeded(for: range), preallocation, held)
    try linkSpace(range, from: end, preallocation, held)
    try allocator.cutFile(keeping: present, held)
  }

  /// About as many clusters as the range takes at most, tables and blocks that count them included.
  private func clustersNeeded(for range: Range<UInt64>) -> UInt64 {
    let first = geometry.l1Index(at: range.lowerBound)
    let last = geometry.l1Index(at: range.upperBound - 1)
    var clusters = geometry.clusters(covering: range.upperBound - range.lowerBound)
    for index in first...last where !mapping.l1Entry(index).isCopied || mapping.l1Entry(index).offset == 0 {
      clusters += 1
    }
    return clusters + clusters.dividedUp(by: geometry.refcountBlockEntries) + 1
  }

  private func reserve(upTo cluster: UInt64, _ preallocation: Preallocation, _ held: borrowing Held)
    throws(BlockError)
  {
    let file = try files.file(held)
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
    _ range: Range<UInt64>, from end: UInt64 = 0, _ preallocation: Preallocation, _ held: borrowing Held
  ) throws(BlockError) {
    var end = end
    var position = range.lowerBound
    while position < range.upperBound {
      guard let place = try mapping.writablePlace(of: position, held) else { continue }
      let wanted = min(
        Int(clamping: geometry.clusters(covering: range.upperBound - position)), place.remaining)
      let buffer = place.slice.buffer
      var count = 0
      while count < wanted, lacksPlace(mapping.entry(buffer.bytes, place, plus: count)) { count += 1 }
      guard count > 0 else {
        position += geometry.clusterSize
        continue
      }
      var host = position
      if !files.hasDataFile {
        let found = try allocator.take(UInt64(count), from: end, for: "data cluster", held)
        do throws(BlockError) {
          try reserve(upTo: found.upperBound, preallocation, held)
        } catch {
          try? allocator.free(found, .other, held)
          throw error
        }
        (host, count, end) = (found.lowerBound << geometry.clusterBits, found.count, found.upperBound)
      }
      for step in 0..<count {
        link(host + UInt64(step) << geometry.clusterBits, at: place, plus: step, preallocation, held)
      }
      position += UInt64(count) << geometry.clusterBits
    }
  }

  private func link(
    _ host: UInt64, at place: L2Place, plus step: Int, _ preallocation: Preallocation, _ held: borrowing Held
  ) {
    let buffer = place.slice.buffer
    var zeros = mapping.bitmap(buffer.bytes, place, plus: step)
    var entry = mapping.entry(buffer.bytes, place, plus: step)
    // An entry that hides the backing file with zeros goes on hiding it; space that is real is zero by itself.
    // Space that decrypts to noise has to be called zero.
    if codec.isEncrypted, !geometry.hasExtendedL2 {
      entry = L2Entry(rawValue: entry.rawValue | L2Entry.zeroBit)
    } else if preallocation != .metadata, !files.hasDataFile, !codec.isEncrypted {
      entry = .unallocated
      if zeros.zero == .max { zeros = SubclusterBitmap(allocated: .max, zero: 0) }
    }
    mapping.setEntry(
      L2Entry(rawValue: entry.rawValue | L2Entry(data: host).rawValue), zeros, at: place, plus: step, held)
  }
}
