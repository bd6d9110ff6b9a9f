// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Synchronization

/// The header as the file has it, and what is known of the image as a whole.
final class HeaderStore: @unchecked Sendable {
  /// The header.
  private(set) var current: Header
  private let broken = Atomic(false)
  private let zeroClusters: Atomic<Bool>
  /// Whether the dirty bit is set in the file because refcounts there are behind.
  private(set) var hasLateCounts = false
  /// The sizes that follow from the header, but for the width of refcounts.
  let geometry: Geometry
  /// Whether a snapshot is served instead of the active state.
  let servesSnapshot: Bool
  let files: FileSpace

  init(_ header: Header, servesSnapshot: Bool, _ files: FileSpace) {
    current = header
    geometry = header.geometry
    self.servesSnapshot = servesSnapshot
    self.files = files
    zeroClusters = Atomic(header.version >= 3)
  }

  /// Set when damage was found that makes going on dangerous. Read without the lock, too.
  private(set) var isBroken: Bool {
    get { broken.load(ordering: .acquiring) }
    set { broken.store(newValue, ordering: .releasing) }
  }
  /// Whether the version has zero clusters. Read without the lock, too.
  var hasZeroClusters: Bool { zeroClusters.load(ordering: .acquiring) }
  /// 2 or 3.
  var version: UInt32 { current.version }
  /// The length of the disk in bytes as the header tells it.
  var size: UInt64 { current.size }

  /// Goes on with the header as it was read anew.
  func adopt(_ header: Header) {
    note(header)
    (isBroken, hasLateCounts) = (false, false)
  }

  // MARK: Damage

  /// Refuses everything once the image was found damaged in a way that makes going on dangerous.
  func refuseBroken() throws(BlockError) {
    if isBroken { throw BlockError(.corrupt, "the image was marked corrupt and cannot be used further") }
  }

  /// Notes that what the file holds is not known any more, so that the image must not be used further.
  func giveUp() { isBroken = true }

  /// Notes that the image contradicts the specification: where it may be written, it is marked corrupt and
  /// not used any further.
  func damage(_ message: String, _ held: borrowing Held) -> BlockError {
    let node = held.node
    guard node.isWritable, !servesSnapshot, !node.flags.contains(.checking) else {
      return BlockError(
        .corrupt,
        "qcow2: Image is corrupt: \(message); further non-fatal corruption events will be suppressed",
        damage: message,
        advice: "'check \(.file)' lists the damage; 'convert --salvage' copies what can still be read."
      ).about(node.fileName)
    }
    if !isBroken {
      isBroken = true
      current.incompatible.insert(.corrupt)
      // The damage is what the user has to hear of, whether or not the mark can be written.
      if let file = node.file, version >= 3 { try? write(featuresOf: current, to: file) }
    }
    return BlockError(
      .corrupt, "qcow2: Marking image as corrupt: \(message); further corruption events will be suppressed",
      damage: message
    ).about(node.fileName)
  }

  // MARK: Features

  /// Clears what the image says of itself that stays true only where every writer knows of it, once it is open for
  /// writing.
  func clearUnknownFeatures(_ file: Edge, _ flags: NodeFlags) throws(BlockError) {
    let known = current.autoclear.intersection(.known)
    guard version >= 3, known != current.autoclear, flags.contains(.writable),
      flags.isDisjoint(with: [.noIO, .inactive])
    else { return }
    var changed = current
    changed.autoclear = known
    try inContext("Could not update qcow2 header") { () throws(BlockError) in
      try write(featuresOf: changed, to: file)
      if !flags.contains(.noFlush) { try file.flush() }
    }
    current = changed
  }

  /// Writes the features before the first change: of those that do not stay true only `known` ones are left, and the
  /// dirty bit says whether refcounts will be `late`.
  ///
  /// With `recounted`, refcounts were behind and are right now.
  func prepare(late: Bool, keeping known: AutoclearFeatures, recounted: Bool, _ held: borrowing Held)
    throws(BlockError)
  {
    var changed = current
    changed.autoclear.formIntersection(known)
    if late { changed.incompatible.insert(.dirty) } else { changed.incompatible.remove(.dirty) }
    if changed != current {
      if recounted { try files.barrier(held) }
      try write(featuresOf: changed, to: files.file(held))
      try files.barrier(held)
      current = changed
    }
    hasLateCounts = late
  }

  /// Takes the dirty bit away: refcounts in the file are right.
  func endLateCounts(_ held: borrowing Held) throws(BlockError) {
    guard hasLateCounts else { return }
    try files.barrier(held)
    try setFeatures(held) { $0.incompatible.remove(.dirty) }
    hasLateCounts = false
  }

  /// Changes features, in the file first; whether there was anything to change.
  @discardableResult
  func setFeatures(_ held: borrowing Held, _ change: (inout Header) -> Void) throws(BlockError) -> Bool {
    var changed = current
    change(&changed)
    guard changed != current else { return false }
    try write(featuresOf: changed, to: files.file(held))
    current = changed
    return true
  }

  private func write(featuresOf header: Header, to file: Edge) throws(BlockError) {
    let buffer = Buffer(count: 24)
    var bytes = buffer.mutableBytes
    bytes.storeBig(header.incompatible.rawValue, at: 0)
    bytes.storeBig(header.compatible.rawValue, at: 8)
    bytes.storeBig(header.autoclear.rawValue, at: 16)
    try file.write(at: UInt64(Header.Field.features), from: buffer.bytes)
  }

  // MARK: Other tables

  /// Writes everything in the header from the disk's length to the width of refcounts with one write inside one
  /// sector, so that all of it counts or nothing does.
  ///
  /// The tables that the new header points to are in the file already, and durable. When this fails, the header is the
  /// present one as before; where it cannot be known which one it is, the image is not used any further.
  func switchTables(_ held: borrowing Held, _ change: (inout Header) -> Void) throws(BlockError) {
    var changed = current
    change(&changed)
    if try files.extend(to: newTablesEnd(changed), held) { try files.barrier(held) }
    do throws(BlockError) {
      try writeTableFields(changed, held)
    } catch {
      // It may be there in part: only a second write tells that it is not.
      if (try? writeTableFields(current, held)) == nil { isBroken = true }
      throw error
    }
    current = changed
  }

  /// The end of the tables that `changed` points to and the present header does not.
  private func newTablesEnd(_ changed: Header) -> UInt64 {
    var end: UInt64 = 0
    if changed.l1Offset != current.l1Offset, changed.l1Size > 0 {
      end = changed.l1Offset + UInt64(changed.l1Size) * UInt64(L1Entry.size)
    }
    if changed.refcountTableOffset != current.refcountTableOffset {
      let bytes = UInt64(changed.refcountTableClusters) << geometry.clusterBits
      end = max(end, changed.refcountTableOffset + bytes)
    }
    return end
  }

  private func writeTableFields(_ header: Header, _ held: borrowing Held) throws(BlockError) {
    let area = Buffer(count: header.fieldBytes)
    var bytes = area.mutableBytes
    header.writeFields(to: &bytes)
    let range = Header.Field.size..<(header.version < 3 ? Header.sizeV2 : Header.Field.headerLength)
    try files.file(held).write(at: UInt64(range.lowerBound), from: area.bytes.slice(range))
  }

  // MARK: Names and extensions

  /// Notes what the header in the file has become by a change that is durable.
  func note(_ header: Header) {
    current = header
    zeroClusters.store(header.version >= 3, ordering: .releasing)
  }
}

extension Header {
  /// Points to another L1 table.
  mutating func use(_ l1: TableInMemory) {
    l1Size = UInt32(l1.count)
    l1Offset = l1.offset
  }

  /// Points to another snapshot table.
  mutating func use(_ snapshots: SnapshotTablePlace, _ geometry: Geometry) {
    snapshotCount = UInt32(snapshots.entries.count)
    snapshotsOffset = snapshots.entries.isEmpty ? 0 : snapshots.clusters.lowerBound << geometry.clusterBits
  }
}
