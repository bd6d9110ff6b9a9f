// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors

/// Making, changing and forgetting
extension BitmapStore {
  /// Changes the bitmap called `name`, whose number `refuseChange` told.
  func change(_ name: String, at index: Int, _ change: BitmapChange, _ held: borrowing Held)
    throws(BlockError)
  {
    try store(held)
    var update = BitmapUpdate(directory?.entries ?? [])
    try undoingOnFailure(of: &update, held) { (update: inout BitmapUpdate) throws(BlockError) in
      try plan(change, name, index, &update, held)
      try allocator.write(held)
      try replaceDirectory(by: &update, held)
    }
    try giveUp(update, held)
  }

  /// Makes bitmaps whose entries `newEntries` made, all or none.
  func add(_ added: [NewBitmap], as entries: [BitmapEntry], _ held: borrowing Held) throws(BlockError) {
    try store(held)
    var update = BitmapUpdate(directory?.entries ?? [])
    try undoingOnFailure(of: &update, held) { (update: inout BitmapUpdate) throws(BlockError) in
      for (bitmap, entry) in zip(added, entries) {
        update.entries.append(entry)
        try inContext(BitmapStore.creating(bitmap.name)) { () throws(BlockError) in
          try fill(update.entries.count - 1, bitmap.content, startsEmpty: true, &update, held)
        }
      }
      try allocator.write(held)
      try replaceDirectory(by: &update, held)
    }
    try giveUp(update, held)
  }

  /// The entries of bitmaps that can be made, without their tables.
  func newEntries(_ added: [NewBitmap], _ held: borrowing Held) throws(BlockError) -> [BitmapEntry] {
    let present = directory?.entries ?? []
    var names = Set(present.map(\.nameKey))
    var size = BitmapDirectory.size(of: present)
    var entries: [BitmapEntry] = []
    for bitmap in added {
      let name = bitmap.name
      let entry = try inContext(BitmapStore.creating(name)) { () throws(BlockError) -> BitmapEntry in
        let entry = BitmapEntry(
          name: name, granularityBits: try granularityBits(bitmap.granularity), isEnabled: bitmap.isEnabled)
        let isKnown = !names.insert(entry.nameKey).inserted
        try refuseAdding(entry, isKnown: isKnown, besides: present.count + entries.count, size, held)
        try refuseOtherLength(bitmap.content)
        return entry
      }
      size += UInt64(entry.size)
      entries.append(entry)
    }
    return entries
  }

  private static func creating(_ name: String) -> String { "Failed to create bitmap \(name)" }

  /// Puts everything that is new into free space.
  private func plan(
    _ change: BitmapChange, _ name: String, _ index: Int, _ update: inout BitmapUpdate, _ held: borrowing Held
  ) throws(BlockError) {
    switch change {
    case .add(let granularity, let isEnabled, let content):
      let bits = try granularityBits(granularity)
      update.entries.append(BitmapEntry(name: name, granularityBits: bits, isEnabled: isEnabled))
      try fill(update.entries.count - 1, content, startsEmpty: true, &update, held)
    case .remove:
      update.formerTables.append(update.entries.remove(at: index))
      update.losesBits = true
    case .clear:
      try fill(index, nil, startsEmpty: true, &update, held)
      update.losesBits = true
    case .setEnabled(true):
      update.entries[index].flags.insert(.auto)
    case .setEnabled(false):
      update.entries[index].flags.remove(.auto)
    case .merge(let content):
      try fill(index, content, startsEmpty: false, &update, held)
    }
  }

  /// Writes a new table for a bitmap, with what `content` adds to what the bitmap has.
  private func fill(
    _ index: Int, _ content: (any BitmapContent)?, startsEmpty: Bool, _ update: inout BitmapUpdate,
    _ held: borrowing Held
  ) throws(BlockError) {
    let entry = update.entries[index]
    let table = BitmapTable(entry, geometry, try files.file(held))
    let edit = BitmapEdit(table, shape(of: entry), startsEmpty: startsEmpty)
    defer {
      for entry in edit.placed.values { update.noteTaken(entry.offset >> geometry.clusterBits) }
    }
    try content?.forEachDirty { (range: Range<UInt64>) throws(BlockError) in
      try edit.mark(range) { () throws(BlockError) in
        try writeChunks(edit, inPlace: false, held)
        edit.forget()
      }
    }
    try writeChunks(edit, inPlace: false, held)
    try writeTable(edit, for: index, &update, held)
  }

  // MARK: Refusals

  /// Refuses what cannot be done; the number of the bitmap that is meant, where there is one.
  func refuseChange(_ name: String, _ change: BitmapChange, _ held: borrowing Held) throws(BlockError) -> Int
  {
    switch change {
    case .add(let granularity, let isEnabled, let content):
      let entries = directory?.entries ?? []
      let entry = BitmapEntry(
        name: name, granularityBits: try granularityBits(granularity), isEnabled: isEnabled)
      try refuseAdding(
        entry, isKnown: directory?.index(of: name) != nil, besides: entries.count,
        BitmapDirectory.size(of: entries), held)
      try refuseOtherLength(content)
      return 0
    case .remove:
      return try bitmap(name).index
    case .clear, .setEnabled:
      return try usableBitmap(name).index
    case .merge(let content):
      let found = try usableBitmap(name)
      try refuseOtherLength(content)
      return found.index
    }
  }

  /// Refuses a bitmap that cannot be made besides `count` others whose directory has `size` bytes.
  private func refuseAdding(
    _ entry: BitmapEntry, isKnown: Bool, besides count: Int, _ size: UInt64, _ held: borrowing Held
  ) throws(BlockError) {
    guard !entry.nameBytes.isEmpty else { throw BlockError(.invalidArgument, "Bitmap name cannot be empty") }
    guard !isKnown else { throw BlockError(.alreadyExists, "Bitmap already exists: \(entry.name)") }
    let context = "Can't make bitmap '\(entry.name)' persistent in '\(held.node.name)'"
    try inContext(context) { () throws(BlockError) in try refuseStoring(entry, besides: count, size) }
  }

  private func refuseStoring(_ entry: BitmapEntry, besides count: Int, _ size: UInt64) throws(BlockError) {
    guard header.version >= 3 else {
      throw BlockError(.unsupported, "Cannot store dirty bitmaps in qcow2 v2 files")
    }
    guard entry.nameBytes.count <= BitmapEntry.longestName else {
      throw BlockError(
        .invalidArgument, "Name length exceeds maximum (\(BitmapEntry.longestName) characters)")
    }
    guard length > 0 else { throw BitmapStore.noLength }
    if case .unreadable = state {
      throw BlockError(.corrupt, "The bitmaps that the image has cannot be read")
    }
    guard shape(of: entry).isUsable else {
      throw BlockError(.tooLarge, "Too much space will be occupied by the bitmap. Use larger granularity")
    }
    guard count < Int(BitmapsExtension.largestCount),
      size + UInt64(entry.size) <= BitmapsExtension.largestDirectory
    else {
      throw BlockError(.tooLarge, "The image has \(count) bitmaps, which is as many as it can hold")
    }
  }

  private func refuseOtherLength(_ content: (any BitmapContent)?) throws(BlockError) {
    guard let content, content.length != length else { return }
    throw BlockError(
      .invalidArgument,
      "Bitmaps are of different sizes (destination size is \(length), source size is \(content.length)) "
        + "and can't be merged")
  }

  /// A granularity as a power of two; the cluster size within limits where nobody says.
  private func granularityBits(_ granularity: UInt64?) throws(BlockError) -> UInt8 {
    let usual = BitmapShape.usualGranularity
    return try BitmapShape.granularityBits(
      granularity ?? min(max(geometry.clusterSize, usual.lowerBound), usual.upperBound))
  }
}
