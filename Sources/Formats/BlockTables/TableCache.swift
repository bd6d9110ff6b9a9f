// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Bytes
package import Errors
package import Host

/// A bounded number of table slices in memory, as they stand on disk.
///
/// Reading a missing slice may let go of the lock. Only `known` may be asked without it, by a caller that holds the gate
/// instead, if the cache has one: the slices that it sees change with both held.
package final class TableCache {
  /// One slice. A caller that let go of the lock must look it up anew: its memory may hold another by then.
  package final class Slice {
    /// Host offset in bytes.
    package fileprivate(set) var offset = UInt64.max
    /// The slice's bytes, big-endian as on disk.
    package let buffer: Buffer
    /// Bytes that the file does not have yet; empty where there are none.
    fileprivate var dirty = 0..<0
    fileprivate var isLoading = false
    fileprivate var wasUsed = false

    fileprivate init(count: Int) { buffer = Buffer(count: count) }

    fileprivate func read(at offset: UInt64, from file: Edge) throws(BlockError) {
      let buffer = buffer
      var bytes = buffer.mutableBytes
      try file.read(at: offset, into: &bytes)
    }
  }

  /// Bytes of a slice.
  package let sliceBytes: Int
  /// How many slices may be in memory.
  package let capacity: Int
  private let gate: ConditionLock?
  private var slices: [Slice] = []
  private var byOffset: [UInt64: Slice] = [:]
  private var latest: Slice?
  private var hand = 0
  /// Whether the file lacks any byte of any slice.
  package private(set) var isDirty = false

  /// An empty cache of at least one slice.
  package init(bytes: UInt64, sliceBytes: Int, gate: ConditionLock? = nil) {
    self.sliceBytes = sliceBytes
    self.gate = gate
    capacity = max(1, Int(clamping: bytes) / sliceBytes)
  }

  /// Runs `body`, during which nobody looks who does not hold the lock.
  private func behindGate<Result>(_ body: () -> Result) -> Result {
    gate?.lock()
    defer { gate?.unlock() }
    return body()
  }

  /// The slice at a host offset, if it is in memory.
  package func cached(at offset: UInt64, _ held: borrowing Held) -> Slice? {
    behindGate { known(at: offset) }
  }

  /// The same for a caller that holds the gate.
  package func known(at offset: UInt64) -> Slice? {
    if let latest, latest.offset == offset, !latest.isLoading { return latest }
    guard let slice = byOffset[offset], !slice.isLoading else { return nil }
    slice.wasUsed = true
    latest = slice
    return slice
  }

  /// The slice at a host offset, read from `file` where it is not in memory.
  ///
  /// With `releasing`, others run while it is read, so that what the caller saw before may have changed.
  /// `writeBack` makes all slices clean.
  package func slice(
    at offset: UInt64, from file: Edge, releasing: Bool, _ held: borrowing Held,
    writeBack: () throws(BlockError) -> Void
  ) throws(BlockError) -> Slice {
    while true {
      if let slice = cached(at: offset, held) { return slice }
      if byOffset[offset] == nil, let slice = try room(held, writeBack) {
        if try load(slice, at: offset, from: file, releasing: releasing, held) { return slice }
      } else {
        held.wait()
      }
    }
  }

  /// Reads a slice; false where it was dropped meanwhile.
  private func load(
    _ slice: Slice, at offset: UInt64, from file: Edge, releasing: Bool, _ held: borrowing Held
  ) throws(BlockError) -> Bool {
    behindGate {
      take(slice, for: offset)
      slice.isLoading = true
    }
    var failure: BlockError?
    do throws(BlockError) {
      if releasing {
        try held.released { () throws(BlockError) in try slice.read(at: offset, from: file) }
      } else {
        try slice.read(at: offset, from: file)
      }
    } catch {
      failure = error
    }
    held.notifyAll()
    let isStale = byOffset[offset] !== slice
    behindGate {
      slice.isLoading = false
      if failure != nil || isStale { release(slice) } else { latest = slice }
    }
    if let failure { throw failure }
    return !isStale
  }

  private func take(_ slice: Slice, for offset: UInt64) {
    slice.offset = offset
    slice.wasUsed = true
    byOffset[offset] = slice
  }

  /// Leaves the slice's memory to the next that needs some.
  private func release(_ slice: Slice) {
    if byOffset[slice.offset] === slice { byOffset[slice.offset] = nil }
    if latest === slice { latest = nil }
    slice.offset = .max
    slice.dirty = 0..<0
    slice.wasUsed = false
  }

  /// Notes that bytes of a slice changed.
  package func markDirty(_ slice: Slice, _ range: Range<Int>, _ held: borrowing Held) {
    isDirty = true
    if slice.dirty.isEmpty {
      slice.dirty = range
    } else {
      slice.dirty =
        min(slice.dirty.lowerBound, range.lowerBound)..<max(slice.dirty.upperBound, range.upperBound)
    }
  }

  /// Writes what the file lacks, by ascending offset, after asking about each place.
  ///
  /// - Parameter twin: where the same bytes stand a second time of a slice at an offset, if they do.
  package func writeDirty(
    to file: Edge, alsoAt twin: (UInt64) -> UInt64? = { _ in nil }, _ held: borrowing Held,
    checking check: (UInt64, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    guard isDirty else { return }
    for slice in dirtySlices {
      // Whole sectors of the file: storage that wants aligned requests then needs no reading.
      let skip = Int(slice.offset % 512)
      let start = max((slice.dirty.lowerBound + skip) / 512 * 512 - skip, 0)
      let end = min((slice.dirty.upperBound + skip + 511) / 512 * 512 - skip, sliceBytes)
      try check(slice.offset + UInt64(start), UInt64(end - start))
      let buffer = slice.buffer
      try file.write(at: slice.offset + UInt64(start), from: buffer.bytes.slice(start..<end))
      if let twin = twin(slice.offset) {
        let dirty = slice.dirty
        try file.write(at: twin + UInt64(dirty.lowerBound), from: buffer.bytes.slice(dirty))
      }
      slice.dirty = 0..<0
    }
    isDirty = false
  }

  /// The slices with bytes that the file lacks, by ascending offset.
  private var dirtySlices: [Slice] {
    var dirty: [Slice] = []
    for slice in slices where !slice.dirty.isEmpty { dirty.append(slice) }
    dirty.sort { $0.offset < $1.offset }
    return dirty
  }

  /// Hands over what the file lacks, by ascending offset, in parts of at most `unit` bytes, which start at its multiples in
  /// the file; the file has it afterwards.
  func writeDirty(
    inUnitsOf unit: UInt64, _ held: borrowing Held, _ write: ([TablePart]) throws(BlockError) -> Void
  ) throws(BlockError) {
    guard isDirty else { return }
    var parts: [TablePart] = []
    let dirty = dirtySlices
    for slice in dirty {
      let end = slice.offset + UInt64(slice.dirty.upperBound)
      var start = (slice.offset + UInt64(slice.dirty.lowerBound)).roundedDown(to: unit)
      while start < end {
        let first = Int(start - slice.offset)
        parts.append(TablePart(at: start, slice.buffer, first..<min(first + Int(unit), sliceBytes)))
        start += unit
      }
    }
    try write(parts)
    for slice in dirty { slice.dirty = 0..<0 }
    isDirty = false
  }

  /// Forgets the slices inside a range of the file, unwritten bytes included.
  package func drop(from offset: UInt64, bytes: UInt64, _ held: borrowing Held) {
    behindGate {
      var position = offset
      while position < offset + bytes {
        if let slice = byOffset[position] {
          // One that is being read is let go by its reader.
          byOffset[position] = nil
          if !slice.isLoading { release(slice) }
        }
        position += UInt64(sliceBytes)
      }
    }
  }

  /// A slice that holds nothing of use, or nil where every slice is being read at the moment.
  private func room(_ held: borrowing Held, _ writeBack: () throws(BlockError) -> Void) throws(BlockError)
    -> Slice?
  {
    if slices.count < capacity {
      let slice = Slice(count: sliceBytes)
      slices.append(slice)
      return slice
    }
    guard let victim = behindGate(nextUnused) else { return nil }
    if !victim.dirty.isEmpty { try writeBack() }
    precondition(victim.dirty.isEmpty, "table slice left unwritten")
    behindGate { release(victim) }
    return victim
  }

  /// Second chance: the next slice that was not used since the hand last passed it.
  private func nextUnused() -> Slice? {
    for _ in 0..<slices.count * 2 {
      hand = hand + 1 < slices.count ? hand + 1 : 0
      let slice = slices[hand]
      if slice.isLoading { continue }
      if !slice.wasUsed { return slice }
      slice.wasUsed = false
    }
    return nil
  }
}
