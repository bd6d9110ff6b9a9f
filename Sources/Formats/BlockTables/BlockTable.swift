// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// A table with one entry for each block of the guest's disk, and the file's space that its entries point to.
///
/// The table is one piece of the file, or many that a directory names; blocks may be stored in part, with a bitmap of their
/// sectors. Everything that formats with such tables have in common happens here: extents, writes, discards, growth,
/// check and repair. Bitmaps, entries and directories are changed in memory first. They reach the file after what
/// they point to, and what counts them after them: a crash leaves space that nothing points to, never an entry that
/// points to nothing.
package final class BlockTable: @unchecked Sendable {
  /// Blocks looked at for one answer: enough that every answer is worth the call, few enough that it is soon there.
  static let blocksPerAnswer: UInt64 = 1 << 16
  /// Places remembered for use, and places given up before the table is written to make them usable.
  static let rememberedPlaces = 1 << 12

  private let lock = ConditionLock()
  let trailer: (any BlockTableTrailer)?
  let count: (any TableCount)?
  /// Bytes of the trailer at the end of the file, as it stands there: 0 where there is none yet.
  var trailerBytes: UInt64
  var layout: BlockTableLayout
  private(set) var coding: any BlockEntryCoding
  /// Bitmaps, entries, and the entries of directories, in the order in which they reach the file.
  private(set) var bitmaps: TableCache
  private(set) var cache: TableCache
  private(set) var directories: TableCache
  /// The way of all three into the file; nil where they are written where they stand.
  let journal: (any TableJournal)?
  /// The offsets of the second table's slices, by the offset of the first table's slice, for slices with changed
  /// entries.
  var twins: [UInt64: UInt64] = [:]
  let writes = BlockWrites()
  var space = FreeSpace()
  /// Those of tables, or of bitmaps that stand apart; nil until they have been looked for, and where there are none.
  var tablePlaces: TablePlaces?
  /// Blocks that have entries already though the guest's disk does not have them yet; 0 for no more than it has.
  var madeBlocks: UInt64 = 0

  /// A table that is in the file already. `layout` lies inside the file, whose last `trailerBytes` bytes are a `trailer`
  /// where the format has one; with a journal, there is no second directory, and no count.
  package init(
    _ layout: BlockTableLayout, _ coding: any BlockEntryCoding, journal: (any TableJournal)? = nil,
    trailer: (any BlockTableTrailer)? = nil, trailerBytes: UInt64 = 0, count: (any TableCount)? = nil
  ) {
    precondition(journal == nil || layout.directory?.second == nil, "a second directory has no journal")
    self.layout = layout
    self.coding = coding
    self.journal = journal
    self.trailer = trailer
    self.trailerBytes = trailerBytes
    self.count = count
    (bitmaps, cache, directories) = BlockTable.makeCaches(layout, coding)
  }

  private static func makeCaches(
    _ layout: BlockTableLayout, _ coding: any BlockEntryCoding
  ) -> (TableCache, TableCache, TableCache) {
    (
      makeCache(layout.bitmap?.place == .lead ? layout.lead : nil),
      makeCache(layout.directory.map { $0.perTable * UInt64(coding.width) }),
      makeCache(layout.directory.map { layout.capacity / $0.perTable * UInt64($0.coding.width) })
    )
  }

  private static func makeCache(_ bytes: UInt64?) -> TableCache {
    let slice = bytes.flatMap { $0 == 0 ? nil : $0.roundedUp(to: 512) } ?? .max
    return TableCache(bytes: 2 << 20, sliceBytes: Int(min(slice, 64 << 10)))
  }

  /// Guest-visible length in bytes.
  package var length: UInt64 { lock.withLock { layout.length } }
  /// Guest bytes of a block.
  package var blockSize: UInt64 { lock.withLock { layout.blockSize } }
  /// The present layout of the table and the blocks.
  package var currentLayout: BlockTableLayout { lock.withLock { layout } }

  /// Runs `body` with the lock held for a node; nothing else takes it but what only looks at the layout.
  @inline(__always)
  func withHeld<Result>(_ node: Node, _ body: (borrowing Held) throws(BlockError) -> Result)
    throws(BlockError) -> Result
  {
    try lock.withHeld(node, body)
  }

  /// Goes on with a table elsewhere, whose entries are in the file.
  func use(_ layout: BlockTableLayout, _ coding: any BlockEntryCoding, _ held: borrowing Held) {
    self.layout = layout
    self.coding = coding
    space = FreeSpace()
    forget(held)
  }

  /// Goes on with another layout or coding of the same table: of an image whose header has changed so. Nobody writes
  /// meanwhile.
  package func adopt(_ layout: BlockTableLayout, _ coding: any BlockEntryCoding, of node: Node)
    throws(BlockError)
  {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try writeOut(held)
      use(layout, coding, held)
    }
  }

  /// Forgets what is in memory of the file, which has all of it.
  func forget(_ held: borrowing Held) {
    precondition(!isDirty, "block table with unwritten entries")
    dropUnwritten(held)
  }

  /// Forgets what the file lacks, too.
  func dropUnwritten(_ held: borrowing Held) {
    twins = [:]
    tablePlaces = nil
    (bitmaps, cache, directories) = BlockTable.makeCaches(layout, coding)
  }

  // MARK: Values and entries

  /// The entry of a block.
  func entry(of block: UInt64, releasing: Bool = false, _ held: borrowing Held) throws(BlockError)
    -> BlockEntry
  {
    try entry(of: block, at: place(of: block, releasing: releasing, held), held)
  }

  /// The entry of a block, which has this place.
  func entry(of block: UInt64, at place: Place, _ held: borrowing Held) throws(BlockError) -> BlockEntry {
    try entry(of: .block(block), at: place, held)
  }

  /// The entry of an item, which has this place; throws `corrupt` where it makes no sense.
  func entry(of item: BlockTableItem, at place: Place, _ held: borrowing Held) throws(BlockError)
    -> BlockEntry
  {
    try entry(value(place, as: item.isTable ? layout.directory?.coding : nil, held), of: item, held)
  }

  /// The entry that `value` spells for an item; throws `corrupt` where it makes no sense.
  func entry(_ value: UInt64, of item: BlockTableItem, _ held: borrowing Held) throws(BlockError)
    -> BlockEntry
  {
    guard let entry = checked(value, of: item, held) else {
      throw BlockError(
        .corrupt, "\(item) (0x\(String(value, radix: 16))) points to no place where that can be",
        advice: "'check' tells what else is wrong, 'check -r all' mends what can be mended.")
    }
    return entry
  }

  /// The entry that `value` spells, nil where it makes no sense in any file.
  func checked(_ value: UInt64, of item: BlockTableItem, _ held: borrowing Held) -> BlockEntry? {
    let coding = item.isTable ? layout.directory?.coding : self.coding
    guard let entry = coding?.entry(of: value) else { return nil }
    guard case .block = item else {
      // Only a place can be told of anything else.
      guard let place = entry.place else { return .hole }
      return layout.unit(at: place) != nil && layout.isPossible(place, bytes(of: item, held)) ? entry : nil
    }
    switch entry {
    case .hole, .zero: return entry
    case .data(let offset), .partial(let offset):
      guard offset >= layout.lead, layout.unit(at: offset - layout.lead) != nil else { return nil }
      return layout.isPossible(offset - layout.lead, layout.stride) ? entry : nil
    case .compressed(let offset, let length):
      return offset >= layout.areaOffset && length > 0 && layout.isPossible(offset, length) ? entry : nil
    }
  }

  /// Bytes of the file that an item takes, which is not a compressed block.
  func bytes(of item: BlockTableItem, _ held: borrowing Held) -> UInt64 {
    switch item {
    case .block: layout.stride
    case .bitmap: layout.bitmap?.bytesApart ?? 0
    case .table, .secondTable: (layout.directory?.perTable ?? 0) * UInt64(coding.width)
    }
  }

  /// The bytes of the file that an item with an entry that makes sense takes.
  func place(of item: BlockTableItem, _ entry: BlockEntry, _ held: borrowing Held) -> Range<UInt64>? {
    if case .compressed(let offset, let length) = entry { return offset..<offset + length }
    guard let place = entry.place else { return nil }
    let start = if case .block = item { place - layout.lead } else { place }
    return start..<start + bytes(of: item, held)
  }

  /// The units that an item takes.
  func units(of item: BlockTableItem, _ entry: BlockEntry, _ held: borrowing Held) -> Range<UInt64>? {
    place(of: item, entry, held).map(layout.units(of:))
  }

  /// The units that a value names; throws where it makes no sense.
  func units(of item: BlockTableItem, value: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<
    UInt64
  >? {
    try units(of: item, entry(value, of: item, held), held)
  }

  // MARK: Reaching the file

  /// Writes what changed: bitmaps, entries, directories, each after all that it points to.
  func writeEntries(_ held: borrowing Held) throws(BlockError) {
    let file = try held.node.child(in: .file)
    if let count, isDirty, let end = space.end, count.units < end {
      try file.flush()
      try count.set(end, in: file)
    }
    for level in [bitmaps, cache, directories] where level.isDirty {
      try file.flush()
      if layout.directory != nil, level !== bitmaps { file.note(level === cache ? .l2Update : .l1Update) }
      if let journal {
        try level.writeDirty(inUnitsOf: journal.unit, held) { (parts) throws(BlockError) in
          try journal.write(parts, of: held.node)
        }
      } else {
        try level.writeDirty(to: file, alsoAt: { self.twins[$0] }, held) { (_, _) throws(BlockError) in }
      }
    }
    twins = [:]
  }

  /// Makes everything durable: data, then entries, then what `counters` writes; places that were given up can be
  /// used again.
  ///
  /// - Parameter counters: told how many units there are up to the last one in use, or nil where none was taken.
  package func flush(_ node: Node, counters: (UInt64?) throws(BlockError) -> Void) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try writeOut(held)
      try counters(space.end)
      try held.node.child(in: .file).flush()
    }
  }

  /// Whether the file lacks anything.
  var isDirty: Bool { bitmaps.isDirty || cache.isDirty || directories.isDirty }

  /// Writes changed entries and makes them durable; the space that they gave up goes back to the file system.
  func writeOut(_ held: borrowing Held) throws(BlockError) {
    guard isDirty || !space.dropped.isEmpty else { return }
    let file = try held.node.child(in: .file)
    try writeEntries(held)
    try file.flush()
    for unit in space.dropped {
      // A failure does no harm: no entry leads to this place any more.
      try? file.discard(at: layout.offset(ofUnit: unit), length: layout.stride)
    }
    if let last = space.settle() { try cutDropped(last, held) }
  }

  /// Cuts the file behind all that is in use, where the place of a block that was given up, and starts at a unit, is the
  /// last in the file and nobody is writing.
  private func cutDropped(_ last: UInt64, _ held: borrowing Held) throws(BlockError) {
    let file = try held.node.child(in: .file)
    guard layout.directory == nil, writes.all(held).isEmpty,
      layout.offset(ofUnit: last + layout.blockUnits) >= areaEnd(file, held)
    else { return }
    try cutUnused(held)
  }

  // MARK: Extents

  /// The extent at the start of a range: as far as the table says the same of it.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let first = offset / layout.blockSize
      let inside = offset % layout.blockSize
      while true {
        let place = try place(of: first, releasing: true, mayPassHoles: true, held)
        let entry = try entry(of: first, at: place, held)
        if case .partial(let at) = entry {
          let sectors = try sectorsAlike(in: first, at: at, inside, held)
          guard let sectors else { continue }
          let known = min(length, min(sectors.end, layout.blockSize) - inside)
          return sectors.areStored
            ? Extent(.data, length: known, location: Extent.Location(.file, at + inside))
            : Extent(.unallocated, length: known)
        }
        let end = alike(entry, place, first..<(offset + length - 1) / layout.blockSize + 1, held)
        let known = min((end - first) * layout.blockSize - inside, length)
        switch entry {
        case .zero: return Extent(.zero, length: known)
        case .data(let at): return Extent(.data, length: known, location: Extent.Location(.file, at + inside))
        case .compressed: return Extent(.data, length: known, encoding: .compressed)
        case .hole, .partial: return Extent(.unallocated, length: known)
        }
      }
    }
  }

  /// The entry of the block at a guest offset.
  package func entry(at offset: UInt64, of node: Node) throws(BlockError) -> BlockEntry {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let block = offset / layout.blockSize
      return try entry(of: block, releasing: true, held)
    }
  }

  /// The end of the run of blocks that are like the first of `blocks`, or are stored right behind each other.
  private func alike(_ entry: BlockEntry, _ place: Place, _ blocks: Range<UInt64>, _ held: borrowing Held)
    -> UInt64
  {
    let first = blocks.lowerBound
    let end = min(blocks.upperBound, first + place.remaining)
    guard place.slice != nil else { return end }
    if entry == .hole || entry == .zero { return sameBlocks(as: place, blocks, held) }
    let isCompressed = if case .compressed = entry { true } else { false }
    var block = first + 1
    while block < min(end, first + BlockTable.blocksPerAnswer) {
      let next = value(place, plus: block - first, held)
      if isCompressed, case .compressed? = checked(next, of: .block(block), held) {
        block += 1
        continue
      }
      guard follows(entry, by: block - first, next, held) else { break }
      block += 1
    }
    return block
  }

  /// The end of the run of blocks whose entries are those of the first, as far as they are in the slice; entries of bitmaps
  /// between them are passed over.
  private func sameBlocks(as place: Place, _ blocks: Range<UInt64>, _ held: borrowing Held) -> UInt64 {
    var (place, block) = (place, blocks.lowerBound)
    let value = value(place, held)
    while true {
      let count = min(place.remaining, blocks.upperBound - block)
      block += sameInMemory(from: place, of: count, coding, held)
      guard place.remaining == count, block < blocks.upperBound,
        block - blocks.lowerBound < BlockTable.blocksPerAnswer,
        let next = self.place(of: block, near: place, held), self.value(next, held) == value
      else { return block }
      place = next
    }
  }

  /// Whether a value points right behind what an entry `step` blocks before points to.
  func follows(_ entry: BlockEntry, by step: UInt64, _ value: UInt64, _ held: borrowing Held) -> Bool {
    guard layout.lead == 0, case .data(let first) = entry,
      case .data(let next)? = checked(value, of: .block(0), held)
    else { return false }
    return next == first + step * layout.blockSize
  }
}
