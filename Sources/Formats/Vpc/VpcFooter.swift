// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// The footer of a VHD, 512 bytes of big-endian numbers ("Hard Disk Footer Format"); a copy stands at the start of files
/// with a block allocation table.
struct VpcFooter {
  /// Bytes of a footer.
  static let length = 512
  /// The bytes at the start of each.
  static let cookie: [UInt8] = Array("conectix".utf8)
  /// The longest disk of a file with a table, in bytes: 2040 GiB.
  static let largestDisk: UInt64 = 0xff00_0000 * 512
  /// The longest fixed disk, in bytes: as much as offsets of files can tell.
  static let largestFixedDisk = UInt64(Int64.max) / 512 * 512 - 512
  /// Seconds from 1970 to 2000, from where time stamps count.
  static let epoch: UInt32 = 946_684_800

  /// The ways in which a disk is stored.
  enum Kind: UInt32 {
    /// From the start of the file, as it is.
    case fixed = 2
    /// In blocks, which a table finds.
    case dynamic = 3
    /// The same, over a parent.
    case differencing = 4
  }

  /// The programs whose name in a footer has a meaning here.
  enum Creator {
    /// `qemu`: the length is that of the geometry.
    static let qemu: UInt32 = 0x7165_6d75
    /// `qem2`: the length is the stated one.
    static let exact: UInt32 = 0x7165_6d32
    /// `vpc `: the length is that of the geometry.
    static let virtualPC: UInt32 = 0x7670_6320
  }

  /// Where the length of the disk is taken from.
  enum LengthRule: String, CaseIterable {
    /// From the stated size, unless the program that made the image is known to go by geometry.
    case auto
    /// From the geometry.
    case chs
    /// From the stated size.
    case currentSize = "current_size"
  }

  /// The offset of the dynamic header; all ones in a fixed disk: offset 16.
  var dataOffset: UInt64
  /// Seconds since 2000: offset 24.
  var time: UInt32
  /// The program that made the image: offset 28.
  var creator: UInt32
  /// The length in bytes when the image was made: offset 40.
  var originalSize: UInt64
  /// The length in bytes: offset 48.
  var currentSize: UInt64
  /// Offset 56.
  var geometry: VpcGeometry
  /// Offset 60.
  var kindNumber: UInt32
  /// Offset 68.
  var id: VpcID
  /// Whether a machine's state was saved beside the image: offset 84.
  var isSavedState = false
  /// Major and minor version: offset 12.
  var version: UInt32 = 0x0001_0000
  /// All bytes as they were read, to keep what is not known here.
  private var original: [UInt8] = []

  /// The way in which the disk is stored, if it is one that there is.
  var kind: Kind? { Kind(rawValue: kindNumber) }

  /// The footer of a new image.
  init(_ kind: Kind, length: UInt64, creator: UInt32, geometry: VpcGeometry) {
    dataOffset = kind == .fixed ? .max : UInt64(VpcFooter.length)
    let now = WallClock.now.seconds
    time = now > VpcFooter.epoch ? now - VpcFooter.epoch : 0
    self.creator = creator
    (originalSize, currentSize) = (length, length)
    self.geometry = geometry
    kindNumber = kind.rawValue
    id = .random()
  }

  /// Reads a footer from 512 bytes, or from 511 as the first programs wrote them; nil where the cookie or the checksum is
  /// not one's.
  init?(parsing bytes: RawSpan) {
    guard VpcFooter.hasCookie(bytes), bytes.byteCount >= VpcFooter.length - 1 else { return nil }
    let stated = bytes.big32(at: 64)
    guard stated == VpcFooter.checksum(bytes, length: VpcFooter.length, fieldAt: 64) else { return nil }
    version = bytes.big32(at: 12)
    dataOffset = bytes.big64(at: 16)
    time = bytes.big32(at: 24)
    creator = bytes.big32(at: 28)
    originalSize = bytes.big64(at: 40)
    currentSize = bytes.big64(at: 48)
    geometry = VpcGeometry(
      cylinders: bytes.big16(at: 56), heads: bytes.byte(at: 58), sectorsPerTrack: bytes.byte(at: 59))
    kindNumber = bytes.big32(at: 60)
    id = VpcID(parsing: bytes, at: 68)
    isSavedState = bytes.byte(at: 84) != 0
    original = bytes.bytes(0..<min(bytes.byteCount, VpcFooter.length))
  }

  /// Whether bytes begin as a footer does.
  static func hasCookie(_ bytes: RawSpan) -> Bool {
    bytes.byteCount >= cookie.count && bytes.bytes(0..<cookie.count) == cookie
  }

  /// The checksum of a structure of so many bytes: the ones' complement of their sum, without the field itself.
  static func checksum(_ bytes: RawSpan, length: Int, fieldAt field: Int) -> UInt32 {
    var sum: UInt32 = 0
    for index in 0..<min(length, bytes.byteCount) where !(field..<field + 4).contains(index) {
      sum &+= UInt32(bytes.byte(at: index))
    }
    return ~sum
  }

  /// The 512 bytes.
  var bytes: Buffer {
    let buffer = Buffer(count: VpcFooter.length)
    var bytes = buffer.mutableBytes
    if original.isEmpty {
      // Features: the bit that is always set.
      bytes.storeBig(2 as UInt32, at: 8)
      bytes.storeBig(0x0005_0003 as UInt32, at: 32)
      bytes.copy(Buffer(Array("Wi2k".utf8)).bytes, at: 36)
    } else {
      bytes.copy(Buffer(original).bytes)
    }
    bytes.copy(Buffer(VpcFooter.cookie).bytes)
    bytes.storeBig(version, at: 12)
    bytes.storeBig(dataOffset, at: 16)
    bytes.storeBig(time, at: 24)
    bytes.storeBig(creator, at: 28)
    bytes.storeBig(originalSize, at: 40)
    bytes.storeBig(currentSize, at: 48)
    bytes.storeBig(geometry.cylinders, at: 56)
    bytes.store(geometry.heads, at: 58)
    bytes.store(geometry.sectorsPerTrack, at: 59)
    bytes.storeBig(kindNumber, at: 60)
    id.write(to: &bytes, at: 68)
    bytes.store(isSavedState ? 1 : 0, at: 84)
    bytes.storeBig(VpcFooter.checksum(buffer.bytes, length: VpcFooter.length, fieldAt: 64), at: 64)
    return buffer
  }

  /// Bytes of the disk. Programs that went by geometry cut the rest of a stated size off; where a geometry says nothing,
  /// or more than is stated, the stated size counts.
  func diskLength(_ rule: LengthRule) -> UInt64 {
    let isGeometry =
      switch rule {
      case .chs: geometry != .largest
      case .currentSize: false
      case .auto:
        [Creator.qemu, Creator.virtualPC].contains(creator) && geometry.length > 0
          && geometry.length < currentSize && geometry != .largest
      }
    return isGeometry ? geometry.length : currentSize.roundedDown(to: 512)
  }

  /// Gives the disk another length, which all programs read alike: some go by the original one.
  mutating func setLength(_ length: UInt64) {
    (originalSize, currentSize) = (length, length)
    geometry = .largest
  }
}

/// Sixteen bytes that name an image.
struct VpcID: Equatable, CustomStringConvertible {
  var high: UInt64
  var low: UInt64

  /// Names nothing.
  static let none = VpcID(high: 0, low: 0)

  /// A random one, of version 4.
  static func random() -> VpcID {
    let high = UInt64.random(in: .min ... .max) & ~0xf000 | 0x4000
    let low = UInt64.random(in: .min ... .max) >> 2 | 1 << 63
    return VpcID(high: high, low: low)
  }

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// - Parameter bytes: sixteen of them.
  init(_ bytes: [UInt8]) {
    let buffer = Buffer(bytes)
    self.init(parsing: buffer.bytes, at: 0)
  }

  init(parsing bytes: RawSpan, at offset: Int) {
    high = bytes.big64(at: offset)
    low = bytes.big64(at: offset + 8)
  }

  func write(to bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeBig(high, at: offset)
    bytes.storeBig(low, at: offset + 8)
  }

  /// The sixteen bytes.
  var bytes: [UInt8] {
    let buffer = Buffer(count: 16)
    var bytes = buffer.mutableBytes
    write(to: &bytes, at: 0)
    return buffer.array
  }

  /// In five groups of digits.
  var description: String {
    func digits(_ value: UInt64, _ count: Int) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    return digits(high >> 32, 8) + "-" + digits(high >> 16 & 0xffff, 4) + "-" + digits(high & 0xffff, 4) + "-"
      + digits(low >> 48, 4) + "-" + digits(low & 0xffff_ffff_ffff, 12)
  }
}
