// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// A sign by which a kind of file is known: some bytes at a fixed place.
struct Signature: Sendable {
  /// What a file with the sign is.
  enum Family: Sendable {
    /// An image format with tables of its own.
    case image
    /// An optical disc.
    case disc
    /// The content of a disk: partitions or a file system.
    case content
    /// Something that is no disk: a program, an archive, a document.
    case foreign
  }

  /// Where the bytes stand.
  enum Place: Sendable {
    case start(Int)
    case end(Int)
  }

  /// What the sign says the file is.
  let name: String
  let family: Family
  let place: Place
  let bytes: [UInt8]

  private init(_ name: String, _ family: Family, _ place: Place, _ bytes: [UInt8]) {
    self.name = name
    self.family = family
    self.place = place
    self.bytes = bytes
  }

  private init(_ name: String, _ family: Family, _ place: Place, _ text: String) {
    self.init(name, family, place, Array(text.utf8))
  }

  /// How much of the end of a file is looked at, in bytes.
  static let tailLength = 512

  /// The signs known: from the specifications of the formats.
  static let all: [Signature] = [
    Signature("qcow2", .image, .start(0), [0x51, 0x46, 0x49, 0xFB]),
    Signature("luks", .image, .start(0), [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]),
    Signature("qed", .image, .start(0), "QED\0"),
    Signature("vmdk", .image, .start(0), "KDMV"), Signature("vmdk", .image, .start(0), "COWD"),
    Signature("vmdk", .image, .start(0), "# Disk DescriptorFile"),
    Signature("vdi", .image, .start(64), [0x7F, 0x10, 0xDA, 0xBE]),
    Signature("vhdx", .image, .start(0), "vhdxfile"),
    Signature("vpc", .image, .start(0), "conectix"), Signature("vpc", .image, .end(512), "conectix"),
    Signature("parallels", .image, .start(0), "WithoutFreeSpace"),
    Signature("parallels", .image, .start(0), "WithouFreSpacExt"),
    Signature("bochs", .image, .start(0), "Bochs Virtual HD Image"),
    Signature("dmg", .image, .end(512), "koly"),
    Signature("iso9660", .disc, .start(32769), "CD001"), Signature("udf", .disc, .start(32769), "BEA01"),
    Signature("mbr", .content, .start(510), [0x55, 0xAA]),
    Signature("gpt", .content, .start(512), "EFI PART"),
    Signature("ext", .content, .start(1080), [0x53, 0xEF]), Signature("xfs", .content, .start(0), "XFSB"),
    Signature("ntfs", .content, .start(3), "NTFS    "), Signature("lvm", .content, .start(512), "LABELONE"),
    Signature("btrfs", .content, .start(65600), "_BHRfS_M"),
    Signature("squashfs", .content, .start(0), "hsqs"),
    Signature("elf", .foreign, .start(0), [0x7F, 0x45, 0x4C, 0x46]),
    Signature("script", .foreign, .start(0), "#!"), Signature("pdf", .foreign, .start(0), "%PDF-"),
    Signature("zip", .foreign, .start(0), [0x50, 0x4B, 3, 4]),
    Signature("zip", .foreign, .end(22), [0x50, 0x4B, 5, 6]),
    Signature("gzip", .foreign, .start(0), [0x1F, 0x8B, 8]),
    Signature("xz", .foreign, .start(0), [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]),
    Signature("zstd", .foreign, .start(0), [0x28, 0xB5, 0x2F, 0xFD]),
    Signature("bzip2", .foreign, .start(0), "BZh"),
    Signature("7z", .foreign, .start(0), [0x37, 0x7A, 0xBC, 0xAF]),
    Signature("tar", .foreign, .start(257), "ustar"),
  ]

  /// Whether the sign is in a file whose first bytes are `head` and whose last are `tail`.
  func isIn(_ head: RawSpan, tail: RawSpan) -> Bool {
    switch place {
    case .start(let offset): Signature.stands(bytes, in: head, at: offset)
    case .end(let distance): Signature.stands(bytes, in: tail, at: tail.byteCount - distance)
    }
  }

  private static func stands(_ bytes: [UInt8], in area: RawSpan, at offset: Int) -> Bool {
    guard offset >= 0, area.byteCount >= offset + bytes.count else { return false }
    for (index, byte) in bytes.enumerated() where area.byte(at: offset + index) != byte { return false }
    return true
  }
}
