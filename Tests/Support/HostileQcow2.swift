// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

/// An image that somebody made to do harm, by what is wrong with it.
package struct HostileQcow2: Sendable, CustomStringConvertible {
  /// What is wrong, in words.
  package let description: String
  private let shape: SampleQcow2.Shape
  private let change: @Sendable (inout SampleQcow2) -> Void

  private init(
    _ description: String, _ shape: SampleQcow2.Shape = .plain,
    _ change: @escaping @Sendable (inout SampleQcow2) -> Void
  ) {
    self.description = description
    self.shape = shape
    self.change = change
  }

  /// The image.
  package var image: SampleQcow2 {
    var image = SampleQcow2(shape)
    change(&image)
    return image
  }

  // MARK: Headers that contradict themselves

  /// Images whose header, or what it places in the file, contradicts itself.
  package static let contradictions: [HostileQcow2] = places + encryption + extensions + bitmaps + pointers

  private static let places: [HostileQcow2] = [
    HostileQcow2("L1 table at 0") { $0.set64(40, 0) },
    HostileQcow2("refcount table at 0") { $0.set64(48, 0) },
    HostileQcow2("snapshot table at 0", .snapshot) { $0.set64(64, 0) },
    HostileQcow2("bitmap directory at 0", .bitmaps) { $0.set64($0.extensions + 24, 0) },
    HostileQcow2("L1 table on the refcount table") { $0.set64(40, UInt64($0.refcountTable)) },
    HostileQcow2("snapshot table on the L1 table", .snapshot) { $0.set64(64, UInt64($0.l1)) },
    HostileQcow2("snapshot table on the refcount table", .snapshot) {
      $0.set64(64, UInt64($0.refcountTable))
    },
    HostileQcow2("bitmap directory on the L1 table", .bitmaps) {
      $0.set64($0.extensions + 24, UInt64($0.l1))
    },
    HostileQcow2("L1 table that reaches into the snapshot table", .snapshot) {
      $0.set64(40, UInt64($0.snapshotL1))
      $0.set32(36, 600)
    },
    HostileQcow2("L1 table not aligned") { $0.set64(40, UInt64($0.l1 + 8)) },
    HostileQcow2("L2 table on the header") { $0.set64($0.l1, 1 << 63 | 0x200) },
    HostileQcow2("L2 table not aligned") { $0.set64($0.l1, 1 << 63 | UInt64($0.l2 + 512)) },
    HostileQcow2("L2 table past the end") { $0.set64($0.l1, 1 << 63 | 0x1000_0000) },
    HostileQcow2("refcount block not aligned") { $0.set64($0.refcountTable, UInt64($0.refcountBlock + 512)) },
    HostileQcow2("refcount block past the end") { $0.set64($0.refcountTable, 0x1000_0000) },
    HostileQcow2("more snapshots than the file holds", .snapshot) { $0.set32(60, 60000) },
    HostileQcow2("a snapshot without L1 table", .snapshot) { $0.set32($0.snapshotTable + 8, 0) },
    HostileQcow2("a snapshot whose L1 table is not aligned", .snapshot) {
      $0.set64($0.snapshotTable, 0x9200)
    },
    HostileQcow2("a snapshot with too much extra data", .snapshot) { $0.set32($0.snapshotTable + 36, 2000) },
  ]

  /// Writes an extension for an encryption header, and says that there is one.
  private static func place(_ image: inout SampleQcow2, _ offset: UInt64, _ length: UInt64, size: UInt32 = 16)
  {
    image.set32(32, 2)
    image.set32(image.extensions, 0x0537_be77)
    image.set32(image.extensions + 4, size)
    image.set64(image.extensions + 8, offset)
    image.set64(image.extensions + 16, length)
  }

  private static let encryption: [HostileQcow2] = [
    HostileQcow2("encrypted without a header") { $0.set32(32, 2) },
    HostileQcow2("encryption method unknown") { $0.set32(32, 7) },
    HostileQcow2("encryption header without encryption") {
      place(&$0, 0x9000, 4096)
      $0.set32(32, 0)
    },
    HostileQcow2("encryption header at 0") { place(&$0, 0, 4096) },
    HostileQcow2("encryption header not aligned") { place(&$0, 0x9200, 4096) },
    HostileQcow2("encryption header past the end") { place(&$0, 0x1000_0000, 4096) },
    HostileQcow2("encryption header beyond anything") { place(&$0, .max & ~4095, 4096) },
    HostileQcow2("encryption header of absurd length") { place(&$0, 0x8000, .max) },
    HostileQcow2("encryption header of 2 GiB") { place(&$0, 0x8000, 2 << 30) },
    HostileQcow2("encryption header on the L1 table") { place(&$0, UInt64($0.l1), 4096) },
    HostileQcow2("encryption header that is none") { place(&$0, UInt64($0.data), 4096) },
    HostileQcow2("encryption header's extension cut short") { place(&$0, 0x8000, 4096, size: 8) },
  ]

  private static let extensions: [HostileQcow2] = [
    HostileQcow2("bitmaps' extension cut short", .bitmaps) { $0.set32($0.extensions + 4, 16) },
    HostileQcow2("bitmaps' extension with reserved bits", .bitmaps) { $0.set32($0.extensions + 12, 1) },
    HostileQcow2("more bitmaps than the directory holds", .bitmaps) { $0.set32($0.extensions + 8, 3) },
    HostileQcow2("a bitmap of no type", .bitmaps) { $0.set($0.bitmapDirectory + 16, [9]) },
    HostileQcow2("a bitmap without a table", .bitmaps) { $0.set64($0.bitmapDirectory, 0) },
    HostileQcow2("extension past the first cluster") {
      $0.set32($0.extensions, 0x1234)
      $0.set32($0.extensions + 4, 5000)
    },
    HostileQcow2("two bitmaps' extensions", .bitmaps) {
      for word in 0..<4 {
        let copy = Array($0.bytes[$0.extensions + 8 * word..<$0.extensions + 8 * word + 8])
        $0.set($0.extensions + 32 + 8 * word, copy)
      }
    },
    HostileQcow2("data file that its features deny", .dataFile) { $0.set64(72, 0) },
    HostileQcow2("raw data file that is not there") { $0.set64(88, 2) },
    HostileQcow2("compression type without its feature") {
      $0.set32(100, 112)
      $0.set($0.extensions, [1])
    },
  ]

  private static let bitmaps: [HostileQcow2] = [
    HostileQcow2("a bitmap's table past the end", .bitmaps) { $0.set64($0.bitmapDirectory, 0x1000_0000) },
    HostileQcow2("a bitmap's table beyond anything", .bitmaps) { $0.set64($0.bitmapDirectory, .max & ~4095) },
    HostileQcow2("a bitmap's table not aligned", .bitmaps) { $0.set64($0.bitmapDirectory, 0xa200) },
    HostileQcow2("a bitmap's table on the L1 table", .bitmaps) {
      $0.set64($0.bitmapDirectory, UInt64($0.l1))
    },
    HostileQcow2("a bitmap's table on the directory", .bitmaps) {
      $0.set64($0.bitmapDirectory, UInt64($0.bitmapDirectory))
    },
    HostileQcow2("two bitmaps with one table", .bitmaps) {
      $0.set64($0.bitmapDirectory + 32, UInt64($0.bitmapTable))
    },
    HostileQcow2("a bitmap's table of absurd size", .bitmaps) { $0.set32($0.bitmapDirectory + 8, .max) },
    HostileQcow2("a bitmap's table of too many entries", .bitmaps) { $0.set32($0.bitmapDirectory + 8, 2) },
    HostileQcow2("two bitmaps of one name", .bitmaps) {
      $0.set($0.bitmapDirectory + 32 + 24, Array("one".utf8))
    },
    HostileQcow2("bits past the end", .bitmaps) { $0.set64($0.bitmapTable, 0x1000_0000) },
    HostileQcow2("bits on the L1 table", .bitmaps) { $0.set64($0.bitmapTable, UInt64($0.l1)) },
    HostileQcow2("bits on their own table", .bitmaps) { $0.set64($0.bitmapTable, UInt64($0.bitmapTable)) },
    HostileQcow2("bits not aligned", .bitmaps) { $0.set64($0.bitmapTable, 0xb200) },
    HostileQcow2("bits with reserved bits", .bitmaps) { $0.set64($0.bitmapTable, 2) },
    HostileQcow2("bitmaps behind what is read first, whose table is past the end", .bitmaps) {
      let directory = 9 << 20
      $0.set(directory, Array($0.bytes[$0.bitmapDirectory..<$0.bitmapDirectory + 4096]))
      $0.set64($0.extensions + 24, UInt64(directory))
      $0.set64(directory, 0x1000_0000)
    },
  ]

  private static let pointers: [HostileQcow2] = [
    HostileQcow2("a snapshot's L1 table past the end", .snapshot) { $0.set64($0.snapshotTable, 0x1000_0000) },
    HostileQcow2("a snapshot's L1 table at 0", .snapshot) { $0.set64($0.snapshotTable, 0) },
    HostileQcow2("a snapshot's L1 table on the refcount table", .snapshot) {
      $0.set64($0.snapshotTable, UInt64($0.refcountTable))
    },
    HostileQcow2("a snapshot's L1 table on the snapshot table", .snapshot) {
      $0.set64($0.snapshotTable, UInt64($0.snapshotTable))
    },
    HostileQcow2("a snapshot's L1 table on the active one", .snapshot) {
      $0.set64($0.snapshotTable, UInt64($0.l1))
    },
    HostileQcow2("a snapshot's L2 table past the end", .snapshot) { $0.set64($0.snapshotL1, 0x1000_0000) },
    HostileQcow2("a snapshot's L2 table not aligned", .snapshot) {
      $0.set64($0.snapshotL1, UInt64($0.l2 + 512))
    },
    HostileQcow2("a snapshot's L2 table on its L1 table", .snapshot) {
      $0.set64($0.snapshotL1, UInt64($0.snapshotL1))
    },
    HostileQcow2("L2 table on the L1 table") { $0.set64($0.l1, 1 << 63 | UInt64($0.l1)) },
    HostileQcow2("L2 table on the refcount table") { $0.set64($0.l1, 1 << 63 | UInt64($0.refcountTable)) },
    HostileQcow2("refcount block on the L1 table") { $0.set64($0.refcountTable, UInt64($0.l1)) },
    HostileQcow2("refcount block on the refcount table") {
      $0.set64($0.refcountTable + 8, UInt64($0.refcountTable))
    },
    HostileQcow2("snapshots behind what is read first, whose L1 table is past the end", .snapshot) {
      let table = 9 << 20
      $0.set(table, Array($0.bytes[$0.snapshotTable..<$0.snapshotTable + 4096]))
      $0.set64(64, UInt64(table))
      $0.set64(table, 0x1000_0000)
    },
  ]

  // MARK: The most of everything

  /// Small images that list as much as their format lets them.
  package static let multitudes: [HostileQcow2] = [
    HostileQcow2("60000 snapshots", .snapshot) { manySnapshots(&$0, 60000) },
    HostileQcow2("20000 bitmaps", .bitmaps) { manyBitmaps(&$0, 20000, name: 4) },
    HostileQcow2("6000 bitmaps with long names", .bitmaps) { manyBitmaps(&$0, 6000, name: 1000) },
    HostileQcow2("one L2 table in 4096 L1 entries") { repeated(&$0, "L1 table") },
    HostileQcow2("one refcount block in a million entries") { repeated(&$0, "refcount table") },
    HostileQcow2("500 extensions") {
      for index in 0..<490 { $0.set32($0.extensions + 8 * index, 0x8000_0000 + UInt32(index)) }
    },
  ]

  private static func manySnapshots(_ image: inout SampleQcow2, _ count: Int) {
    let entry = Array(image.bytes[image.snapshotTable..<image.snapshotTable + 64])
    let first = image.bytes.count
    image.bytes.reserveCapacity(first + 64 * count)
    for index in 0..<count {
      image.bytes += entry
      let digits = Array(String(100_000 + index).utf8)
      // Instead of the name; the id is its first character.
      image.set(first + 64 * index + 57, Array(digits.suffix(3)))
    }
    image.set64(64, UInt64(first))
    image.set32(60, UInt32(count))
    fill(&image)
  }

  private static func manyBitmaps(_ image: inout SampleQcow2, _ count: Int, name: Int) {
    let size = (24 + name + 7) / 8 * 8
    let first = image.bytes.count
    var entry = Array(image.bytes[image.bitmapDirectory..<image.bitmapDirectory + 24])
    entry += [UInt8](repeating: 0, count: size - 24)
    entry[18] = UInt8(name >> 8)
    entry[19] = UInt8(name & 255)
    image.bytes.reserveCapacity(first + size * count)
    for index in 0..<count {
      for position in 0..<name {
        entry[24 + position] = position < 4 ? UInt8(33 + (index >> (4 * position)) & 15) : 0x61
      }
      image.bytes += entry
    }
    image.set32(image.extensions + 8, UInt32(count))
    image.set64(image.extensions + 16, UInt64(size * count))
    image.set64(image.extensions + 24, UInt64(first))
    fill(&image)
  }

  /// A long table at the end of the file that names one thing again and again.
  private static func repeated(_ image: inout SampleQcow2, _ table: String) {
    let first = image.bytes.count
    let target = UInt64(table == "L1 table" ? image.l2 : image.refcountBlock)
    var entry: [UInt8] = []
    for shift in stride(from: 56, through: 0, by: -8) {
      entry.append(UInt8(truncatingIfNeeded: target >> UInt64(shift)))
    }
    let count = table == "L1 table" ? 1 << 12 : 1 << 20
    image.bytes.reserveCapacity(first + 8 * count)
    for _ in 0..<count { image.bytes += entry }
    if table == "L1 table" {
      image.set64(40, UInt64(first))
      image.set32(36, 1 << 12)
      image.set64(24, 1 << 33)
      for index in 0..<512 where index >= 4 { image.set64(image.l2 + 8 * index, UInt64(image.data) | 1) }
    } else {
      image.set64(48, UInt64(first))
      image.set32(56, 2048)
      for index in 0..<2048 { image.set16(image.refcountBlock + 2 * index, 3) }
    }
  }

  /// Lets the file end with a whole cluster.
  private static func fill(_ image: inout SampleQcow2) {
    let size = 1 << image.clusterBits
    image.bytes += [UInt8](repeating: 0, count: (size - image.bytes.count % size) % size)
  }
}
