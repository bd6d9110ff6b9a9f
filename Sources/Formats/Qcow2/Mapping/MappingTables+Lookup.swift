// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Looking entries up. The monitor is let go while a slice is read, unless somebody asks for the contrary.
extension MappingTables {
  /// Entries of one slice.
  var entriesPerSlice: Int { l2Cache.sliceBytes / geometry.l2EntryBytes }

  /// The L1 entry for a guest offset.
  func l1Entry(_ index: UInt64) -> L1Entry {
    index < UInt64(l1.count) ? L1Entry(rawValue: l1[Int(index)]) : L1Entry(rawValue: 0)
  }

  /// The place of the entry for a guest offset, or nil where there is no L2 table.
  ///
  /// With `releasing`, others may have run meanwhile; the L1 entry is the same as when this returns.
  func place(of offset: UInt64, releasing: Bool = true, _ held: borrowing Held) throws(BlockError) -> L2Place?
  {
    let l1Index = geometry.l1Index(at: offset)
    while true {
      try header.refuseBroken()
      let entry = l1Entry(l1Index)
      guard entry.offset != 0 else { return nil }
      guard geometry.offsetInCluster(entry.offset) == 0 else {
        throw header.damage(
          "L2 table offset 0x\(hex(entry.offset)) unaligned (L1 index: \(prefixedHex(l1Index)))", held)
      }
      let index = Int(geometry.l2Index(at: offset))
      let inSlice = index % entriesPerSlice
      let sliceOffset = entry.offset + UInt64((index - inSlice) * geometry.l2EntryBytes)
      let slice = try slice(at: sliceOffset, releasing: releasing, held)
      guard l1Entry(l1Index) == entry else { continue }
      return L2Place(
        l1Index: Int(l1Index), table: entry.offset, index: index, slice: slice, indexInSlice: inSlice,
        remaining: entriesPerSlice - inSlice)
    }
  }

  func slice(at offset: UInt64, releasing: Bool, _ held: borrowing Held) throws(BlockError)
    -> TableCache.Slice
  {
    if let slice = l2Cache.cached(at: offset) { return slice }
    let file = try files.file(held)
    files.note(.l2Load, held)
    return try l2Cache.slice(at: offset, from: file, releasing: releasing) { () throws(BlockError) in
      try self.writeBack(held)
    }
  }

  /// What an entry has, checked.
  ///
  /// - Throws: `corrupt` where the entry contradicts the specification; the image may be marked.
  func check(
    _ entry: L2Entry, _ bitmap: SubclusterBitmap, at place: L2Place, plus step: Int, _ held: borrowing Held
  )
    throws(BlockError)
  {
    let index = place.index + step
    if entry.isCompressed {
      guard !files.hasDataFile else {
        throw header.damage(
          "Compressed cluster entry found in image with external data file (L2 offset: "
            + "0x\(hex(place.table)), L2 index: \(prefixedHex(UInt64(index))))", held)
      }
      return
    }
    if geometry.hasExtendedL2 {
      let isAllocated = entry.offset != 0 || (files.hasDataFile && entry.isCopied)
      if bitmap.allocated & bitmap.zero != 0 || (bitmap.allocated != 0 && !isAllocated) {
        throw header.damage(
          "Invalid cluster entry found  (L2 offset: 0x\(hex(place.table)), L2 index: \(prefixedHex(UInt64(index))))",
          held)
      }
    } else if entry.hasZeroBit && header.version < 3 {
      throw header.damage(
        "Zero cluster entry found in pre-v3 image (L2 offset: 0x\(hex(place.table)), "
          + "L2 index: \(prefixedHex(UInt64(index))))", held)
    }
    guard geometry.offsetInCluster(entry.offset) == 0 else {
      throw header.damage(
        "Cluster allocation offset 0x\(hex(entry.offset)) unaligned (L2 offset: 0x\(hex(place.table)), "
          + "L2 index: \(prefixedHex(UInt64(index))))", held)
    }
  }

  /// The entry `step` entries behind a place.
  func entry(_ bytes: RawSpan, _ place: L2Place, plus step: Int = 0) -> L2Entry {
    L2Entry(rawValue: bytes.big64(at: (place.indexInSlice + step) * geometry.l2EntryBytes))
  }

  /// The subclusters of the entry `step` entries behind a place; none without extended entries.
  func bitmap(_ bytes: RawSpan, _ place: L2Place, plus step: Int = 0) -> SubclusterBitmap {
    guard geometry.hasExtendedL2 else { return SubclusterBitmap(rawValue: 0) }
    return SubclusterBitmap(rawValue: bytes.big64(at: (place.indexInSlice + step) * 16 + 8))
  }
}
