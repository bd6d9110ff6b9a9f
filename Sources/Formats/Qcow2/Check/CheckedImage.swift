// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The image that is checked, as it is in its file. Nothing of it changes during a check.
final class CheckedImage {
  let header: Header
  let geometry: Geometry
  let refcountTable: TableInMemory
  let hasDataFile: Bool
  let file: Edge
  let fileLength: UInt64
  let context: JobContext
  /// The repair that follows, if any, which decides how findings are told.
  let repair: CheckRepair?

  init(
    _ header: Header, _ refcountTable: TableInMemory, _ file: Edge, _ context: JobContext,
    repair: CheckRepair?
  ) {
    self.header = header
    self.refcountTable = refcountTable
    geometry = header.geometry
    hasDataFile = header.incompatible.contains(.dataFile)
    self.file = file
    fileLength = file.length
    self.context = context
    self.repair = repair
  }

  /// Whether a range of the file can be referred to: a file may end inside its last cluster, never before it.
  func isInside(_ offset: UInt64, _ bytes: UInt64) -> Bool {
    guard let end = offset.plus(bytes) else { return false }
    return end <= fileLength || end - fileLength < geometry.clusterSize
  }

  /// Whether a cluster is the header's or the active L1 table's: no other structure can be there. What the table has beyond
  /// the disk's length may only be said to be there.
  func isRoot(_ cluster: UInt64) -> Bool {
    let first = header.l1Offset >> geometry.clusterBits
    let entries = min(UInt64(header.l1Size), geometry.l1Entries(forLength: header.size))
    let count = geometry.clusters(covering: entries * 8)
    return cluster == 0 || (cluster >= first && cluster - first < count)
  }

  /// Bits of an entry for a cluster that is not compressed that must be zero. The flag for zeros is one of them where
  /// the version has none, or where bitmaps of subclusters say what is zero.
  var reservedL2: UInt64 {
    let hasZeroFlag = header.version >= 3 && !geometry.hasExtendedL2
    return 0x3f00_0000_0000_01fe | (hasZeroFlag ? 0 : L2Entry.zeroBit)
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
