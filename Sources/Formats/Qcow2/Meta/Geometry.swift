// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Bytes

/// The largest tables that are read, as `qemu-img` has it: what is larger is refused before memory is taken.
public enum Qcow2Limits {
  /// Smallest cluster size as a power of two.
  public static let minimumClusterBits: UInt32 = 9
  /// Largest cluster size as a power of two.
  public static let maximumClusterBits: UInt32 = 21
  /// Bytes of an L1 table.
  public static let l1Bytes: UInt64 = 32 << 20
  /// Bytes of a refcount table.
  public static let refcountTableBytes: UInt64 = 8 << 20
  /// Internal snapshots in one image.
  public static let snapshots: UInt32 = 65536
  /// Bytes of the whole snapshot table.
  public static let snapshotTableBytes: UInt64 = 64 << 20
  /// Bytes of memory that all tables of an image take which are read when it is opened, with the lists of its snapshots
  /// and bitmaps: more than any image has that is not made to take memory.
  public static let tableMemory: UInt64 = 256 << 20
  /// Bytes of extra data of one snapshot.
  public static let snapshotExtraBytes: UInt32 = 1024
  /// Bytes of a backing file's name.
  public static let backingNameBytes: UInt32 = 1023
  /// Largest host offset: entries hold 56 bits.
  public static let hostOffset: UInt64 = (1 << 56) - 1
  /// Where a file must end at the latest to be read at all, whatever it holds.
  public static let fileEnd: UInt64 = 0x7fff_ffff_c000_0000
  /// Subclusters of one cluster with extended L2 entries.
  public static let subclusters = 32
}

/// A cluster of the guest's disk, counted from 0.
public struct GuestCluster: Hashable, Sendable, Comparable {
  /// The number.
  public var index: UInt64
  /// Makes a cluster number.
  @inlinable public init(_ index: UInt64) { self.index = index }
  /// By number.
  @inlinable public static func < (left: GuestCluster, right: GuestCluster) -> Bool {
    left.index < right.index
  }
}

/// The sizes that follow from a header, and all arithmetic between offsets, clusters and table indices.
public struct Geometry: Hashable, Sendable {
  /// Cluster size as a power of two, 9 to 21.
  public let clusterBits: UInt64
  /// Whether L2 entries have 16 bytes and describe 32 subclusters each.
  public let hasExtendedL2: Bool
  /// Refcount width as a power of two of bits, 0 to 6.
  public let refcountOrder: UInt64

  /// Makes a geometry from checked values.
  public init(clusterBits: UInt32, hasExtendedL2: Bool, refcountOrder: UInt32) {
    self.clusterBits = UInt64(clusterBits)
    self.hasExtendedL2 = hasExtendedL2
    self.refcountOrder = UInt64(refcountOrder)
  }

  /// The same clusters and tables with refcounts of another width.
  func with(refcountOrder: UInt64) -> Geometry {
    Geometry(
      clusterBits: UInt32(clusterBits), hasExtendedL2: hasExtendedL2, refcountOrder: UInt32(refcountOrder))
  }

  /// Bytes of a cluster.
  @inlinable public var clusterSize: UInt64 { 1 << clusterBits }
  /// Bytes of an L2 entry.
  @inlinable public var l2EntryBytes: Int { hasExtendedL2 ? 16 : 8 }
  /// Entries of an L2 table as a power of two.
  @inlinable public var l2Bits: UInt64 { clusterBits - (hasExtendedL2 ? 4 : 3) }
  /// Entries of an L2 table.
  @inlinable public var l2Entries: UInt64 { 1 << l2Bits }
  /// Guest bytes that one L2 table describes, as a power of two.
  @inlinable public var l2SpanBits: UInt64 { l2Bits + clusterBits }
  /// Guest bytes that one L2 table describes.
  @inlinable public var l2Span: UInt64 { 1 << l2SpanBits }
  /// Bytes of a subcluster; without extended L2 entries a cluster is its only one.
  @inlinable public var subclusterBits: UInt64 { hasExtendedL2 ? clusterBits - 5 : clusterBits }
  /// Bytes of the unit in which the image tells data from zeros.
  @inlinable public var subclusterSize: UInt64 { 1 << subclusterBits }
  /// Bits of a refcount.
  @inlinable public var refcountBits: UInt64 { 1 << refcountOrder }
  /// Clusters that one refcount block counts, as a power of two.
  @inlinable public var refcountBlockBits: UInt64 { clusterBits + 3 - refcountOrder }
  /// Clusters that one refcount block counts.
  @inlinable public var refcountBlockEntries: UInt64 { 1 << refcountBlockBits }
  /// The largest refcount.
  @inlinable public var refcountMaximum: UInt64 {
    refcountOrder == 6 ? .max : (1 << refcountBits) - 1
  }

  /// The offset inside its cluster.
  @inlinable public func offsetInCluster(_ offset: UInt64) -> UInt64 { offset & (clusterSize - 1) }
  /// Where a guest cluster starts.
  @inlinable public func offset(of cluster: GuestCluster) -> UInt64 { cluster.index << clusterBits }
  /// The guest cluster that holds an offset.
  @inlinable public func guestCluster(at offset: UInt64) -> GuestCluster {
    GuestCluster(offset >> clusterBits)
  }
  /// The L1 index of a guest offset.
  @inlinable public func l1Index(at offset: UInt64) -> UInt64 { offset >> l2SpanBits }
  /// The index in its L2 table of the entry for a guest offset.
  @inlinable public func l2Index(at offset: UInt64) -> UInt64 { (offset >> clusterBits) & (l2Entries - 1) }
  /// The number in its cluster of the subcluster at a guest offset; always 0 without extended L2 entries.
  @inlinable public func subcluster(at offset: UInt64) -> UInt64 { offsetInCluster(offset) >> subclusterBits }
  /// Clusters that cover this many bytes.
  @inlinable public func clusters(covering bytes: UInt64) -> UInt64 { bytes.dividedUp(by: clusterSize) }
  /// L1 entries that a disk of this many bytes needs.
  @inlinable public func l1Entries(forLength length: UInt64) -> UInt64 { length.dividedUp(by: l2Span) }
}
