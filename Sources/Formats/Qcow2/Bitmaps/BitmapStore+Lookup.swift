// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors

/// Looking bitmaps up.
extension BitmapStore {
  /// The bitmaps as they are now, for users.
  var listing: BitmapListing { BitmapListing(entries: directory?.entries ?? [], edited: Set(edits.keys)) }

  /// The bits of the bitmap called `name`; changes in memory go into the file first, where the bits are read.
  func content(_ name: String, _ held: borrowing Held) throws(BlockError) -> any BitmapContent {
    try store(held)
    let (_, entry) = try usableBitmap(name)
    return BitmapInFile(table: BitmapTable(entry, geometry, try files.file(held)), shape: shape(of: entry))
  }

  /// The bitmaps that can be used, with their bits.
  func usableContents(_ held: borrowing Held) throws(BlockError) -> [NewBitmap] {
    try store(held)
    let file = try files.file(held)
    var result: [NewBitmap] = []
    for (index, entry) in (directory?.entries ?? []).enumerated() where isUsable(index) {
      result.append(
        NewBitmap(
          name: entry.name, granularity: 1 << UInt64(entry.granularityBits),
          isEnabled: entry.flags.contains(.auto),
          content: BitmapInFile(table: BitmapTable(entry, geometry, file), shape: shape(of: entry))))
    }
    return result
  }

  /// Forgets bitmaps that mean nothing any more; their space is for `check` to find.
  func dropStale(_ held: borrowing Held) throws(BlockError) {
    guard header.version >= 3, case .stale = state else { return }
    try header.removeBitmapsExtension(held)
    use(.none)
  }

  func shape(of entry: BitmapEntry) -> BitmapShape {
    BitmapShape(
      granularityBits: entry.granularityBits, clusterBits: geometry.clusterBits, length: length)
  }

  // MARK: Looking bitmaps up

  /// The bitmap called `name`.
  func bitmap(_ name: String) throws(BlockError) -> (index: Int, entry: BitmapEntry) {
    guard let directory = directory, let index = directory.index(of: name) else {
      throw .noBitmap(name)
    }
    return (index, directory.entries[index])
  }

  /// The bitmap called `name`, which was saved properly.
  func usableBitmap(_ name: String) throws(BlockError) -> (index: Int, entry: BitmapEntry) {
    let found = try bitmap(name)
    guard isUsable(found.index) else { throw BitmapStore.inconsistent(name) }
    return found
  }

  /// Refuses another length where bitmaps cannot follow.
  func refuse(length newLength: UInt64) throws(BlockError) {
    let present = listing.all
    for bitmap in present where bitmap.isInconsistent { throw BitmapStore.inconsistent(bitmap.name) }
    for entry in directory?.entries ?? [] {
      var shape = shape(of: entry)
      shape.length = newLength
      guard shape.isUsable else {
        throw BlockError(
          .tooLarge, "Too much space would be occupied by the bitmap '\(entry.name)' of a disk of that length"
        )
      }
    }
    if newLength == 0, !present.isEmpty { throw BitmapStore.noLength }
  }

  /// No program opens a table without entries.
  static var noLength: BlockError {
    BlockError(.unsupported, "An image without length cannot hold bitmaps")
  }

  private static func inconsistent(_ name: String) -> BlockError {
    BlockError(
      .refused, "Bitmap '\(name)' is inconsistent and cannot be used",
      hint: "Try block-dirty-bitmap-remove to delete this bitmap from disk")
  }
}

/// The bitmaps of an image as they were at a moment, described one at a time: their names may be long and many.
struct BitmapListing: Sendable {
  fileprivate let entries: [BitmapEntry]
  /// The numbers of those that change in memory, which the file says are in use.
  fileprivate let edited: Set<Int>

  /// Whether there are none.
  var isEmpty: Bool { entries.isEmpty }
  /// Their numbers.
  var indices: Range<Int> { entries.indices }

  /// All descriptions.
  var all: [BitmapInformation] { indices.map { self[$0] } }

  /// The description of a bitmap.
  subscript(index: Int) -> BitmapInformation {
    let entry = entries[index]
    return BitmapInformation(
      name: entry.name, granularity: 1 << UInt64(entry.granularityBits),
      isEnabled: entry.flags.contains(.auto),
      isInconsistent: entry.flags.contains(.inUse) && !edited.contains(index))
  }
}
