// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The largest tables that are read, as `qemu-img` has it: larger ones are refused before memory is taken.
package enum Qcow2Limits {
  /// Smallest cluster size as a power of two.
  package static let minimumClusterBits: UInt32 = 9
  /// Largest cluster size as a power of two.
  package static let maximumClusterBits: UInt32 = 21
  /// Bytes of an L1 table.
  package static let l1Bytes: UInt64 = 32 << 20
  /// Bytes of a refcount table.
  package static let refcountTableBytes: UInt64 = 8 << 20
  /// Internal snapshots in one image.
  package static let snapshots: UInt32 = 65536
  /// Bytes of the whole snapshot table.
  package static let snapshotTableBytes: UInt64 = 64 << 20
  /// Bytes of memory that all tables of an image take which are read when it is opened, with the lists of its snapshots
  /// and bitmaps: more than any image has that is not made to take memory.
  package static let tableMemory: UInt64 = 256 << 20
  /// Bytes of extra data of one snapshot.
  package static let snapshotExtraBytes: UInt32 = 1024
  /// Bytes of a backing file's name.
  package static let backingNameBytes: UInt32 = 1023
  /// Largest host offset: entries hold 56 bits.
  package static let hostOffset: UInt64 = (1 << 56) - 1
  /// The end that no file may pass to be read at all.
  package static let fileEnd: UInt64 = 0x7fff_ffff_c000_0000
  /// Subclusters of one cluster with extended L2 entries.
  package static let subclusters = 32
}

/// A cluster of the guest's disk, counted from 0.
package struct GuestCluster: Hashable, Sendable, Comparable {
  /// The number.
  package var index: UInt64
  /// Makes a cluster number.
  package init(_ index: UInt64) { self.index = index }
  /// By number.
  package static func < (left: GuestCluster, right: GuestCluster) -> Bool {
    left.index < right.index
  }
}

/// The sizes that follow from a header, and all arithmetic between offsets, clusters and table indices.
package struct Geometry: Hashable, Sendable {
  /// Cluster size as a power of two, 9 to 21.
  package let clusterBits: UInt64
  /// Whether L2 entries have 16 bytes and describe 32 subclusters each.
  package let hasExtendedL2: Bool
  /// Refcount width as a power of two of bits, 0 to 6.
  package let refcountOrder: UInt64

  /// Makes a geometry from checked values.
  package init(clusterBits: UInt32, hasExtendedL2: Bool, refcountOrder: UInt32) {
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
  package var clusterSize: UInt64 { 1 << clusterBits }
  /// Bytes of an L2 entry.
  package var l2EntryBytes: Int { hasExtendedL2 ? 16 : 8 }
  /// Entries of an L2 table as a power of two.
  package var l2Bits: UInt64 { clusterBits - (hasExtendedL2 ? 4 : 3) }
  /// Entries of an L2 table.
  package var l2Entries: UInt64 { 1 << l2Bits }
  /// Guest bytes that one L2 table describes, as a power of two.
  package var l2SpanBits: UInt64 { l2Bits + clusterBits }
  /// Guest bytes that one L2 table describes.
  package var l2Span: UInt64 { 1 << l2SpanBits }
  /// Bytes of a subcluster; without extended L2 entries a cluster is its only one.
  package var subclusterBits: UInt64 { hasExtendedL2 ? clusterBits - 5 : clusterBits }
  /// Bytes of the unit in which the image tells data from zeros.
  package var subclusterSize: UInt64 { 1 << subclusterBits }
  /// Bits of a refcount.
  package var refcountBits: UInt64 { 1 << refcountOrder }
  /// Clusters that one refcount block counts, as a power of two.
  package var refcountBlockBits: UInt64 { clusterBits + 3 - refcountOrder }
  /// Clusters that one refcount block counts.
  package var refcountBlockEntries: UInt64 { 1 << refcountBlockBits }
  /// The largest refcount.
  package var refcountMaximum: UInt64 {
    refcountOrder == 6 ? .max : (1 << refcountBits) - 1
  }

  /// The offset inside its cluster.
  package func offsetInCluster(_ offset: UInt64) -> UInt64 { offset & (clusterSize - 1) }
  /// The guest offset of a cluster.
  package func offset(of cluster: GuestCluster) -> UInt64 { cluster.index << clusterBits }
  /// The guest cluster that holds an offset.
  package func guestCluster(at offset: UInt64) -> GuestCluster {
    GuestCluster(offset >> clusterBits)
  }
  /// The L1 index of a guest offset.
  package func l1Index(at offset: UInt64) -> UInt64 { offset >> l2SpanBits }
  /// The index in its L2 table of the entry for a guest offset.
  package func l2Index(at offset: UInt64) -> UInt64 { (offset >> clusterBits) & (l2Entries - 1) }
  /// The number in its cluster of the subcluster at a guest offset; always 0 without extended L2 entries.
  package func subcluster(at offset: UInt64) -> UInt64 { offsetInCluster(offset) >> subclusterBits }
  /// Clusters that cover this many bytes.
  package func clusters(covering bytes: UInt64) -> UInt64 { bytes.dividedUp(by: clusterSize) }
  /// L1 entries that a disk of this many bytes needs.
  package func l1Entries(forLength length: UInt64) -> UInt64 { length.dividedUp(by: l2Span) }
}
