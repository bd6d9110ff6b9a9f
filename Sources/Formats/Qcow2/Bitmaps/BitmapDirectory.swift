// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

extension BitmapsExtension {
  /// Most bitmaps that other programs open.
  static let largestCount: UInt32 = 65535
  /// Bytes of the largest directory that other programs open.
  static let largestDirectory: UInt64 = 67_107_840

  /// The data of the extension.
  var data: [UInt8] {
    let buffer = Buffer(count: BitmapsExtension.size)
    var bytes = buffer.mutableBytes
    bytes.storeBig(count, at: 0)
    bytes.storeBig(directorySize, at: 8)
    bytes.storeBig(directoryOffset, at: 16)
    var result: [UInt8] = []
    for offset in 0..<BitmapsExtension.size { result.append(buffer.bytes.byte(at: offset)) }
    return result
  }

  /// The data of an extension that points to a directory of `entries` at `offset`.
  init(_ entries: [BitmapEntry], at offset: UInt64) {
    count = UInt32(clamping: entries.count)
    directorySize = BitmapDirectory.size(of: entries)
    directoryOffset = offset
  }

  /// Reads the data of an extension and holds it against limits and the image.
  ///
  /// - Throws: the defect, in `qemu-img`'s words.
  init(checking data: [UInt8], _ geometry: Geometry) throws(BlockError) {
    guard data.count == BitmapsExtension.size, let parsed = BitmapsExtension(parsing: data) else {
      throw BlockError(.corrupt, "bitmaps_ext: Invalid extension length")
    }
    self = parsed
    guard data[4..<8].allSatisfy({ $0 == 0 }) else {
      throw BlockError(.corrupt, "bitmaps_ext: Reserved field is not zero")
    }
    guard count <= BitmapsExtension.largestCount else {
      throw BlockError(
        .tooLarge,
        "bitmaps_ext: Image has \(count) bitmaps, exceeding the QEMU supported maximum of "
          + "\(BitmapsExtension.largestCount)")
    }
    guard count > 0 else { throw BlockError(.corrupt, "found bitmaps extension with zero bitmaps") }
    guard directoryOffset != 0, geometry.offsetInCluster(directoryOffset) == 0 else {
      throw BlockError(.corrupt, "bitmaps_ext: invalid bitmap directory offset")
    }
    guard directorySize <= BitmapsExtension.largestDirectory else {
      throw BlockError(
        .tooLarge,
        "bitmaps_ext: bitmap directory size (\(directorySize)) exceeds the maximum supported size "
          + "(\(BitmapsExtension.largestDirectory))")
    }
    guard directorySize > 0 else {
      throw BlockError(.corrupt, "Requested bitmap directory size is zero")
    }
  }
}

/// The bitmaps of an image, as the directory in the file has them.
struct BitmapDirectory: Sendable {
  /// The offset of the directory.
  var offset: UInt64
  /// Bytes of the directory.
  var size: UInt64
  var entries: [BitmapEntry]

  /// Bytes that are read at once.
  private static let part = 256 << 10

  /// Bytes of a directory.
  static func size(of entries: [BitmapEntry]) -> UInt64 {
    var size: UInt64 = 0
    for entry in entries { size += UInt64(entry.size) }
    return size
  }

  /// The number of the bitmap called `name`.
  func index(of name: String) -> Int? {
    let key = name.spelledBytes[...]
    return entries.firstIndex { $0.nameKey == key }
  }

  /// The entries as they stand in the file.
  static func bytes(of entries: [BitmapEntry]) -> Buffer {
    let buffer = Buffer(count: Int(size(of: entries)))
    var bytes = buffer.mutableBytes
    var position = 0
    for entry in entries {
      entry.write(to: &bytes, at: position)
      position += entry.size
    }
    return buffer
  }

  /// Reads the directory that an extension points to; the extension has been checked.
  ///
  /// - Throws: kind `corrupt`, in `qemu-img`'s words.
  init(_ bitmaps: BitmapsExtension, from file: Edge) throws(BlockError) {
    let (offset, size) = (bitmaps.directoryOffset, bitmaps.directorySize)
    guard offset < file.length, size <= file.length - offset else {
      throw BlockError(.corrupt, "bitmaps_ext: bitmap directory lies past the end of the file")
    }
    try self.init(bitmaps) { (offset, count) throws(BlockError) in try file.read(at: offset, count: count) }
  }

  /// Reads a directory that lies inside the file by `readPart`, a part at a time: names may take as much memory as all that
  /// a command has. The extension that points to it has been checked.
  ///
  /// - Throws: kind `corrupt`, in `qemu-img`'s words; the error of reading.
  init(_ bitmaps: BitmapsExtension, readPart: (UInt64, Int) throws(BlockError) -> Buffer) throws(BlockError) {
    offset = bitmaps.directoryOffset
    size = bitmaps.directorySize
    entries = []
    entries.reserveCapacity(min(Int(bitmaps.count), Int(size) / BitmapEntry.fixedSize))
    let end = Int(size)
    var position = 0
    var part = Buffer(count: 0)
    var partStart = 0
    while position < end {
      guard entries.count < Int(bitmaps.count) else {
        throw BlockError(.corrupt, "More bitmaps found than specified in header extension")
      }
      var start = position - partStart
      var needed = BitmapEntry.size(at: part.bytes.slice(start..<part.count)) ?? BitmapEntry.fixedSize
      while needed > part.count - start, partStart + part.count < end {
        part = try readPart(offset + UInt64(position), min(end - position, max(needed, BitmapDirectory.part)))
        (partStart, start) = (position, 0)
        needed = BitmapEntry.size(at: part.bytes) ?? BitmapEntry.fixedSize
      }
      let entry = try BitmapEntry(parsing: part.bytes.slice(start..<part.count))
      entries.append(entry)
      position += entry.size
    }
    guard entries.count == Int(bitmaps.count) else {
      throw BlockError(.corrupt, "Less bitmaps found than specified in header extension")
    }
  }

  /// A directory that was just made.
  init(_ entries: [BitmapEntry], at offset: UInt64) {
    self.entries = entries
    self.offset = offset
    size = BitmapDirectory.size(of: entries)
  }
}

// MARK: Checks

extension BitmapDirectory {
  /// Holds every bitmap against limits, the image and its own table.
  ///
  /// - Parameter length: bytes of the disk.
  /// - Throws: kind `corrupt`, naming the bitmap, in `qemu-img`'s words.
  func check(_ geometry: Geometry, length: UInt64, _ file: Edge) throws(BlockError) {
    for entry in entries { try entry.check(geometry, length: length) }
    var names: Set<ArraySlice<UInt8>> = []
    // Tables do not overlap in an image that is whole, so together they are no larger than the file.
    var budget = file.length.plus(64 << 20) ?? .max
    for entry in entries {
      if !entry.flags.contains(.inUse) { try checkTable(entry, geometry, length, file, &budget) }
      try entry.requireUnique(in: &names)
    }
  }

  /// The same without looking at the tables.
  func checkEntries(_ geometry: Geometry, length: UInt64) throws(BlockError) {
    var names: Set<ArraySlice<UInt8>> = []
    for entry in entries {
      try entry.check(geometry, length: length)
      guard entry.fits(geometry, length: length) else { throw entry.unreadable }
      try entry.requireUnique(in: &names)
    }
  }

  private func checkTable(
    _ entry: BitmapEntry, _ geometry: Geometry, _ length: UInt64, _ file: Edge, _ budget: inout UInt64
  ) throws(BlockError) {
    guard entry.fits(geometry, length: length), entry.tableBytes <= budget else { throw entry.unreadable }
    budget -= entry.tableBytes
    let table = BitmapTable(entry, geometry, file)
    try table.forEach { (_: Int, _: BitmapTableEntry) throws(BlockError) in }
  }
}

extension BitmapEntry {
  /// Bytes of the longest name.
  static let longestName = 1023

  /// Holds the entry against limits and the image.
  ///
  /// - Throws: kind `unsupported` for what is valid and not known here, else `corrupt`; in `qemu-img`'s words.
  func check(_ geometry: Geometry, length: UInt64) throws(BlockError) {
    guard extra.isEmpty else { throw BlockError(.unsupported, "Bitmap extra data is not supported") }
    guard !flags.contains(.extraDataCompatible) else { throw unfit(.unsupported) }
    let bytes = UInt64(tableSize) << geometry.clusterBits
    let isSane =
      tableSize > 0 && tableOffset != 0 && geometry.offsetInCluster(tableOffset) == 0
      && tableOffset <= Qcow2Limits.hostOffset && bytes <= BitmapShape.largestBytes
      && type == BitmapEntry.dirtyTracking && BitmapFlags.known.isSuperset(of: flags)
      && BitmapShape.granularityBits.contains(granularityBits) && nameBytes.count <= BitmapEntry.longestName
    // One that is in use may be behind the disk's length.
    guard isSane, flags.contains(.inUse) || (bytes * 8) << UInt64(granularityBits) >= length else {
      throw unfit(.corrupt)
    }
  }

  /// Refuses a name that is among `names`, and adds it.
  fileprivate func requireUnique(in names: inout Set<ArraySlice<UInt8>>) throws(BlockError) {
    guard names.insert(nameKey).inserted else {
      throw BlockError(.corrupt, "Bitmap already exists: \(name)")
    }
  }

  /// The error for a bitmap whose table is not as long as it must be.
  var unreadable: BlockError {
    BlockError(.corrupt, "Could not read bitmap '\(name)' from image: Invalid argument")
  }

  private func unfit(_ kind: BlockError.Kind) -> BlockError {
    BlockError(kind, "Bitmap '\(name)' doesn't satisfy the constraints")
  }

  /// Whether the table has an entry for each cluster of bits. One that is in use may have been left behind.
  func fits(_ geometry: Geometry, length: UInt64) -> Bool {
    let shape = BitmapShape(
      granularityBits: granularityBits, clusterBits: geometry.clusterBits, length: length)
    return flags.contains(.inUse) || shape.tableSize == UInt64(tableSize)
  }
}
