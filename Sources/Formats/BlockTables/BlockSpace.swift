// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The space of the file that blocks, tables and bitmaps take: what is in use, what is free, and where the file ends.
///
/// Belongs to the lock of the table.
final class BlockSpace {
  private let entries: BlockEntries
  private let writes: BlockWrites
  private let free: FreeSpace
  private let fileEnd: FileEnd

  init(of entries: BlockEntries, _ free: FreeSpace, _ writes: BlockWrites, _ fileEnd: FileEnd) {
    self.entries = entries
    self.writes = writes
    self.free = free
    self.fileEnd = fileEnd
  }

  private var layout: BlockTableLayout { entries.layout }
  /// The first of the units that have never been in use; nil until the tables have been read for it.
  var end: UInt64? { free.end }

  // MARK: What is known

  /// Begins anew: nothing from `end` on is in use, and nothing before it may be taken; nil for what the tables are to tell.
  func begin(at end: UInt64?, _ held: borrowing Held) { free.begin(at: end) }

  /// Forgets everything: the tables tell.
  func forget(_ held: borrowing Held) { free.forget() }

  /// Lets places be taken that nothing points to, the first of them first.
  func offerUnused(_ held: borrowing Held) throws(BlockError) {
    free.offer(try unusedPlaces(before: try knownEnd(held), held).reversed())
  }

  /// Writes what changed where so many places were given up that they are to be of use.
  func settleMany(_ held: borrowing Held) throws(BlockError) {
    if free.hasManyDropped { try writeOut(held) }
  }

  /// The first of the units that have never been in use. The first call reads all tables: a table that stands alone says where
  /// the units in use end; with a directory, nothing is taken that the file has.
  ///
  /// - Throws: kind `corrupt` where a directory's tables point past that: what would be there is not to be found in places
  ///   of other blocks.
  func knownEnd(_ held: borrowing Held) throws(BlockError) -> UInt64 {
    if let end = free.end { return end }
    let end: UInt64
    if layout.directory == nil {
      end = try endOfUse(held)
    } else {
      let length = try held.node.child(in: .file).length
      var used = max(layout.endOfReserved, layout.units(of: 0..<length).upperBound)
      try entries.writeEntries(held)
      try entries.scan(held) { (item, value) throws(BlockError) in
        guard let entry = entries.checked(value, of: item, held),
          let place = entries.place(of: item, entry, held)
        else {
          return
        }
        guard place.lowerBound < length else {
          throw BlockError(
            .corrupt, "\(item) (offset \(place.lowerBound)) points past the end of the file",
            advice: "'check -r all' mends what can be mended.")
        }
        used = max(used, layout.units(of: place).upperBound)
      }
      end = used
    }
    free.begin(at: end)
    return end
  }

  /// The unit behind the last one in use, by the entries in the file; entries in memory are written first. Places that
  /// were given up and have yet to be discarded are in use.
  func endOfUse(_ held: borrowing Held) throws(BlockError) -> UInt64 {
    try entries.writeEntries(held)
    var end = free.dropped.reduce(layout.endOfReserved) { max($0, $1 + layout.blockUnits) }
    try entries.scan(held) { (item, value) throws(BlockError) in
      if let units = try entries.units(of: item, value: value, held) { end = max(end, units.upperBound) }
    }
    return end
  }

  /// Some places of blocks, from the first on, that nothing and no write under way takes any of.
  func unusedPlaces(before end: UInt64, _ held: borrowing Held) throws(BlockError) -> [UInt64] {
    try entries.writeEntries(held)
    var found: [UInt64] = []
    var window = UnitWindow(of: end)
    while found.count < BlockTable.rememberedPlaces, window.advance() {
      try insertUsed(into: &window, held)
      for write in writes.all(held) {
        for (_, place) in write.packed { _ = window.insert(layout.units(of: place)) }
        guard let unit = write.unit else { continue }
        _ = window.insert(unit..<unit + UInt64(write.blocks.count) * layout.blockUnits)
      }
      for unit in free.dropped { _ = window.insert(unit..<unit + layout.blockUnits) }
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
    try entries.scan(held) { (item, value) throws(BlockError) in
      if let units = try entries.units(of: item, value: value, held) { _ = window.insert(units) }
    }
  }

  // MARK: Taking

  /// Takes places for blocks in a row: at least one, at most `count`; the units that they take.
  func takePlaces(_ count: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    try settleMany(held)
    _ = try knownEnd(held)
    if let places = free.takePlaces(count, layout) { return places }
    // The last places may have been given up.
    try writeOut(held)
    if let places = free.takePlaces(count, layout) { return places }
    free.offer(try unusedPlaces(before: try knownEnd(held), held))
    guard let places = free.takePlaces(count, layout) else {
      throw BlockError(.noSpace, "every block that the image can have is in use")
    }
    return places
  }

  /// Takes so many bytes behind all units in use for something other than a block.
  private func takeUnits(_ bytes: UInt64, likeBlock: Bool, limit: UInt64, _ held: borrowing Held)
    throws(BlockError)
    -> Range<UInt64>
  {
    _ = try knownEnd(held)
    let count = bytes.dividedUp(by: layout.unit)
    guard let units = free.takeUnits(count, likeBlock: likeBlock, limit: limit, layout) else {
      throw BlockError(.noSpace, "the image has no place for another table")
    }
    return units
  }

  /// Takes units at the end of the file for something other than a block; they read as zeros.
  func takeUnits(for item: BlockTableItem, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    try takeUnits(entries.bytes(of: item, held), held)
  }

  /// Takes so many bytes at the end of the file for something other than a block; they read as zeros.
  func takeUnits(_ bytes: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    // Where blocks have to be aligned, what stands between them is.
    try takeBlank(bytes, likeBlock: layout.lead == 0, limit: layout.unitLimit, held)
  }

  private func takeBlank(_ bytes: UInt64, likeBlock: Bool, limit: UInt64, _ held: borrowing Held)
    throws(BlockError) -> Range<UInt64>
  {
    let units = try takeUnits(bytes, likeBlock: likeBlock, limit: limit, held)
    do throws(BlockError) {
      try makeBlank(units, isWhole: false, held)
    } catch {
      giveBack(units, held)
      throw error
    }
    return units
  }

  /// Takes so many bytes: behind the last compressed block where nothing else has come there since.
  func takeBytes(_ count: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    try settleMany(held)
    _ = try knownEnd(held)
    guard let place = free.takeBytes(count, layout) else {
      throw BlockError(.noSpace, "every block that the image can have is in use")
    }
    return place
  }

  /// Takes so many bytes at the end of the file, which read as zeros, for something that is no block; they are reserved.
  func reserve(_ count: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    let units = try takeBlank(count, likeBlock: false, limit: .max, held)
    let place = layout.offset(ofUnit: units.lowerBound)..<layout.offset(ofUnit: units.upperBound)
    entries.reserve([place], held)
    return place
  }

  /// Lets new places read as zeros, but for data that is going to be written as a whole or that no bit tells of, and
  /// take room where the preallocation says so.
  ///
  /// - Parameter isWritten: whether that data is written up to its end, which makes the file as long.
  func makeBlank(
    _ units: Range<UInt64>, isWhole: Bool, isWritten: Bool = false, preallocation: Preallocation = .off,
    _ held: borrowing Held
  ) throws(BlockError) {
    let file = try held.node.child(in: .file)
    let takesRoom = preallocation == .falloc || preallocation == .full
    var start = layout.offset(ofUnit: units.lowerBound)
    let end = layout.offset(ofUnit: units.upperBound)
    var known = file.length
    let wholeEnd = isWhole ? start + layout.lead : end
    if !fileEnd.hasTrailer {
      // A file's new bytes read as zero; a device has its length. A log states lengths that are whole.
      if end > known, !isWritten || takesRoom || entries.journal != nil {
        try file.truncate(to: end, exact: false, preallocation: takesRoom ? preallocation : .off)
      }
    } else if end > fileEnd.area(file, held) {
      // Nothing is left of the old trailer.
      start = min(start, fileEnd.area(file, held))
      try fileEnd.placeTrailer(at: end, held)
      if takesRoom { known = end }
    }
    let blankEnd = min(wholeEnd, known)
    guard start < blankEnd else { return }
    let length = blankEnd - start
    if length <= 4096 {
      // No more than a trailer: a hole there costs more than the bytes.
      try file.write(at: start, from: Buffer(count: Int(length)).bytes)
    } else {
      try file.writeZeroes(at: start, length: length, mayUnmap: !takesRoom)
    }
  }

  // MARK: Giving back

  /// Gives up the place that a block had by an entry, unless a table stands there.
  func giveUp(_ entry: BlockEntry, of block: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard let at = entry.place, let unit = layout.unit(at: at - layout.lead),
      try !entries.isOnTable(entry, of: block, held)
    else { return }
    free.drop(unit)
  }

  /// Notes units that nothing came to point to, and gives the file system their room: tables may need it.
  func giveBack(_ units: Range<UInt64>, _ held: borrowing Held) {
    guard free.end != nil else { return }
    let end = layout.offset(ofUnit: units.upperBound)
    guard free.giveBack(units, layout), let last = free.end else {
      let start = layout.offset(ofUnit: units.lowerBound)
      // An error here would hide the one of the write, which is told.
      try? held.node.file?.discard(at: start, length: end - start)
      return
    }
    if let file = held.node.file, fileEnd.area(file, held) <= end {
      try? fileEnd.cut(to: layout.offset(ofUnit: last), layout, held)
    }
  }

  /// Gives back what was reserved and that nothing came to be in.
  func giveBack(reserved places: [Range<UInt64>], _ held: borrowing Held) {
    entries.release(places, held)
    for place in places.reversed() { giveBack(layout.units(of: place), held) }
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
    try fileEnd.cut(to: layout.offset(ofUnit: end), layout, held)
    // Also where none was known before: what counts them is to change.
    free.cut(to: end)
  }

  /// Lets byte ranges that are reserved no more be holes of the file, which are no leaks, unless something is there.
  func letGo(_ ranges: [Range<UInt64>], _ held: borrowing Held) throws(BlockError) {
    var unused = ranges.filter { $0.lowerBound >= layout.areaOffset && !layout.isReserved($0) }
    guard !unused.isEmpty, let file = held.node.file else { return }
    try entries.scan(held) { (item, value) throws(BlockError) in
      guard let entry = entries.checked(value, of: item, held),
        let place = entries.place(of: item, entry, held)
      else { return }
      unused.removeAll { $0.overlaps(place) }
    }
    // A failure does no harm: nothing leads there.
    for range in unused { try? file.discard(at: range.lowerBound, length: UInt64(range.count)) }
  }

  /// Writes changed entries and makes them durable; the space that they gave up goes back to the file system.
  func writeOut(_ held: borrowing Held) throws(BlockError) {
    guard entries.isDirty || !free.dropped.isEmpty else { return }
    let file = try held.node.child(in: .file)
    try entries.writeEntries(held)
    try file.flush()
    for unit in free.dropped {
      // A failure does no harm: no entry leads to this place any more.
      try? file.discard(at: layout.offset(ofUnit: unit), length: layout.stride)
    }
    if let last = free.settle() { try cutDropped(last, held) }
  }

  /// Cuts the file behind all that is in use, where the place of a block that was given up, and starts at a unit, is the
  /// last in the file and nobody is writing.
  private func cutDropped(_ last: UInt64, _ held: borrowing Held) throws(BlockError) {
    let file = try held.node.child(in: .file)
    guard layout.directory == nil, writes.all(held).isEmpty,
      layout.offset(ofUnit: last + layout.blockUnits) >= fileEnd.area(file, held)
    else { return }
    try cutUnused(held)
  }

  // MARK: The file's end

  /// Where the trailer stands, or the file ends.
  func areaEnd(_ file: Edge, _ held: borrowing Held) -> UInt64 { fileEnd.area(file, held) }

  /// Makes the file shorter, so that it ends at an offset or with the trailer there, or leaves it as it is.
  func cutFile(to offset: UInt64, _ held: borrowing Held) throws(BlockError) {
    try fileEnd.cut(to: offset, layout, held)
  }
}
