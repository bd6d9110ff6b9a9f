// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The header of a Parallels image: little-endian numbers in the first 64 bytes, right before the block map.
struct ParallelsHeader: StorableHeader {
  /// Bytes of the fields; the block map starts here.
  static let length = 64
  /// The only version that there is.
  static let version: UInt32 = 2
  /// Sectors of a cluster, at most.
  static let largestTracks: UInt32 = 4_186_127
  /// Entries of the block map, at most.
  static let largestEntries: UInt32 = (1 << 29) - 1
  /// Sectors that an image of the old kind can have.
  static let largestOldDisk = UInt64(UInt32.max)

  /// The kinds of images, by their magic.
  enum Kind: Equatable {
    /// The map has numbers of sectors.
    case old
    /// The map has numbers of clusters.
    case extended

    /// The bytes at offset 0.
    var magic: [UInt8] { Array((self == .old ? "WithoutFreeSpace" : "WithouFreSpacExt").utf8) }
  }

  /// What the header says of the program that has, or had, the image open for writing: offset 44.
  enum Use {
    /// Closed by a program that knows nothing of it.
    static let closedByOld: UInt32 = 0
    /// Closed.
    static let closed: UInt32 = 0x312e_3276
    /// Open for writing, or never closed.
    static let open: UInt32 = 0x746f_6e59
  }

  var kind: Kind
  /// Offset 20; of no use here.
  var heads: UInt32 = 16
  /// Offset 24; of no use here.
  var cylinders: UInt32
  /// Sectors of a cluster: offset 28.
  var tracks: UInt32
  /// Entries of the block map: offset 32.
  var entries: UInt32
  /// Sectors of the disk: offset 36; images of the old kind have the low 32 bits of it alone.
  var sectors: UInt64
  /// Offset 44.
  var use: UInt32 = Use.closedByOld
  /// Sectors before the first cluster: offset 48. 0 in images of the old kind stands for those of header and map.
  var dataOffset: UInt32
  /// Bit 0 says that nothing was ever written: offset 52.
  var flags: UInt32 = 0
  /// The sector at which the format extension's cluster starts, or 0: offset 56.
  var extensionOffset: UInt64 = 0

  /// Bytes of a cluster.
  var clusterSize: UInt64 { UInt64(tracks) * 512 }
  /// Guest-visible length in bytes.
  var size: UInt64 { sectors * 512 }
  /// The end of the block map in the file.
  var mapEnd: UInt64 { UInt64(ParallelsHeader.length) + UInt64(entries) * 4 }
  /// Bytes that a place of the map's entries counts in.
  var unit: UInt64 { kind == .old ? 512 : clusterSize }
}

extension ParallelsHeader {
  /// The kind of a file that starts with these bytes; nil where it is no such image.
  static func kind(of head: RawSpan) -> Kind? {
    guard head.byteCount >= 20, head.little32(at: 16) == version else { return nil }
    let magic = head.bytes(0..<16)
    for kind in [Kind.old, .extended] where kind.magic == magic { return kind }
    return nil
  }

  /// Reads the fields from at least 64 bytes; bytes that the file lacks read as zeros.
  ///
  /// - Throws: kind `invalidArgument`, `corrupt` or `tooLarge`, in `qemu-img`'s words.
  init(parsing bytes: RawSpan) throws(BlockError) {
    guard let kind = ParallelsHeader.kind(of: bytes) else {
      throw BlockError(.invalidArgument, "Image not in Parallels format")
    }
    self.kind = kind
    heads = bytes.little32(at: 20)
    cylinders = bytes.little32(at: 24)
    tracks = bytes.little32(at: 28)
    entries = bytes.little32(at: 32)
    sectors = bytes.little64(at: 36)
    if kind == .old { sectors &= ParallelsHeader.largestOldDisk }
    use = bytes.little32(at: 44)
    dataOffset = bytes.little32(at: 48)
    flags = bytes.little32(at: 52)
    extensionOffset = bytes.little64(at: 56)
    guard tracks > 0 else { throw BlockError(.corrupt, "Invalid image: Zero sectors per track") }
    guard tracks <= ParallelsHeader.largestTracks else {
      throw BlockError(.corrupt, "Invalid image: Too big cluster")
    }
    guard entries <= ParallelsHeader.largestEntries else { throw BlockError(.tooLarge, "Catalog too large") }
    guard let size = sectors.times(512), Int64(exactly: size) != nil else {
      throw BlockError(.tooLarge, "Could not refresh total sector count: File too large")
    }
  }

  /// Puts all fields into 64 bytes.
  func write(to bytes: inout MutableRawSpan) {
    for (index, byte) in kind.magic.enumerated() { bytes.store(byte, at: index) }
    bytes.storeLittle(ParallelsHeader.version, at: 16)
    bytes.storeLittle(heads, at: 20)
    bytes.storeLittle(cylinders, at: 24)
    bytes.storeLittle(tracks, at: 28)
    bytes.storeLittle(entries, at: 32)
    bytes.storeLittle(sectors, at: 36)
    bytes.storeLittle(use, at: 44)
    bytes.storeLittle(dataOffset, at: 48)
    bytes.storeLittle(flags, at: 52)
    bytes.storeLittle(extensionOffset, at: 56)
  }

  /// Gives the disk another length: a multiple of 512 that the map can have.
  mutating func setSize(_ size: UInt64) {
    sectors = size / 512
    // As `qemu-img` has it: 16 heads, and tracks of 32 sectors.
    cylinders = UInt32(truncatingIfNeeded: sectors / (16 * 32))
    entries = UInt32(clamping: size.dividedUp(by: clusterSize))
  }

  // MARK: Places

  /// The start of the first cluster, in bytes, where the map ends at `mapEnd`: the first place possible.
  func firstData(mapEnd: UInt64) -> UInt64 { mapEnd.dividedUp(by: unit) * unit }

  /// The start of the first cluster as the header has it, in bytes; nil where that cannot be.
  ///
  /// - Parameter used: what clusters take of the file.
  func statedData(fileLength: UInt64, used: Range<UInt64>? = nil) -> UInt64? {
    if kind == .old, dataOffset == 0 { return firstData(mapEnd: mapEnd) }
    let start = UInt64(dataOffset) * 512
    guard start >= mapEnd, start % unit == 0, start <= max(fileLength, firstData(mapEnd: mapEnd)) else {
      return nil
    }
    return start <= used?.lowerBound ?? .max ? start : nil
  }

  /// The start of the first cluster in bytes: as the header has it, or where that cannot be, the first place possible.
  func data(fileLength: UInt64) -> UInt64 {
    statedData(fileLength: fileLength) ?? firstData(mapEnd: mapEnd)
  }

  /// How the map's values are spelled.
  var coding: ParallelsCoding { ParallelsCoding(unit: unit) }

  /// The layout of map and clusters in a file of that many bytes.
  ///
  /// - Parameter extensions: what the format extension takes of the file.
  /// - Throws: kind `corrupt` where the map is not in the file.
  func layout(fileLength: UInt64, extensions: [Range<UInt64>] = []) throws(BlockError) -> BlockTableLayout {
    guard mapEnd.dividedUp(by: 512) <= fileLength.dividedUp(by: 512) else {
      throw BlockError(.corrupt, "the block map (up to offset \(mapEnd)) lies past the end of the file")
    }
    let start = data(fileLength: fileLength)
    var layout = BlockTableLayout(
      length: min(size, UInt64(entries) * clusterSize), blockSize: clusterSize,
      tableOffset: UInt64(ParallelsHeader.length), capacity: (start - UInt64(ParallelsHeader.length)) / 4,
      areaOffset: 0, unit: unit, unitLimit: 1 << 32, placesStay: true)
    layout.capacity = min(layout.capacity, UInt64(ParallelsHeader.largestEntries))
    layout.reserved = [0..<mapEnd] + extensions
    layout.spare = [mapEnd..<start]
    layout.mayEndEarly = true
    layout.gapsAreNoFragments = true
    return layout
  }
}

/// The values of a block map: the number of the sector or the cluster of the file at which a cluster starts, 0 for none.
struct ParallelsCoding: BlockEntryCoding {
  let width = 4
  let isBigEndian = false
  /// Bytes that are counted.
  let unit: UInt64

  func entry(of value: UInt64) -> BlockEntry? { value == 0 ? .hole : .data(value * unit) }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: return 0
    case .data(let offset):
      let number = offset / unit
      return offset % unit == 0 && number <= UInt64(UInt32.max) ? number : nil
    case .zero, .partial, .compressed: return nil
    }
  }
}
