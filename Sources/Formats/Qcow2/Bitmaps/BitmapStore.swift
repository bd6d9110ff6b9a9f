// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The bitmaps of an image: those in the header and the directory, and those that change in memory.
final class BitmapStore: @unchecked Sendable {
  /// The state of the image's bitmaps, as the header and the directory tell it.
  enum State {
    /// There are none.
    case none
    /// There are some, but somebody wrote the image without knowing them: they mean nothing.
    case stale
    /// They cannot be read, which a repair of the image puts up with.
    case unreadable
    /// There are these.
    case present(BitmapDirectory)
  }

  private(set) var state: State
  /// The bitmaps that are marked as in use in the file and change in memory, by their number in the directory.
  private(set) var edits: [Int: BitmapEdit] = [:]
  /// Changes of the disk that the enabled ones among `edits` have not taken in yet.
  private var changes: ChangedParts?
  /// Above 0 while what is written does not change what the guest sees.
  private var pauses = 0
  let mapping: MappingTables
  let header: HeaderStore
  let files: FileSpace
  let allocator: ClusterAllocator
  let guardian: OverlapGuard
  let geometry: Geometry

  init(_ state: State, _ mapping: MappingTables) {
    self.state = state
    self.mapping = mapping
    header = mapping.header
    files = mapping.files
    allocator = mapping.allocator
    guardian = mapping.guardian
    geometry = mapping.geometry
  }

  /// The bitmaps in the file.
  var directory: BitmapDirectory? {
    if case .present(let directory) = state { return directory }
    return nil
  }

  /// Bytes of the guest's disk.
  var length: UInt64 { mapping.length }

  /// The numbers of the bitmaps that may change; the others were not saved properly.
  func isUsable(_ index: Int) -> Bool {
    guard let directory else { return false }
    return edits[index] != nil || !directory.entries[index].flags.contains(.inUse)
  }

  /// Goes on with what the header in the file says now.
  func use(_ state: State) { self.state = state }

  /// Goes on with bitmaps as they were read anew; nothing of them changes.
  func adopt(_ state: State) {
    self.state = state
    endTracking()
  }

  // MARK: Changes

  /// Tracks changes of these bitmaps, too, which the file says are in use.
  func track(_ added: [Int: BitmapEdit]) { edits.merge(added) { first, _ in first } }

  /// Tracks changes no more: the file has all of them.
  func endTracking() {
    edits = [:]
    changes = nil
  }

  /// Runs `body`, which does not change what the guest sees.
  func paused(_ body: () throws(BlockError) -> Void) throws(BlockError) {
    pauses += 1
    defer { pauses -= 1 }
    try body()
  }

  /// Notes that a range of the disk is about to change.
  func noteChange(at offset: UInt64, length: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard let directory, pauses == 0 else { return }
    if edits.isEmpty {
      guard directory.entries.contains(where: { $0.flags == .auto }) else { return }
      try beginTracking(held) { $0.flags.contains(.auto) }
    }
    guard let end = offset.plus(length) else { return }
    if let changes, changes.length != self.length { try takeInChanges(held) }
    var position = offset
    while position < end {
      if changes?.isFull == true { try takeInChanges(held) }
      if changes == nil {
        changes = ChangedParts(granularityBits: finestGranularity(directory), length: self.length)
      }
      position = changes?.note(position..<end) ?? end
    }
  }

  private func finestGranularity(_ directory: BitmapDirectory) -> UInt64 {
    var finest = UInt64(BitmapShape.granularityBits.upperBound)
    for entry in directory.entries where entry.flags.contains(.auto) {
      finest = min(finest, UInt64(entry.granularityBits))
    }
    return finest
  }

  /// Lets all enabled bitmaps know what changed, one after the other.
  private func takeInChanges(_ held: borrowing Held) throws(BlockError) {
    for index in edits.keys.sorted() {
      guard let edit = edits[index] else { continue }
      try takeInChanges(edit, index, held)
    }
    changes = nil
  }

  /// Lets a bitmap know what changed, if it is enabled; its bits are in the file then, and not in memory.
  func takeInChanges(_ edit: BitmapEdit, _ index: Int, _ held: borrowing Held) throws(BlockError) {
    if let changes, directory?.entries[index].flags.contains(.auto) == true {
      try edit.resize(to: changes.length)
      try changes.forEach { (range: Range<UInt64>) throws(BlockError) in
        try edit.mark(range) { () throws(BlockError) in
          try writeChunks(edit, inPlace: true, held)
          edit.forget()
        }
      }
    }
    try edit.resize(to: length)
    try writeChunks(edit, inPlace: true, held)
    edit.forget()
  }
}
