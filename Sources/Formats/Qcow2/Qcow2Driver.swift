// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host
internal import Synchronization

/// An open qcow2 image.
///
/// The monitor guards everything that changes; it is held for looking at tables in memory and let go while
/// slices of L2 tables are read and while guest data moves. Files by verb hold the rest of the class.
///
/// What the image file holds at any moment is safe to crash on: new references are written after what they
/// point to, and space is given back after the last reference to it is gone from the file.
final class Qcow2Driver: @unchecked Sendable {
  /// The sizes that follow from the header. Only the width of refcounts ever changes, while no request runs.
  private(set) var geometry: Geometry
  /// Where guest data lies.
  let dataSlot: EdgeSlot
  /// Whether the data file is a raw image by itself: guest offsets are its offsets, zeros are written out.
  let isDataRaw: Bool
  /// Changes only when the node is reopened, which is drained then.
  var options: Qcow2Options
  let compression: CompressionType
  /// Whether guest data is stored encrypted.
  let isEncrypted: Bool
  /// Whether a snapshot is served instead of the active state.
  let servesSnapshot: Bool

  let monitor = Monitor()
  let compressed: CompressedClusters
  private let guestLength: Atomic<UInt64>

  // What follows is guarded by the monitor.

  var header: Header
  /// How guest data is encrypted; nil where it is not.
  var encryption: ClusterEncryption?
  /// The snapshots that the image holds.
  var snapshots: [SnapshotEntry]
  var l1: TableInMemory
  var l2Cache: TableCache
  var refcounts: RefcountStore
  /// How the image is to be open, while it is being reopened.
  var reopening: Reopening?
  /// Writes in progress that will link clusters when their data is there.
  var inFlight: [Allocation] = []
  var nextAllocation: UInt64 = 1
  /// References that are gone from tables in memory, to be counted down once the tables are in the file.
  var pendingFrees = PendingFrees()
  /// The image file must be at least this long when it is closed: tables are read whole.
  var requiredEnd: UInt64 = 0
  /// Where the last of the tables ends that are still empty because the file does not reach them.
  var emptyTablesEnd: UInt64 = 0
  /// Whether clusters in use may be holes in the file; nil until somebody wants to know.
  var hasUnwrittenClusters: Bool?
  /// Where the next compressed cluster may follow the one before, if it fits.
  var compressedEnd: UInt64 = 0
  /// The bitmaps that the image holds.
  var bitmaps: BitmapStore
  /// Metadata that writes are held against; made when first needed.
  var metadataMap: MetadataMap?
  /// Whether what has to happen before the first change has happened.
  var isPrepared = false
  /// Whether the dirty bit is set in the file because refcounts there are behind.
  var hasDirtyBit = false
  /// Whether refcounts are a copy that the header does not point to yet.
  var isExchanging = false
  /// Set when damage was found that makes going on dangerous.
  var isBroken = false

  init(
    header: Header, options: Qcow2Options, l1: TableInMemory, length: UInt64, refcountTable: TableInMemory,
    l2SliceBytes: Int, snapshots: [SnapshotEntry], bitmaps: BitmapStore.State
  ) {
    self.header = header
    self.options = options
    self.l1 = l1
    self.snapshots = snapshots
    self.bitmaps = BitmapStore(bitmaps)
    servesSnapshot = options.snapshot != nil
    isEncrypted = header.cryptMethod != CryptMethod.none.rawValue
    geometry = header.geometry
    refcounts = RefcountStore(
      refcountTable, geometry: geometry, cacheBytes: options.refcountCacheBytes, monitor: monitor)
    l2Cache = TableCache(bytes: options.l2CacheBytes, sliceBytes: l2SliceBytes, monitor: monitor)
    compression = CompressionType(rawValue: header.compressionType) ?? .zlib
    compressed = CompressedClusters(compression, clusterSize: geometry.clusterSize)
    let hasDataFile = header.incompatible.contains(.dataFile)
    dataSlot = hasDataFile ? .dataFile : .file
    isDataRaw = hasDataFile && header.autoclear.contains(.rawDataFile)
    guestLength = Atomic(length)
  }

  /// The sectors of the guest's disk in bytes.
  var length: UInt64 {
    get { guestLength.load(ordering: .acquiring) }
    set { guestLength.store(newValue, ordering: .releasing) }
  }

  var hasDataFile: Bool { dataSlot != .file }

  /// Goes on with other refcounts, which may have another width.
  func use(_ store: RefcountStore) {
    geometry = store.geometry
    refcounts = store
    metadataMap = nil
  }

  /// The edge to the image file.
  func file(of node: Node) throws(BlockError) -> Edge {
    guard let edge = node.file else { throw BlockError(.notFound, "node '\(node.name)' has no child 'file'") }
    return edge
  }

  /// The edge to guest data.
  func dataFile(of node: Node) throws(BlockError) -> Edge {
    guard let edge = node.edge(dataSlot) else {
      throw BlockError(.notFound, "node '\(node.name)' has no child '\(dataSlot.rawValue)'")
    }
    return edge
  }

  /// Refuses everything once the image was found damaged in a way that makes going on dangerous.
  func refuseBroken() throws(BlockError) {
    if isBroken { throw BlockError(.corrupt, "the image was marked corrupt and cannot be used further") }
  }
}

extension Qcow2Driver: FormatDriver {
  /// `qcow2`.
  var name: String { "qcow2" }

  /// The sectors of the guest's disk in bytes.
  func length(of node: Node) -> UInt64 { length }

  /// Space is given in clusters.
  func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.clusterSize = geometry.clusterSize
    if isEncrypted { limits.requestAlignment = ClusterEncryption.sector }
    return limits
  }
}
