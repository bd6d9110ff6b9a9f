// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// A sign by which a kind of file is known, from the specifications of the formats.
package struct Signature: Sendable {
  /// The kinds of files that have signs.
  package enum Family: Sendable {
    /// An image format with tables of its own.
    case image
    /// An optical disc.
    case disc
    /// The content of a disk: partitions or a file system.
    case content
    /// Something that is no disk: a program, an archive, a document.
    case foreign
  }

  /// Where the sign stands, and what it looks like.
  enum Mark: Sendable {
    /// Bytes at an offset.
    case start(Int, [UInt8])
    /// Bytes at a distance from the end.
    case end(Int, [UInt8])
    /// A rule about the end, and bytes of the file.
    case trailer(@Sendable (RawSpan, UInt64) -> Bool)
    /// A rule about the start.
    case rule(@Sendable (RawSpan) -> Bool)
    /// A rule about the end.
    case tail(@Sendable (RawSpan) -> Bool)
  }

  /// The name of the kind of file that has the sign.
  package let name: String
  /// The family of such files.
  package let family: Family
  let mark: Mark

  private init(_ name: String, _ family: Family, _ mark: Mark) {
    self.name = name
    self.family = family
    self.mark = mark
  }

  private init(_ name: String, _ family: Family, at offset: Int = 0, _ text: String) {
    self.init(name, family, .start(offset, Array(text.utf8)))
  }

  private init(_ name: String, _ family: Family, at offset: Int = 0, _ bytes: [UInt8]) {
    self.init(name, family, .start(offset, bytes))
  }

  /// How much of the start of a file tells the formats of images apart, in bytes.
  static let headLength = 8192
  /// How much of the end of a file tells the formats of images apart, in bytes.
  static let tailLength = 1024
  /// How much of the end of a file tells of everything else: as much as the last record of an archive can take.
  package static let longestTail = 22 + 65535

  /// The first bytes of what gzip compressed.
  package static let gzip: [UInt8] = [0x1F, 0x8B, 8]

  /// The signs known.
  package static let all: [Signature] = [
    Signature("qcow2", .image, .rule { isQcow($0) && !isFirstQcow($0) }),
    Signature("qcow", .image, .rule { isFirstQcow($0) }),
    Signature("luks", .image, [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]),
    Signature("luks", .image, .rule { hasSecondLuksHeader($0) }),
    Signature("qed", .image, "QED\0"),
    Signature("vmdk", .image, "KDMV"), Signature("vmdk", .image, "COWD"),
    Signature("vmdk", .image, .rule { DescriptorFile.isIn($0) }),
    Signature("vdi", .image, at: 64, [0x7F, 0x10, 0xDA, 0xBE]),
    Signature("vhdx", .image, "vhdxfile"),
    // Virtual PC's own first release wrote a footer that is one byte short.
    Signature("vpc", .image, "conectix"), Signature("vpc", .image, .end(512, Array("conectix".utf8))),
    Signature("vpc", .image, .end(511, Array("conectix".utf8))),
    Signature("parallels", .image, "WithoutFreeSpace"),
    Signature("parallels", .image, "WithouFreSpacExt"),
    Signature("parallels", .image, .rule { XMLHead.isParallelsDisk($0) }),
    Signature("ova", .image, .rule { ApplianceHead.isArchive($0) }),
    Signature("ovf", .image, .rule { ApplianceHead.isEnvelope($0) }),
    Signature("bochs", .image, "Bochs Virtual HD Image"),
    Signature("cloop", .image, .rule { isCloop($0) }),
    Signature("dmg", .image, .trailer { AppleTrailer.isConsistent(in: $0, fileLength: $1) }),
    Signature("dmg", .image, "encrcdsa"), Signature("dmg", .image, .end(8, Array("cdsaencr".utf8))),
    Signature("dmg", .image, "sprs\0\0\0\u{3}"),
    Signature("iso9660", .disc, at: 32769, "CD001"), Signature("udf", .disc, at: 32769, "BEA01"),
    Signature("mbr", .content, at: 510, [0x55, 0xAA]),
    Signature("gpt", .content, at: 512, "EFI PART"),
    Signature("ext", .content, at: 1080, [0x53, 0xEF]), Signature("xfs", .content, "XFSB"),
    Signature("ntfs", .content, at: 3, "NTFS    "), Signature("lvm", .content, at: 512, "LABELONE"),
    Signature("btrfs", .content, at: 65600, "_BHRfS_M"),
    Signature("squashfs", .content, "hsqs"),
    Signature("elf", .foreign, [0x7F, 0x45, 0x4C, 0x46]),
    Signature("program", .foreign, "MZ"), Signature("program", .foreign, [0xCA, 0xFE, 0xBA, 0xBE]),
    Signature("program", .foreign, [0xCF, 0xFA, 0xED, 0xFE]),
    Signature("script", .foreign, "#!"),
    // Readers look for it in the first kilobyte.
    Signature("pdf", .foreign, .rule { isAnywhere(Array("%PDF-".utf8), in: $0, within: 1024) }),
    Signature("zip", .foreign, [0x50, 0x4B, 3, 4]),
    Signature("zip", .foreign, .tail { endsWithZipDirectory($0) }),
    Signature("gzip", .foreign, gzip),
    Signature("xz", .foreign, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]),
    Signature("zstd", .foreign, [0x28, 0xB5, 0x2F, 0xFD]),
    Signature("bzip2", .foreign, "BZh"),
    Signature("7z", .foreign, [0x37, 0x7A, 0xBC, 0xAF]), Signature("rar", .foreign, "Rar!\u{1A}\u{7}"),
    Signature("cab", .foreign, "MSCF"), Signature("cpio", .foreign, "070701"),
    Signature("ar", .foreign, "!<arch>\n"),
    Signature("ole", .foreign, [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]),
    Signature(
      "tar", .foreign, .rule { stands(Array("ustar".utf8), in: $0, at: 257) && !ApplianceHead.isArchive($0) }),
  ]

  /// The image formats that programs know.
  package static let imageFormats = Set(all.lazy.filter { $0.family == .image }.map(\.name))

  /// The first sign of an image format in a file of `length` bytes that starts with `head` and ends with `tail`.
  static func ofImage(in head: RawSpan, tail: RawSpan, length: UInt64) -> Signature? {
    for sign in all where sign.family == .image && sign.isIn(head, tail: tail, length: length) { return sign }
    return nil
  }

  /// Whether the sign is in a file of `length` bytes whose first ones are `head` and whose last are `tail`.
  package func isIn(_ head: RawSpan, tail: RawSpan, length: UInt64) -> Bool {
    switch mark {
    case .start(let offset, let bytes): return Signature.stands(bytes, in: head, at: offset)
    case .end(let distance, let bytes):
      return Signature.stands(bytes, in: tail, at: tail.byteCount - distance)
    case .trailer(let holds): return holds(tail, length)
    case .rule(let holds): return holds(head)
    case .tail(let holds): return holds(tail)
    }
  }

  private static func stands(_ bytes: [UInt8], in area: RawSpan, at offset: Int) -> Bool {
    guard offset >= 0, area.byteCount >= offset + bytes.count else { return false }
    for (index, byte) in bytes.enumerated() where area.byte(at: offset + index) != byte { return false }
    return true
  }

  private static func isAnywhere(_ bytes: [UInt8], in area: RawSpan, within count: Int) -> Bool {
    for offset in 0..<min(area.byteCount, count) where stands(bytes, in: area, at: offset) { return true }
    return false
  }

  /// Whether the last record of a zip archive stands at the end, with a comment that ends with the file: an archive
  /// may have anything in front of it.
  private static func endsWithZipDirectory(_ tail: RawSpan) -> Bool {
    guard tail.byteCount >= 22 else { return false }
    for offset in 0...tail.byteCount - 22 where stands([0x50, 0x4B, 5, 6], in: tail, at: offset) {
      let comment = Int(tail.byte(at: offset + 20)) | Int(tail.byte(at: offset + 21)) << 8
      if offset + 22 + comment == tail.byteCount { return true }
    }
    return false
  }

  /// Whether the second header of a LUKS disk of version 2 stands at one of the places that it may have.
  private static func hasSecondLuksHeader(_ head: RawSpan) -> Bool {
    let sign: [UInt8] = [0x53, 0x4B, 0x55, 0x4C, 0xBA, 0xBE, 0, 2]
    for power in 14...22 where stands(sign, in: head, at: 1 << power) { return true }
    return false
  }

  /// Whether the script of a compressed disk of any version stands at the start.
  private static func isCloop(_ head: RawSpan) -> Bool {
    let (start, end) = (Array("#!/bin/sh\n#V".utf8), Array(" Format".utf8))
    guard stands(start, in: head, at: 0) else { return false }
    var offset = start.count
    while offset < min(head.byteCount, start.count + 8),
      head.byte(at: offset) == 0x2E || (0x30...0x39).contains(head.byte(at: offset))
    {
      offset += 1
    }
    return stands(end, in: head, at: offset)
  }

  private static func isQcow(_ head: RawSpan) -> Bool {
    head.byteCount >= 8 && stands([0x51, 0x46, 0x49, 0xFB], in: head, at: 0)
  }

  private static func isFirstQcow(_ head: RawSpan) -> Bool {
    isQcow(head) && stands([0, 0, 0, 1], in: head, at: 4)
  }
}
