// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors

@testable import OvaFormat

/// A tar archive that is put together member by member.
struct SampleArchive {
  private(set) var bytes: [UInt8] = []

  /// Adds a member; the fields of its header may be others, at offsets in it, before the sum is made.
  mutating func add(
    _ name: String, _ content: [UInt8] = [], type: Character = "0", fields: [(Int, [UInt8])] = []
  )
    throws
  {
    var header = try TarHeader(file: name, size: UInt64(content.count)).bytes
    header[156] = type.asciiValue ?? 0
    for (offset, field) in fields { header.replaceSubrange(offset..<offset + field.count, with: field) }
    bytes += SampleArchive.summed(header) + content
    bytes += Array(repeating: 0, count: (512 - content.count % 512) % 512)
  }

  /// Adds a record about the next member.
  mutating func addRecord(_ text: String, type: Character = "x") throws {
    var length = text.utf8.count + 3
    while "\(length)".utf8.count + 2 + text.utf8.count != length {
      length = "\(length)".utf8.count + 2 + text.utf8.count
    }
    try add("PaxHeaders/x", Array("\(length) \(text)\n".utf8), type: type)
  }

  /// The archive with its end.
  var whole: [UInt8] { bytes + Array(repeating: 0, count: 1024) }

  /// A header with its sum.
  static func summed(_ header: [UInt8]) -> [UInt8] {
    var header = header
    header.replaceSubrange(148..<156, with: Array(repeating: 0x20, count: 8))
    let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
    let digits = String(repeating: "0", count: 6 - sum.utf8.count) + sum
    header.replaceSubrange(148..<155, with: Array(digits.utf8) + [0])
    return header
  }

  /// A description of disks in files.
  static func description(
    files: [(id: String, attributes: String)] = [("file1", "ovf:href=\"a.vmdk\"")],
    disks: [(id: String, attributes: String)] = [
      ("disk1", "ovf:fileRef=\"file1\" ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"byte * 2^20\"")
    ],
    prolog: String = ""
  ) -> [UInt8] {
    let references = files.map { "<File ovf:id=\"\($0.id)\" \($0.attributes)/>" }.joined()
    let list = disks.map { "<Disk ovf:diskId=\"\($0.id)\" \($0.attributes)/>" }.joined()
    return Array(
      """
      <?xml version="1.0" encoding="UTF-8"?>
      \(prolog)<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
      <References>\(references)</References><DiskSection><Info>x</Info>\(list)</DiskSection></Envelope>
      """.utf8)
  }

  /// An appliance with one disk of so many bytes.
  static func appliance(_ description: [UInt8] = description(), disk: [UInt8] = [1, 2, 3]) throws
    -> SampleArchive
  {
    var archive = SampleArchive()
    try archive.add("a.ovf", description)
    try archive.add("a.vmdk", disk)
    return archive
  }
}

extension Appliance {
  /// The appliance that an archive holds.
  init(_ archive: [UInt8]) throws(BlockError) {
    try self.init(archiveOf: UInt64(archive.count)) { (offset, count) throws(BlockError) in
      Buffer(Array(archive[Int(offset)..<Int(offset) + count]))
    }
  }
}
