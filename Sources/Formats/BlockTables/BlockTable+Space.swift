// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// Units of the file that nothing points to.
extension BlockTable {
  /// Takes places for blocks in a row: at least one, at most `count`; the units that they take.
  func takePlaces(_ count: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    if space.hasManyDropped { try writeOut(held) }
    _ = try knownEnd(held)
    if let places = space.takePlaces(count, layout) { return places }
    // The last places may have been given up.
    try writeOut(held)
    if let places = space.takePlaces(count, layout) { return places }
    space.offer(try unusedPlaces(before: try knownEnd(held), held))
    guard let places = space.takePlaces(count, layout) else {
      throw BlockError(.noSpace, "every block that the image can have is in use")
    }
    return places
  }

  /// Takes so many bytes behind all units in use for something other than a block.
  func takeUnits(_ bytes: UInt64, likeBlock: Bool, limit: UInt64, _ held: borrowing Held) throws(BlockError)
    -> Range<UInt64>
  {
    _ = try knownEnd(held)
    let count = bytes.dividedUp(by: layout.unit)
    guard let units = space.takeUnits(count, likeBlock: likeBlock, limit: limit, layout) else {
      throw BlockError(.noSpace, "the image has no place for another table")
    }
    return units
  }

  /// Takes so many bytes at the end of the file, which read as zeros, for something that the caller is about to enter
  /// into the layout as reserved: the offset in the file.
  package func takeSpace(_ bytes: UInt64, of node: Node) throws(BlockError) -> UInt64 {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      layout.offset(ofUnit: try takeUnits(bytes, held).lowerBound)
    }
  }

  /// Units up to the last one that is in use; entries are in the file afterwards.
  package func usedUnits(of node: Node) throws(BlockError) -> UInt64 {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try knownEnd(held)
    }
  }

  /// The first of the units that have never been in use. The first call reads all tables: a table that stands alone says where
  /// the units in use end; with a directory, nothing is taken that the file has.
  ///
  /// - Throws: kind `corrupt` where a directory's tables point past that: what would be there is not to be found in places
  ///   of other blocks.
  func knownEnd(_ held: borrowing Held) throws(BlockError) -> UInt64 {
    if let end = space.end { return end }
    let end: UInt64
    if layout.directory == nil {
      end = try endOfUse(held)
    } else {
      let length = try held.node.child(in: .file).length
      var used = max(layout.endOfReserved, layout.units(of: 0..<length).upperBound)
      try writeEntries(held)
      try scan(held) { (item, value) throws(BlockError) in
        guard let entry = self.checked(value, of: item, held), let place = self.place(of: item, entry, held)
        else {
          return
        }
        // As a check has it: nothing is missing of what begins where the file ends, where files may end early.
        guard place.lowerBound < length || self.layout.mayEndEarly && place.lowerBound == length else {
          throw BlockError(
            .corrupt, "\(item) (offset \(place.lowerBound)) points past the end of the file",
            advice: "'check -r all' mends what can be mended.")
        }
        used = max(used, self.layout.units(of: place).upperBound)
      }
      end = used
    }
    space.begin(at: end)
    return end
  }

  /// Notes units that nothing came to point to, and gives the file system their room: tables may need it.
  func giveBack(_ units: Range<UInt64>, _ held: borrowing Held) {
    guard space.end != nil else { return }
    let end = layout.offset(ofUnit: units.upperBound)
    guard space.giveBack(units, layout), let last = space.end else {
      let start = layout.offset(ofUnit: units.lowerBound)
      // An error here would hide the one of the write, which is told.
      try? held.node.file?.discard(at: start, length: end - start)
      return
    }
    if let file = held.node.file, areaEnd(file, held) <= end {
      try? cutFile(to: layout.offset(ofUnit: last), held)
    }
  }

  /// Cuts the file behind all that is in use.
  func cutUnused(_ held: borrowing Held) throws(BlockError) {
    let end: UInt64
    do throws(BlockError) {
      end = try endOfUse(held)
    } catch {
      // Where entries make no sense, nobody knows what is in use, and nothing more is given up.
      guard error.kind == .corrupt else { throw error }
      return
    }
    try cutFile(to: layout.offset(ofUnit: end), held)
    // Also where none was known before: what counts them is to change.
    space.cut(to: end)
  }

  /// Gives up what was reserved, byte ranges of `reserved`, once nothing in the file leads there.
  package func release(_ ranges: [Range<UInt64>], of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      layout.reserved.removeAll { ranges.contains($0) }
      try letGo(ranges, held)
      try cutUnused(held)
    }
  }

  /// Lets byte ranges that are reserved no more be holes of the file, which are no leaks, unless something is there.
  func letGo(_ ranges: [Range<UInt64>], _ held: borrowing Held) throws(BlockError) {
    var unused = ranges.filter { $0.lowerBound >= layout.areaOffset && !layout.isReserved($0) }
    guard !unused.isEmpty, let file = held.node.file else { return }
    try scan(held) { (item, value) throws(BlockError) in
      guard let entry = self.checked(value, of: item, held), let place = self.place(of: item, entry, held)
      else { return }
      unused.removeAll { $0.overlaps(place) }
    }
    // A failure does no harm: nothing leads there.
    for range in unused { try? file.discard(at: range.lowerBound, length: UInt64(range.count)) }
  }

  /// Gives up entries that the file lacks, and what they point to at its end: the image is as it was before they changed. For
  /// a file system that is full; with a log, which may have them already, nothing is given up.
  package func giveUpUnwritten(_ node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard journal == nil else { return }
      writes.waitForAll(held)
      dropUnwritten(held)
      space = FreeSpace()
      try cutFile(to: layout.offset(ofUnit: try endOfUse(held)), held)
    }
  }

  /// The unit behind the last one in use, by the entries in the file; entries in memory are written first. Places that
  /// were given up and have yet to be discarded are in use.
  func endOfUse(_ held: borrowing Held) throws(BlockError) -> UInt64 {
    try writeEntries(held)
    var end = space.dropped.reduce(layout.endOfReserved) { max($0, $1 + layout.blockUnits) }
    try scan(held) { (item, value) throws(BlockError) in
      if let units = try self.units(of: item, value: value, held) { end = max(end, units.upperBound) }
    }
    return end
  }

  /// Some places of blocks, from the first on, that nothing and no write under way takes any of.
  func unusedPlaces(before end: UInt64, _ held: borrowing Held) throws(BlockError) -> [UInt64] {
    try writeEntries(held)
    var found: [UInt64] = []
    var window = UnitWindow(of: end)
    while found.count < BlockTable.rememberedPlaces, window.advance() {
      try insertUsed(into: &window, held)
      for write in writes.all(held) {
        for (_, place) in write.packed { _ = window.insert(layout.units(of: place)) }
        guard let unit = write.unit else { continue }
        _ = window.insert(unit..<unit + UInt64(write.blocks.count) * layout.blockUnits)
      }
      for unit in space.dropped { _ = window.insert(unit..<unit + layout.blockUnits) }
      window.forEachAbsentRun { run in
        layout.forEachPlace(in: run) { unit in
          found.append(unit)
          return found.count < BlockTable.rememberedPlaces
        }
        return found.count < BlockTable.rememberedPlaces
      }
    }
    return found
  }

  /// Puts all units into a window that something in the file takes.
  func insertUsed(into window: inout UnitWindow, _ held: borrowing Held) throws(BlockError) {
    for range in layout.reserved + layout.spare { _ = window.insert(layout.units(of: range)) }
    try scan(held) { (item, value) throws(BlockError) in
      if let units = try self.units(of: item, value: value, held) { _ = window.insert(units) }
    }
  }

  /// The byte range of the file from the first block, table or bitmap to behind the last, as the entries have it; nil
  /// without any. Entries that make no sense are passed over.
  ///
  /// - Parameter limit: those that begin behind this offset are passed over, too.
  package func placesInUse(of node: Node, before limit: UInt64 = .max) throws(BlockError) -> Range<UInt64>? {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try writeEntries(held)
      var found: Range<UInt64>?
      try scan(held) { (item, value) throws(BlockError) in
        guard let entry = self.checked(value, of: item, held), let bytes = self.place(of: item, entry, held),
          bytes.lowerBound <= limit
        else { return }
        found =
          min(bytes.lowerBound, found?.lowerBound ?? .max)..<max(bytes.upperBound, found?.upperBound ?? 0)
      }
      return found
    }
  }
}
