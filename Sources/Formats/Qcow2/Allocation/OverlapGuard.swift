// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Keeps writes from making damage worse: nothing goes where known metadata is, and nothing is taken for free that
/// holds some.
final class OverlapGuard: @unchecked Sendable {
  /// The owners of metadata, which know its places. They own the guard, and so outlive it.
  private struct Places {
    unowned let mapping: MappingTables
    unowned let allocator: ClusterAllocator
    unowned let snapshots: SnapshotStore
    unowned let bitmaps: BitmapStore
  }

  /// The kinds of metadata that writes are held against.
  private var checks: OverlapChecks
  /// Clusters that may hold metadata; made when first needed.
  private var map: MetadataMap?
  private var places: Places?
  private let header: HeaderStore
  private let files: FileSpace
  private var geometry: Geometry { header.geometry }

  init(_ checks: OverlapChecks, _ header: HeaderStore) {
    self.checks = checks
    self.header = header
    files = header.files
  }

  /// Guards the metadata of these from now on.
  func watch(
    _ mapping: MappingTables, _ allocator: ClusterAllocator, _ snapshots: SnapshotStore,
    _ bitmaps: BitmapStore
  ) {
    places = Places(mapping: mapping, allocator: allocator, snapshots: snapshots, bitmaps: bitmaps)
  }

  /// Holds writes against something else.
  func use(_ checks: OverlapChecks) {
    self.checks = checks
    forget()
  }

  /// Notes that there is metadata in a cluster.
  func note(_ cluster: UInt64) { map?.insert(cluster) }
  /// Notes that there is metadata in clusters.
  func note(_ clusters: Range<UInt64>) { for cluster in clusters { map?.insert(cluster) } }
  /// Notes that there is metadata in a range of the file.
  func note(from offset: UInt64, bytes: UInt64) { map?.insert(from: offset, bytes: bytes, geometry) }
  /// Looks anew where metadata is when next asked.
  func forget() { map = nil }

  /// Refuses to write guest data where known metadata is.
  func refuseOverlap(_ hostOffset: UInt64, _ bytes: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard !files.hasDataFile, !checks.isEmpty else { return }
    let first = hostOffset >> geometry.clusterBits
    let last = (hostOffset + bytes - 1) >> geometry.clusterBits
    guard try mayHoldMetadata(first..<last + 1, held) else { return }
    try refuseExactOverlap(hostOffset..<hostOffset + bytes, ignoring: [], held)
  }

  /// Refuses clusters that are counted as free but hold metadata.
  func refuseTaken(_ clusters: Range<UInt64>, for what: StaticString, _ held: borrowing Held)
    throws(BlockError)
  {
    guard clusters.lowerBound > 0 else {
      throw header.damage("Preventing invalid allocation of \(what) at offset 0", held)
    }
    guard !checks.isEmpty, try mayHoldMetadata(clusters, held) else { return }
    let bytes = clusters.lowerBound << geometry.clusterBits..<clusters.upperBound << geometry.clusterBits
    try refuseExactOverlap(bytes, ignoring: [], held)
  }

  /// Refuses places that hold something else before a kind of table is written there.
  func check(_ offset: UInt64, _ bytes: UInt64, for kind: OverlapChecks, _ held: borrowing Held)
    throws(BlockError)
  {
    let first = offset >> geometry.clusterBits
    let last = (offset + max(bytes, 1) - 1) >> geometry.clusterBits
    guard !checks.isEmpty, try mayHoldMetadata(first..<last + 1, held) else { return }
    // Marks in the active tables change where snapshots use the same tables, too.
    let ignored = kind == .activeL2 ? kind.union(.inactiveL2) : kind
    try refuseExactOverlap(offset..<offset + bytes, ignoring: ignored, held)
  }

  private func refuseExactOverlap(
    _ range: Range<UInt64>, ignoring kind: OverlapChecks, _ held: borrowing Held
  )
    throws(BlockError)
  {
    let checks = checks.subtracting(kind)
    guard let name = try overlap(range, checks, held) else { return }
    throw header.damage("Preventing invalid write on metadata (overlaps with \(name))", held)
  }

  /// The name of known metadata inside a range of the file, if there is any.
  private func overlap(_ range: Range<UInt64>, _ checks: OverlapChecks, _ held: borrowing Held)
    throws(BlockError)
    -> String?
  {
    guard let places else { return nil }
    let snapshots = places.snapshots.entries
    func meets(_ offset: UInt64, _ bytes: UInt64) -> Bool {
      bytes > 0 && offset < range.upperBound && offset + bytes > range.lowerBound
    }
    let cluster = geometry.clusterSize
    if checks.contains(.mainHeader), meets(0, cluster) { return "qcow2_header" }
    if checks.contains(.activeL1), meets(places.mapping.l1.offset, places.mapping.l1.byteCount) {
      return "active L1 table"
    }
    if checks.contains(.activeL2) {
      let l1 = places.mapping.l1
      for index in 0..<l1.count {
        let offset = L1Entry(rawValue: l1[index]).offset
        if offset != 0, meets(offset, cluster) { return "active L2 table" }
      }
    }
    let refcountTable = places.allocator.refcounts.table
    if checks.contains(.refcountTable), meets(refcountTable.offset, refcountTable.byteCount) {
      return "refcount table"
    }
    if checks.contains(.refcountBlock) {
      for index in 0..<refcountTable.count {
        let offset = RefcountTableEntry(rawValue: refcountTable[index]).offset
        if offset != 0, offset <= UInt64(Int64.max), meets(offset, cluster) { return "refcount block" }
      }
    }
    if checks.contains(.snapshotTable), !snapshots.isEmpty,
      meets(header.current.snapshotsOffset, places.snapshots.byteCount)
    {
      return "snapshot table"
    }
    if checks.contains(.inactiveL1) {
      for snapshot in snapshots where snapshot.l1Offset <= UInt64(Int64.max) {
        if meets(snapshot.l1Offset, UInt64(snapshot.l1Size) * 8) { return "inactive L1 table" }
      }
    }
    if checks.contains(.bitmapDirectory), let directory = places.bitmaps.directory,
      meets(directory.offset, directory.size)
    {
      return "bitmap directory"
    }
    if checks.contains(.inactiveL2) {
      for snapshot in snapshots where snapshot.l1Offset <= UInt64(Int64.max) {
        var found = false
        try forEachL2(of: snapshot, held) { offset in found = found || meets(offset, cluster) }
        if found { return "inactive L2 table" }
      }
    }
    return nil
  }

  /// Visits the L2 tables of a snapshot, which are not kept in memory.
  private func forEachL2(of snapshot: SnapshotEntry, _ held: borrowing Held, _ body: (UInt64) -> Void)
    throws(BlockError)
  {
    let bytes = min(UInt64(snapshot.l1Size) * 8, Qcow2Limits.l1Bytes)
    let file = try files.file(held)
    var position: UInt64 = 0
    while position < bytes {
      let count = Int(min(bytes - position, TableWalk.readBytes))
      let buffer = try file.read(at: snapshot.l1Offset + position, count: count)
      for index in 0..<count / L1Entry.size {
        let offset = L1Entry(rawValue: buffer.bytes.big64(at: index * L1Entry.size)).offset
        if offset != 0 { body(offset) }
      }
      position += UInt64(count)
    }
  }

  private func mayHoldMetadata(_ clusters: Range<UInt64>, _ held: borrowing Held) throws(BlockError) -> Bool {
    if map == nil { map = try makeMap(held) }
    return map?.mayContain(anyOf: clusters) ?? true
  }

  private func makeMap(_ held: borrowing Held) throws(BlockError) -> MetadataMap? {
    guard let places else { return nil }
    let snapshots = places.snapshots.entries
    let l1 = places.mapping.l1
    var map = MetadataMap(clusters: geometry.clusters(covering: held.node.file?.length ?? 0))
    map.insert(0)
    map.insert(from: l1.offset, bytes: l1.byteCount, geometry)
    for index in 0..<l1.count {
      let offset = L1Entry(rawValue: l1[index]).offset
      if offset != 0 { map.insert(offset >> geometry.clusterBits) }
    }
    let table = places.allocator.refcounts.table
    map.insert(from: table.offset, bytes: table.byteCount, geometry)
    for index in 0..<table.count {
      let offset = RefcountTableEntry(rawValue: table[index]).offset
      if offset != 0 { map.insert(offset >> geometry.clusterBits) }
    }
    if !snapshots.isEmpty {
      map.insert(from: header.current.snapshotsOffset, bytes: places.snapshots.byteCount, geometry)
    }
    for snapshot in snapshots where snapshot.l1Offset <= UInt64(Int64.max) {
      map.insert(from: snapshot.l1Offset, bytes: UInt64(snapshot.l1Size) * 8, geometry)
      guard checks.contains(.inactiveL2) else { continue }
      try forEachL2(of: snapshot, held) { offset in map.insert(offset >> geometry.clusterBits) }
    }
    if let directory = places.bitmaps.directory {
      map.insert(from: directory.offset, bytes: directory.size, geometry)
    }
    return map
  }
}
