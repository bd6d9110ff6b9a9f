// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The header of a redolog of Bochs ("Bochs User Manual", disk image modes): little-endian numbers behind three names.
struct BochsHeader: Sendable {
  /// Bytes of the header.
  static let length = 512
  /// What the file begins with.
  static let magic = "Bochs Virtual HD Image"
  /// Entries of a catalog, at most, as `qemu-img` has it.
  static let largestCatalog: UInt32 = 1 << 20
  /// Bytes of an extent, at most, as `qemu-img` has it.
  static let largestExtent: UInt32 = 8 << 20
  /// Bytes of an extent's bitmap, at most: many times what the largest extent needs.
  private static let largestBitmap: UInt32 = 64 << 10

  /// Offset 64: 0x10000 or 0x20000.
  let version: UInt32
  /// How many extents the disk can have: offset 72.
  let catalogCount: UInt32
  /// Bytes of an extent's bitmap, which takes whole sectors in front of the extent: offset 76.
  let bitmapSize: UInt32
  /// Bytes of an extent: offset 80.
  let extentSize: UInt32
  /// What the header states for the guest-visible length in bytes: offset 84 in version 1, 88 in version 2, which has a
  /// time stamp in front of it.
  let statedSize: UInt64

  /// Guest-visible length in bytes: whole sectors.
  var size: UInt64 { statedSize.roundedDown(to: 512) }
  /// Bytes of header and catalog.
  var areaOffset: UInt64 { UInt64(BochsHeader.length) + UInt64(catalogCount) * 4 }
  /// Bytes that a bitmap takes in front of its extent.
  var lead: UInt64 { UInt64(bitmapSize).roundedUp(to: 512) ?? 0 }

  /// The name of 16 bytes at an offset, up to its first zero byte.
  private static func name(_ bytes: RawSpan, at offset: Int) -> String? {
    let name = bytes.bytes(offset..<offset + 16).prefix { $0 != 0 }
    return String(validating: name, as: UTF8.self)
  }

  /// Whether a file that starts with these bytes is an image that can be read.
  static func isKnown(_ head: RawSpan) -> Bool {
    head.byteCount >= 68 && kind(of: head) == "Growing"
  }

  /// What the redolog is, `Growing`, `Undoable` or `Volatile`; nil for something else.
  private static func kind(of bytes: RawSpan) -> String? {
    let magic = Array(magic.utf8) + [0]
    guard bytes.bytes(0..<magic.count) == magic, name(bytes, at: 32) == "Redolog",
      [0x10000, 0x20000].contains(bytes.little32(at: 64))
    else { return nil }
    return name(bytes, at: 48)
  }

  /// Reads the fields from at least 512 bytes; bytes that the file lacks read as zeros.
  ///
  /// - Throws: kind `invalidArgument`, `unsupported`, `corrupt` or `tooLarge`, in `qemu-img`'s words where it has some.
  init(parsing bytes: RawSpan) throws(BlockError) {
    switch BochsHeader.kind(of: bytes) {
    case "Growing": break
    case "Undoable", "Volatile":
      throw BlockError(
        .unsupported, "Image not in Bochs format",
        advice: "It holds changes of another image: 'bximage -func=commit' brings them there.")
    default: throw BlockError(.invalidArgument, "Image not in Bochs format")
    }
    version = bytes.little32(at: 64)
    let headerSize = bytes.little32(at: 68)
    catalogCount = bytes.little32(at: 72)
    bitmapSize = bytes.little32(at: 76)
    extentSize = bytes.little32(at: 80)
    statedSize = bytes.little64(at: version == 0x10000 ? 84 : 88)
    guard catalogCount <= BochsHeader.largestCatalog else {
      throw BlockError(.tooLarge, "Catalog size is too large")
    }
    guard extentSize >= 512 else { throw BlockError(.corrupt, "Extent size must be at least 512") }
    guard UInt64(extentSize).isPowerOfTwo else {
      throw BlockError(.corrupt, "Extent size \(extentSize) is not a power of two")
    }
    guard extentSize <= BochsHeader.largestExtent else {
      throw BlockError(.tooLarge, "Extent size \(extentSize) is too large")
    }
    guard size.dividedUp(by: UInt64(extentSize)) <= UInt64(catalogCount) else {
      throw BlockError(.corrupt, "Catalog size is too small for this disk size")
    }
    // Other programs take what stands elsewhere for the catalog, or data for a bitmap.
    guard headerSize == UInt32(BochsHeader.length) else {
      throw BlockError(.corrupt, "Header size \(headerSize) is not \(BochsHeader.length)")
    }
    guard UInt64(bitmapSize) >= UInt64(extentSize / 512).dividedUp(by: 8) else {
      throw BlockError(
        .corrupt, "Bitmap size \(bitmapSize) is too small for extents of \(extentSize) bytes")
    }
    guard bitmapSize <= BochsHeader.largestBitmap else {
      throw BlockError(.tooLarge, "Bitmap size \(bitmapSize) is too large")
    }
  }

  /// How the catalog's entries are spelled.
  var coding: CatalogCoding {
    CatalogCoding(areaOffset: areaOffset, lead: lead, stride: lead + UInt64(extentSize))
  }

  /// The layout of catalog, bitmaps and extents.
  var layout: BlockTableLayout {
    var layout = BlockTableLayout(
      length: size, blockSize: UInt64(extentSize), tableOffset: UInt64(BochsHeader.length),
      capacity: UInt64(catalogCount), areaOffset: areaOffset, lead: lead, unitLimit: UInt64(UInt32.max))
    layout.bitmap = SectorBitmap(.lead, isMostSignificantFirst: false)
    layout.reserved = [0..<areaOffset]
    return layout
  }
}

/// The values of catalog entries: numbers of extents in the order of the file.
struct CatalogCoding: BlockEntryCoding {
  let width = 4
  let isBigEndian = false
  /// The file offset of extent 0's bitmap.
  let areaOffset: UInt64
  /// Bytes of a bitmap, in whole sectors.
  let lead: UInt64
  /// Bytes of a bitmap and an extent.
  let stride: UInt64

  func entry(of value: UInt64) -> BlockEntry? {
    value == UInt64(UInt32.max) ? .hole : .partial(areaOffset + value * stride + lead)
  }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: return UInt64(UInt32.max)
    case .partial(let offset) where offset >= areaOffset + lead: return (offset - areaOffset - lead) / stride
    case .partial, .zero, .data, .compressed: return nil
    }
  }
}
