// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A bitmap whose bits are changing: the clusters of bits that are touched are in memory, all others in the file.
///
/// Used with the image's lock held.
final class BitmapEdit {
  /// One cluster of bits in memory.
  final class Chunk {
    let buffer: Buffer
    /// Whether the file lacks any bit of it.
    var isChanged = false

    fileprivate init(count: Int) { buffer = Buffer(count: count) }
  }

  /// Bytes of bits that one edit keeps in memory before it has to write them somewhere.
  static let budget = 32 << 20

  /// The bitmap as the directory in the file has it, with the table in the file.
  let table: BitmapTable
  /// Whether what the file has is passed over.
  let startsEmpty: Bool
  private(set) var shape: BitmapShape
  private(set) var chunks: [Int: Chunk] = [:]
  /// Table entries that the table in the file does not have yet.
  var placed: [Int: BitmapTableEntry] = [:]
  /// Clusters of bits that are no longer needed once `placed` is in the file.
  var replaced: [UInt64] = []
  private var latest: (index: Int, chunk: Chunk)?

  init(_ table: BitmapTable, _ shape: BitmapShape, startsEmpty: Bool = false) {
    self.table = table
    self.shape = shape
    self.startsEmpty = startsEmpty
  }

  /// Whether memory is full, so that changed bits have to be written before others are touched.
  var isFull: Bool { chunks.count * shape.clusterSize >= BitmapEdit.budget }

  /// Lets a range of the disk be dirty.
  ///
  /// - Parameter makeRoom: called when memory is full; writes what changed, then lets go of it.
  func mark(_ range: Range<UInt64>, makeRoom: () throws(BlockError) -> Void) throws(BlockError) {
    let bits = shape.bits(of: range)
    var bit = bits.lowerBound
    while bit < bits.upperBound {
      let index = Int(bit / shape.bitsPerCluster)
      let start = UInt64(index) * shape.bitsPerCluster
      let end = min(start + shape.bitsPerCluster, bits.upperBound)
      if chunks[index] == nil, isFull { try makeRoom() }
      let chunk = try chunk(index)
      let buffer = chunk.buffer
      var bytes = buffer.mutableBytes
      if BitmapBits.fill(&bytes, Int(bit - start)..<Int(end - start), true) { chunk.isChanged = true }
      bit = end
    }
  }

  /// The table entry for a cluster of bits as it is to be.
  func entry(at index: Int) throws(BlockError) -> BitmapTableEntry {
    if let entry = placed[index] { return entry }
    return startsEmpty ? .zeros : try table.entry(at: index)
  }

  private func chunk(_ index: Int) throws(BlockError) -> Chunk {
    if let latest, latest.index == index { return latest.chunk }
    let chunk: Chunk
    if let known = chunks[index] { chunk = known } else { chunk = try load(index) }
    chunks[index] = chunk
    latest = (index, chunk)
    return chunk
  }

  private func load(_ index: Int) throws(BlockError) -> Chunk {
    let chunk = Chunk(count: shape.clusterSize)
    let entry = try entry(at: index)
    let buffer = chunk.buffer
    var bytes = buffer.mutableBytes
    if entry.isAllOnes { bytes.fill(0xff) }
    if entry.offset != 0 { try table.file.read(at: entry.offset, into: &bytes) }
    return chunk
  }

  /// Forgets what is in memory; everything that changed has been written.
  func forget() {
    latest = nil
    chunks = [:]
  }

  /// Lets the bitmap describe a disk of another length; the new part of the disk is clean.
  func resize(to length: UInt64) throws(BlockError) {
    guard length != shape.length else { return }
    let isShorter = length < shape.length
    shape.length = length
    guard isShorter else { return }
    let kept = Int(shape.tableSize)
    latest = nil
    for index in chunks.keys.filter({ $0 >= kept }) { chunks[index] = nil }
    for (index, entry) in placed where index >= kept {
      if entry.offset != 0 { replaced.append(entry.offset) }
      placed[index] = nil
    }
    // Bits past the end would come to light when the disk grows again.
    let used = shape.bits % shape.bitsPerCluster
    guard used != 0, try entry(at: kept - 1) != .zeros || chunks[kept - 1] != nil else { return }
    let last = try chunk(kept - 1)
    let buffer = last.buffer
    var bytes = buffer.mutableBytes
    if BitmapBits.fill(&bytes, Int(used)..<shape.clusterSize * 8, false) { last.isChanged = true }
  }
}
