// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The header that tells where the block allocation table of a file stands, 1024 bytes of big-endian numbers ("Dynamic Disk
/// Header Format").
struct VpcHeader {
  /// Bytes of a header.
  static let length = 1024
  /// The bytes at its start.
  static let cookie: [UInt8] = Array("cxsparse".utf8)
  /// Bytes of a block in images of ours, which is what all programs write.
  static let blockSize: UInt64 = 2 << 20
  /// Bytes of a block that are read: powers of two.
  static let blockSizes: ClosedRange<UInt64> = 512...256 << 20
  /// Entries of a table that are read.
  static let largestEntryCount = UInt32(Int32.max / 4)
  private static let nameOffset = 64
  private static let nameLength = 512
  private static let locatorsOffset = 576

  /// The offset of the table, in bytes: offset 16.
  var tableOffset: UInt64
  /// Entries of the table: offset 28.
  var entryCount: UInt32
  /// Bytes of a block: offset 32.
  var blockSize: UInt64
  /// The id of the parent: offset 40.
  var parentID: VpcID
  /// The time stamp of the parent: offset 56.
  var parentTime: UInt32
  /// Whether the checksum is that of the other bytes: offset 36. Most programs do not look at it.
  private(set) var isWhole = true
  /// All bytes as they were read, to keep what is not known here; zeros in a new header.
  private var original: [UInt8]

  /// The header of a new image, without a parent.
  init(tableOffset: UInt64, entryCount: UInt32) {
    self.tableOffset = tableOffset
    self.entryCount = entryCount
    blockSize = VpcHeader.blockSize
    parentID = .none
    parentTime = 0
    original = [UInt8](repeating: 0, count: VpcHeader.length)
  }

  /// Reads a header from 1024 bytes of a file with so many, for a disk of `diskLength` bytes.
  ///
  /// - Throws: kind `invalidArgument`, `unsupported` or `corrupt`, in `qemu-img`'s words where it has some.
  init(parsing bytes: RawSpan, diskLength: UInt64) throws(BlockError) {
    guard bytes.byteCount >= VpcHeader.length, bytes.bytes(0..<8) == VpcHeader.cookie else {
      throw BlockError(.invalidArgument, "Invalid header magic")
    }
    let version = bytes.big32(at: 24)
    guard version >> 16 == 1 else {
      throw BlockError(
        .unsupported, "unsupported VHD image (header version \(version >> 16).\(version & 0xffff))")
    }
    tableOffset = bytes.big64(at: 16)
    entryCount = bytes.big32(at: 28)
    blockSize = UInt64(bytes.big32(at: 32))
    parentID = VpcID(parsing: bytes, at: 40)
    parentTime = bytes.big32(at: 56)
    isWhole =
      bytes.big32(at: 36) == VpcFooter.checksum(bytes, length: VpcHeader.length, fieldAt: 36)
    original = bytes.bytes(0..<VpcHeader.length)
    guard VpcHeader.blockSizes.contains(blockSize), blockSize.isPowerOfTwo else {
      throw BlockError(.invalidArgument, "Invalid block size \(blockSize)")
    }
    guard UInt64(entryCount) >= diskLength.dividedUp(by: blockSize) else {
      throw BlockError(.corrupt, "Page table too small")
    }
    guard entryCount <= VpcHeader.largestEntryCount else {
      throw BlockError(
        .tooLarge, "Max Table Entries too large (\(Int32(bitPattern: entryCount)))")
    }
  }

  /// The 1024 bytes.
  var bytes: Buffer {
    let buffer = Buffer(original)
    var bytes = buffer.mutableBytes
    bytes.copy(Buffer(VpcHeader.cookie).bytes)
    bytes.storeBig(UInt64.max, at: 8)
    bytes.storeBig(tableOffset, at: 16)
    bytes.storeBig(0x0001_0000 as UInt32, at: 24)
    bytes.storeBig(entryCount, at: 28)
    bytes.storeBig(UInt32(clamping: blockSize), at: 32)
    parentID.write(to: &bytes, at: 40)
    bytes.storeBig(parentTime, at: 56)
    bytes.storeBig(VpcFooter.checksum(buffer.bytes, length: VpcHeader.length, fieldAt: 36), at: 36)
    return buffer
  }

  // MARK: The table

  /// Bytes of the bitmap before each block.
  var bitmapBytes: UInt64 { (blockSize / 512).dividedUp(by: 8).dividedUp(by: 512) * 512 }
  /// The end of the table, which takes whole sectors.
  var tableEnd: UInt64 {
    (tableOffset &+ UInt64(entryCount) * 4).roundedUp(to: 512) ?? .max
  }

  /// The layout of table and blocks in a file of that many bytes.
  ///
  /// - Parameter headerOffset: where this header stands.
  /// - Throws: kind `corrupt` where they are not in the file, or on each other.
  func layout(
    diskLength: UInt64, kind: VpcFooter.Kind, headerOffset: UInt64, fileLength: UInt64
  ) throws(BlockError) -> BlockTableLayout {
    guard let end = tableOffset.plus(UInt64(entryCount) * 4), end <= fileLength else {
      throw BlockError(
        .corrupt, "the block allocation table (offset \(tableOffset)) lies past the end of the file")
    }
    let header = headerOffset..<headerOffset + UInt64(VpcHeader.length)
    let copy = 0..<UInt64(VpcFooter.length)
    let table = tableOffset..<tableEnd
    guard !table.overlaps(header), !table.overlaps(copy), !table.isEmpty || tableOffset >= copy.upperBound
    else {
      throw BlockError(
        .corrupt, "the block allocation table (offset \(tableOffset)) lies on the header or the footer")
    }
    var layout = BlockTableLayout(
      length: diskLength, blockSize: blockSize, tableOffset: tableOffset,
      capacity: (tableEnd - tableOffset) / 4, areaOffset: 0, lead: bitmapBytes, unit: 512,
      unitLimit: UInt64(UInt32.max))
    layout.largestUnit = UInt64(UInt32.max) + (bitmapBytes + blockSize) / 512
    layout.alignment = min(max(blockSize, 512), 4096)
    layout.mayBeUnaligned = true
    layout.bitmap = SectorBitmap(.lead, isMostSignificantFirst: true)
    layout.bitmap?.isAdvisory = kind != .differencing
    layout.leadFill = 0xff
    layout.reserved = [copy, header, table]
    if kind == .differencing {
      layout.reserved += locators.compactMap {
        place(of: $0, headerOffset: headerOffset, inFileOf: fileLength)
      }
    }
    return layout
  }

  // MARK: The parent

  /// The name of the parent, without a say on where it is; nil for none.
  var parentName: String? {
    let units = stride(from: 0, to: VpcHeader.nameLength, by: 2).map { index in
      let at = VpcHeader.nameOffset + index
      return UInt16(original[at]) << 8 | UInt16(original[at + 1])
    }
    return VpcParentName.text(units.prefix { $0 != 0 })
  }

  /// The locators that are in use.
  var locators: [VpcLocator] {
    let bytes = Buffer(original)
    return (0..<VpcLocator.count).compactMap { index in
      let locator = VpcLocator(
        parsing: bytes.bytes, at: VpcHeader.locatorsOffset + index * VpcLocator.entryLength)
      return locator.code == 0 ? nil : locator
    }
  }

  /// Where the name of a locator is; nil where that is not in a file of so many bytes, or on something else.
  func place(of locator: VpcLocator, headerOffset: UInt64, inFileOf fileLength: UInt64) -> Range<UInt64>? {
    guard let place = locator.place(inFileOf: fileLength) else { return nil }
    let header = headerOffset..<headerOffset + UInt64(VpcHeader.length)
    let others = [0..<UInt64(VpcFooter.length), header, tableOffset..<tableEnd]
    return others.contains { $0.overlaps(place) } ? nil : place
  }

  /// The parent as the image names it, nil where it names none, and what is wrong with its locators, in words.
  ///
  /// - Parameter read: gives bytes of the file.
  func reference(
    headerOffset: UInt64, inFileOf fileLength: UInt64, _ read: (UInt64, Int) throws(BlockError) -> Buffer
  ) throws(BlockError) -> (backing: ImageReference?, defects: [String]) {
    var names = VpcParentName()
    var defects: [String] = []
    for locator in locators.sorted(by: { $0.rank < $1.rank }) where locator.rank < .max {
      guard let place = place(of: locator, headerOffset: headerOffset, inFileOf: fileLength) else {
        defects.append(
          "a parent locator (offset \(locator.offset), \(locator.length) bytes) lies where no name can be")
        continue
      }
      let name = try read(place.lowerBound, place.count)
      names.add(locator, name.bytes)
    }
    names.add(parentName)
    guard let first = names.candidates.first else { return (nil, defects) }
    var reference = ImageReference(slot: .backing, role: .cow, name: first, format: "vpc")
    reference.otherNames = Array(names.candidates.dropFirst())
    reference.staysInFolder = true
    let wanted = VpcParent(id: parentID, time: parentTime)
    reference.check = { (node) throws(BlockError) in
      guard let identity = node.identity, identity.format == "vpc" else { return [] }
      guard wanted.id == .none || identity.id == wanted.id.bytes else {
        throw BlockError(
          .corrupt,
          "'\(node.fileName)' is not the parent of this image: its id is \(VpcID(identity.id)), not \(wanted.id)",
          advice: "Content that was written over one parent means nothing over another.")
      }
      return wanted.hasTime(of: node, identity)
        ? []
        : [
          .remark(
            "the parent '\(node.fileName)' does not have the time stamp that the image has for it: it may have been "
              + "changed since")
        ]
    }
    return (reference, defects)
  }

  /// Names another parent, or none.
  mutating func setParent(_ name: String, _ locators: [VpcLocator], id: VpcID, time: UInt32) {
    let buffer = Buffer(original)
    var bytes = buffer.mutableBytes
    var field = bytes.slice(VpcHeader.nameOffset..<VpcHeader.length)
    field.fill()
    for (index, unit) in VpcParentName.units(name).prefix(VpcHeader.nameLength / 2 - 1).enumerated() {
      field.storeBig(unit, at: index * 2)
    }
    original = buffer.array
    setLocators(locators)
    (parentID, parentTime) = (id, time)
  }

  /// Lets these locators be the ones in use.
  mutating func setLocators(_ locators: [VpcLocator]) {
    let buffer = Buffer(original)
    var bytes = buffer.mutableBytes
    var field = bytes.slice(
      VpcHeader.locatorsOffset..<VpcHeader.locatorsOffset + VpcLocator.count * VpcLocator.entryLength)
    field.fill()
    for (index, locator) in locators.prefix(VpcLocator.count).enumerated() {
      locator.write(to: &field, at: index * VpcLocator.entryLength)
    }
    original = buffer.array
  }
}

/// One of the eight places of a header that tell where the name of the parent is, as some system spells it.
struct VpcLocator: Equatable {
  /// How many a header has.
  static let count = 8
  /// Bytes of one in the header.
  static let entryLength = 24
  /// Bytes of a name that are read.
  static let longestName = 1 << 16

  /// The systems whose names are read.
  enum Code {
    /// `W2ru`: relative to the image's folder, in UTF-16.
    static let relative: UInt32 = 0x5732_7275
    /// `W2ku`: absolute, in UTF-16.
    static let absolute: UInt32 = 0x5732_6b75
    /// `MacX`: a URL, in UTF-8.
    static let url: UInt32 = 0x4d61_6358
  }

  /// Where the name stands among those that are read, the first one first; `Int.max` for names that nobody reads.
  var rank: Int {
    [Code.relative, Code.absolute, Code.url].firstIndex(of: code) ?? .max
  }

  var code: UInt32
  /// Bytes of the name.
  var length: UInt32
  /// The offset of the name in the file.
  var offset: UInt64

  init(code: UInt32, length: UInt32, offset: UInt64) {
    self.code = code
    self.length = length
    self.offset = offset
  }

  init(parsing bytes: RawSpan, at offset: Int) {
    code = bytes.big32(at: offset)
    length = bytes.big32(at: offset + 8)
    self.offset = bytes.big64(at: offset + 16)
  }

  func write(to bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeBig(code, at: offset)
    // Sectors by the specification, bytes in what programs write.
    bytes.storeBig(UInt32(clamping: UInt64(length).dividedUp(by: 512) * 512), at: offset + 4)
    bytes.storeBig(length, at: offset + 8)
    bytes.storeBig(self.offset, at: offset + 16)
  }

  /// Where the name is, nil where that is not in a file of so many bytes or the name is too long.
  func place(inFileOf fileLength: UInt64) -> Range<UInt64>? {
    guard length > 0, length <= VpcLocator.longestName, let end = offset.plus(UInt64(length)),
      end <= fileLength
    else { return nil }
    return offset..<end
  }
}

/// The values of a block allocation table: the sector at which a block's bitmap starts, or all ones for none.
struct VpcCoding: BlockEntryCoding {
  let width = 4
  let isBigEndian = true
  /// Bytes of a bitmap.
  let lead: UInt64
  /// Whether the bitmap tells which sectors are the parent's.
  let isDifferencing: Bool

  private static let hole: UInt64 = 0xffff_ffff

  func entry(of value: UInt64) -> BlockEntry? {
    guard value != VpcCoding.hole else { return .hole }
    let place = value * 512 + lead
    return isDifferencing ? .partial(place) : .data(place)
  }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: return VpcCoding.hole
    case .data(let offset), .partial(let offset):
      guard offset >= lead, (offset - lead) % 512 == 0, (offset - lead) / 512 < VpcCoding.hole else {
        return nil
      }
      return (offset - lead) / 512
    case .zero, .compressed: return nil
    }
  }
}
