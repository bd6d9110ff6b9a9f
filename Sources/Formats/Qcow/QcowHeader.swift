// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The header of a qcow image, version 1: big-endian numbers in the first 48 bytes, and the backing file's name.
struct QcowHeader: StorableHeader {
  /// Bytes of the fields.
  static let length = 48
  /// `QFI` and a byte that is no character.
  static let magic: UInt32 = 0x5146_49fb
  /// Binary logarithms of a cluster's bytes.
  static let clusterBits: ClosedRange<UInt8> = 9...16
  /// Binary logarithms of an L2 table's entries.
  static let tableBits: ClosedRange<UInt8> = 6...13
  /// Entries of the L1 table, at most.
  static let largestTable: UInt64 = (1 << 28) - 1
  /// Bytes of a backing file's name.
  static let longestName = 1023

  /// The offset of the backing file's name in bytes, or 0: offset 8; its length is at 16.
  var nameOffset: UInt64 = 0
  var backingName: String?
  /// When the backing file was changed last: offset 20; of no use here.
  var modified: UInt32 = 0
  /// Guest-visible length in bytes: offset 24. What is left of it over whole sectors is no part of the disk.
  var statedSize: UInt64
  /// Offset 32.
  var clusterBits: UInt8
  /// Offset 33.
  var tableBits: UInt8
  /// Whether guest data is encrypted with AES: offset 36.
  var isEncrypted: Bool
  /// The offset of the L1 table in bytes: offset 40.
  var tableOffset: UInt64

  /// Guest-visible length in bytes.
  var size: UInt64 { statedSize.roundedDown(to: 512) }
  /// Bytes of a cluster.
  var clusterSize: UInt64 { 1 << UInt64(clusterBits) }
  /// Entries of an L2 table.
  var perTable: UInt64 { 1 << UInt64(tableBits) }
  /// Entries that the L1 table needs for a disk of so many bytes.
  func tables(for size: UInt64) -> UInt64 { size.dividedUp(by: clusterSize * perTable) }
}

extension QcowHeader {
  /// Whether a file that starts with these bytes is such an image.
  static func hasMagic(_ head: RawSpan) -> Bool {
    head.byteCount >= 8 && head.big32(at: 0) == magic && head.big32(at: 4) == 1
  }

  /// Reads the fields from at least 48 bytes; bytes that the file lacks read as zeros.
  ///
  /// - Throws: kind `invalidArgument`, `unsupported`, `corrupt` or `tooLarge`, in `qemu-img`'s words where it has some.
  init(parsing bytes: RawSpan) throws(BlockError) {
    guard bytes.big32(at: 0) == QcowHeader.magic else {
      throw BlockError(.invalidArgument, "Image not in qcow format")
    }
    let version = bytes.big32(at: 4)
    guard version == 1 else {
      throw BlockError(
        .unsupported, "qcow (v\(version)) does not support qcow version \(version)",
        advice: "Versions 2 and 3 are format qcow2.")
    }
    nameOffset = bytes.big64(at: 8)
    modified = bytes.big32(at: 20)
    statedSize = bytes.big64(at: 24)
    clusterBits = bytes.byte(at: 32)
    tableBits = bytes.byte(at: 33)
    tableOffset = bytes.big64(at: 40)
    guard statedSize > 1 else {
      throw BlockError(.corrupt, "Image size is too small (must be at least 2 bytes)")
    }
    guard QcowHeader.clusterBits.contains(clusterBits) else {
      throw BlockError(.corrupt, "Cluster size must be between 512 and 64k")
    }
    guard QcowHeader.tableBits.contains(tableBits) else {
      throw BlockError(.corrupt, "L2 table size must be between 512 and 64k")
    }
    let method = bytes.big32(at: 36)
    guard method <= 1 else {
      throw BlockError(.unsupported, "invalid encryption method in qcow header")
    }
    isEncrypted = method == 1
    guard tables(for: size) <= QcowHeader.largestTable else { throw BlockError(.tooLarge, "Image too large") }
    let count = bytes.big32(at: 16)
    guard nameOffset == 0 || count <= QcowHeader.longestName else {
      throw BlockError(.corrupt, "Backing file name too long")
    }
    guard nameOffset.plus(UInt64(count)).flatMap({ Int64(exactly: $0) }) != nil else {
      throw BlockError(.corrupt, "the backing file's name (offset \(nameOffset)) lies outside every file")
    }
    guard tableOffset >= QcowHeader.length else {
      throw BlockError(.corrupt, "the L1 table (offset \(tableOffset)) lies in the header")
    }
    guard tableOffset.plus(tables(for: size) * 8).flatMap({ Int64(exactly: $0) }) != nil else {
      throw BlockError(.corrupt, "the L1 table (offset \(tableOffset)) lies outside every file")
    }
  }

  /// Reads a header with the backing file's name, which ends with the first zero byte.
  ///
  /// - Parameter read: gives bytes of the file, zeros past its end.
  init(_ read: (UInt64, Int) throws(BlockError) -> Buffer) throws(BlockError) {
    let head = try read(0, QcowHeader.length)
    self = try QcowHeader(parsing: head.bytes)
    let count = Int(head.bytes.big32(at: 16))
    guard nameOffset != 0, count > 0 else { return }
    let name = try read(nameOffset, count).array.prefix { $0 != 0 }
    if !name.isEmpty { backingName = String(spelling: Array(name)) }
  }

  /// Puts all fields into 48 bytes.
  func write(to bytes: inout MutableRawSpan) {
    bytes.storeBig(QcowHeader.magic, at: 0)
    bytes.storeBig(1 as UInt32, at: 4)
    bytes.storeBig(backingName == nil ? 0 : nameOffset, at: 8)
    bytes.storeBig(UInt32(backingName?.spelledCount ?? 0), at: 16)
    bytes.storeBig(modified, at: 20)
    bytes.storeBig(statedSize, at: 24)
    bytes.store(clusterBits, at: 32)
    bytes.store(tableBits, at: 33)
    bytes.store(0, at: 34)
    bytes.store(0, at: 35)
    bytes.storeBig(isEncrypted ? 1 : 0 as UInt32, at: 36)
    bytes.storeBig(tableOffset, at: 40)
  }

  /// The backing file as the image names it; its format is stored nowhere.
  var backing: ImageReference? {
    backingName.map { ImageReference(slot: .backing, role: .cow, name: $0, format: nil) }
  }

  /// How L2 entries are spelled.
  var coding: QcowCoding { QcowCoding(clusterBits: UInt64(clusterBits)) }

  /// The layout of tables and clusters.
  var layout: BlockTableLayout {
    let tableBytes = tables(for: size) * 8
    var layout = BlockTableLayout(
      length: size, blockSize: clusterSize, tableOffset: tableOffset,
      capacity: tables(for: size) * perTable, areaOffset: 0, unit: 512,
      unitLimit: UInt64(Int64.max) / 512, placesStay: true)
    layout.alignment = clusterSize
    layout.directory = BlockTableDirectory(perTable: perTable, coding: QcowCoding(clusterBits: nil))
    layout.directory?.loadsNewTables = true
    layout.reserved = [0..<UInt64(QcowHeader.length), tableOffset..<tableOffset + tableBytes]
    if let backingName { layout.reserved.append(nameOffset..<nameOffset + UInt64(backingName.spelledCount)) }
    // Other programs write the L1 table in whole sectors.
    layout.spare = [tableOffset + tableBytes..<tableOffset + tableBytes.dividedUp(by: 512) * 512]
    layout.mayEndEarly = true
    layout.fillsBlocks = isEncrypted
    return layout
  }
}

/// The values of L1 and L2 entries: offsets in the file, 0 for nothing, and in L2 tables places of compressed clusters.
struct QcowCoding: BlockEntryCoding {
  let width = 8
  let isBigEndian = true
  /// Nil for the entries of the L1 table.
  let clusterBits: UInt64?

  /// The bit of what is compressed.
  private static let compressed: UInt64 = 1 << 63

  func entry(of value: UInt64) -> BlockEntry? {
    guard value != 0 else { return .hole }
    guard value & QcowCoding.compressed != 0 else { return .data(value) }
    guard let clusterBits else { return nil }
    let shift = 63 - clusterBits
    let length = value >> shift & (1 << clusterBits - 1)
    return length > 0 ? .compressed(at: value & (1 << shift - 1), length: length) : nil
  }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: return 0
    case .data(let offset): return offset
    case .compressed(let offset, let length):
      guard let clusterBits, length > 0, length < 1 << clusterBits, offset < 1 << (63 - clusterBits) else {
        return nil
      }
      return QcowCoding.compressed | length << (63 - clusterBits) | offset
    case .zero, .partial: return nil
    }
  }
}
