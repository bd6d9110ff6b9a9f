// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Telling in the header where the bitmaps are. The monitor is held.
///
/// While the extension is being written or removed the feature bit is off, so that whichever of the writes reach the
/// disk before a crash, the image opens: with the bitmaps, or without.
extension Qcow2Driver {
  /// Lets the header point to a directory, which is durable, and makes that durable.
  func writeBitmapsExtension(_ bitmaps: BitmapsExtension, _ node: Node) throws(BlockError) {
    var changed = header
    if let place = placeOfBitmaps, header.first(.bitmaps)?.data.count == BitmapsExtension.size {
      changed.set(.bitmaps, bitmaps.data)
      let data = Buffer(bitmaps.data)
      try file(of: node).write(at: UInt64(place + HeaderExtension.prefix), from: data.bytes)
      try barrier(node)
      header = changed
    } else {
      changed.set(.bitmaps, nil)
      let newExtension = HeaderExtension(.bitmaps, bitmaps.data)
      changed.extensions.append(newExtension)
      let isDone = header.first(.bitmaps) == nil ? try append(newExtension, changed, node) : false
      if !isDone {
        if changed.writtenSize > Int(geometry.clusterSize) { changed.set(.featureNames, nil) }
        guard changed.writtenSize <= Int(geometry.clusterSize) else {
          throw BlockError(.tooLarge, "No space left in the file header")
        }
        try replaceHeader(by: changed, node)
      }
    }
    guard !header.autoclear.contains(.bitmaps) else { return }
    header.autoclear.insert(.bitmaps)
    try writeFeatures(node)
    try barrier(node)
  }

  /// Takes the extension out of the header, durably.
  func removeBitmapsExtension(_ node: Node) throws(BlockError) {
    if header.autoclear.contains(.bitmaps) {
      header.autoclear.remove(.bitmaps)
      try writeFeatures(node)
      try barrier(node)
    }
    guard let place = placeOfBitmaps else { return }
    var changed = header
    changed.set(.bitmaps, nil)
    if header.extensions.last?.kind == .bitmaps, changed.extensions.count == header.extensions.count - 1 {
      let end = Buffer(count: HeaderExtension.prefix)
      try file(of: node).write(at: UInt64(place), from: end.bytes)
      try barrier(node)
      header = changed
    } else {
      try replaceHeader(by: changed, node)
    }
  }

  /// Where in the file the extension starts.
  private var placeOfBitmaps: Int? {
    var place = Int(header.headerLength)
    for entry in header.extensions {
      if entry.kind == .bitmaps { return place }
      place += entry.size
    }
    return nil
  }

  /// Adds an extension behind all others, so that the list is whole at any moment; false where there is no room.
  private func append(_ added: HeaderExtension, _ changed: Header, _ node: Node) throws(BlockError) -> Bool {
    var start = Int(header.headerLength)
    for entry in header.extensions { start += entry.size }
    let end = start + added.size + HeaderExtension.prefix
    guard end <= Int(geometry.clusterSize) else { return false }
    var changed = changed
    if header.backingName != nil, Int(header.backingNameOffset) < end {
      // Without an end mark of its own, the list ends where the name begins.
      guard Int(header.backingNameOffset) >= start + HeaderExtension.prefix,
        let place = try moveBackingName(behind: end, node)
      else { return false }
      changed.backingNameOffset = place
    }
    let file = try file(of: node)
    let area = Buffer(count: end - start)
    var bytes = area.mutableBytes
    added.write(to: &bytes, at: 0)
    // What follows the list's end mark first; the mark itself becomes the extension's type at last.
    let split = HeaderExtension.prefix
    try file.write(at: UInt64(start + split), from: area.bytes.slice(split..<area.count))
    try barrier(node)
    try file.write(at: UInt64(start), from: area.bytes.slice(0..<split))
    try barrier(node)
    header = changed
    return true
  }

  /// Moves the backing file's name to where nothing is, not before `end`; nil where there is no room.
  private func moveBackingName(behind end: Int, _ node: Node) throws(BlockError) -> UInt64? {
    let place = max(end, Int(header.backingNameOffset) + header.backingNameBytes)
    guard let name = header.backingName, place + header.backingNameBytes <= Int(geometry.clusterSize) else {
      return nil
    }
    let file = try file(of: node)
    let text = Buffer(name.spelledBytes)
    try file.write(at: UInt64(place), from: text.bytes)
    try barrier(node)
    let field = Buffer(count: 8)
    var bytes = field.mutableBytes
    bytes.storeBig(UInt64(place), at: 0)
    try file.write(at: UInt64(Header.Field.backingNameOffset), from: field.bytes)
    try barrier(node)
    header.backingNameOffset = UInt64(place)
    return UInt64(place)
  }
}
