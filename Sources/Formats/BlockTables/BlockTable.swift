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
///
/// Each object that it is made of is the only one that changes its own state.
package final class BlockTable: @unchecked Sendable {
  /// Places remembered for use, and places given up before the table is written to make them usable.
  static let rememberedPlaces = 1 << 12

  private let lock = ConditionLock()
  let entries: BlockEntries
  let space: BlockSpace
  let fileEnd: FileEnd
  let writes = BlockWrites()

  /// A table that is in the file already. `layout` lies inside the file, whose last `trailerBytes` bytes are a `trailer`
  /// where the format has one; with a journal, there is no second directory, and no count.
  package init(
    _ layout: BlockTableLayout, _ coding: any BlockEntryCoding, journal: (any TableJournal)? = nil,
    trailer: (any BlockTableTrailer)? = nil, trailerBytes: UInt64 = 0, count: (any TableCount)? = nil
  ) {
    let free = FreeSpace()
    entries = BlockEntries(layout, coding, journal: journal, count: count, free: free)
    fileEnd = FileEnd(trailer, bytes: trailerBytes, journal: journal, count: count)
    space = BlockSpace(of: entries, free, writes, fileEnd)
  }

  /// The present layout of the table and the blocks, for who holds the lock.
  var layout: BlockTableLayout { entries.layout }
  /// Guest-visible length in bytes.
  package var length: UInt64 { lock.withLock { entries.layout.length } }
  /// Guest bytes of a block.
  package var blockSize: UInt64 { lock.withLock { entries.layout.blockSize } }
  /// The present layout of the table and the blocks.
  package var currentLayout: BlockTableLayout { lock.withLock { entries.layout } }

  /// Runs `body` with the lock held for a node; nothing else takes it but what only looks at the layout.
  @inline(__always)
  func withHeld<Result>(_ node: Node, _ body: (borrowing Held) throws(BlockError) -> Result)
    throws(BlockError) -> Result
  {
    try lock.withHeld(node, body)
  }

  /// Goes on with a table elsewhere, whose entries are in the file.
  func use(_ layout: BlockTableLayout, _ coding: any BlockEntryCoding, _ held: borrowing Held) {
    entries.use(layout, coding, held)
    space.forget(held)
  }

  /// Goes on with another layout or coding of the same table: of an image whose header has changed so. Nobody writes
  /// meanwhile.
  package func adopt(_ layout: BlockTableLayout, _ coding: any BlockEntryCoding, of node: Node)
    throws(BlockError)
  {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try space.writeOut(held)
      use(layout, coding, held)
    }
  }

  // MARK: Reading

  /// The extent at the start of a range: as far as the table says the same of it.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try entries.extent(at: offset, length: length, held)
    }
  }

  /// The entry of the block at a guest offset.
  package func entry(at offset: UInt64, of node: Node) throws(BlockError) -> BlockEntry {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let block = offset / layout.blockSize
      return try entries.entry(of: block, releasing: true, held)
    }
  }

  /// Calls `body` with the guest offset and the file offset of each compressed block, in the disk's order; entries that make
  /// no sense are passed over. No other request changes them meanwhile: `body` runs without the lock.
  package func forEachCompressed(
    of node: Node, _ body: (UInt64, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let blockSize = layout.blockSize
      try entries.scan(held) { (item, value) throws(BlockError) in
        guard case .block(let block) = item,
          case .compressed(let place, _)? = entries.checked(value, of: item, held)
        else { return }
        try held.released { () throws(BlockError) in try body(block * blockSize, place) }
      }
    }
  }

  // MARK: Changing entries

  /// Changes the entry of a block in memory.
  func set(_ entry: BlockEntry, of block: UInt64, _ held: borrowing Held) throws(BlockError) {
    try set(entry, of: .block(block), held)
  }

  /// Changes the entry of an item in memory. A block's table is made where there is none.
  func set(_ entry: BlockEntry, of item: BlockTableItem, _ held: borrowing Held) throws(BlockError) {
    if case .block(let block) = item, try entries.place(of: block, releasing: false, held).slice == nil {
      // Refused before a table is made for it.
      _ = try entries.value(of: entry, for: item, held)
      try makeTable(of: block, held)
    }
    try entries.set(entry, of: item, held)
  }

  /// Makes the table that has a block's entry, at the end of the file.
  func makeTable(of block: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard let directory = layout.directory else { return }
    let number = block / directory.perTable
    var items = [BlockTableItem.table(number)]
    if directory.second != nil { items.append(.secondTable(number)) }
    for item in items.reversed() {
      let units = try space.takeUnits(for: item, held)
      try entries.set(.data(layout.offset(ofUnit: units.lowerBound)), of: item, held)
    }
  }

  /// Lets a block that is stored in part have bits: makes the bitmap of its group where that is not there.
  func makeBits(of block: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard let every = layout.bitmapGroup else { return }
    let group = BlockTableItem.bitmap(block / every)
    guard try entries.entry(of: group, at: entries.bitmapPlace(of: block / every, held), held).place == nil
    else { return }
    let units = try space.takeUnits(for: group, held)
    try set(.data(layout.offset(ofUnit: units.lowerBound)), of: group, held)
  }

  /// Gives an item another place in the file, with a copy of what it has, and enters it: from an offset on, or somewhere that
  /// is free. A compressed block goes where it is told to.
  func move(_ item: BlockTableItem, _ entry: BlockEntry, to offset: UInt64? = nil, _ held: borrowing Held)
    throws(BlockError)
  {
    guard let old = entries.place(of: item, entry, held) else { return }
    func move(to target: UInt64) throws(BlockError) {
      try copy(from: old.lowerBound, to: target, UInt64(old.count), held)
      try set(entry.moved(by: target &- old.lowerBound), of: item, held)
    }
    if let offset { return try move(to: offset) }
    guard entry.place != nil else { return }
    let units: Range<UInt64>
    if case .block = item {
      units = try space.takePlaces(1, held)
    } else {
      units = try space.takeUnits(for: item, held)
    }
    do throws(BlockError) {
      if fileEnd.hasTrailer, case .block = item { try space.makeBlank(units, isWhole: true, held) }
      try move(to: layout.offset(ofUnit: units.lowerBound))
    } catch {
      space.giveBack(units, held)
      throw error
    }
  }

  /// Copies bytes of the file to another place in it.
  ///
  /// - Parameter ontoZeros: whether that place reads as zeros, so that holes stay holes.
  func copy(
    from source: UInt64, to target: UInt64, _ length: UInt64, ontoZeros: Bool = false, _ held: borrowing Held
  ) throws(BlockError) {
    let file = try held.node.child(in: .file)
    let piece = Buffer(count: Int(min(length, 1 << 20)))
    var done: UInt64 = 0
    while done < length {
      if ontoZeros, let extent = try? file.extent(at: source + done, length: length - done),
        extent.kind == .zero
      {
        done += extent.length
        continue
      }
      let count = Int(min(UInt64(piece.count), length - done))
      var bytes = piece.mutableBytes
      var part = bytes.slice(0..<count)
      try file.read(at: source + done, into: &part)
      let content = piece.bytes.slice(0..<count)
      if !ontoZeros || !content.isZero { try file.write(at: target + done, from: content) }
      done += UInt64(count)
    }
  }

  // MARK: Reaching the file

  /// Makes everything durable: data, then entries, then what `counters` writes; places that were given up can be
  /// used again.
  ///
  /// - Parameter counters: told how many units there are up to the last one in use, or nil where none was taken.
  package func flush(_ node: Node, counters: (UInt64?) throws(BlockError) -> Void) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try space.writeOut(held)
      try counters(space.end)
      try held.node.child(in: .file).flush()
    }
  }

  /// Gives up entries that the file lacks, and what they point to at its end: the image is as it was before they changed. For
  /// a file system that is full; with a log, which may have them already, nothing is given up.
  package func giveUpUnwritten(_ node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard entries.journal == nil else { return }
      writes.waitForAll(held)
      entries.dropUnwritten(held)
      space.forget(held)
      try space.cutFile(to: layout.offset(ofUnit: try space.endOfUse(held)), held)
    }
  }

  // MARK: Space

  /// Takes bytes at the end of the file for something that is no block and has its place in `reserved` from here on; they
  /// read as zeros.
  package func reserve(_ count: UInt64, of node: Node) throws(BlockError) -> UInt64 {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try space.reserve(count, held).lowerBound
    }
  }

  /// Takes so many bytes at the end of the file, which read as zeros, for something that the caller is about to enter
  /// into the layout as reserved: the offset in the file.
  package func takeSpace(_ bytes: UInt64, of node: Node) throws(BlockError) -> UInt64 {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      layout.offset(ofUnit: try space.takeUnits(bytes, held).lowerBound)
    }
  }

  /// Units up to the last one that is in use; entries are in the file afterwards.
  package func usedUnits(of node: Node) throws(BlockError) -> UInt64 {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try space.knownEnd(held)
    }
  }

  /// Gives up what was reserved, byte ranges of `reserved`, once nothing in the file leads there.
  package func release(_ ranges: [Range<UInt64>], of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      entries.release(ranges, held)
      try space.letGo(ranges, held)
      try space.cutUnused(held)
    }
  }

  /// The byte range of the file from the first block, table or bitmap to behind the last, as the entries have it; nil
  /// without any. Entries that make no sense are passed over.
  ///
  /// - Parameter limit: those that begin behind this offset are passed over, too.
  package func placesInUse(of node: Node, before limit: UInt64 = .max) throws(BlockError) -> Range<UInt64>? {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try entries.writeEntries(held)
      var found: Range<UInt64>?
      try entries.scan(held) { (item, value) throws(BlockError) in
        guard let entry = entries.checked(value, of: item, held),
          let bytes = entries.place(of: item, entry, held),
          bytes.lowerBound <= limit
        else { return }
        found =
          min(bytes.lowerBound, found?.lowerBound ?? .max)..<max(bytes.upperBound, found?.upperBound ?? 0)
      }
      return found
    }
  }

  /// Whole units that the file has room for.
  package func unitsInFile(of node: Node) throws(BlockError) -> UInt64 {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      layout.unitsInFile(space.areaEnd(try held.node.child(in: .file), held))
    }
  }

  /// Lets a file end with a whole trailer that does not, behind all that it has.
  ///
  /// - Parameter isWhole: whether the file must have all that entries point to; throws kind `corrupt` then where it ends
  ///   before.
  package func ensureTrailer(_ node: Node, isWhole: Bool = true) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let file = try held.node.child(in: .file)
      let needed = isWhole ? layout.offset(ofUnit: try space.knownEnd(held)) : 0
      guard needed <= space.areaEnd(file, held) else {
        throw BlockError(
          .corrupt, "the file ends before its last block, which lies up to offset \(needed)",
          advice: "What is left can be read; 'check -r all' lets the rest read as zeros.")
      }
      guard !fileEnd.isWhole else { return }
      let end = space.areaEnd(file, held)
      do throws(BlockError) {
        try fileEnd.placeTrailer(at: end.roundedUp(to: 512) ?? end, held)
      } catch {
        guard isWhole else { throw error }
        // A device ends where it ends.
        try fileEnd.placeTrailer(at: needed, held)
      }
    }
  }
}
