// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The places of entries: in the table, or in one of the tables that the directory names.
extension BlockEntries {
  /// The place of an entry, whose slice is in memory.
  struct Place {
    /// Nil where there is no table, and so a hole.
    let slice: TableCache.Slice?
    /// Bytes into the slice.
    let offset: Int
    /// Entries of blocks from here to the end of the slice, or to where there is a table.
    let remaining: UInt64
  }

  /// The place of a block's entry. With `releasing`, others may run while its slice is read.
  ///
  /// - Parameter mayPassHoles: whether entries that stand in a hole of the file may be passed over unread, as if there
  ///   were no table.
  func place(of block: UInt64, releasing: Bool, mayPassHoles: Bool = false, _ held: borrowing Held)
    throws(BlockError)
    -> Place
  {
    guard let directory = layout.directory else {
      let index = layout.entryIndex(of: .block(block))
      let left = layout.bitmapGroup.map { $0 - block % $0 } ?? .max
      if mayPassHoles, !cache.isDirty {
        let start = layout.tableOffset + index * UInt64(coding.width)
        let slice = start - (start - layout.tableOffset) % UInt64(cache.sliceBytes)
        if cache.cached(at: slice, held) == nil, let count = try holes(at: start, coding, held), count > 0 {
          return Place(slice: nil, offset: 0, remaining: layout.blocks(before: index + count) - block)
        }
      }
      return try place(ofEntry: index, of: layout.tableOffset, left, releasing, held)
    }
    let index = block % directory.perTable
    if mayPassHoles, !directories.isDirty,
      let count = try holesOfDirectory(at: block / directory.perTable, directory, held), count > 0
    {
      return Place(slice: nil, offset: 0, remaining: count * directory.perTable - index)
    }
    let found = try directoryPlace(of: .table(block / directory.perTable), releasing: releasing, held)
    let entry = try entry(of: .table(block / directory.perTable), at: found, held)
    guard let table = entry.place else {
      let count = sameInMemory(from: found, of: found.remaining, directory.coding, held)
      return Place(slice: nil, offset: 0, remaining: count * directory.perTable - index)
    }
    return try place(ofEntry: index, of: table, directory.perTable - index, releasing, held)
  }

  /// How many entries from an offset on stand in a hole of the file; nil where that spells something else than holes, or
  /// where the file cannot tell.
  func holes(at offset: UInt64, _ coding: any BlockEntryCoding, _ held: borrowing Held)
    throws(BlockError)
    -> UInt64?
  {
    guard coding.value(of: .hole) == 0 else { return nil }
    let file = try held.node.child(in: .file)
    let end = file.length
    guard offset < end, let found = try? file.extent(at: offset, length: end - offset), found.kind == .zero
    else { return nil }
    return found.length / UInt64(coding.width)
  }

  /// How many entries of the directory from that of a table on stand in a hole of the file; nil where they are in memory.
  private func holesOfDirectory(at table: UInt64, _ directory: BlockTableDirectory, _ held: borrowing Held)
    throws(BlockError) -> UInt64?
  {
    let start = layout.tableOffset + table * UInt64(directory.coding.width)
    let slice = start - (start - layout.tableOffset) % UInt64(directories.sliceBytes)
    guard directories.cached(at: slice, held) == nil, let count = try holes(at: start, directory.coding, held)
    else {
      return nil
    }
    return min(count, layout.capacity / directory.perTable - table)
  }

  /// How many entries of so many from a place on have the value that is there: at least 1.
  func sameInMemory(
    from place: Place, of count: UInt64, _ coding: any BlockEntryCoding, _ held: borrowing Held
  ) -> UInt64 {
    guard let buffer = place.slice?.buffer else { return 1 }
    return coding.sameEntries(buffer.bytes, at: place.offset, of: count)
  }

  /// The place of an entry of the table at an offset; `left` entries of blocks are there in a row.
  private func place(
    ofEntry index: UInt64, of table: UInt64, _ left: UInt64, _ releasing: Bool, _ held: borrowing Held
  ) throws(BlockError) -> Place {
    let found = try place(ofEntry: index, of: table, in: cache, coding.width, releasing, held)
    return Place(slice: found.slice, offset: found.offset, remaining: min(found.remaining, left))
  }

  private func place(
    ofEntry index: UInt64, of table: UInt64, in cache: TableCache, _ width: Int, _ releasing: Bool,
    _ held: borrowing Held
  ) throws(BlockError) -> Place {
    let perSlice = UInt64(cache.sliceBytes / width)
    let start = table + index / perSlice * UInt64(cache.sliceBytes)
    let slice = try slice(at: start, in: cache, releasing: releasing, held)
    let inside = index % perSlice
    return Place(slice: slice, offset: Int(inside) * width, remaining: perSlice - inside)
  }

  /// A slice of tables or bitmaps. With a directory, `start` must lie inside the file; throws `corrupt` otherwise.
  func slice(at start: UInt64, in cache: TableCache, releasing: Bool, _ held: borrowing Held)
    throws(BlockError)
    -> TableCache.Slice
  {
    if let slice = cache.cached(at: start, held) { return slice }
    let file = try held.node.child(in: .file)
    let mayBeShort = layout.directory == nil || cache === directories && layout.mayEndEarly
    guard mayBeShort || start < file.length else {
      throw BlockError(
        .corrupt, "a part of the block map (offset \(start)) lies past the end of the file",
        advice: "'check' tells what else is wrong, 'check -r all' mends what can be mended.")
    }
    if cache === self.cache, layout.directory?.loadsNewTables == true || !newTable.contains(start) {
      held.node.note(.l2Load, to: file)
    }
    return try cache.slice(at: start, from: file, releasing: releasing, held) { () throws(BlockError) in
      try self.writeEntries(held)
    }
  }

  /// The place of the directory's entry of a table.
  func directoryPlace(of item: BlockTableItem, releasing: Bool, _ held: borrowing Held) throws(BlockError)
    -> Place
  {
    guard let directory = layout.directory else { throw BlockError(.notFound, "no directory of tables") }
    var start = layout.tableOffset
    if case .secondTable = item { start = directory.second ?? start }
    let found = try place(
      ofEntry: item.number, of: start, in: directories, directory.coding.width, releasing, held)
    let left = layout.capacity / directory.perTable - item.number
    return Place(slice: found.slice, offset: found.offset, remaining: min(found.remaining, left))
  }

  /// The value of an entry, `step` entries behind a place.
  func value(
    _ place: Place, plus step: UInt64 = 0, as coding: (any BlockEntryCoding)? = nil, _ held: borrowing Held
  ) -> UInt64 {
    let coding = coding ?? self.coding
    guard let buffer = place.slice?.buffer else { return coding.value(of: .hole) ?? 0 }
    return coding.value(buffer.bytes, at: place.offset + Int(step) * coding.width)
  }

  /// The place of the entry of a block of a table that stands alone, where it is in the slice of another's.
  func place(of block: UInt64, near other: Place, _ held: borrowing Held) -> Place? {
    guard layout.directory == nil, let slice = other.slice else { return nil }
    let start = layout.tableOffset + layout.entryIndex(of: .block(block)) * UInt64(coding.width)
    guard start >= slice.offset, start - slice.offset < UInt64(cache.sliceBytes) else { return nil }
    let offset = Int(start - slice.offset)
    let left = layout.bitmapGroup.map { $0 - block % $0 } ?? .max
    return Place(
      slice: slice, offset: offset,
      remaining: min(left, UInt64((cache.sliceBytes - offset) / coding.width)))
  }

  /// The place of the entry of a bitmap that stands apart.
  func bitmapPlace(of group: UInt64, _ held: borrowing Held) throws(BlockError) -> Place {
    let index = layout.entryIndex(of: .bitmap(group))
    guard index < layout.capacity else { throw BlockError(.corrupt, "the block map has no room for bitmaps") }
    return try place(ofEntry: index, of: layout.tableOffset, 1, false, held)
  }
}
