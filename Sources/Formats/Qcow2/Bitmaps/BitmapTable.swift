// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Reads a bitmap's table, a piece at a time.
struct BitmapTable: Sendable {
  /// Entries that are read at once.
  static let windowEntries = 8192

  let entry: BitmapEntry
  let geometry: Geometry
  let file: Edge

  init(_ entry: BitmapEntry, _ geometry: Geometry, _ file: Edge) {
    self.entry = entry
    self.geometry = geometry
    self.file = file
  }

  /// The entry for cluster number `index` of the bits; zeros past the table's end.
  ///
  /// - Throws: kind `corrupt`, naming the bitmap, for an entry that contradicts the specification.
  func entry(at index: Int) throws(BlockError) -> BitmapTableEntry {
    try entries(from: index, count: 1)[0]
  }

  /// Calls `body` with each entry and its number, in order.
  ///
  /// - Throws: kind `corrupt`, naming the bitmap, for an entry that contradicts the specification.
  func forEach(_ body: (Int, BitmapTableEntry) throws(BlockError) -> Void) throws(BlockError) {
    var index = 0
    while index < Int(entry.tableSize) {
      let count = min(Int(entry.tableSize) - index, BitmapTable.windowEntries)
      for (step, found) in try entries(from: index, count: count).enumerated() {
        try body(index + step, found)
      }
      index += count
    }
  }

  /// A few entries, `zeros` past the table's end; at most `windowEntries`.
  ///
  /// - Throws: kind `corrupt`, naming the bitmap, for an entry that contradicts the specification.
  func entries(from first: Int, count: Int) throws(BlockError) -> [BitmapTableEntry] {
    var result = [BitmapTableEntry](repeating: .zeros, count: count)
    let known = min(count, Int(entry.tableSize) - first)
    guard known > 0 else { return result }
    let buffer = try file.read(
      at: entry.tableOffset + UInt64(first * BitmapTableEntry.size), count: known * BitmapTableEntry.size)
    for step in 0..<known {
      let found = BitmapTableEntry(rawValue: buffer.bytes.big64(at: step * BitmapTableEntry.size))
      guard found.isValid(geometry) else { throw broken }
      result[step] = found
    }
    return result
  }

  private var broken: BlockError {
    BlockError(
      .corrupt, "Could not read bitmap_table table from image for bitmap '\(entry.name)': Invalid argument")
  }
}

/// The content of a bitmap in a file.
struct BitmapInFile: BitmapContent {
  let table: BitmapTable
  let shape: BitmapShape

  /// Bytes of the disk.
  var length: UInt64 { shape.length }

  func forEachDirty(_ body: (Range<UInt64>) throws(BlockError) -> Void) throws(BlockError) {
    try table.forEach { (index: Int, entry: BitmapTableEntry) throws(BlockError) in
      let start = UInt64(index) * shape.bitsPerCluster
      let end = min(start + shape.bitsPerCluster, shape.bits)
      guard start < end else { return }
      if entry.isAllOnes { return try body(shape.range(of: start..<end)) }
      guard entry.offset != 0 else { return }
      let buffer = try table.file.read(at: entry.offset, count: shape.clusterSize)
      let count = Int(end - start)
      var bit = BitmapBits.first(true, buffer.bytes, from: 0, to: count)
      while bit < count {
        let stop = BitmapBits.first(false, buffer.bytes, from: bit, to: count)
        try body(shape.range(of: start + UInt64(bit)..<start + UInt64(stop)))
        bit = BitmapBits.first(true, buffer.bytes, from: stop, to: count)
      }
    }
  }
}
