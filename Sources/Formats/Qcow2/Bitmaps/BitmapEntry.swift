// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// Marks of a bitmap in the directory.
struct BitmapFlags: OptionSet, Hashable, Sendable {
  let rawValue: UInt32

  /// Not saved properly since it was last open for writing: its bits mean nothing.
  static let inUse = BitmapFlags(rawValue: 1)
  /// Writes are noted in it.
  static let auto = BitmapFlags(rawValue: 2)
  /// Extra data of an unknown kind may be passed over.
  static let extraDataCompatible = BitmapFlags(rawValue: 4)
  /// The flags that this program understands.
  static let known: BitmapFlags = [.inUse, .auto]
}

/// One entry of the bitmap directory: a bitmap without its bits.
struct BitmapEntry: Hashable, Sendable {
  /// Bytes in front of extra data and name.
  static let fixedSize = 24
  /// The only type there is: a dirty tracking bitmap.
  static let dirtyTracking: UInt8 = 1
  /// The offset of the flags inside an entry.
  static let flagsOffset = 12

  /// The offset of the bitmap's table.
  var tableOffset: UInt64
  /// Entries of the table.
  var tableSize: UInt32
  var flags: BitmapFlags
  var type: UInt8 = BitmapEntry.dirtyTracking
  /// Bytes of the disk that one bit stands for, as a power of two.
  var granularityBits: UInt8
  var nameBytes: [UInt8]
  var extra: [UInt8] = []

  /// Bytes in the directory, padding included.
  var size: Int { BitmapEntry.size(named: nameBytes.count + extra.count) }
  /// Bytes of memory that an entry takes beside its name and extra data, at most.
  static let fixedMemory = MemoryBudget.inArray(of: BitmapEntry.self) + 2 * MemoryBudget.arrayHeader
  /// Bytes of the table.
  var tableBytes: UInt64 { UInt64(tableSize) * UInt64(BitmapTableEntry.size) }
  /// The name up to the first zero byte, where other programs take it to end.
  var nameKey: ArraySlice<UInt8> { nameBytes.prefix { $0 != 0 } }
  /// The name for messages and for users.
  var name: String { String(spelling: nameKey) }

  /// Bytes of an entry whose name and extra data have `bytes` bytes together.
  static func size(named bytes: Int) -> Int { (fixedSize + bytes + 7) / 8 * 8 }

  /// Bytes of the entry that begins here, padding included; nil where not even its fixed part is here.
  static func size(at bytes: RawSpan) -> Int? {
    guard bytes.byteCount >= fixedSize else { return nil }
    return size(named: Int(bytes.big16(at: 18)) + Int(bytes.big32(at: 20)))
  }

  /// Reads the entry at the start of what is left of a directory.
  ///
  /// - Throws: kind `corrupt` where it passes the end.
  init(parsing bytes: RawSpan) throws(BlockError) {
    guard bytes.byteCount >= BitmapEntry.fixedSize else { throw BitmapEntry.broken }
    tableOffset = bytes.big64(at: 0)
    tableSize = bytes.big32(at: 8)
    flags = BitmapFlags(rawValue: bytes.big32(at: BitmapEntry.flagsOffset))
    type = bytes.byte(at: 16)
    granularityBits = bytes.byte(at: 17)
    let nameSize = Int(bytes.big16(at: 18))
    let extraSize = Int(bytes.big32(at: 20))
    guard BitmapEntry.size(named: nameSize + extraSize) <= bytes.byteCount else { throw BitmapEntry.broken }
    let nameStart = BitmapEntry.fixedSize + extraSize
    extra = []
    nameBytes = []
    // Arrays that grow byte by byte take up to twice the room, and names may be long and many.
    extra.reserveCapacity(extraSize)
    nameBytes.reserveCapacity(nameSize)
    for offset in BitmapEntry.fixedSize..<nameStart { extra.append(bytes.byte(at: offset)) }
    for offset in nameStart..<nameStart + nameSize { nameBytes.append(bytes.byte(at: offset)) }
  }

  /// A new bitmap whose table is still to be placed.
  init(name: String, granularityBits: UInt8, isEnabled: Bool) {
    tableOffset = 0
    tableSize = 0
    flags = isEnabled ? .auto : []
    self.granularityBits = granularityBits
    nameBytes = name.spelledBytes
  }

  /// Writes the entry at `offset` of an area that is zero there.
  func write(to area: inout MutableRawSpan, at offset: Int) {
    area.storeBig(tableOffset, at: offset)
    area.storeBig(tableSize, at: offset + 8)
    area.storeBig(flags.rawValue, at: offset + BitmapEntry.flagsOffset)
    area.store(type, at: offset + 16)
    area.store(granularityBits, at: offset + 17)
    area.storeBig(UInt16(clamping: nameBytes.count), at: offset + 18)
    area.storeBig(UInt32(clamping: extra.count), at: offset + 20)
    var position = offset + BitmapEntry.fixedSize
    for byte in extra + nameBytes {
      area.store(byte, at: position)
      position += 1
    }
  }

  private static var broken: BlockError { BlockError(.corrupt, "Broken bitmap directory") }
}

/// One entry of a bitmap's table: where a cluster of its bits is.
struct BitmapTableEntry: Hashable, Sendable {
  /// Bytes of an entry.
  static let size = 8
  private static let offsetMask: UInt64 = 0x00ff_ffff_ffff_fe00
  private static let reserved: UInt64 = 0xff00_0000_0000_01fe

  let rawValue: UInt64

  /// A cluster without a dirty bit.
  static let zeros = BitmapTableEntry(rawValue: 0)

  /// The offset of the cluster; 0 where there is none.
  var offset: UInt64 { rawValue & BitmapTableEntry.offsetMask }
  /// Whether, without a cluster, all bits are set rather than clear.
  var isAllOnes: Bool { offset == 0 && rawValue & 1 != 0 }

  /// Whether the entry obeys the specification.
  func isValid(_ geometry: Geometry) -> Bool {
    rawValue & BitmapTableEntry.reserved == 0 && (offset == 0 || rawValue & 1 == 0)
      && geometry.offsetInCluster(offset) == 0
  }
}
