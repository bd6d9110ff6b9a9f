// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// What is known of an image's bitmaps. Guarded by the monitor.
struct BitmapStore {
  /// What the header says of bitmaps.
  enum State {
    /// There are none.
    case none
    /// There are some, but somebody wrote the image without knowing them: they mean nothing.
    case stale
    /// They cannot be read, which somebody who repairs the image puts up with.
    case unreadable
    /// There are these.
    case present(BitmapDirectory)
  }

  var state: State
  /// The bitmaps that are marked as in use in the file and change in memory, by their number in the directory.
  var edits: [Int: BitmapEdit] = [:]
  /// What those of them that are enabled do not know yet.
  var changes: ChangedParts?
  /// Above 0 while what is written does not change what the guest sees.
  var pauses = 0

  init(_ state: State) { self.state = state }

  /// The bitmaps in the file.
  var directory: BitmapDirectory? {
    if case .present(let directory) = state { return directory }
    return nil
  }

  /// The numbers of the bitmaps that may change; the others were not saved properly.
  func isUsable(_ index: Int) -> Bool {
    guard let directory else { return false }
    return edits[index] != nil || !directory.entries[index].flags.contains(.inUse)
  }
}

extension Qcow2Format {
  /// What an image's bitmaps are, held against the image where others do so.
  ///
  /// - Throws: kind `corrupt` or `tooLarge`, in the peer's words, but not for who comes to repair the image; kind
  ///   `unsupported` always, as what is valid and not known here has to stay as it is.
  static func readBitmaps(_ header: Header, _ file: Edge, _ flags: NodeFlags) throws(BlockError)
    -> BitmapStore.State
  {
    guard let data = header.first(.bitmaps)?.data else { return .none }
    guard header.version >= 3, header.autoclear.contains(.bitmaps) else { return .stale }
    do throws(BlockError) {
      let geometry = header.geometry
      let directory = try BitmapDirectory(try BitmapsExtension(checking: data, geometry), from: file)
      try directory.check(geometry, length: header.size / 512 * 512, file)
      return .present(directory)
    } catch {
      guard error.kind == .corrupt || error.kind == .tooLarge else { throw error }
      guard flags.isSuperset(of: [.checking, .writable]) else {
        throw error.advising(
          "'check -r all FILE' takes bitmaps away that cannot be read; the content of the disk stays.")
      }
      return .unreadable
    }
  }

  /// What users should hear about an image's bitmaps when it is opened.
  static func bitmapWarnings(_ header: Header, _ store: BitmapStore.State) -> [OpenWarning] {
    guard case .stale = store else { return [] }
    return [.staleBitmaps(isOldVersion: header.version < 3)]
  }
}

extension Qcow2Driver: BitmapDriver {
  func supportsBitmaps(of node: Node) -> Bool { monitor.withLock { header.version >= 3 } }

  func bitmaps(of node: Node) -> [BitmapInformation] { monitor.withLock { bitmapInformation } }

  /// The same with the monitor held.
  var bitmapInformation: [BitmapInformation] {
    var result: [BitmapInformation] = []
    for (index, entry) in (bitmaps.directory?.entries ?? []).enumerated() {
      result.append(
        BitmapInformation(
          name: entry.name, granularity: 1 << UInt64(entry.granularityBits),
          isEnabled: entry.flags.contains(.auto), isInconsistent: !bitmaps.isUsable(index)))
    }
    return result
  }

  func bitmapContent(_ name: String, of node: Node) throws(BlockError) -> any BitmapContent {
    monitor.lock()
    defer { monitor.unlock() }
    // What is in memory goes into the file, where the content is read.
    try storeBitmaps(node)
    let (_, entry) = try usableBitmap(name)
    return BitmapInFile(table: BitmapTable(entry, geometry, try file(of: node)), shape: shape(of: entry))
  }

  func dropStaleBitmaps(of node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    guard case .stale = bitmaps.state else { return }
    try prepareForChanges(node)
  }

  /// Forgets bitmaps that mean nothing any more; their space is for `check` to find.
  func dropStaleBitmaps(_ node: Node) throws(BlockError) {
    guard header.version >= 3, case .stale = bitmaps.state else { return }
    try removeBitmapsExtension(node)
    bitmaps.state = .none
  }

  func shape(of entry: BitmapEntry) -> BitmapShape {
    BitmapShape(
      granularityBits: entry.granularityBits, clusterBits: geometry.clusterBits, length: length)
  }

  // MARK: Looking bitmaps up

  /// The bitmap called `name`.
  func bitmap(_ name: String) throws(BlockError) -> (index: Int, entry: BitmapEntry) {
    guard let directory = bitmaps.directory, let index = directory.index(of: name) else {
      throw BlockError(.notFound, "Dirty bitmap '\(name)' not found")
    }
    return (index, directory.entries[index])
  }

  /// The bitmap called `name`, which was saved properly.
  func usableBitmap(_ name: String) throws(BlockError) -> (index: Int, entry: BitmapEntry) {
    let found = try bitmap(name)
    guard bitmaps.isUsable(found.index) else { throw Qcow2Driver.inconsistent(name) }
    return found
  }

  /// Refuses another length where bitmaps cannot follow.
  func refuseBitmaps(forLength newLength: UInt64) throws(BlockError) {
    let present = bitmapInformation
    for bitmap in present where bitmap.isInconsistent { throw Qcow2Driver.inconsistent(bitmap.name) }
    for entry in bitmaps.directory?.entries ?? [] {
      var shape = shape(of: entry)
      shape.length = newLength
      guard shape.isUsable else {
        throw BlockError(
          .tooLarge, "Too much space would be occupied by the bitmap '\(entry.name)' of a disk of that length"
        )
      }
    }
    if newLength == 0, !present.isEmpty { throw Qcow2Driver.noLength }
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
