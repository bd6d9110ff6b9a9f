// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Finding what the log of an image asks for ([MS-VHDX] 2.3.2, 2.3.3): a ring of entries, of which the ones count that
/// lead without a gap from the oldest needed one to the latest.
struct VhdxLog {
  /// The most entries that are looked at.
  private static let mostEntries = 1 << 16
  /// The most bytes that a file may be asked to have.
  private static let longestFile: UInt64 = 128 << 40

  let range: Range<UInt64>
  let id: GUID
  private let read: VhdxReader
  /// What may be entries, by their offset in the log.
  private var entries: [UInt64: VhdxLogEntry] = [:]
  /// Whether all bytes of an entry are there, where that has been looked at.
  private var validity: [UInt64: Bool] = [:]
  /// Bytes that may still be looked at, so that entries that contain each other come to an end.
  private var budget: UInt64

  /// - Parameters:
  ///   - range: the log's bytes in the file.
  ///   - id: the one that the image's header states.
  init(_ range: Range<UInt64>, id: GUID, _ read: @escaping VhdxReader) {
    self.range = range
    self.id = id
    self.read = read
    budget = 4 * UInt64(range.count) + 1 << 20
  }

  /// The changes to make, in order; none where no entry is whole.
  ///
  /// - Parameter fileLength: bytes of the file.
  /// - Throws: kind `corrupt` for a file that is shorter than it was, or for changes where none can be.
  mutating func recovery(fileLength: UInt64) throws(BlockError) -> Recovery {
    try findEntries()
    var recovery = Recovery()
    let latest = entries.sorted { ($0.value.sequence, $1.key) > ($1.value.sequence, $0.key) }
    for (place, head) in latest {
      guard try isValid(place), try !isFollowed(place), let run = try run(to: place) else { continue }
      guard head.flushedFileLength <= fileLength else {
        throw BlockError(
          .corrupt,
          "the file has \(fileLength) bytes, and \(head.flushedFileLength) when the VHDX log was written: it has been "
            + "truncated")
      }
      guard head.fileLength <= VhdxLog.longestFile else {
        throw BlockError(.corrupt, "the VHDX log wants a file of \(head.fileLength) bytes")
      }
      for place in run {
        for step in try steps(at: place) ?? [] {
          try recovery.add(step.sector.map { .write(at: step.range.lowerBound, $0) } ?? .zero(step.range))
        }
      }
      try recovery.add(.lengthen(to: head.fileLength))
      break
    }
    return recovery
  }

  /// Reads the header of every sector that may be an entry's first.
  private mutating func findEntries() throws(BlockError) {
    let sector = UInt64(VhdxLogEntry.sector)
    let length = UInt64(range.count).roundedDown(to: sector)
    var position: UInt64 = 0
    while position < length {
      let count = min(length - position, 1 << 20)
      let part = try read(range.lowerBound + position, Int(count))
      for offset in stride(from: 0, to: Int(count), by: VhdxLogEntry.sector) {
        let bytes = part.bytes.slice(offset..<offset + 64)
        guard let entry = VhdxLogEntry(parsing: bytes, logID: id, logLength: length) else { continue }
        guard entries.count < VhdxLog.mostEntries else {
          throw BlockError(.tooLarge, "the VHDX log has more than \(VhdxLog.mostEntries) entries")
        }
        entries[position + UInt64(offset)] = entry
      }
      position += count
    }
  }

  private var length: UInt64 { UInt64(range.count).roundedDown(to: UInt64(VhdxLogEntry.sector)) }

  /// The place behind an entry.
  private func next(_ place: UInt64, _ entry: VhdxLogEntry) -> UInt64 {
    (place + UInt64(entry.entryLength)) % length
  }

  /// Whether the entry behind continues this one.
  private mutating func isFollowed(_ place: UInt64) throws(BlockError) -> Bool {
    guard let entry = entries[place], let following = entries[next(place, entry)],
      following.sequence == entry.sequence &+ 1
    else { return false }
    return try isValid(next(place, entry))
  }

  /// The places of the entries from the oldest that the one at `head` needs up to it; nil where they are not all there.
  private mutating func run(to head: UInt64) throws(BlockError) -> [UInt64]? {
    guard let latest = entries[head] else { return nil }
    var run: [UInt64] = []
    var place = UInt64(latest.tail)
    while let entry = entries[place] {
      guard run.last.flatMap({ entries[$0]?.sequence }).map({ $0 &+ 1 == entry.sequence }) ?? true,
        entry.sequence <= latest.sequence, try isValid(place)
      else { return nil }
      run.append(place)
      if place == head { return run }
      try spend(1 << 12)
      place = next(place, entry)
    }
    return nil
  }

  private mutating func isValid(_ place: UInt64) throws(BlockError) -> Bool {
    if let known = validity[place] { return known }
    let isValid = try steps(at: place) != nil
    validity[place] = isValid
    return isValid
  }

  private mutating func steps(at place: UInt64) throws(BlockError) -> [VhdxLogStep]? {
    guard let entry = entries[place] else { return nil }
    let count = UInt64(entry.entryLength)
    try spend(count)
    // A ring: the end of an entry may stand at the start.
    let first = min(count, length - place)
    let whole = Buffer(count: Int(count))
    var bytes = whole.mutableBytes
    let start = try read(range.lowerBound + place, Int(first))
    bytes.copy(start.bytes)
    if first < count {
      let end = try read(range.lowerBound, Int(count - first))
      bytes.copy(end.bytes, at: Int(first))
    }
    return try entry.steps(in: whole.bytes, log: range)
  }

  private mutating func spend(_ bytes: UInt64) throws(BlockError) {
    guard bytes <= budget else {
      throw BlockError(.corrupt, "the entries of the VHDX log contain each other")
    }
    budget -= bytes
  }
}
