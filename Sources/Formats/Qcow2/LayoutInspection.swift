// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Crypto
internal import Errors

/// The structures that the header and its tables place in the file, held against each other without opening the image.
struct LayoutInspection {
  /// The contradictions found, in words.
  private(set) var defects: [String] = []

  private let header: Header
  private let geometry: Geometry
  private let file: InspectedFile
  /// The end of the file, its last cluster filled up.
  private let end: UInt64
  /// The memory that snapshots may take.
  private var memory: MemoryBudget
  /// Bytes of tables that are still read: a sparse file has room for any number.
  private var readable = Opener.untrustedTableBudget
  /// All that has a place of its own, by offset.
  private var regions: [Region] = []

  /// Something that has a place of its own in the file.
  private struct Region {
    var name: String
    var offset: UInt64
    /// As many bytes as it has at least.
    var bytes: UInt64
    /// The kind of its entries, where it is a table of pointers.
    var pointers: Pointers?
  }

  /// The kinds of pointers that a table holds.
  private enum Pointers {
    /// Places of L2 tables.
    case l2Tables
    /// Places of refcount blocks.
    case refcountBlocks
    /// Places of clusters of bits.
    case bits

    var name: String {
      switch self {
      case .l2Tables: "L2 table"
      case .refcountBlocks: "refcount block"
      case .bits: "cluster"
      }
    }
  }

  init(_ header: Header, _ file: InspectedFile, _ memory: MemoryBudget) {
    self.header = header
    self.file = file
    self.memory = memory
    geometry = header.geometry
    end = file.length.roundedUp(to: geometry.clusterSize) ?? .max
  }

  /// Looks at everything, as long as nothing is wrong that the rest depends on.
  mutating func run() {
    placeTables()
    placeEncryption()
    placeSnapshots()
    placeBitmaps()
    refuseOverlaps()
    guard defects.isEmpty else { return }
    for region in regions { checkPointers(region) }
  }

  private mutating func note(_ body: () throws(BlockError) -> Void) -> Bool {
    let found = Qcow2Format.reason(body)
    defects += found
    return found.isEmpty
  }

  // MARK: Places

  /// Notes a region; false where it cannot be there.
  @discardableResult
  private mutating func place(
    _ name: String, at offset: UInt64, bytes: UInt64, _ pointers: Pointers? = nil
  ) -> Bool {
    guard bytes > 0 else { return true }
    guard offset >= geometry.clusterSize else {
      defects.append("the \(name) lies on the header")
      return false
    }
    guard let last = offset.plus(bytes), last <= end else {
      defects.append("the \(name) lies past the end of the file")
      return false
    }
    regions.append(Region(name: name, offset: offset, bytes: bytes, pointers: pointers))
    return true
  }

  private mutating func placeTables() {
    place("L1 table", at: header.l1Offset, bytes: UInt64(header.l1Size) * 8, .l2Tables)
    place(
      "refcount table", at: header.refcountTableOffset,
      bytes: UInt64(header.refcountTableClusters) << UInt64(header.clusterBits), .refcountBlocks)
  }

  private mutating func placeEncryption() {
    guard header.cryptMethod == CryptMethod.luks.rawValue,
      let area = try? EncryptionPlace(header, fileLength: file.length),
      place("encryption header", at: area.offset, bytes: area.length)
    else { return }
    let file = file
    _ = note { () throws(BlockError) in
      let head = try file.read(
        at: area.offset, count: Int(min(area.length, UInt64(HeaderFindings.inspectedLength))))
      let found = try LuksHeader(in: HeadArea(head.bytes, length: area.length))
      guard found.version == 1 else {
        throw BlockError(.unsupported, "LUKS version \(found.version) is not supported inside a qcow2 image")
      }
    }
  }

  private mutating func placeSnapshots() {
    let least = UInt64(header.snapshotCount) * UInt64(SnapshotEntry.fixedSize)
    guard header.snapshotCount > 0, place("snapshot table", at: header.snapshotsOffset, bytes: least) else {
      return
    }
    var entries: [SnapshotEntry] = []
    let (header, file) = (header, file)
    var budget = memory
    let isRead = note { () throws(BlockError) in
      entries = try SnapshotTable.read(header, fileLength: file.length, &budget) {
        (offset, count) throws(BlockError) in try file.read(at: offset, count: count)
      }
      for entry in entries { try entry.check(header) }
    }
    guard isRead else { return }
    regions[regions.count - 1].bytes = entries.reduce(0) { $0 + UInt64($1.size) }
    for entry in entries {
      let name = "L1 table of snapshot '\(String(spelling: entry.nameBytes))'"
      guard place(name, at: entry.l1Offset, bytes: UInt64(entry.l1Size) * 8, .l2Tables) else { return }
    }
  }

  private mutating func placeBitmaps() {
    guard header.hasBitmaps, let data = header.first(.bitmaps)?.data,
      let bitmaps = BitmapsExtension(parsing: data),
      place("bitmap directory", at: bitmaps.directoryOffset, bytes: bitmaps.directorySize)
    else { return }
    let (header, file) = (header, file)
    var entries: [BitmapEntry] = []
    let isRead = note { () throws(BlockError) in
      let checked = try BitmapsExtension(checking: data, header.geometry)
      let directory = try BitmapDirectory(checked) { (offset, count) throws(BlockError) in
        try file.read(at: offset, count: count)
      }
      try directory.checkEntries(header.geometry, length: header.size / 512 * 512)
      entries = directory.entries
    }
    guard isRead else { return }
    for entry in entries {
      let name = "table of bitmap '\(entry.name)'"
      guard place(name, at: entry.tableOffset, bytes: entry.tableBytes, .bits) else { return }
    }
  }

  private mutating func refuseOverlaps() {
    regions.sort { $0.offset < $1.offset }
    var furthest: Region?
    for region in regions {
      if let other = furthest, region.offset < other.offset + other.bytes {
        defects.append("the \(region.name) and the \(other.name) lie on each other")
        return
      }
      furthest = region
    }
  }

  // MARK: Pointers

  /// Notes the first entry of a table that leads nowhere, or to what has another use.
  private mutating func checkPointers(_ region: Region) {
    guard let pointers = region.pointers else { return }
    guard region.bytes <= readable else {
      readable = 0
      if defects.last != LayoutInspection.tooLong { defects.append(LayoutInspection.tooLong) }
      return
    }
    readable -= region.bytes
    var done: UInt64 = 0
    while done < region.bytes {
      let count = Int(min(region.bytes - done, 1 << 20))
      let window: Buffer
      do throws(BlockError) {
        window = try file.read(at: region.offset + done, count: count)
      } catch {
        defects.append(error.message)
        return
      }
      for index in 0..<count / 8 {
        let value = window.bytes.big64(at: index * 8)
        guard value != 0, let defect = defect(value, pointers) else { continue }
        defects.append(
          "the \(pointers.name) of entry \(done / 8 + UInt64(index)) in the \(region.name) \(defect)")
        return
      }
      done += UInt64(count)
    }
  }

  private static let tooLong = "its tables are longer than what is looked at"

  /// The defect of an entry in words; nil for a sound one.
  private func defect(_ value: UInt64, _ pointers: Pointers) -> String? {
    let offset: UInt64
    switch pointers {
    case .l2Tables: offset = L1Entry(rawValue: value).offset
    case .refcountBlocks: offset = value & ~511
    case .bits:
      let entry = BitmapTableEntry(rawValue: value)
      guard entry.isValid(geometry) else { return "is none: 0x\(String(value, radix: 16))" }
      offset = entry.offset
    }
    guard offset != 0 else { return nil }
    if geometry.offsetInCluster(offset) != 0 { return "is not aligned" }
    if offset >= end { return "lies past the end of the file" }
    if offset < geometry.clusterSize { return "lies on the header" }
    return region(on: offset).map { "lies on the \($0.name)" }
  }

  /// The region that has bytes of the cluster at `offset`.
  private func region(on offset: UInt64) -> Region? {
    let behind = regions.firstIndexSorted { $0.offset > offset }
    if behind > 0, regions[behind - 1].offset + regions[behind - 1].bytes > offset {
      return regions[behind - 1]
    }
    if behind < regions.count, regions[behind].offset < offset + geometry.clusterSize {
      return regions[behind]
    }
    return nil
  }
}

extension Header {
  /// Whether the bitmaps that an extension names count.
  var hasBitmaps: Bool { version >= 3 && autoclear.contains(.bitmaps) && first(.bitmaps) != nil }
}
