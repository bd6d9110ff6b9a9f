// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Crypto
import Errors
import Support
import Testing

@testable import ParallelsFormat

/// The format extension, with dirty bitmaps and features that nobody knows.
@Suite("Parallels extensions")
struct ExtensionTests {
  static let cluster = 1 << 16
  static let bitmap = ParallelsExtension.dirtyBitmap
  static let unknown: UInt64 = 0x1122_3344_5566_7788

  private static func little(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
  }

  /// A bitmap of a disk of 4 MiB in pieces of 64 KiB, whose table has these places.
  static func bitmapData(_ table: [UInt64], count: UInt64? = nil) -> [UInt8] {
    little(8192, 8) + [UInt8](0..<16) + little(128, 4) + little(count ?? UInt64(table.count), 4)
      + table.flatMap { little($0, 8) }
  }

  static func feature(_ magic: UInt64, _ flags: UInt64, _ data: [UInt8], count: UInt64? = nil) -> [UInt8] {
    little(magic, 8) + little(flags, 8) + little(count ?? UInt64(data.count), 4) + little(0, 4) + data
      + [UInt8](repeating: 0, count: (8 - data.count % 8) % 8)
  }

  /// The small image with an extension in cluster 4 of the file, and a cluster of a bitmap behind it.
  static func image(_ features: [UInt8], isSound: Bool = true) throws -> [UInt8] {
    var body = features
    body += [UInt8](repeating: 0, count: cluster - 24 - body.count)
    let hash = try ContentHash("md5").begin()
    try hash.update(body)
    let digest = isSound ? try hash.finish() : [UInt8](repeating: 0, count: 16)
    let bytes = try ParallelsFormatTests.small().littleChanged([(56, 8, 512)])
    return bytes + little(ParallelsExtension.magic, 8) + digest + body
      + [UInt8](repeating: 0xb7, count: cluster)
  }

  static func extensionOffset(_ bytes: [UInt8]) -> UInt64 { Buffer(bytes).bytes.little64(at: 56) }

  @Test("is not looked at for reading, and stays as it is")
  func reading() throws {
    for isSound in [true, false] {
      let bytes = try ExtensionTests.image(ExtensionTests.feature(1, 3, []), isSound: isSound)
      let image = try MemoryParallels(bytes, flags: [])
      #expect(try image.edge.array(at: 0, count: 1) == [1])
      try image.close()
      #expect(image.memory.bytes == bytes)
    }
  }

  @Test("goes with the first change where no feature is to be kept", arguments: [bitmap, unknown])
  func dropped(_ magic: UInt64) throws {
    let bytes = try ExtensionTests.image(
      ExtensionTests.feature(magic, 0, ExtensionTests.bitmapData([640])))
    let image = try MemoryParallels(bytes)
    #expect(ExtensionTests.extensionOffset(image.memory.bytes) == 512)
    try image.edge.write(at: 3 << 16, [9])
    #expect(ExtensionTests.extensionOffset(image.memory.bytes) == 0)
    try image.close()
    let after = try MemoryParallels(image.memory.bytes).check()
    #expect(after.lines == [] && after.result.leaks == 0)
  }

  @Test("a dirty bitmap that is to be kept is kept, with its cluster")
  func kept() throws {
    let features = ExtensionTests.feature(ExtensionTests.bitmap, 2, ExtensionTests.bitmapData([640, 1, 0]))
    let bytes = try ExtensionTests.image(features)
    let image = try MemoryParallels(bytes)
    #expect(try image.check().lines == [])
    for cluster in 0..<20 as Range<UInt64> {
      try image.edge.write(at: cluster << 16, [UInt8](repeating: 9, count: ExtensionTests.cluster))
    }
    try image.close()
    let after = image.memory.bytes
    #expect(after[(4 << 16)..<(6 << 16)] == bytes[(4 << 16)..<(6 << 16)])
    #expect(ExtensionTests.extensionOffset(after) == 512)
    let again = try MemoryParallels(after)
    #expect(try again.check().lines == [])
    _ = try again.repair(.leaks)
    #expect(again.memory.bytes[(4 << 16)..<(6 << 16)] == bytes[(4 << 16)..<(6 << 16)])
  }

  @Test("of several features those go that are not to be kept; the clusters around stay as they are")
  func mixed() throws {
    let kept = ExtensionTests.feature(ExtensionTests.bitmap, 2, ExtensionTests.bitmapData([640]))
    let bytes = try ExtensionTests.image(ExtensionTests.feature(ExtensionTests.unknown, 0, [1, 2, 3]) + kept)
    let image = try MemoryParallels(bytes)
    try image.edge.write(at: 0, [1])
    try image.close()
    let wanted = try ExtensionTests.image(kept)
    #expect(Array(image.memory.bytes[(4 << 16)...]) == Array(wanted[(4 << 16)...]))
    #expect(image.memory.bytes.prefix(4 << 16) == wanted.prefix(4 << 16))
  }

  @Test(
    "nothing is written where a feature forbids it, or takes space that is not known",
    arguments: [(bitmap, 1), (bitmap, 3), (unknown, 1), (unknown, 2)] as [(UInt64, UInt64)])
  func forbidden(_ magic: UInt64, _ flags: UInt64) throws {
    let bytes = try ExtensionTests.image(
      ExtensionTests.feature(magic, flags, ExtensionTests.bitmapData([640])))
    for open in [[.writable], [.writable, .checking]] as [NodeFlags] {
      let error = #expect(throws: BlockError.self) { _ = try MemoryParallels(bytes, flags: open) }
      #expect(
        error?.message
          == "Feature 0x\(String(magic, radix: 16)) of the format extension forbids changes by programs that do "
          + "not know it")
    }
    let check = try MemoryParallels(bytes, flags: [.checking]).check()
    #expect(check.lines == [] && check.result.leaks == 0)
  }

  static let broken: [([UInt8], String)] = [
    (
      feature(bitmap, 0, [], count: 0xffff_ffff), "feature 0 of the format extension is too long"
    ),
    (
      feature(bitmap, 0, [], count: 65489), "feature 0 of the format extension is too long"
    ),
    (
      (0..<65).flatMap { _ in feature(unknown, 0, []) }, "feature 64 of the format extension is too long"
    ),
    (feature(bitmap, 0, [1]), "a dirty bitmap of the format extension is too short"),
    (
      feature(bitmap, 0, bitmapData([], count: 1)),
      "the table of a dirty bitmap of the format extension is too long"
    ),
    (
      feature(bitmap, 0, bitmapData([1], count: 0xffff_ffff)),
      "the table of a dirty bitmap of the format extension is too long"
    ),
    (
      feature(bitmap, 0, bitmapData([1 << 55])),
      "a dirty bitmap of the format extension has no place (sector 36028797018963968)"
    ),
    (
      feature(bitmap, 0, bitmapData([.max])),
      "a dirty bitmap of the format extension has no place (sector 18446744073709551615)"
    ),
    (
      feature(bitmap, 0, [UInt8](repeating: 1, count: 65488)),
      "the table of a dirty bitmap of the format extension is too long"
    ),
  ]

  @Test(
    "B-03 an extension that makes no sense is refused for writing, and taken away by a repair",
    arguments: broken)
  func defects(_ features: [UInt8], _ message: String) throws {
    let bytes = try ExtensionTests.image(features)
    try mended(bytes, message)
  }

  @Test("B-03 so is one whose features have no end, and one whose MD5 is another's")
  func endless() throws {
    let rest = ExtensionTests.feature(
      ExtensionTests.unknown, 0, [UInt8](repeating: 0, count: ExtensionTests.cluster - 48))
    try mended(try ExtensionTests.image(rest), "the features of the format extension do not end")
    try mended(
      try ExtensionTests.image([], isSound: false),
      "Wrong checksum in Format Extension header. Format extension is corrupted.")
  }

  @Test("B-03 dirty bitmaps in more places than can be are left alone")
  func scattered() throws {
    let table = (0..<300 as Range<UInt64>).map { 1000 + $0 * 1000 }
    let bytes = try ExtensionTests.image(
      ExtensionTests.feature(ExtensionTests.bitmap, 2, ExtensionTests.bitmapData(table)))
    for flags in [[.writable], [.writable, .checking]] as [NodeFlags] {
      let error = #expect(throws: BlockError.self) { _ = try MemoryParallels(bytes, flags: flags) }
      #expect(error?.message == "the dirty bitmaps of the format extension lie in too many places")
    }
  }

  private func mended(_ bytes: [UInt8], _ message: String) throws {
    let error = #expect(throws: BlockError.self) { _ = try MemoryParallels(bytes) }
    #expect(error?.message == message && error?.advice != nil)
    let image = try MemoryParallels(bytes, flags: [.writable, .checking])
    let found = try image.check()
    #expect(found.lines.first == "ERROR format extension is of no use: \(message)")
    #expect(found.result.corruptions == 1 && found.result.leaks == 2)
    let done = try image.repair(.all)
    #expect(done.corruptionsFixed == 1 && done.leaksFixed == 2)
    try image.close()
    #expect(ExtensionTests.extensionOffset(image.memory.bytes) == 0)
    let after = try MemoryParallels(image.memory.bytes)
    #expect(try after.check().lines == [])
    #expect(try after.edge.array(at: 48 << 16, count: 1) == [3])
  }
}
