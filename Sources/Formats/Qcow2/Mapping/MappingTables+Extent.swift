// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The extents of the guest's disk, as the tables tell them.
extension MappingTables {
  /// Slices looked at for one answer: enough that every answer is worth the call, few enough that it is soon there.
  private static let slicesPerAnswer = 64

  /// The extent at the start of a range: as far as the tables say the same of it.
  func extent(at offset: UInt64, length: UInt64, _ held: borrowing Held) throws(BlockError) -> Extent {
    let end = offset + length
    var result = try firstExtent(at: offset, end: end, held)
    var slices = 1
    while result.length < length, slices < MappingTables.slicesPerAnswer {
      let next = try firstExtent(at: offset + result.length, end: end, held)
      guard result.absorb(next) else { break }
      slices += 1
    }
    return result
  }

  /// The same from tables in memory alone, for a caller that holds the gate; nil where these do not tell.
  func extentInMemory(at offset: UInt64, length: UInt64) -> Extent? {
    let end = offset + length
    guard var result = firstExtentInMemory(at: offset, end: end) else { return nil }
    var slices = 1
    while result.length < length, slices < MappingTables.slicesPerAnswer {
      guard let next = firstExtentInMemory(at: offset + result.length, end: end) else { return nil }
      guard result.absorb(next) else { break }
      slices += 1
    }
    return result
  }

  /// The extent at the start of a range, from one slice or from a run of L1 entries without tables.
  private func firstExtent(at offset: UInt64, end: UInt64, _ held: borrowing Held) throws(BlockError)
    -> Extent
  {
    guard let place = try place(of: offset, held) else { return l1Hole(at: offset, end: end) }
    let buffer = place.slice.buffer
    try check(entry(buffer.bytes, place), bitmap(buffer.bytes, place), at: place, plus: 0, held)
    return run(at: offset, end: end, place)
  }

  private func firstExtentInMemory(at offset: UInt64, end: UInt64) -> Extent? {
    switch placeInMemory(of: offset) {
    case .unknown: return nil
    case .hole: return l1Hole(at: offset, end: end)
    case .place(let place):
      let buffer = place.slice.buffer
      let entry = entry(buffer.bytes, place)
      guard fault(of: entry, bitmap(buffer.bytes, place), at: place, plus: 0) == nil else { return nil }
      return run(at: offset, end: end, place)
    }
  }

  /// The run of like entries from a place on, whose first is sound.
  private func run(at offset: UInt64, end: UInt64, _ place: L2Place) -> Extent {
    geometry.hasExtendedL2
      ? subclusterRun(at: offset, end: end, place) : clusterRun(at: offset, end: end, place)
  }

  private func l1Hole(at offset: UInt64, end: UInt64) -> Extent {
    let first = geometry.l1Index(at: offset)
    let last = min(geometry.l1Index(at: end - 1) + 1, UInt64(l1.count))
    var entries: UInt64 = 0
    if first < last {
      entries = UInt64(l1.emptyRun(from: Int(first), to: Int(last), mask: L1Entry.offsetMask))
    }
    // Guest clusters behind the end of the L1 table are not allocated, either.
    if first + entries >= UInt64(l1.count) { return Extent(.unallocated, length: end - offset) }
    let stop = min((first + entries) << geometry.l2SpanBits, end)
    return Extent(.unallocated, length: stop - offset)
  }

  /// How guest data that is not compressed is stored.
  private var encoding: Extent.Encoding { codec.isEncrypted ? .encrypted : .plain }

  // MARK: Whole clusters

  /// A run of entries that are alike and, where they have places, follow each other in the file.
  private func clusterRun(at offset: UInt64, end: UInt64, _ place: L2Place) -> Extent {
    let buffer = place.slice.buffer
    let bytes = buffer.bytes
    let first = entry(bytes, place)
    let skip = geometry.offsetInCluster(offset)
    let wanted = min(Int(clamping: geometry.clusters(covering: end - offset + skip)), place.remaining)
    let base = place.indexInSlice
    let range = base..<base + wanted
    var count: Int
    var extent: Extent
    if first.isCompressed {
      count = 1
      while count < wanted, entry(bytes, place, plus: count).isCompressed { count += 1 }
      extent = Extent(.data, length: 0, encoding: .compressed)
    } else if !hasPlace(first) {
      // The same bits but those that mean nothing here.
      let mask =
        L1Entry.offsetMask | L2Entry.compressedBit | L2Entry.zeroBit
        | (files.hasDataFile ? L2Entry.copiedBit : 0)
      count = bytes.run64(range, first: first.rawValue, step: 0, mask: mask)
      extent = Extent(first.hasZeroBit ? .zero : .unallocated, length: 0)
    } else {
      let mask = L1Entry.offsetMask | L2Entry.compressedBit | L2Entry.zeroBit
      count = bytes.run64(range, first: first.rawValue, step: geometry.clusterSize, mask: mask)
      let location = Extent.Location(files.dataSlot, first.offset + skip)
      extent =
        first.hasZeroBit
        ? Extent(.zero, length: 0, location: location)
        : Extent(.data, length: 0, encoding: encoding, location: location)
    }
    extent.length = min(UInt64(count) << geometry.clusterBits - skip, end - offset)
    return extent
  }

  /// Whether an entry that is not compressed has a host cluster.
  func hasPlace(_ entry: L2Entry) -> Bool {
    entry.offset != 0 || (files.hasDataFile && entry.isCopied)
  }

  // MARK: Subclusters

  /// A run over entries that are sound; one that is not is for the caller that asks about it.
  private func subclusterRun(at offset: UInt64, end: UInt64, _ place: L2Place) -> Extent {
    var result = subclusters(at: offset, end: end, place, step: 0)
    var step = 1
    let buffer = place.slice.buffer
    while step < place.remaining, offset + result.length < end,
      geometry.offsetInCluster(offset + result.length) == 0
    {
      let entry = entry(buffer.bytes, place, plus: step)
      let bitmap = bitmap(buffer.bytes, place, plus: step)
      guard fault(of: entry, bitmap, at: place, plus: step) == nil else { break }
      guard result.absorb(subclusters(at: offset + result.length, end: end, place, step: step)) else { break }
      step += 1
    }
    return result
  }

  /// The run of like subclusters of one cluster.
  private func subclusters(at offset: UInt64, end: UInt64, _ place: L2Place, step: Int) -> Extent {
    let buffer = place.slice.buffer
    let bytes = buffer.bytes
    let entry = entry(bytes, place, plus: step)
    let bitmap = bitmap(bytes, place, plus: step)
    let inCluster = geometry.offsetInCluster(offset)
    var length = geometry.clusterSize - inCluster
    let location = hasPlace(entry) ? Extent.Location(files.dataSlot, entry.offset + inCluster) : nil
    var extent: Extent
    if entry.isCompressed {
      extent = Extent(.data, length: 0, encoding: .compressed)
    } else {
      let first = UInt32(geometry.subcluster(at: offset))
      let allocated = bitmap.allocated >> first
      let zero = bitmap.zero >> first
      let run: Int
      if allocated & 1 != 0 {
        run = (~allocated).trailingZeroBitCount
        extent = Extent(.data, length: 0, encoding: encoding, location: location)
      } else if zero & 1 != 0 {
        run = (~zero).trailingZeroBitCount
        extent = Extent(.zero, length: 0, location: location)
      } else {
        run = (allocated | zero).trailingZeroBitCount
        extent = Extent(.unallocated, length: 0, location: location)
      }
      let stop = min(UInt64(first) + UInt64(run), UInt64(Qcow2Limits.subclusters)) << geometry.subclusterBits
      length = stop - inCluster
    }
    extent.length = min(length, end - offset)
    return extent
  }
}

extension Extent {
  /// Takes the following extent in where both are alike and it lies right behind; whether it did.
  fileprivate mutating func absorb(_ next: Extent) -> Bool {
    guard kind == next.kind, encoding == next.encoding else { return false }
    switch (location, next.location) {
    case (nil, nil): break
    case (.some(let mine), .some(let theirs)):
      guard mine.slot == theirs.slot, mine.offset + length == theirs.offset else { return false }
    default: return false
    }
    length += next.length
    return true
  }
}
