// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import BlockTables
internal import Errors

/// The header of a VDI image: little-endian numbers at fixed offsets in the first 512 bytes.
struct VdiHeader: StorableHeader {
  /// Bytes of the file that hold it; also the unit of the offsets that it states.
  static let length = 512
  /// The number that tells the format, at offset 64.
  static let signature: UInt32 = 0xBEDA_107F
  /// Version 1.1.
  static let version: UInt32 = 0x0001_0001
  /// The only size of blocks that programs write.
  static let blockSize: UInt32 = 1 << 20
  /// The most blocks that an image can have.
  static let largestBlockCount: UInt32 = 0x1fff_ff80
  /// The largest disk in bytes.
  static let largestDisk = UInt64(largestBlockCount) * UInt64(blockSize)
  /// The text before the signature in images of ours; no reader may rely on it.
  static let text = "<<< Strata VDI Disk Image >>>\n"

  /// How space is given to blocks.
  enum ImageType: UInt32 {
    /// When they are first written.
    case dynamic = 1
    /// From the start.
    case fixed = 2
  }

  /// Bytes of the header that follow the text and this field, as it says itself.
  static let statedSize: UInt32 = 0x180

  var imageType: UInt32
  /// The offset of the block map, in bytes: offset 340.
  var mapOffset: UInt32
  /// The offset of the first block's place, in bytes: offset 344.
  var dataOffset: UInt32
  /// Guest-visible length in bytes: offset 368.
  var diskSize: UInt64
  /// Bytes before the data of each block: offset 380.
  var blockExtra: UInt32
  /// Entries of the block map: offset 384.
  var blockCount: UInt32
  /// Blocks with a place: offset 388.
  var allocatedCount: UInt32
  /// Offset 392.
  var imageID: GUID
  /// Changes with the content: offset 408.
  var modificationID: GUID
}

extension VdiHeader {
  /// Whether a file that starts with these bytes is such an image.
  static func hasSignature(_ head: RawSpan) -> Bool {
    head.byteCount >= 68 && head.little32(at: 64) == signature
  }

  /// Reads a header from at least 512 bytes; bytes that the file lacks read as zeros.
  ///
  /// - Throws: kind `unsupported` or `invalidArgument`, in `qemu-img`'s words.
  init(parsing bytes: RawSpan) throws(BlockError) {
    let stated = bytes.little64(at: 368)
    guard stated <= VdiHeader.largestDisk else { throw VdiHeader.tooLarge(stated) }
    // Disks are made of whole sectors.
    let diskSize = (stated + 511) / 512 * 512
    let signature = bytes.little32(at: 64)
    guard signature == VdiHeader.signature else {
      let digits = String(signature, radix: 16)
      throw BlockError(
        .invalidArgument,
        "Image not in VDI format (bad signature \(String(repeating: "0", count: 8 - digits.count))\(digits))")
    }
    let version = bytes.little32(at: 68)
    let mapOffset = bytes.little32(at: 340)
    let dataOffset = bytes.little32(at: 344)
    let sectorSize = bytes.little32(at: 360)
    let blockSize = bytes.little32(at: 376)
    let blockCount = bytes.little32(at: 384)
    let room = UInt64(blockCount) * UInt64(VdiHeader.blockSize)
    try VdiHeader.require(version == VdiHeader.version, "version \(version >> 16).\(version & 0xffff)")
    try VdiHeader.require(
      mapOffset % 512 == 0, "unaligned block map offset 0x\(String(mapOffset, radix: 16))")
    try VdiHeader.require(dataOffset % 512 == 0, "unaligned data offset 0x\(String(dataOffset, radix: 16))")
    try VdiHeader.require(sectorSize == 512, "sector size \(sectorSize) is not 512")
    try VdiHeader.require(
      blockSize == VdiHeader.blockSize, "block size \(blockSize) is not \(VdiHeader.blockSize)")
    try VdiHeader.require(diskSize <= room, "disk size \(diskSize), image bitmap has room for \(room)")
    try VdiHeader.require(GUID(parsing: bytes, at: 424) == .none, "non-NULL link UUID")
    try VdiHeader.require(GUID(parsing: bytes, at: 440) == .none, "non-NULL parent UUID")
    try VdiHeader.require(
      blockCount <= VdiHeader.largestBlockCount,
      "too many blocks \(blockCount), max is \(VdiHeader.largestBlockCount)")
    blockExtra = bytes.little32(at: 380)
    try VdiHeader.require(
      blockExtra % 512 == 0 && blockExtra <= VdiHeader.blockSize, "block extra data of \(blockExtra) bytes")
    imageType = bytes.little32(at: 76)
    self.mapOffset = mapOffset
    self.dataOffset = dataOffset
    self.diskSize = diskSize
    self.blockCount = blockCount
    allocatedCount = bytes.little32(at: 388)
    imageID = GUID(parsing: bytes, at: 392)
    modificationID = GUID(parsing: bytes, at: 408)
  }

  /// The error for a disk that is too long for the format.
  static func tooLarge(_ size: UInt64) -> BlockError {
    BlockError(
      .tooLarge,
      "Unsupported VDI image size (size is 0x\(String(size, radix: 16)), max supported is "
        + "0x\(String(largestDisk, radix: 16)))")
  }

  private static func require(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws(BlockError) {
    if !condition { throw BlockError(.unsupported, "unsupported VDI image (\(otherwise()))") }
  }

  /// Puts every field into 512 bytes; fields that are not known here keep what `bytes` has.
  func write(to bytes: inout MutableRawSpan) {
    bytes.storeLittle(VdiHeader.signature, at: 64)
    bytes.storeLittle(VdiHeader.version, at: 68)
    bytes.storeLittle(imageType, at: 76)
    bytes.storeLittle(mapOffset, at: 340)
    bytes.storeLittle(dataOffset, at: 344)
    bytes.storeLittle(512 as UInt32, at: 360)
    bytes.storeLittle(diskSize, at: 368)
    bytes.storeLittle(VdiHeader.blockSize, at: 376)
    bytes.storeLittle(blockExtra, at: 380)
    bytes.storeLittle(blockCount, at: 384)
    bytes.storeLittle(allocatedCount, at: 388)
    imageID.write(to: &bytes, at: 392)
    modificationID.write(to: &bytes, at: 408)
  }

  /// Fields that are not known here stay.
  func write(to file: Edge) throws(BlockError) {
    let head = try file.read(at: 0, count: VdiHeader.length)
    var bytes = head.mutableBytes
    write(to: &bytes)
    try file.write(at: 0, from: head.bytes)
  }

  /// Puts in what a new image has besides.
  func writeNew(to bytes: inout MutableRawSpan) {
    for (index, byte) in VdiHeader.text.utf8.enumerated() { bytes.store(byte, at: index) }
    bytes.storeLittle(VdiHeader.statedSize, at: 72)
    write(to: &bytes)
  }

  /// How the map's values are spelled.
  var coding: VdiCoding {
    VdiCoding(dataOffset: UInt64(dataOffset), lead: UInt64(blockExtra))
  }

  /// The layout of map and blocks in a file of that many bytes.
  ///
  /// - Throws: kind `corrupt` where they are not in the file, or on each other.
  func layout(fileLength: UInt64) throws(BlockError) -> BlockTableLayout {
    let needed = diskSize.dividedUp(by: UInt64(VdiHeader.blockSize))
    let mapEnd = UInt64(mapOffset) + needed * 4
    guard mapOffset >= VdiHeader.length else {
      throw BlockError(.corrupt, "the block map (offset \(mapOffset)) lies in the header")
    }
    guard mapEnd <= fileLength else {
      throw BlockError(.corrupt, "the block map (up to offset \(mapEnd)) lies past the end of the file")
    }
    guard dataOffset >= VdiHeader.length, mapEnd <= dataOffset || mapOffset >= dataOffset && needed == 0
    else {
      throw BlockError(.corrupt, "the blocks (offset \(dataOffset)) lie on the block map or the header")
    }
    let room = UInt64(dataOffset - mapOffset) / 4
    return BlockTableLayout(
      length: diskSize, blockSize: UInt64(VdiHeader.blockSize), tableOffset: UInt64(mapOffset),
      capacity: min(room, UInt64(VdiHeader.largestBlockCount)), areaOffset: UInt64(dataOffset),
      lead: UInt64(blockExtra), unitLimit: needed,
      isFixed: imageType == ImageType.fixed.rawValue, placesStay: true)
  }
}

/// The values of a block map: the number of a block's place, or one of two that mean none.
struct VdiCoding: BlockEntryCoding {
  let width = 4
  let isBigEndian = false
  /// The file offset of place 0.
  let dataOffset: UInt64
  /// Bytes of a place before its data.
  let lead: UInt64

  private static let hole: UInt64 = 0xffff_ffff
  private static let zero: UInt64 = 0xffff_fffe
  private var stride: UInt64 { lead + UInt64(VdiHeader.blockSize) }

  func entry(of value: UInt64) -> BlockEntry? {
    switch value {
    case VdiCoding.hole: .hole
    case VdiCoding.zero: .zero
    default: .data(dataOffset + value * stride + lead)
    }
  }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: return VdiCoding.hole
    case .zero: return VdiCoding.zero
    case .data(let offset):
      let index = (offset - dataOffset - lead) / stride
      return index < VdiCoding.zero ? index : nil
    case .partial, .compressed: return nil
    }
  }
}
