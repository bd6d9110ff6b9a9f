// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
package import Errors
import Host

/// A small qcow2 image in memory, laid out by hand so that tests depend on no program to make one.
///
/// Clusters in order: header, refcount table, refcount block, L1 table, L2 table, four with data; then with a
/// snapshot its L1 table and the snapshot table, and with bitmaps their directory, the first one's table and bits, and
/// the second one's table. The guest has sixteen clusters, the first four with data.
package struct SampleQcow2: Sendable {
  /// What an image has beyond the plain one.
  package enum Shape: String, Sendable, CaseIterable {
    /// Version 3, 4 KiB clusters, 16-bit refcounts.
    case plain
    /// Version 2.
    case version2
    /// 32 subclusters of 512 bytes.
    case extended
    /// The fourth cluster is compressed.
    case compressed
    /// One internal snapshot of the present state.
    case snapshot
    /// Guest data in the file `sample.data`.
    case dataFile
    /// The bitmaps `one`, with four bits set, and `two`, with all bits set and not enabled.
    case bitmaps
  }

  /// The image file's bytes.
  package var bytes: [UInt8] = []
  /// What the image has.
  package let shape: Shape
  /// Cluster size in bytes as a power of two.
  package let clusterBits: Int

  /// Host offset of the refcount table in bytes.
  package var refcountTable: Int { 1 << clusterBits }
  /// Host offset of the refcount block.
  package var refcountBlock: Int { 2 << clusterBits }
  /// Host offset of the L1 table.
  package var l1: Int { 3 << clusterBits }
  /// Host offset of the L2 table.
  package var l2: Int { 4 << clusterBits }
  /// Host offset of the first cluster with data.
  package var data: Int { 5 << clusterBits }
  /// Host offset of the snapshot's L1 table.
  package var snapshotL1: Int { 9 << clusterBits }
  /// Host offset of the snapshot table.
  package var snapshotTable: Int { 10 << clusterBits }
  /// Host offset of the bitmap directory, whose entries take 32 bytes each.
  package var bitmapDirectory: Int { 9 << clusterBits }
  /// Host offset of the first bitmap's table; its bits are in the next cluster.
  package var bitmapTable: Int { 10 << clusterBits }
  /// Where the list of header extensions starts.
  package var extensions: Int { shape == .version2 ? 72 : 104 }
  /// Where there is room for a backing file's name.
  package var backingName: Int { 1024 }
  /// Where the compressed cluster's bytes are.
  package var compressedData: Int { data + 3 << clusterBits + 300 }

  /// 4096 times the letter A, deflated.
  static let deflated: [UInt8] = [
    0xed, 0xc1, 0x01, 0x0d, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0x6c, 0xef, 0x5f, 0xca, 0x1e, 0x0e, 0x28, 0x00,
    0x00, 0x00, 0xe0, 0xdd, 0x00,
  ]

  /// Makes a whole image.
  package init(_ shape: Shape) {
    self.shape = shape
    clusterBits = shape == .extended ? 14 : 12
    let count = shape == .snapshot ? 11 : shape == .bitmaps ? 13 : 9
    bytes = [UInt8](repeating: 0, count: count << clusterBits)
    writeHeader()
    writeTables(clusters: count)
    if shape == .snapshot { writeSnapshot() }
    if shape == .bitmaps { writeBitmaps() }
    if shape == .dataFile {
      bytes.removeLast(4 << clusterBits)
      set32(extensions, 0x4441_5441)
      set32(extensions + 4, 11)
      set(extensions + 8, Array("sample.data".utf8))
    }
  }

  private mutating func writeHeader() {
    set32(0, 0x5146_49fb)
    set32(4, shape == .version2 ? 2 : 3)
    set32(20, UInt32(clusterBits))
    set64(24, 16 << UInt64(clusterBits))
    set32(36, 1)
    set64(40, UInt64(l1))
    set64(48, UInt64(refcountTable))
    set32(56, 1)
    guard shape != .version2 else { return }
    set64(72, shape == .extended ? 16 : shape == .dataFile ? 4 : 0)
    set32(96, 4)
    set32(100, 104)
  }

  private mutating func writeTables(clusters: Int) {
    let isShared = shape == .snapshot
    let copied: UInt64 = isShared ? 0 : 1 << 63
    set64(refcountTable, UInt64(refcountBlock))
    for cluster in 0..<(shape == .dataFile ? 5 : clusters) {
      set16(refcountBlock + 2 * cluster, isShared && (4...8).contains(cluster) ? 2 : 1)
    }
    set64(l1, UInt64(l2) | copied)
    for index in 0..<4 {
      let place = data + index << clusterBits
      let host = UInt64(shape == .dataFile ? index << clusterBits : place) | copied
      let entry = shape == .extended ? l2 + 16 * index : l2 + 8 * index
      set64(entry, host)
      if shape == .extended { set64(entry + 8, 0xffff_ffff) }
      for offset in place..<place + 1 << clusterBits { bytes[offset] = UInt8(65 + index) }
    }
    if shape == .compressed {
      set64(l2 + 24, 1 << 62 | UInt64(compressedData))
      set(compressedData, SampleQcow2.deflated)
    }
  }

  private mutating func writeSnapshot() {
    set32(60, 1)
    set64(64, UInt64(snapshotTable))
    set64(snapshotL1, UInt64(l2))
    set64(snapshotTable, UInt64(snapshotL1))
    set32(snapshotTable + 8, 1)
    set16(snapshotTable + 12, 1)
    set16(snapshotTable + 14, 3)
    set32(snapshotTable + 36, 16)
    set64(snapshotTable + 48, 16 << UInt64(clusterBits))
    set(snapshotTable + 56, Array("1one".utf8))
  }

  private mutating func writeBitmaps() {
    set64(88, 1)
    set32(extensions, 0x2385_2875)
    set32(extensions + 4, 24)
    set32(extensions + 8, 2)
    set64(extensions + 16, 64)
    set64(extensions + 24, UInt64(bitmapDirectory))
    for (index, name) in ["one", "two"].enumerated() {
      let entry = bitmapDirectory + 32 * index
      set64(entry, UInt64(bitmapTable + (2 * index) << clusterBits))
      set32(entry + 8, 1)
      set32(entry + 12, index == 0 ? 2 : 0)
      set(entry + 16, [1, 9])
      set16(entry + 18, 3)
      set(entry + 24, Array(name.utf8))
    }
    set64(bitmapTable, UInt64(bitmapTable + 1 << clusterBits))
    set(bitmapTable + 1 << clusterBits, [0x0f])
    set64(bitmapTable + 2 << clusterBits, 1)
  }

  // MARK: Changing bytes

  /// Stores bytes at an offset, which may lie past the end.
  package mutating func set(_ offset: Int, _ new: [UInt8]) {
    if bytes.count < offset + new.count {
      bytes += [UInt8](repeating: 0, count: offset + new.count - bytes.count)
    }
    bytes.put(new, at: offset)
  }

  /// Stores a big-endian number of 16 bits.
  package mutating func set16(_ offset: Int, _ number: UInt16) { setBig(offset, UInt64(number), 2) }
  /// Stores a big-endian number of 32 bits.
  package mutating func set32(_ offset: Int, _ number: UInt32) { setBig(offset, UInt64(number), 4) }
  /// Stores a big-endian number of 64 bits.
  package mutating func set64(_ offset: Int, _ number: UInt64) { setBig(offset, number, 8) }

  /// Stores a big-endian number of 64 bits at least once, `count` times in a row.
  package mutating func set64(_ offset: Int, _ number: UInt64, count: Int) {
    set64(offset, number)
    var filled = 1
    while filled < count {
      let more = min(filled, count - filled)
      set(offset + 8 * filled, Array(bytes[offset..<offset + 8 * more]))
      filled += more
    }
  }

  private mutating func setBig(_ offset: Int, _ number: UInt64, _ count: Int) {
    var new: [UInt8] = []
    for index in 0..<count {
      new.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * (count - 1 - index))))
    }
    set(offset, new)
  }

  /// Names a backing file.
  package mutating func setBacking(_ name: String, format: String = "qcow2") {
    set64(8, UInt64(backingName))
    set32(16, UInt32(name.utf8.count))
    set(backingName, Array(name.utf8))
    set32(extensions, 0xe279_2aca)
    set32(extensions + 4, UInt32(format.utf8.count))
    set(extensions + 8, Array(format.utf8))
  }

  /// Cuts the file off.
  package mutating func cut(at length: Int) { bytes.removeLast(max(0, bytes.count - length)) }

  // MARK: Files

  /// Writes the image to a file and, where it has one, its data file beside it.
  package func write(to folder: TemporaryFolder, as name: String = "sample.qcow2") throws(BlockError) {
    try SampleQcow2.write(bytes, to: folder.file(name))
    guard shape == .dataFile else { return }
    try SampleQcow2.write([UInt8](repeating: 66, count: 16 << clusterBits), to: folder.file("sample.data"))
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(BlockError) {
    let file = try File(path: path, mode: [.writable, .create])
    try file.truncate(to: 0)
    if !bytes.isEmpty { try file.write(at: 0, from: Buffer(bytes).bytes) }
  }
}
