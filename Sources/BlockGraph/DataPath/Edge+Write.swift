// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

extension Edge {
  /// Writing without the permission is a mistake in our own code, never the user's.
  func requirePermission(_ action: StaticString, unchanged: Bool = false) {
    let held = request.held
    let granted = held.contains(.write) || (unchanged && held.contains(.writeUnchanged))
    invariant(granted, "\(action) without write permission by \(parent.parentDescription)")
  }

  /// Writes `data` at `offset`, growing the child where the range passes its end and it is storage.
  ///
  /// With `unchanged`, the caller promises that readers see the same bytes as before.
  package func write(at offset: UInt64, from data: RawSpan, unchanged: Bool = false) throws(BlockError) {
    requirePermission("write", unchanged: unchanged)
    guard data.byteCount > 0 else { return }
    try request { (node: Node) throws(BlockError) in
      try node.refuseLookingLikeImage(at: offset, data)
      if node.detectsZeroes(in: data) {
        try node.writeDetectedZeroes(at: offset, length: UInt64(data.byteCount), unchanged: unchanged)
      } else {
        try node.write(at: offset, from: data, unchanged: unchanged)
      }
      if node.flags.contains(.writeThrough) { try node.driver.flush(node) }
    }
  }

  /// Makes a range read as zero, without data where the child can.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool = false, unchanged: Bool = false)
    throws(BlockError)
  {
    requirePermission("write zeroes", unchanged: unchanged)
    guard length > 0 else { return }
    try request { (node: Node) throws(BlockError) in
      try node.refuseLookingLikeImage(zeroingAt: offset, length: length)
      try node.writeZeroes(at: offset, length: length, mayUnmap: mayUnmap, unchanged: unchanged)
      if node.flags.contains(.writeThrough) { try node.driver.flush(node) }
    }
  }

  /// Gives up the space of the whole clusters inside a range.
  package func discard(at offset: UInt64, length: UInt64) throws(BlockError) {
    requirePermission("discard")
    try request { (node: Node) throws(BlockError) in
      let unit = max(node.limits.clusterSize, node.limits.requestAlignment, 1)
      guard let end = offset.plus(min(length, node.length - min(offset, node.length))),
        let start = offset.roundedUp(to: unit)
      else { return }
      let stop = end == node.length ? end : end.roundedDown(to: unit)
      guard start < stop else { return }
      try node.refuseLookingLikeImage(zeroingAt: start, length: stop - start)
      try node.driver.discard(at: start, length: stop - start, of: node)
    }
  }

  /// Makes everything written so far durable.
  package func flush() throws(BlockError) {
    try request { (node: Node) throws(BlockError) in
      node.file?.note(.flushToOS)
      // Of a node above; users do not tell.
      if slot != .root { note(.flushToDisk) }
      try node.driver.flush(node)
    }
  }

  /// Sets the child's length in bytes.
  package func truncate(to length: UInt64, exact: Bool = true, preallocation: Preallocation = .off)
    throws(BlockError)
  {
    invariant(request.held.contains(.resize), "resize without permission by \(parent.parentDescription)")
    try request { (node: Node) throws(BlockError) in
      try node.driver.truncate(to: length, exact: exact, preallocation: preallocation, of: node)
    }
    child.childResized()
  }
}

extension Edge {
  /// Throws where an image of that length cannot be made in storage that has something in its place, which is still there:
  /// before the first change, which gives it up.
  package func requireRoom(for length: UInt64, _ preallocation: Preallocation) throws(BlockError) {
    try request { (node: Node) throws(BlockError) in
      try (node.driver as? any StorageDriver)?.requireRoom(for: length, preallocation, of: node)
    }
  }
}

extension Node {
  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool) throws(BlockError) {
    guard offset.plus(UInt64(data.byteCount)) != nil else {
      throw BlockError(.tooLarge, "write past the largest offset")
    }
    if let storage = driver as? any StorageDriver {
      try writeAligned(storage, at: offset, from: data, unchanged: unchanged)
      storage.note(.writeDone)
    } else if driver is any FormatDriver {
      guard offset + UInt64(data.byteCount) <= length else {
        throw BlockError(.inputOutput, "write past the end of node '\(name)'")
      }
      if limits.requestAlignment > 1 {
        try writeSectors(at: offset, from: data, unchanged: unchanged)
      } else {
        try writeMapped(at: offset, from: data, unchanged: unchanged)
      }
    } else {
      throw isNotOpen
    }
  }

  /// Gives storage only requests that obey its limits: ragged ends are read, merged and written whole.
  private func writeAligned(
    _ storage: any StorageDriver, at offset: UInt64, from data: RawSpan, unchanged: Bool
  ) throws(BlockError) {
    let unit = limits.requestAlignment
    if unit <= 1 { return try writePieces(storage, at: offset, from: data, unchanged: unchanged) }
    let end = offset + UInt64(data.byteCount)
    let start = offset.roundedDown(to: unit)
    guard let stop = end.roundedUp(to: unit), stop < .max else {
      throw BlockError(.tooLarge, "request past the largest offset")
    }
    let isRagged = start < offset || stop > end
    // Padding that passes the end is cut off again, so nothing may grow the storage meanwhile. The length counts
    // only once nobody else's padding is in it.
    let reach = { [self] () -> UInt64 in stop > end && stop > length ? .max : stop }
    try busy.run(start..<reach(), alone: isRagged) { () throws(BlockError) in
      let before = length
      try writePieces(storage, at: offset, from: data, unchanged: unchanged)
      let logical = max(before, end)
      if stop > logical {
        try storage.truncate(to: logical, exact: false, preallocation: .off, of: self)
      }
    }
  }

  private func writePieces(
    _ storage: any StorageDriver, at offset: UInt64, from data: RawSpan, unchanged: Bool
  )
    throws(BlockError)
  {
    let unit = limits.requestAlignment
    var done = 0
    while done < data.byteCount {
      let position = offset + UInt64(done)
      var count = pieceLength(at: position, of: data.byteCount - done, largest: limits.largestRequest)
      var part = data.slice(done..<done + count)
      let isAligned = position % max(unit, 1) == 0 && UInt64(count) % max(unit, 1) == 0
      if unit <= 1 || (isAligned && part.isAligned(to: unit)) {
        storage.note(.write)
        try storage.write(at: position, from: part, unchanged: unchanged, of: self)
      } else {
        count = pieceLength(at: position, of: count, largest: limits.largestBounce)
        part = data.slice(done..<done + count)
        try writeThroughBounce(storage, at: position, from: part, unchanged: unchanged)
      }
      done += count
    }
  }

  private func writeThroughBounce(
    _ storage: any StorageDriver, at offset: UInt64, from data: RawSpan, unchanged: Bool
  ) throws(BlockError) {
    let unit = limits.requestAlignment
    let dataEnd = offset + UInt64(data.byteCount)
    let start = offset.roundedDown(to: unit)
    guard let end = dataEnd.roundedUp(to: unit) else {
      throw BlockError(.tooLarge, "request past the largest offset")
    }
    let bounce = Buffer(count: Int(end - start))
    var bytes = bounce.mutableBytes
    if start < offset { storage.note(.mergeHead) }
    if end > dataEnd { storage.note(.mergeTail) }
    let known = min(end, length)
    if start < offset || end > dataEnd, start < known {
      var present = bytes.slice(0..<Int(known - start))
      try readAligned(storage, at: start, into: &present)
    }
    if start < offset { storage.note(.mergeAfterHead) }
    if end > dataEnd { storage.note(.mergeAfterTail) }
    bytes.copy(data, at: Int(offset - start))
    storage.note(.write)
    try storage.write(at: start, from: bounce.bytes, unchanged: unchanged, of: self)
  }

  /// Gives formats that only know whole sectors nothing else: ragged ends are read, merged and written whole.
  private func writeSectors(at offset: UInt64, from data: RawSpan, unchanged: Bool) throws(BlockError) {
    let end = offset + UInt64(data.byteCount)
    let start = offset.roundedDown(to: limits.requestAlignment)
    let stop = min(end.roundedUp(to: limits.requestAlignment) ?? length, length)
    let isRagged = start < offset || stop > end
    try busy.run(start..<stop, alone: isRagged) { () throws(BlockError) in
      guard isRagged else {
        return try writeMapped(at: offset, from: data, unchanged: unchanged)
      }
      let whole = Buffer(count: Int(stop - start))
      var bytes = whole.mutableBytes
      if start < offset { file?.note(.mergeHead) }
      if stop > end { file?.note(.mergeTail) }
      try read(at: start, into: &bytes)
      if start < offset { file?.note(.mergeAfterHead) }
      if stop > end { file?.note(.mergeAfterTail) }
      bytes.copy(data, at: Int(offset - start))
      try writeMapped(at: start, from: whole.bytes, unchanged: unchanged)
    }
  }

  private func writeMapped(at offset: UInt64, from data: RawSpan, unchanged: Bool) throws(BlockError) {
    var done = 0
    while done < data.byteCount {
      let position = offset + UInt64(done)
      var claimed = ClaimedSlots(of: self)
      guard let slot = try claimed.claim(at: position, length: UInt64(data.byteCount - done)) else { return }
      let count = Int(slot.length)
      try fill(slot, at: position, with: data.slice(done..<done + count), unchanged: unchanged)
      try claimed.linkNext()
      done += count
    }
  }

  /// Writes `data` where the slot says, together with the present content around it; encrypts it unless that has
  /// been done, which it never has where there is something around.
  func fill(
    _ slot: WriteSlot, at position: UInt64, with data: RawSpan, unchanged: Bool, isEncrypted: Bool = false
  ) throws(BlockError) {
    let edge = try child(in: slot.location.slot)
    // Where a place is new, what readers of the file see does change.
    let unchanged = unchanged && edge.role.contains(.filtered)
    let isAlone = slot.fillBefore == 0 && slot.fillAfter == 0
    let encryption = isAlone && isEncrypted ? nil : encryption
    if isAlone, encryption == nil {
      note(.writeAIO, to: edge)
      return try edge.write(at: slot.location.offset, from: data, unchanged: unchanged)
    }
    guard encryption != nil || slot.fillBefore + slot.fillAfter <= Node.largestFill else {
      return try fillInPieces(slot, edge, at: position, with: data, unchanged: unchanged)
    }
    let before = Int(slot.fillBefore)
    let whole = Buffer(count: before + data.byteCount + Int(slot.fillAfter))
    var bytes = whole.mutableBytes
    let isCopied = isAlone ? false : try isCopyToTell(at: position)
    if !isAlone { note(isCopied ? .cowRead : .clusterAllocSpace, to: edge) }
    if before > 0 {
      var head = bytes.slice(0..<before)
      try read(at: position - slot.fillBefore, into: &head)
    }
    bytes.copy(data, at: before)
    if slot.fillAfter > 0 {
      let tail = position + UInt64(data.byteCount)
      let inside = tail >= length ? 0 : Int(min(slot.fillAfter, length - tail))
      var rest = bytes.slice(before + data.byteCount..<before + data.byteCount + inside)
      if inside > 0 { try read(at: tail, into: &rest) }
    }
    let place = slot.location.offset - slot.fillBefore
    try encryption?.encrypt(&bytes, guestOffset: position - slot.fillBefore, hostOffset: place)
    if isCopied { note(.cowWrite, to: edge) }
    note(.writeAIO, to: edge)
    try edge.write(at: place, from: whole.bytes, unchanged: unchanged)
  }

  /// Whether what there is around data that goes to a new place may be more than zeros, and the driver tells of a copy of that.
  private func isCopyToTell(at position: UInt64) throws(BlockError) -> Bool {
    guard driver.tells(of: .cowRead) || driver.tells(of: .cowWrite) else { return false }
    if backing != nil { return true }
    return try extent(at: position, length: 1).kind == .data
  }

  /// The largest number of bytes around data that are written together with it.
  private static let largestFill: UInt64 = 2 << 20

  /// The same for allocation units of any size: memory is taken for a piece at a time.
  private func fillInPieces(
    _ slot: WriteSlot, _ edge: Edge, at position: UInt64, with data: RawSpan, unchanged: Bool
  ) throws(BlockError) {
    let place = slot.location.offset
    try copyPresent(position - slot.fillBefore..<position, to: edge, at: place - slot.fillBefore, unchanged)
    try edge.write(at: place, from: data, unchanged: unchanged)
    let count = UInt64(data.byteCount)
    try copyPresent(
      position + count..<position + count + slot.fillAfter, to: edge, at: place + count, unchanged)
  }

  /// Writes what a range of the node reads as to another place; zeros past the node's end.
  private func copyPresent(_ range: Range<UInt64>, to edge: Edge, at place: UInt64, _ unchanged: Bool)
    throws(BlockError)
  {
    let buffer = Buffer(count: Int(min(UInt64(range.count), 1 << 20)))
    var done: UInt64 = 0
    while done < UInt64(range.count) {
      let count = min(UInt64(range.count) - done, UInt64(buffer.count))
      var bytes = buffer.mutableBytes
      bytes.fill()
      let start = range.lowerBound + done
      let inside = start < length ? min(count, length - start) : 0
      var part = bytes.slice(0..<Int(inside))
      if inside > 0 { try read(at: start, into: &part) }
      try edge.write(at: place + done, from: buffer.bytes.slice(0..<Int(count)), unchanged: unchanged)
      done += count
    }
  }

  /// Whether data that is to be written is to be stored as zeros are.
  func detectsZeroes(in data: RawSpan) -> Bool { flags.contains(.detectsZeroes) && data.isZero }

  func writeDetectedZeroes(at offset: UInt64, length: UInt64, unchanged: Bool) throws(BlockError) {
    try writeZeroes(
      at: offset, length: length, mayUnmap: flags.contains(.unmapsDetected), unchanged: unchanged)
  }

  /// Zeros the whole clusters of a range through the driver and writes the ragged ends.
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool) throws(BlockError) {
    guard let end = offset.plus(length) else { throw BlockError(.tooLarge, "range past the largest offset") }
    guard driver is any StorageDriver || end <= self.length else {
      throw BlockError(.inputOutput, "write past the end of node '\(name)'")
    }
    let unit = max(limits.clusterSize, limits.requestAlignment, 1)
    let start = min(offset.roundedUp(to: unit) ?? end, end)
    // The last cluster of an image may be cut short by its length.
    let stop = end == self.length ? end : max(end.roundedDown(to: unit), start)
    try writeRaggedZeroes(offset, start, unchanged: unchanged)
    if start < stop {
      var done = false
      try busy.run(start..<stop, alone: false, isNeeded: limits.requestAlignment > 1) {
        () throws(BlockError) in
        driver.note(.writeZeroes)
        done = try driver.writeZeroes(
          at: start, length: stop - start, mayUnmap: mayUnmap, unchanged: unchanged, of: self)
      }
      if !done { try writeRaggedZeroes(start, stop, unchanged: unchanged) }
    }
    try writeRaggedZeroes(stop, end, unchanged: unchanged)
  }

  private func writeRaggedZeroes(_ start: UInt64, _ end: UInt64, unchanged: Bool) throws(BlockError) {
    guard start < end else { return }
    let zeroes = Buffer(count: Int(min(end - start, 1 << 20)))
    var position = start
    while position < end {
      let count = Int(min(end - position, UInt64(zeroes.count)))
      try write(at: position, from: zeroes.bytes.slice(0..<count), unchanged: unchanged)
      position += UInt64(count)
    }
  }
}
