// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// A table with one entry for each block of the guest's disk, and the file's spaces that its entries point to.
///
/// Everything a format with such a table has in common happens here: extents, writes, discards, growth, check and
/// repair. Entries are changed in memory first. They reach the file after what they point to, and what counts them
/// after them: a crash leaves spaces that nothing points to, never an entry that points to nothing.
package final class BlockTable: @unchecked Sendable {
  /// A write whose claim is held until it is finished.
  struct Pending {
    let claim: UInt64
    let blocks: Range<UInt64>
    /// The first of the spaces taken for it; nil where it goes to the blocks' own.
    let space: UInt64?
  }

  /// Spaces that nothing points to and that may be taken.
  struct FreeSpaces {
    /// Where the spaces begin that have never been in use.
    var end: UInt64
    /// Some of those before `end`, in no order.
    var reusable: [UInt64] = []
  }

  /// Blocks looked at for one answer: enough that every answer is worth the call, few enough that it is soon there.
  static let blocksPerAnswer: UInt64 = 1 << 16
  /// Spaces remembered for use, and spaces given up before the table is written to make them usable.
  static let rememberedSpaces = 1 << 12

  let lock = ConditionLock()
  var layout: BlockTableLayout
  private(set) var coding: any BlockEntryCoding
  private(set) var cache: TableCache
  var claims = WriteClaims()
  var pending: [Pending] = []
  /// Nil until the table has been read for it.
  var freeSpaces: FreeSpaces?
  /// Spaces that entries in the file may still point to, though those in memory do not.
  var dropped: [UInt64] = []
  /// Blocks that have entries already though the guest's disk does not have them yet; 0 for no more than it has.
  var madeBlocks: UInt64 = 0

  /// A table that is in the file already. `layout` lies inside the file.
  package init(_ layout: BlockTableLayout, _ coding: any BlockEntryCoding) {
    self.layout = layout
    self.coding = coding
    cache = BlockTable.makeCache(lock)
  }

  private static func makeCache(_ lock: ConditionLock) -> TableCache {
    TableCache(bytes: 2 << 20, sliceBytes: 64 << 10, lock: lock)
  }

  /// Guest-visible length in bytes.
  package var length: UInt64 { lock.withLock { layout.length } }
  /// Guest bytes of a block.
  package var blockSize: UInt64 { lock.withLock { layout.blockSize } }
  /// Where the table and the spaces stand now.
  package var currentLayout: BlockTableLayout { lock.withLock { layout } }

  /// Goes on with a table elsewhere, whose entries are in the file.
  func use(_ layout: BlockTableLayout, _ coding: any BlockEntryCoding) {
    self.layout = layout
    self.coding = coding
    cache = BlockTable.makeCache(lock)
    freeSpaces = nil
    dropped = []
  }

  // MARK: Entries

  /// The place of an entry, whose slice is in memory.
  struct Place {
    let slice: TableCache.Slice
    /// Bytes into the slice.
    let offset: Int
    /// Entries from here to the end of the slice.
    let remaining: UInt64
  }

  /// The place of a block's entry. With `releasing`, others may run while its slice is read.
  func place(of block: UInt64, releasing: Bool, _ node: Node) throws(BlockError) -> Place {
    let perSlice = UInt64(cache.sliceBytes / coding.width)
    let file = try BlockTable.file(of: node)
    let start = layout.tableOffset + block / perSlice * UInt64(cache.sliceBytes)
    let slice = try cache.slice(at: start, from: file, releasing: releasing) { () throws(BlockError) in
      try self.writeEntries(node)
    }
    let index = block % perSlice
    return Place(slice: slice, offset: Int(index) * coding.width, remaining: perSlice - index)
  }

  /// The value of an entry, `step` entries behind a place.
  func value(_ place: Place, plus step: UInt64 = 0) -> UInt64 {
    let buffer = place.slice.buffer
    return BlockTable.value(buffer.bytes, at: place.offset + Int(step) * coding.width, coding)
  }

  static func value(_ bytes: RawSpan, at offset: Int, _ coding: any BlockEntryCoding) -> UInt64 {
    switch (coding.width, coding.isBigEndian) {
    case (8, true): bytes.big64(at: offset)
    case (8, false): bytes.little64(at: offset)
    case (_, true): UInt64(bytes.big32(at: offset))
    case (_, false): UInt64(bytes.little32(at: offset))
    }
  }

  static func store(
    _ value: UInt64, in bytes: inout MutableRawSpan, at offset: Int, _ coding: any BlockEntryCoding
  ) {
    let narrow = UInt32(truncatingIfNeeded: value)
    switch (coding.width, coding.isBigEndian) {
    case (8, true): bytes.storeBig(value, at: offset)
    case (8, false): bytes.storeLittle(value, at: offset)
    case (_, true): bytes.storeBig(narrow, at: offset)
    case (_, false): bytes.storeLittle(narrow, at: offset)
    }
  }

  /// What an entry with this value says of a block.
  func entry(_ value: UInt64, of block: UInt64) throws(BlockError) -> BlockEntry {
    guard let entry = BlockTable.checked(value, layout, coding) else {
      throw BlockError(
        .corrupt, "block map entry \(block) (0x\(String(value, radix: 16))) points to no place for a block",
        advice: "'check' tells what else is wrong, 'check -r all' mends what can be mended.")
    }
    return entry
  }

  /// What a value says, nil where it makes no sense in any file.
  static func checked(_ value: UInt64, _ layout: BlockTableLayout, _ coding: any BlockEntryCoding)
    -> BlockEntry?
  {
    guard let entry = coding.entry(of: value) else { return nil }
    guard case .data(let offset) = entry else { return entry }
    guard layout.space(of: offset) != nil, let end = offset.plus(layout.blockSize),
      Int64(exactly: end) != nil
    else { return nil }
    return entry
  }

  /// Changes an entry in memory.
  func set(_ entry: BlockEntry, of block: UInt64, _ node: Node) throws(BlockError) {
    guard let value = coding.value(of: entry) else {
      throw BlockError(.tooLarge, "the block map cannot say where block \(block) is")
    }
    let place = try place(of: block, releasing: false, node)
    let buffer = place.slice.buffer
    var bytes = buffer.mutableBytes
    BlockTable.store(value, in: &bytes, at: place.offset, coding)
    cache.markDirty(place.slice, place.offset..<place.offset + coding.width)
  }

  /// Writes changed entries, after all that they point to.
  func writeEntries(_ node: Node) throws(BlockError) {
    guard cache.isDirty else { return }
    let file = try BlockTable.file(of: node)
    try file.flush()
    try cache.writeDirty(to: file) { (_, _) throws(BlockError) in }
  }

  /// Makes everything durable: data, then entries, then what `counters` writes; spaces that were given up can be
  /// used again.
  ///
  /// - Parameter counters: told how many spaces there are up to the last one in use, or nil where none was taken.
  package func flush(_ node: Node, counters: (UInt64?) throws(BlockError) -> Void) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    try writeOut(node)
    try counters(freeSpaces?.end)
    try BlockTable.file(of: node).flush()
  }

  /// Writes changed entries and makes them durable; the space that they gave up goes back to the file system.
  func writeOut(_ node: Node) throws(BlockError) {
    guard cache.isDirty || !dropped.isEmpty else { return }
    let file = try BlockTable.file(of: node)
    try writeEntries(node)
    try file.flush()
    for space in dropped {
      // What the space reads as from now on matters to nobody.
      try? file.discard(at: layout.offset(ofSpace: space), length: layout.stride)
    }
    if var free = freeSpaces {
      free.reusable += dropped.prefix(max(0, BlockTable.rememberedSpaces - free.reusable.count))
      freeSpaces = free
    }
    dropped = []
  }

  static func file(of node: Node) throws(BlockError) -> Edge {
    guard let edge = node.file else { throw BlockError(.notFound, "node '\(node.name)' has no child 'file'") }
    return edge
  }

  // MARK: Extents

  /// What the table says about a range: as far as it is all alike.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    lock.lock()
    defer { lock.unlock() }
    let first = offset / layout.blockSize
    let inside = offset % layout.blockSize
    let end = min((offset + length - 1) / layout.blockSize + 1, first + BlockTable.blocksPerAnswer)
    let place = try place(of: first, releasing: true, node)
    let start = value(place)
    let entry = try entry(start, of: first)
    var block = first + 1
    while block < end {
      let step = block - first
      if step == place.remaining { break }
      let next = value(place, plus: step)
      guard next == start ? !entry.isData : follows(entry, by: step, next) else { break }
      block += 1
    }
    let known = min((block - first) * layout.blockSize - inside, length)
    switch entry {
    case .hole: return Extent(.unallocated, length: known)
    case .zero: return Extent(.zero, length: known)
    case .data(let at): return Extent(.data, length: known, location: Extent.Location(.file, at + inside))
    }
  }

  /// Whether a value points right behind what an entry `step` blocks before points to.
  func follows(_ entry: BlockEntry, by step: UInt64, _ value: UInt64) -> Bool {
    guard layout.lead == 0, case .data(let first) = entry,
      case .data(let next)? = BlockTable.checked(value, layout, coding)
    else { return false }
    return next == first + step * layout.blockSize
  }
}

extension BlockEntry {
  /// Whether the block is stored.
  var isData: Bool {
    if case .data = self { true } else { false }
  }
}
