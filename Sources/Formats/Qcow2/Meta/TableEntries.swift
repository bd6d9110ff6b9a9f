// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// An entry of an L1 table: where the L2 table is.
package struct L1Entry: Hashable, Sendable {
  /// Bytes in the table.
  package static let size = 8
  /// The entry as it stands in the table.
  package var rawValue: UInt64
  /// Makes an entry from what stands in the table.
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// An entry for the only reference to an L2 table.
  package init(table offset: UInt64) { rawValue = offset | L2Entry.copiedBit }

  /// The bits that hold an offset: 9 to 55.
  package static let offsetMask: UInt64 = 0x00FF_FFFF_FFFF_FE00
  /// The offset of the table; 0 where there is none.
  package var offset: UInt64 { rawValue & L1Entry.offsetMask }
  /// Whether the table's refcount is exactly 1.
  package var isCopied: Bool { rawValue & L2Entry.copiedBit != 0 }
}

/// An entry of an L2 table, or the first half of an extended one: where a guest cluster is.
package struct L2Entry: Hashable, Sendable {
  /// The entry as it stands in the table.
  package var rawValue: UInt64
  /// Makes an entry from what stands in the table.
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The cluster's refcount is exactly 1.
  package static let copiedBit: UInt64 = 1 << 63
  /// The rest is a compressed cluster's descriptor.
  package static let compressedBit: UInt64 = 1 << 62
  /// The cluster reads as zeros; not in extended entries.
  package static let zeroBit: UInt64 = 1

  /// Nothing here.
  package static let unallocated = L2Entry(rawValue: 0)
  /// Zeros without space.
  package static let zero = L2Entry(rawValue: zeroBit)
  /// An entry for the only reference to a host cluster.
  package init(data offset: UInt64) { rawValue = offset | L2Entry.copiedBit }

  /// The offset of the host cluster; 0 where there is none.
  package var offset: UInt64 { rawValue & L1Entry.offsetMask }
  /// Whether the host cluster's refcount is exactly 1.
  package var isCopied: Bool { rawValue & L2Entry.copiedBit != 0 }
  /// Whether the rest is a compressed cluster's descriptor.
  package var isCompressed: Bool { rawValue & L2Entry.compressedBit != 0 }
  /// Whether the cluster reads as zeros; meaningless in compressed and extended entries.
  package var hasZeroBit: Bool { rawValue & L2Entry.zeroBit != 0 }
}

/// The second half of an extended L2 entry: the state of each of the 32 subclusters.
package struct SubclusterBitmap: Hashable, Sendable {
  /// The bitmap as it stands in the table: low half allocated, high half zero.
  package var rawValue: UInt64
  /// Makes a bitmap from what stands in the table.
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Makes a bitmap from its halves.
  package init(allocated: UInt32, zero: UInt32) {
    rawValue = UInt64(zero) << 32 | UInt64(allocated)
  }

  /// Subclusters with data.
  package var allocated: UInt32 {
    get { UInt32(truncatingIfNeeded: rawValue) }
    set { self = SubclusterBitmap(allocated: newValue, zero: zero) }
  }
  /// Subclusters that read as zeros.
  package var zero: UInt32 {
    get { UInt32(truncatingIfNeeded: rawValue >> 32) }
    set { self = SubclusterBitmap(allocated: allocated, zero: newValue) }
  }

  /// The bits of a range of subclusters.
  package static func mask(_ range: Range<UInt64>) -> UInt32 {
    guard range.lowerBound < range.upperBound else { return 0 }
    return (UInt32.max << UInt32(range.lowerBound)) & (UInt32.max >> UInt32(32 - range.upperBound))
  }
}

/// The place of a compressed cluster's bytes: any byte offset, and as many sectors as they touch.
package struct CompressedDescriptor: Hashable, Sendable {
  /// Bytes of a sector.
  package static let sector: UInt64 = 512
  /// The first byte.
  package var offset: UInt64
  /// Sectors touched behind the one that holds the first byte.
  package var additionalSectors: UInt64

  /// Makes a descriptor for `size` bytes, at least 1, at `offset`.
  package init(offset: UInt64, size: UInt64) {
    self.offset = offset
    additionalSectors =
      (offset + size - 1) / CompressedDescriptor.sector - offset / CompressedDescriptor.sector
  }

  /// Bits of the entry that hold the offset.
  static func offsetBits(_ geometry: Geometry) -> UInt64 { 62 - (geometry.clusterBits - 8) }

  /// Reads the descriptor out of an entry.
  package init(_ entry: L2Entry, _ geometry: Geometry) {
    let bits = CompressedDescriptor.offsetBits(geometry)
    offset = entry.rawValue & ((1 << bits) - 1)
    additionalSectors = (entry.rawValue & (L2Entry.compressedBit - 1)) >> bits
  }

  /// The entry, or nil where the offset is too large for it.
  package func entry(_ geometry: Geometry) -> L2Entry? {
    let bits = CompressedDescriptor.offsetBits(geometry)
    guard offset >> bits == 0, additionalSectors >> (geometry.clusterBits - 8) == 0 else { return nil }
    return L2Entry(rawValue: L2Entry.compressedBit | additionalSectors << bits | offset)
  }

  /// Bytes from the first one to the end of the last sector: at least the compressed bytes.
  package var size: UInt64 {
    (additionalSectors + 1) * CompressedDescriptor.sector - offset % CompressedDescriptor.sector
  }

  /// The host clusters that the sectors touch; each counts one reference.
  package func hostClusters(_ geometry: Geometry) -> ClosedRange<UInt64> {
    let first = offset >> geometry.clusterBits
    return first...((offset + size - 1) >> geometry.clusterBits)
  }
}

/// An entry of the refcount table: where the refcount block is.
package struct RefcountTableEntry: Hashable, Sendable {
  /// Bytes in the table.
  package static let size = 8
  /// The entry as it stands in the table.
  package var rawValue: UInt64
  /// Makes an entry from what stands in the table.
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  /// The offset of the block; 0 where there is none.
  package var offset: UInt64 { rawValue & ~511 }
}
