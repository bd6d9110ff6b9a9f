// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// L2 entries.
extension ImageCheck {
  /// Bits of an entry for a cluster that is not compressed that must be zero. The flag for zeros is one of them where
  /// the version has none, or where bitmaps of subclusters say what is zero.
  var reservedL2: UInt64 {
    let hasZeroFlag = header.version >= 3 && !geometry.hasExtendedL2
    return 0x3f00_0000_0000_01fe | (hasZeroFlag ? 0 : L2Entry.zeroBit)
  }

  /// Counts what the entries of a table point to and tells what is wrong with them.
  func walkL2(_ bytes: RawSpan, isActive: Bool) throws(BlockError) -> TableState {
    var state = TableState()
    guard !bytes.isZero else { return state }
    let before = result
    let findingsBefore = findings
    var next: UInt64 = 0
    let size = geometry.l2EntryBytes
    let count = bytes.byteCount / size
    let mayRun = size == 8 && !hasDataFile
    var index = 0
    while index < count {
      let entry = L2Entry(rawValue: bytes.big64(at: index * size))
      if mayRun {
        if entry.rawValue == 0 {
          index += bytes.run64(index..<count, first: 0, step: 0, mask: .max)
          continue
        }
        let run = plainRun(bytes, from: index, to: count)
        if run > 0 {
          try countRun(entry, UInt64(run), &next, &state, isActive: isActive)
          index += run
          continue
        }
      }
      let bitmap = SubclusterBitmap(rawValue: size == 16 ? bytes.big64(at: index * size + 8) : 0)
      if entry.isCompressed {
        try countCompressed(entry, bitmap, index, &state)
      } else if entry.rawValue != 0 || bitmap.rawValue != 0 {
        try countPlain(entry, bitmap, &next, &state, isActive: isActive)
      }
      index += 1
    }
    state.isDamaged = findings != findingsBefore || result.checkErrors != before.checkErrors
    if isActive {
      result.allocatedClusters += UInt64(state.allocated)
      result.fragmentedClusters += UInt64(state.fragmented)
      result.compressedClusters += UInt64(state.compressed)
    }
    return state
  }

  /// How many entries from `start` on are for clusters with data that lie side by side in the file, all marked
  /// alike, with nothing to find wrong; 0 where the first one needs a closer look.
  private func plainRun(_ bytes: RawSpan, from start: Int, to count: Int) -> Int {
    let first = L2Entry(rawValue: bytes.big64(at: start * 8))
    let size = geometry.clusterSize
    let offset = first.offset
    guard first.rawValue & ~(L1Entry.offsetMask | L2Entry.copiedBit) == 0, offset != 0,
      offset & (size - 1) == 0, offset < fileLength
    else { return 0 }
    let room = Int(clamping: (fileLength - offset + size - 1) >> geometry.clusterBits)
    let end = start + min(count - start, room)
    return bytes.run64(start..<end, first: first.rawValue, step: size, mask: .max)
  }

  private func countRun(
    _ first: L2Entry, _ count: UInt64, _ next: inout UInt64, _ state: inout TableState, isActive: Bool
  ) throws(BlockError) {
    let start = first.offset >> geometry.clusterBits
    state.allocated += UInt32(truncatingIfNeeded: count)
    if next != 0 && first.offset != next { state.fragmented += 1 }
    next = first.offset + count << geometry.clusterBits
    if isActive && !singles.areAll(first.isCopied, in: start..<start + count) { state.hasWrongFlags = true }
    try references.addOne(toEach: start..<start + count)
  }

  private func countCompressed(
    _ entry: L2Entry, _ bitmap: SubclusterBitmap, _ index: Int, _ state: inout TableState
  ) throws(BlockError) {
    let descriptor = CompressedDescriptor(entry, geometry)
    if entry.isCopied { found(.compressedCopied(offset: descriptor.offset), canMend: true) }
    let shown = entry.rawValue & ~L2Entry.copiedBit
    if hasDataFile { return found(.compressedInDataFile(index: index, entry: shown), canMend: true) }
    if bitmap.rawValue != 0 { return found(.compressedWithBitmap(index: index, entry: shown), canMend: true) }
    state.allocated += 1
    state.compressed += 1
    state.fragmented += 1
    try addReferences(at: descriptor.offset, bytes: descriptor.size, canMend: true)
  }

  private func countPlain(
    _ entry: L2Entry, _ bitmap: SubclusterBitmap, _ next: inout UInt64, _ state: inout TableState,
    isActive: Bool
  ) throws(BlockError) {
    if entry.rawValue & reservedL2 != 0 {
      found(.reservedBitsL2(entry: entry.rawValue), canMend: true)
    }
    let offset = entry.offset
    let hasPlace = offset != 0 || (hasDataFile && entry.isCopied)
    var isPreallocated = entry.hasZeroBit
    if geometry.hasExtendedL2 {
      isPreallocated = bitmap.allocated == 0
      if !hasPlace {
        if bitmap.allocated != 0 { found(.bitmapWithoutCluster, canMend: true) }
      } else if bitmap.allocated & bitmap.zero != 0 {
        found(.bitmapContradiction(offset: offset), canMend: true)
      }
    }
    guard hasPlace else { return }
    state.allocated += 1
    if next != 0 && offset != next { state.fragmented += 1 }
    next = offset + geometry.clusterSize
    if geometry.offsetInCluster(offset) != 0 {
      found(.unalignedCluster(offset: offset, isPreallocated: isPreallocated), canMend: true)
      // A repair mends the entry first; the check after it counts the cluster.
      if repair == .all { return }
    }
    if isActive && entry.isCopied != isSingle(offset) { state.hasWrongFlags = true }
    if !hasDataFile { try addReferences(at: offset, bytes: geometry.clusterSize, canMend: true) }
  }

  /// Whether a cluster has exactly one reference by its refcount; nil where that takes a closer look.
  private func isSingle(_ offset: UInt64) -> Bool? {
    hasDataFile ? true : singles[offset >> geometry.clusterBits]
  }

  /// The part of the image file that an entry without contradictions points to.
  func hostRange(_ entry: L2Entry) -> (offset: UInt64, bytes: UInt64)? {
    guard !hasDataFile else { return nil }
    if entry.isCompressed {
      let descriptor = CompressedDescriptor(entry, geometry)
      return (descriptor.offset, descriptor.size)
    }
    return entry.offset == 0 ? nil : (entry.offset, geometry.clusterSize)
  }
}
