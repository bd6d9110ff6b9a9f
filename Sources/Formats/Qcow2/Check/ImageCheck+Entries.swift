// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// L2 entries.
extension ImageCheck {
  /// Bits of an entry for a cluster that is not compressed that must be zero.
  private static let reservedL2: UInt64 = 0x3f00_0000_0000_01fe

  /// Counts what the entries of a table point to and tells what is wrong with them.
  func walkL2(_ bytes: RawSpan, isActive: Bool) throws(BlockError) -> TableState {
    var state = TableState()
    guard !bytes.isZero else { return state }
    let before = result
    var next: UInt64 = 0
    let size = geometry.l2EntryBytes
    for index in 0..<bytes.byteCount / size {
      let entry = L2Entry(rawValue: bytes.big64(at: index * size))
      let bitmap = SubclusterBitmap(rawValue: size == 16 ? bytes.big64(at: index * size + 8) : 0)
      guard entry.rawValue != 0 || bitmap.rawValue != 0 else { continue }
      if entry.isCompressed {
        try countCompressed(entry, bitmap, index, &state)
      } else {
        try countPlain(entry, bitmap, &next, &state, isActive: isActive)
      }
    }
    state.isDamaged = result.corruptions != before.corruptions
    if isActive {
      result.allocatedClusters += UInt64(state.allocated)
      result.fragmentedClusters += UInt64(state.fragmented)
      result.compressedClusters += UInt64(state.compressed)
    }
    return state
  }

  private func countCompressed(
    _ entry: L2Entry, _ bitmap: SubclusterBitmap, _ index: Int, _ state: inout TableState
  ) throws(BlockError) {
    let descriptor = CompressedDescriptor(entry, geometry)
    if entry.isCopied { found(.compressedCopied(offset: descriptor.offset)) }
    let shown = entry.rawValue & ~L2Entry.copiedBit
    if hasDataFile { return found(.compressedInDataFile(index: index, entry: shown)) }
    if bitmap.rawValue != 0 { return found(.compressedWithBitmap(index: index, entry: shown)) }
    state.allocated += 1
    state.compressed += 1
    state.fragmented += 1
    try addReferences(at: descriptor.offset, bytes: descriptor.size)
  }

  private func countPlain(
    _ entry: L2Entry, _ bitmap: SubclusterBitmap, _ next: inout UInt64, _ state: inout TableState,
    isActive: Bool
  ) throws(BlockError) {
    if entry.rawValue & ImageCheck.reservedL2 != 0 { found(.reservedBitsL2(entry: entry.rawValue)) }
    let offset = entry.offset
    let hasPlace = offset != 0 || (hasDataFile && entry.isCopied)
    var isPreallocated = entry.hasZeroBit
    if geometry.hasExtendedL2 {
      isPreallocated = bitmap.allocated == 0
      if !hasPlace {
        if bitmap.allocated != 0 { found(.bitmapWithoutCluster) }
      } else if bitmap.allocated & bitmap.zero != 0 {
        found(.bitmapContradiction(offset: offset))
      }
    }
    guard hasPlace else { return }
    state.allocated += 1
    if next != 0 && offset != next { state.fragmented += 1 }
    next = offset + geometry.clusterSize
    if geometry.offsetInCluster(offset) != 0 {
      found(.unalignedCluster(offset: offset, isPreallocated: isPreallocated))
    }
    if isActive && entry.isCopied != isSingle(offset) { state.hasWrongFlags = true }
    if !hasDataFile { try addReferences(at: offset, bytes: geometry.clusterSize) }
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
