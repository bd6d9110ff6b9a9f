// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Telling in the header where the bitmaps are.
///
/// While the extension is being written or removed the feature bit is off, so that whichever of the writes reach the
/// disk before a crash, the image opens: with the bitmaps, or without.
extension HeaderStore {
  /// Lets the header point to a directory, which is durable, and makes that durable.
  func writeBitmapsExtension(_ bitmaps: BitmapsExtension, _ held: borrowing Held) throws(BlockError) {
    var changed = current
    if let place = placeOfBitmaps, current.first(.bitmaps)?.data.count == BitmapsExtension.size {
      changed.set(.bitmaps, bitmaps.data)
      let data = Buffer(bitmaps.data)
      try files.file(held).write(at: UInt64(place + HeaderExtension.prefix), from: data.bytes)
      try files.barrier(held)
      note(changed)
    } else {
      changed.set(.bitmaps, nil)
      let newExtension = HeaderExtension(.bitmaps, bitmaps.data)
      changed.extensions.append(newExtension)
      let isDone = current.first(.bitmaps) == nil ? try append(newExtension, changed, held) : false
      if !isDone {
        if changed.writtenSize > Int(geometry.clusterSize) { changed.set(.featureNames, nil) }
        guard changed.writtenSize <= Int(geometry.clusterSize) else {
          throw BlockError(.tooLarge, "No space left in the file header")
        }
        try replace(by: changed, held)
      }
    }
    if try setFeatures(held, { $0.autoclear.insert(.bitmaps) }) { try files.barrier(held) }
  }

  /// Takes the extension out of the header, durably.
  func removeBitmapsExtension(_ held: borrowing Held) throws(BlockError) {
    if try setFeatures(held, { $0.autoclear.remove(.bitmaps) }) { try files.barrier(held) }
    guard let place = placeOfBitmaps else { return }
    var changed = current
    changed.set(.bitmaps, nil)
    if current.extensions.last?.kind == .bitmaps, changed.extensions.count == current.extensions.count - 1 {
      let end = Buffer(count: HeaderExtension.prefix)
      try files.file(held).write(at: UInt64(place), from: end.bytes)
      try files.barrier(held)
      note(changed)
    } else {
      try replace(by: changed, held)
    }
  }

  /// The offset of the extension in the file; nil where there is none.
  private var placeOfBitmaps: Int? {
    var place = Int(current.headerLength)
    for entry in current.extensions {
      if entry.kind == .bitmaps { return place }
      place += entry.size
    }
    return nil
  }

  /// Adds an extension behind all others, so that the list is whole at any moment; false where there is no room.
  private func append(_ added: HeaderExtension, _ changed: Header, _ held: borrowing Held) throws(BlockError)
    -> Bool
  {
    var start = Int(current.headerLength)
    for entry in current.extensions { start += entry.size }
    let end = start + added.size + HeaderExtension.prefix
    guard end <= Int(geometry.clusterSize) else { return false }
    var changed = changed
    if current.backingName != nil, Int(current.backingNameOffset) < end {
      // Without an end mark of its own, the list ends where the name begins.
      guard Int(current.backingNameOffset) >= start + HeaderExtension.prefix,
        let place = try moveBackingName(behind: end, held)
      else { return false }
      changed.backingNameOffset = place
    }
    let file = try files.file(held)
    let area = Buffer(count: end - start)
    var bytes = area.mutableBytes
    added.write(to: &bytes, at: 0)
    // The bytes behind the list's end mark come first; the mark itself becomes the extension's type at last.
    let split = HeaderExtension.prefix
    try file.write(at: UInt64(start + split), from: area.bytes.slice(split..<area.count))
    try files.barrier(held)
    try file.write(at: UInt64(start), from: area.bytes.slice(0..<split))
    try files.barrier(held)
    note(changed)
    return true
  }

  /// Moves the backing file's name to where nothing is, not before `end`; nil where there is no room.
  private func moveBackingName(behind end: Int, _ held: borrowing Held) throws(BlockError) -> UInt64? {
    let place = max(end, Int(current.backingNameOffset) + current.backingNameBytes)
    guard let name = current.backingName, place + current.backingNameBytes <= Int(geometry.clusterSize) else {
      return nil
    }
    let file = try files.file(held)
    let text = Buffer(name.spelledBytes)
    try file.write(at: UInt64(place), from: text.bytes)
    try files.barrier(held)
    let field = Buffer(count: 8)
    var bytes = field.mutableBytes
    bytes.storeBig(UInt64(place), at: 0)
    try file.write(at: UInt64(Header.Field.backingNameOffset), from: field.bytes)
    try files.barrier(held)
    var moved = current
    moved.backingNameOffset = UInt64(place)
    note(moved)
    return UInt64(place)
  }
}
