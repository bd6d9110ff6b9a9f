// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Looking entries up. The lock is let go while a slice is read, unless somebody asks for the contrary.
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
      let slice = try slice(at: sliceOffset(of: offset, in: entry), releasing: releasing, held)
      guard l1Entry(l1Index) == entry else { continue }
      return makePlace(of: offset, in: entry, slice)
    }
  }

  /// The part of the way to an entry that is in memory.
  enum PlaceInMemory {
    /// There is no L2 table.
    case hole
    case place(L2Place)
    /// It is not all in memory, or something is wrong.
    case unknown
  }

  /// The place of the entry for a guest offset, for a caller that holds the gate.
  func placeInMemory(of offset: UInt64) -> PlaceInMemory {
    let entry = l1Entry(geometry.l1Index(at: offset))
    guard !header.isBroken, geometry.offsetInCluster(entry.offset) == 0 else { return .unknown }
    guard entry.offset != 0 else { return .hole }
    guard let slice = l2Cache.known(at: sliceOffset(of: offset, in: entry)) else { return .unknown }
    return .place(makePlace(of: offset, in: entry, slice))
  }

  private func sliceOffset(of offset: UInt64, in entry: L1Entry) -> UInt64 {
    let index = Int(geometry.l2Index(at: offset))
    return entry.offset + UInt64((index - index % entriesPerSlice) * geometry.l2EntryBytes)
  }

  private func makePlace(of offset: UInt64, in entry: L1Entry, _ slice: TableCache.Slice) -> L2Place {
    let index = Int(geometry.l2Index(at: offset))
    let inSlice = index % entriesPerSlice
    return L2Place(
      l1Index: Int(geometry.l1Index(at: offset)), table: entry.offset, index: index, slice: slice,
      indexInSlice: inSlice, remaining: entriesPerSlice - inSlice)
  }

  func slice(at offset: UInt64, releasing: Bool, _ held: borrowing Held) throws(BlockError)
    -> TableCache.Slice
  {
    if let slice = l2Cache.cached(at: offset, held) { return slice }
    let file = try files.file(held)
    if newTable.map({ $0 <= offset && offset - $0 < geometry.clusterSize }) != true {
      files.note(.l2Load, held)
    }
    return try l2Cache.slice(at: offset, from: file, releasing: releasing, held) { () throws(BlockError) in
      try self.writeBack(held)
    }
  }

  /// Refuses an entry that contradicts the specification; the image may be marked.
  ///
  /// - Throws: kind `corrupt`.
  func check(
    _ entry: L2Entry, _ bitmap: SubclusterBitmap, at place: L2Place, plus step: Int, _ held: borrowing Held
  ) throws(BlockError) {
    if let fault = fault(of: entry, bitmap, at: place, plus: step) { throw header.damage(fault, held) }
  }

  /// How an entry contradicts the specification, if it does.
  func fault(of entry: L2Entry, _ bitmap: SubclusterBitmap, at place: L2Place, plus step: Int) -> String? {
    func text(_ start: String) -> String {
      "\(start) (L2 offset: 0x\(hex(place.table)), L2 index: \(prefixedHex(UInt64(place.index + step))))"
    }
    if entry.isCompressed {
      return files.hasDataFile ? text("Compressed cluster entry found in image with external data file") : nil
    }
    if geometry.hasExtendedL2 {
      let isAllocated = entry.offset != 0 || (files.hasDataFile && entry.isCopied)
      if bitmap.allocated & bitmap.zero != 0 || (bitmap.allocated != 0 && !isAllocated) {
        return text("Invalid cluster entry found ")
      }
    } else if entry.hasZeroBit && !header.hasZeroClusters {
      return text("Zero cluster entry found in pre-v3 image")
    }
    guard geometry.offsetInCluster(entry.offset) == 0 else {
      return text("Cluster allocation offset 0x\(hex(entry.offset)) unaligned")
    }
    return nil
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
