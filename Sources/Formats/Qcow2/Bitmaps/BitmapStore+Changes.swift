// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
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
    case .add(let granularity, _, let content):
      try refuseAdding(name, try granularityBits(granularity), held)
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

  private func refuseAdding(_ name: String, _ granularityBits: UInt8, _ held: borrowing Held)
    throws(BlockError)
  {
    guard !name.isEmpty else { throw BlockError(.invalidArgument, "Bitmap name cannot be empty") }
    guard directory?.index(of: name) == nil else {
      throw BlockError(.alreadyExists, "Bitmap already exists: \(name)")
    }
    try inContext("Can't make bitmap '\(name)' persistent in '\(held.node.name)'") { () throws(BlockError) in
      try refuseStoring(BitmapEntry(name: name, granularityBits: granularityBits, isEnabled: true))
    }
  }

  private func refuseStoring(_ entry: BitmapEntry) throws(BlockError) {
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
    let entries = directory?.entries ?? []
    guard entries.count < Int(BitmapsExtension.largestCount),
      BitmapDirectory.size(of: entries + [entry]) <= BitmapsExtension.largestDirectory
    else {
      throw BlockError(.tooLarge, "The image has \(entries.count) bitmaps, which is as many as it can hold")
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
