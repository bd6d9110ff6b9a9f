// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Crypto
internal import Errors

/// Where the header places things in the file, held against each other without opening the image.
extension Qcow2Format {
  /// Something that the header places in the file.
  private struct Region {
    var name: String
    var offset: UInt64
    /// As many bytes as it has at least.
    var bytes: UInt64
  }

  /// What contradicts itself in the places that the header names.
  static func layoutDefects(_ header: Header, _ head: RawSpan, _ fileLength: UInt64) -> [String] {
    var defects: [String] = []
    let geometry = header.geometry
    let end = fileLength.roundedUp(to: geometry.clusterSize) ?? .max
    var known: [Region] = []
    for region in regions(header, fileLength) where region.bytes > 0 {
      guard region.offset >= geometry.clusterSize else {
        defects.append("the \(region.name) lies on the header")
        continue
      }
      guard let last = region.offset.plus(region.bytes), last <= end else {
        defects.append("the \(region.name) lies past the end of the file")
        continue
      }
      for other in known
      where region.offset < other.offset + other.bytes && other.offset < region.offset + region.bytes {
        defects.append("the \(region.name) and the \(other.name) lie on each other")
      }
      known.append(region)
      defects += contentDefects(region, header, head, fileLength)
    }
    return defects
  }

  private static func regions(_ header: Header, _ fileLength: UInt64) -> [Region] {
    var regions = [
      Region(name: "L1 table", offset: header.l1Offset, bytes: UInt64(header.l1Size) * 8),
      Region(
        name: "refcount table", offset: header.refcountTableOffset,
        bytes: UInt64(header.refcountTableClusters) << UInt64(header.clusterBits)),
      Region(
        name: "snapshot table", offset: header.snapshotsOffset,
        bytes: UInt64(header.snapshotCount) * UInt64(SnapshotEntry.fixedSize)),
    ]
    if header.cryptMethod == CryptMethod.luks.rawValue,
      let place = try? EncryptionPlace(header, fileLength: fileLength)
    {
      regions.append(Region(name: "encryption header", offset: place.offset, bytes: place.length))
    }
    if header.hasBitmaps, let data = header.first(.bitmaps)?.data,
      let bitmaps = BitmapsExtension(parsing: data)
    {
      regions.append(
        Region(name: "bitmap directory", offset: bitmaps.directoryOffset, bytes: bitmaps.directorySize))
    }
    return regions
  }

  /// What is wrong inside of a region, as much of it as there is in the part of the file that is looked at.
  private static func contentDefects(
    _ region: Region, _ header: Header, _ head: RawSpan, _ fileLength: UInt64
  ) -> [String] {
    guard region.offset < UInt64(head.byteCount) else { return [] }
    let end = fileLength.roundedUp(to: header.geometry.clusterSize) ?? .max
    let start = Int(region.offset)
    let part = head.slice(start..<min(head.byteCount, start + Int(clamping: region.bytes)))
    switch region.name {
    case "L1 table": return tableDefects(part, mask: L1Entry.offsetMask, "L2 table", header, end)
    case "refcount table": return tableDefects(part, mask: ~511, "refcount block", header, end)
    case "snapshot table":
      return reason { () throws(BlockError) in
        try checkSnapshots(
          header, head.slice(start..<head.byteCount), isWhole: UInt64(head.byteCount) >= fileLength)
      }
    case "encryption header":
      return reason { () throws(BlockError) in
        let found = try LuksHeader(in: HeadArea(part, length: region.bytes))
        guard found.version == 1 else {
          throw BlockError(
            .unsupported, "LUKS version \(found.version) is not supported inside a qcow2 image")
        }
      }
    default:
      guard part.byteCount == Int(clamping: region.bytes) else { return [] }
      return reason { () throws(BlockError) in
        guard let data = header.first(.bitmaps)?.data else { return }
        let bitmaps = try BitmapsExtension(checking: data, header.geometry)
        for entry in try BitmapDirectory(bitmaps, parsing: part).entries {
          try entry.check(header.geometry, length: header.size / 512 * 512)
        }
      }
    }
  }

  static func reason(_ body: () throws(BlockError) -> Void) -> [String] {
    do throws(BlockError) {
      try body()
      return []
    } catch {
      return [error.message]
    }
  }

  /// The first entry of a table that leads nowhere.
  private static func tableDefects(
    _ table: RawSpan, mask: UInt64, _ what: String, _ header: Header, _ end: UInt64
  ) -> [String] {
    let geometry = header.geometry
    for index in 0..<table.byteCount / 8 {
      let entry = table.big64(at: index * 8)
      let offset = entry & mask
      guard entry != 0, offset != 0 else { continue }
      let place = "the \(what) of entry \(index)"
      if geometry.offsetInCluster(offset) != 0 { return [place + " is not aligned"] }
      if offset >= end { return [place + " lies past the end of the file"] }
      if offset < geometry.clusterSize { return [place + " lies on the header"] }
    }
    return []
  }

  private static func checkSnapshots(_ header: Header, _ bytes: RawSpan, isWhole: Bool) throws(BlockError) {
    var position = 0
    for _ in 0..<header.snapshotCount {
      // What does not fit may go on behind the part that is looked at.
      guard isWhole || bytes.byteCount - position > SnapshotTable.largestEntry else { return }
      guard position < bytes.byteCount else {
        throw BlockError(.corrupt, "the snapshot table lies past the end of the file")
      }
      let entry = try SnapshotEntry(parsing: bytes.slice(position..<bytes.byteCount))
      try entry.check(header)
      position += entry.size
    }
  }
}

extension Header {
  /// Whether the bitmaps that an extension names count.
  var hasBitmaps: Bool { version >= 3 && autoclear.contains(.bitmaps) && first(.bitmaps) != nil }
}
