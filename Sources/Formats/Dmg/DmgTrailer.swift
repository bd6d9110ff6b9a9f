// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The trailer of an Apple disk image (UDIF): big-endian numbers in 512 bytes, usually the last ones of the file.
struct DmgTrailer: Sendable {
  /// Bytes of the trailer.
  static let length = AppleTrailer.length

  /// The data that chunks are made of, to which their offsets are relative: offsets 24 and 32.
  let data: Range<UInt64>
  /// The resource fork, of older images; empty where there is none: offsets 40 and 48.
  let resourceFork: Range<UInt64>
  /// The property list; empty where there is none: offsets 216 and 224.
  let propertyList: Range<UInt64>
  /// Number and count of the file among those that make the image: offsets 56 and 60.
  let segment: (number: UInt32, count: UInt32)
  /// The CRC-32 of the data; nil where there is none: offset 80.
  let dataChecksum: UInt32?
  /// What kind of checksum the data has: offset 80.
  let checksumType: UInt32
  /// Sectors of the disk: offset 492.
  let sectorCount: UInt64

  /// Reads the trailer from 512 bytes, and holds what it names against the length of the file.
  ///
  /// - Throws: kind `corrupt`, `tooLarge` or `unsupported`, naming the field.
  init(parsing bytes: RawSpan, fileLength: UInt64, _ limits: DmgLimits) throws(BlockError) {
    segment = (bytes.big32(at: 56), bytes.big32(at: 60))
    guard segment.count <= 1 else {
      throw BlockError(
        .unsupported,
        "the image is made of \(segment.count) files, of which this is number \(segment.number)",
        advice: "The others are called *.dmgpart. 'hdiutil convert' of macOS makes one image of them.")
    }
    data = try DmgTrailer.range(bytes, 24, "data fork")
    resourceFork = try DmgTrailer.part(bytes, 40, "resource fork", fileLength, limits)
    propertyList = try DmgTrailer.part(bytes, 216, "property list", fileLength, limits)
    dataChecksum = DmgChecksum.crc(bytes, at: 80)
    checksumType = bytes.big32(at: 80)
    sectorCount = bytes.big64(at: 492)
    guard let size = sectorCount.times(512), Int64(exactly: size) != nil else {
      throw BlockError(.tooLarge, "the disk of \(sectorCount) sectors is longer than a disk can be")
    }
  }

  /// The range whose offset and length stand at an offset.
  private static func range(_ bytes: RawSpan, _ offset: Int, _ what: String) throws(BlockError)
    -> Range<UInt64>
  {
    let (start, count) = (bytes.big64(at: offset), bytes.big64(at: offset + 8))
    guard let end = start.plus(count), Int64(exactly: end) != nil else {
      throw BlockError(.corrupt, "the \(what) (offset \(start), length \(count)) lies outside every file")
    }
    return start..<end
  }

  /// A range that is read as a whole.
  private static func part(
    _ bytes: RawSpan, _ offset: Int, _ what: String, _ fileLength: UInt64, _ limits: DmgLimits
  ) throws(BlockError) -> Range<UInt64> {
    let range = try range(bytes, offset, what)
    guard !range.isEmpty else { return range }
    guard range.upperBound <= fileLength else {
      throw BlockError(
        .corrupt,
        "the \(what) (offset \(range.lowerBound), length \(range.count)) lies past the end of the file")
    }
    guard UInt64(range.count) <= limits.resources else {
      throw BlockError(
        .tooLarge, "the \(what) (length \(range.count)) is longer than \(limits.resources) bytes")
    }
    return range
  }

  /// Guest-visible length in bytes.
  var size: UInt64 { sectorCount * 512 }
}

/// A checksum as trailers and tables have it: its type, its length in bits, and 128 bytes.
enum DmgChecksum {
  /// The CRC-32 at an offset; nil where there is none, or of another type.
  static func crc(_ bytes: RawSpan, at offset: Int) -> UInt32? {
    bytes.big32(at: offset) == 2 && bytes.big32(at: offset + 4) == 32 ? bytes.big32(at: offset + 8) : nil
  }
}

/// Kinds of images of Apple's that are something else than one file with a trailer.
enum DmgRelative {
  /// Why a file cannot be read that is one of them; nil where it is none.
  static func refusal(head: RawSpan, tail: RawSpan) -> BlockError? {
    if stands("encrcdsa", in: head, at: 0) || stands("cdsaencr", in: tail, at: tail.byteCount - 8) {
      return BlockError(
        .unsupported, "Image is an encrypted disk image of Apple, which this program does not read",
        advice: "'hdiutil convert' of macOS makes an image of it that is not encrypted.")
    }
    if stands("sprs\0\0\0\u{3}", in: head, at: 0) {
      return BlockError(
        .unsupported, "Image is a sparse disk image of Apple, which this program does not read",
        advice: "'hdiutil convert -format UDZO' of macOS makes an image of it that can be read.")
    }
    return nil
  }

  private static func stands(_ text: String, in bytes: RawSpan, at offset: Int) -> Bool {
    let wanted = Array(text.utf8)
    guard offset >= 0, bytes.byteCount - offset >= wanted.count else { return false }
    return bytes.bytes(offset..<offset + wanted.count) == wanted
  }
}
