// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The header of an extent with tables: little-endian numbers in the first sector, places in sectors (Virtual Disk Format
/// 5.0, "Hosted Sparse Extents").
struct SparseHeader {
  /// Bytes of the header, and of a sector.
  static let length = 512
  /// `KDMV`.
  static let magic = Array("KDMV".utf8)
  /// The place of the directory of an extent that was written in one pass: the footer tells it.
  static let atEnd = UInt64.max
  /// The bytes at offset 73 that a transfer as text would change.
  static let newlines: [UInt8] = [0x0A, 0x20, 0x0D, 0x0A]
  /// The largest grain in sectors.
  static let largestGrain: UInt64 = 1 << 21
  /// The largest grain in sectors that is taken into memory as a whole, as compressed ones are.
  static let largestCompressedGrain: UInt64 = 1 << 14

  /// Offsets of the fields that change while an extent is open.
  enum Place {
    static let flags = 8
    static let capacity = 12
    static let secondDirectory = 48
    static let directory = 56
    static let unclean = 72
  }

  /// Bits at offset 8.
  struct Flags: OptionSet {
    let rawValue: UInt32
    /// The bytes at offset 73 mean something.
    static let newlines = Flags(rawValue: 1)
    /// There is a second directory, whose tables have the same entries.
    static let secondDirectory = Flags(rawValue: 2)
    /// An entry of 1 stands for a grain of zeros.
    static let zeroedGrains = Flags(rawValue: 4)
    /// Grains are compressed.
    static let compressed = Flags(rawValue: 1 << 16)
    /// Grains and tables have markers.
    static let markers = Flags(rawValue: 1 << 17)
  }

  /// Offset 4.
  var version: UInt32 = 1
  var flags: Flags = [.newlines, .secondDirectory]
  /// Sectors of the disk: offset 12.
  var capacity: UInt64
  /// Sectors of a grain: offset 20.
  var grain: UInt64 = 128
  /// The place of the embedded descriptor, 0 for none: offset 28.
  var descriptorOffset: UInt64 = 0
  /// Sectors of it: offset 36.
  var descriptorSize: UInt64 = 0
  /// Entries of a table: offset 44.
  var perTable: UInt32 = 512
  /// The place of the second directory: offset 48.
  var secondDirectory: UInt64 = 0
  /// The place of the directory: offset 56.
  var directory: UInt64 = 0
  /// Sectors before the first grain: offset 64.
  var overhead: UInt64 = 0
  /// Whether the extent was not closed: offset 72.
  var isUnclean = false
  /// How grains are compressed: offset 77.
  var algorithm: UInt16 = 0

  /// Makes the header of an empty extent.
  init(capacity: UInt64) { self.capacity = capacity }

  /// Whether a file that starts with these bytes is such an extent.
  static func hasMagic(_ head: RawSpan) -> Bool { head.byteCount >= 4 && head.bytes(0..<4) == magic }

  /// Reads the fields from at least 512 bytes.
  ///
  /// - Throws: kind `invalidArgument`, `unsupported` or `corrupt`, in `qemu-img`'s words.
  init(parsing bytes: RawSpan) throws(BlockError) {
    guard SparseHeader.hasMagic(bytes) else { throw BlockError(.invalidArgument, "Image not in VMDK format") }
    version = bytes.little32(at: 4)
    guard version <= 3 else { throw BlockError(.unsupported, "Unsupported VMDK version \(version)") }
    flags = Flags(rawValue: bytes.little32(at: Place.flags))
    capacity = bytes.little64(at: Place.capacity)
    grain = bytes.little64(at: 20)
    descriptorOffset = bytes.little64(at: 28)
    descriptorSize = bytes.little64(at: 36)
    perTable = bytes.little32(at: 44)
    secondDirectory = bytes.little64(at: Place.secondDirectory)
    directory = bytes.little64(at: Place.directory)
    overhead = bytes.little64(at: 64)
    isUnclean = bytes.byte(at: Place.unclean) != 0
    algorithm = bytes.little16(at: 77)
    guard (1...512).contains(perTable) else { throw BlockError(.corrupt, "L2 table size too big") }
    guard grain > 0,
      grain <= (isCompressed ? SparseHeader.largestCompressedGrain : SparseHeader.largestGrain)
    else {
      throw BlockError(.corrupt, "Invalid granularity, image may be corrupt")
    }
    guard capacity <= UInt64(Int64.max) / 512 else {
      throw BlockError(.tooLarge, "the image's capacity is too large")
    }
    guard !isCompressed || algorithm <= 1 else {
      throw BlockError(.unsupported, "grains are compressed by an unknown algorithm (\(algorithm))")
    }
    guard descriptorSize <= VmdkDescriptor.longest / 512 else {
      throw BlockError(.corrupt, "the descriptor (\(descriptorSize) sectors) is too long")
    }
  }

  /// Puts all fields into 512 bytes, which are zeros.
  func write(to bytes: inout MutableRawSpan) {
    bytes.copy(Buffer(SparseHeader.magic).bytes, at: 0)
    bytes.storeLittle(version, at: 4)
    bytes.storeLittle(flags.rawValue, at: Place.flags)
    bytes.storeLittle(capacity, at: Place.capacity)
    bytes.storeLittle(grain, at: 20)
    bytes.storeLittle(descriptorOffset, at: 28)
    bytes.storeLittle(descriptorSize, at: 36)
    bytes.storeLittle(perTable, at: 44)
    bytes.storeLittle(secondDirectory, at: Place.secondDirectory)
    bytes.storeLittle(directory, at: Place.directory)
    bytes.storeLittle(overhead, at: 64)
    bytes.store(isUnclean ? 1 : 0, at: Place.unclean)
    bytes.copy(Buffer(SparseHeader.newlines).bytes, at: 73)
    bytes.store(UInt8(truncatingIfNeeded: algorithm), at: 77)
    bytes.store(UInt8(truncatingIfNeeded: algorithm >> 8), at: 78)
  }

  /// Changes fields with one write, durably; all else in the sector stays as it is.
  static func rewrite(in file: Edge, _ change: (inout MutableRawSpan) -> Void) throws(BlockError) {
    let sector = try file.read(at: 0, count: length)
    var bytes = sector.mutableBytes
    change(&bytes)
    try file.write(at: 0, from: sector.bytes)
    try file.flush()
  }

  var isCompressed: Bool { flags.contains(.compressed) }
  /// Bytes of a grain.
  var grainBytes: UInt64 { grain * 512 }
  /// Sectors that a table maps.
  var perTableSectors: UInt64 { UInt64(perTable) * grain }
  /// Tables of the disk.
  var tables: UInt64 { capacity.dividedUp(by: perTableSectors) }
  /// Sectors of a directory.
  var directorySectors: UInt64 { (tables * 4).dividedUp(by: 512) }
  /// Sectors of a table.
  var tableSectors: UInt64 { (UInt64(perTable) * 4).dividedUp(by: 512) }

  /// The end of an image, in bytes, of which this is the footer that was made here: the marker of the end is its last sector.
  var endOfStream: UInt64 { (directory + directorySectors + 3) * 512 }

  /// Whether a footer can be that of a header: both tell of the same disk.
  func describesDisk(of first: SparseHeader) -> Bool {
    capacity == first.capacity && grain == first.grain && perTable == first.perTable
      && isCompressed == first.isCompressed
  }

  /// The sector of the disk and the marker of the grain that a sector of the file starts; nil where it cannot be one.
  func grainMarker(_ bytes: RawSpan, at place: UInt64, fileLength: UInt64) -> (sector: UInt64, GrainMarker)? {
    let sector = bytes.little64(at: 0)
    guard sector % grain == 0, sector < capacity,
      let marker = try? GrainMarker(parsing: bytes, of: sector * 512, grain: grainBytes),
      place * 512 + marker.byteCount <= fileLength
    else { return nil }
    return (sector, marker)
  }

  /// Whether the marker where an entry of a table leads says that the grain of a sector of the disk is there.
  func isGrain(_ entry: UInt32, of sector: UInt64, fileLength: UInt64, _ read: VmdkReader) throws(BlockError)
    -> Bool
  {
    let marker = try read(UInt64(entry) * 512, GrainMarker.length)
    return grainMarker(marker.bytes, at: UInt64(entry), fileLength: fileLength)?.sector == sector
  }

  /// The sector of the disk that the grain of an entry of a table starts with.
  func sector(ofTable number: UInt64, index: Int) -> UInt64 {
    number * perTableSectors + UInt64(index) * grain
  }

  /// The sectors of the file that are no table's and no grain's: the header, the directories, the descriptor.
  var reservedSectors: [Range<UInt64>] {
    var ranges: [Range<UInt64>] = [0..<1, directory..<directory + directorySectors]
    if let second = redundantDirectory { ranges.append(second..<second + directorySectors) }
    if descriptorOffset > 0, let end = descriptorOffset.plus(descriptorSize) {
      ranges.append(descriptorOffset..<end)
    }
    return ranges
  }

  /// The place of a second directory that is another one than the first; nil for none.
  var redundantDirectory: UInt64? {
    flags.contains(.secondDirectory) && secondDirectory != directory ? secondDirectory : nil
  }

  /// The offset of a directory.
  ///
  /// - Throws: kind `corrupt` where it is not in a file of that many bytes.
  private func place(ofDirectory sector: UInt64, _ words: String, fileLength: UInt64) throws(BlockError)
    -> UInt64
  {
    guard sector > 0, let offset = sector.times(512), let end = offset.plus(tables * 4), end <= fileLength
    else {
      throw BlockError(.corrupt, "the \(words) (sector \(sector)) lies past the end of the file")
    }
    return offset
  }

  /// The layout of tables and grains in a file of that many bytes.
  ///
  /// - Throws: kind `corrupt` where a directory is not in the file.
  func layout(fileLength: UInt64) throws(BlockError) -> BlockTableLayout {
    let directoryBytes = tables * 4
    let first = try place(ofDirectory: directory, "grain directory", fileLength: fileLength)
    var layout = BlockTableLayout(
      length: capacity * 512, blockSize: grainBytes, tableOffset: first, capacity: tables * UInt64(perTable),
      areaOffset: 0, unit: 512, unitLimit: 1 << 32, placesStay: true)
    layout.alignment = grainBytes
    layout.directory = BlockTableDirectory(perTable: UInt64(perTable), coding: GrainCoding())
    layout.reserved = [0..<512, first..<first + directoryBytes]
    if flags.contains(.secondDirectory), secondDirectory != directory {
      let second = try place(
        ofDirectory: secondDirectory, "redundant grain directory", fileLength: fileLength)
      // A change of one would change the other.
      guard !(first..<first + directoryBytes).overlaps(second..<second + directoryBytes) else {
        throw BlockError(.corrupt, "the redundant grain directory lies on the grain directory")
      }
      layout.directory?.second = second
      layout.reserved.append(second..<second + directoryBytes)
    }
    if descriptorOffset > 0, descriptorSize > 0 {
      guard let start = descriptorOffset.times(512), let end = start.plus(descriptorSize * 512),
        end <= fileLength
      else {
        throw BlockError(
          .corrupt, "the descriptor (sector \(descriptorOffset)) lies past the end of the file")
      }
      layout.reserved.append(start..<end)
    }
    // Readers expect a file to be as long as that; what stands between compressed grains are markers.
    let spare = isCompressed ? fileLength : overhead.times(512) ?? 0
    if spare > 0, spare <= fileLength { layout.spare = [0..<spare] }
    return layout
  }
}

/// The values of directories and tables: sectors, 0 for nothing, and where the header says so 1 for zeros.
struct GrainCoding: BlockEntryCoding {
  let width = 4
  let isBigEndian = false
  /// Whether 1 stands for zeros.
  var hasZeroes = false
  /// Whether grains are compressed, each behind a marker.
  var isCompressed = false

  func entry(of value: UInt64) -> BlockEntry? {
    switch value {
    case 0: .hole
    case 1 where hasZeroes: .zero
    // The marker tells how long the grain is.
    case _ where isCompressed: .compressed(at: value * 512, length: 512)
    default: .data(value * 512)
    }
  }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: 0
    case .zero: hasZeroes ? 1 : nil
    case .data(let offset): UInt64(UInt32(exactly: offset / 512) ?? 0) == 0 ? nil : offset / 512
    case .partial, .compressed: nil
    }
  }
}
