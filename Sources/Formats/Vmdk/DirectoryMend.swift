// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A defect that opening an image for a check finds before its tables are looked at, and mends.
struct OpeningFinding {
  /// What a check says of it.
  let text: String
  /// As how many corruptions it counts.
  let count: UInt64
  /// Whether it is mended in the file; in memory otherwise.
  let isWritten: Bool
}

/// Directories and tables that are damaged, where the other ones that say the same are not.
///
/// What an extent says twice is held against each other only where one of both cannot be: a change that was interrupted
/// leaves tables that differ, and the first ones count.
struct DirectoryMend {
  /// The most tables of an extent that are looked at.
  private static let mostTables: UInt64 = 1 << 20

  /// The header as it comes to be.
  private(set) var header: SparseHeader
  /// The steps that mend all.
  private(set) var recovery = Recovery()
  private var texts: [(text: String, count: UInt64)] = []
  /// The sector behind all that the file has, in which a table may stand.
  private var end: UInt64
  private let fileLength: UInt64
  private let looksIntoTables: Bool
  /// Sectors that are no table's and no grain's.
  private var reserved: [Range<UInt64>] = []

  /// Looks at the directories; nil where there is nothing to mend.
  ///
  /// - Parameters:
  ///   - header: the header that counts.
  ///   - looksIntoTables: whether what directories lead to is looked at, too, where both lead to something.
  ///   - read: gives bytes of the file, zeros past its end.
  init?(_ header: SparseHeader, fileLength: UInt64, looksIntoTables: Bool, _ read: VmdkReader)
    throws(BlockError)
  {
    self.looksIntoTables = looksIntoTables
    guard header.flags.contains(.secondDirectory), header.secondDirectory != header.directory,
      (1...DirectoryMend.mostTables).contains(header.tables),
      DirectoryMend.isInside(header.secondDirectory, header, fileLength)
    else { return nil }
    self.header = header
    self.fileLength = fileLength
    end = fileLength.dividedUp(by: header.grainBytes) * header.grain
    if !DirectoryMend.isInside(header.directory, header, fileLength) {
      texts.append(
        ("ERROR: the grain directory (sector \(header.directory)) lies past the end of the file", 1))
      guard let place = try lostDirectory(read) else {
        try useSecond(read)
        return
      }
      self.header.directory = place
      try storeHeader(read)
    }
    do throws(BlockError) {
      try compare(read)
    } catch {
      guard error.kind == .tooLarge else { throw error }
      // There is more to be written than is taken into memory.
      recovery = Recovery()
      if texts.isEmpty { texts.append(("ERROR: the grain directory or its tables are damaged", 1)) }
      try useSecond(read)
    }
    if recovery.steps.isEmpty { return nil }
  }

  /// Whether something is damaged: what an interrupted change leaves is not.
  var isDamage: Bool { !texts.isEmpty }

  /// What a check says of all.
  func findings(isWritten: Bool) -> [OpeningFinding] {
    texts.map { OpeningFinding(text: $0.text, count: $0.count, isWritten: isWritten) }
  }

  private static func isInside(_ sector: UInt64, _ header: SparseHeader, _ fileLength: UInt64) -> Bool {
    guard sector > 0, let end = sector.times(512)?.plus(header.tables * 4) else { return false }
    return end <= fileLength
  }

  // MARK: The header

  /// The place of the first directory, where extents have it that were made with all of their tables: it leads to tables
  /// right behind it.
  private func lostDirectory(_ read: VmdkReader) throws(BlockError) -> UInt64? {
    let place =
      header.secondDirectory + header.directorySectors + header.tables * header.tableSectors
    guard DirectoryMend.isInside(place, header, fileLength) else { return nil }
    let entries = try read(place * 512, Int(header.tables) * 4)
    for number in 0..<header.tables {
      let expected = place + header.directorySectors + number * header.tableSectors
      guard UInt64(entries.bytes.little32(at: Int(number) * 4)) == expected else { return nil }
    }
    return place
  }

  /// Lets the second directory be the only one.
  private mutating func useSecond(_ read: VmdkReader) throws(BlockError) {
    header.directory = header.secondDirectory
    header.secondDirectory = 0
    header.flags.remove(.secondDirectory)
    try storeHeader(read)
  }

  private mutating func storeHeader(_ read: VmdkReader) throws(BlockError) {
    let sector = try read(0, SparseHeader.length)
    var bytes = sector.mutableBytes
    bytes.storeLittle(header.flags.rawValue, at: SparseHeader.Place.flags)
    bytes.storeLittle(header.secondDirectory, at: SparseHeader.Place.secondDirectory)
    bytes.storeLittle(header.directory, at: SparseHeader.Place.directory)
    try recovery.add(.write(at: 0, sector))
  }

  // MARK: Tables

  private mutating func compare(_ read: VmdkReader) throws(BlockError) {
    let bytes = Int(header.tables) * 4
    let first = try read(header.directory * 512, bytes)
    let second = try read(header.secondDirectory * 512, bytes)
    reserved = header.reservedSectors
    var isFirstChanged = false
    var counts: (first: UInt64, second: UInt64, entries: UInt64, others: UInt64) = (0, 0, 0, 0)
    var differing: Set<Int> = []
    for number in 0..<Int(header.tables) where looksIntoTables {
      let (one, other) = (first.bytes.little32(at: number * 4), second.bytes.little32(at: number * 4))
      guard one != other, isTable(UInt64(one)), isTable(UInt64(other)) else { continue }
      if try mended((UInt64(one), UInt64(other)), number, read).counts != (0, 0) { differing.insert(number) }
    }
    var misled = try misled(differing, first, second, read)
    if looksIntoTables { try addCrossing(to: &misled, first, second, read) }
    var used: Set<UInt64> = []
    for number in 0..<Int(header.tables) {
      for (entries, misled) in [(first, misled.first), (second, misled.second)] {
        let place = UInt64(entries.bytes.little32(at: number * 4))
        if isTable(place), !misled.contains(number) { used.insert(place) }
      }
    }
    for number in 0..<Int(header.tables) {
      let places = (
        UInt64(first.bytes.little32(at: number * 4)), UInt64(second.bytes.little32(at: number * 4))
      )
      let isTable = (
        isTable(places.0) && !misled.first.contains(number),
        isTable(places.1) && !misled.second.contains(number)
      )
      switch isTable {
      case (false, true):
        let table = try read(places.1 * 512, Int(header.perTable) * 4)
        if places.0 == 0, table.bytes.isZero { continue }
        try place(table, number, of: header.directory, first, &used)
        isFirstChanged = true
        // Tables are given up one directory after the other.
        if places.0 != 0 || !header.isUnclean { counts.first += 1 }
      case (true, false) where places.1 != 0:
        let table = try read(places.0 * 512, Int(header.perTable) * 4)
        try place(table, number, of: header.secondDirectory, second, &used)
        counts.second += 1
      case (true, true) where differing.contains(number):
        let mended = try mended(places, number, read)
        if mended.counts.first > 0 { try recovery.add(.write(at: places.0 * 512, mended.first)) }
        if mended.counts.second > 0 { try recovery.add(.write(at: places.1 * 512, mended.second)) }
        counts.entries += mended.counts.first
        counts.others += mended.counts.second
      default: break
      }
    }
    if isFirstChanged { try recovery.add(.write(at: header.directory * 512, first)) }
    if counts.second > 0 { try recovery.add(.write(at: header.secondDirectory * 512, second)) }
    for (count, words) in [
      (counts.first, "grain tables are missing or damaged, which the redundant directory has"),
      (counts.second, "redundant grain tables are missing, which the first directory has"),
      (counts.entries, "entries of grain tables are damaged, which the redundant tables have"),
      (counts.others, "entries of redundant grain tables are damaged, which the first tables have"),
    ] where count > 0 {
      texts.append(("ERROR: \(count) \(words)", count))
    }
  }

  /// Whether a sector may be the start of a table.
  private func isTable(_ sector: UInt64) -> Bool {
    let range = sector..<sector + header.tableSectors
    return sector > 0 && range.upperBound * 512 <= fileLength && !reserved.contains { $0.overlaps(range) }
  }

  /// Whether a table's value makes sense.
  private func isGrain(_ value: UInt32) -> Bool {
    if value == 0 || value == 1 && header.flags.contains(.zeroedGrains) { return true }
    let sector = UInt64(value)
    return (sector + 1) * 512 <= fileLength && !reserved.contains { $0.contains(sector) }
  }

  /// Notes a place for a table, and in the directory's bytes that it is there: where extents have it from the start, if
  /// nothing else is there, or behind all.
  private mutating func place(
    _ table: Buffer, _ number: Int, of directory: UInt64, _ entries: Buffer, _ used: inout Set<UInt64>
  ) throws(BlockError) {
    let sectors = header.tableSectors
    var place = directory + header.directorySectors + UInt64(number) * sectors
    let isFree =
      isTable(place) && place + sectors <= header.overhead
      && !(place - sectors + 1..<place + sectors).contains { used.contains($0) }
    if !isFree {
      place = end
      end += sectors
    }
    guard let value = UInt32(exactly: place) else {
      throw BlockError(.tooLarge, "the extent has no place for another table")
    }
    used.insert(place)
    try recovery.add(.write(at: place * 512, table))
    var bytes = entries.mutableBytes
    bytes.storeLittle(value, at: number * 4)
  }

  /// Two tables that say the same without what is damaged of each, and how many values that are.
  private func mended(_ places: (UInt64, UInt64), _ number: Int, _ read: VmdkReader) throws(BlockError) -> (
    first: Buffer, second: Buffer, counts: (first: UInt64, second: UInt64)
  ) {
    let bytes = Int(header.perTable) * 4
    let (first, second) = (try read(places.0 * 512, bytes), try read(places.1 * 512, bytes))
    let counts = (
      try takeOver(from: second, into: first, number, read),
      try takeOver(from: first, into: second, number, read)
    )
    return (first, second, counts)
  }

  /// The entries of both directories, among some, that lead into a grain which the other directory's tables know: what
  /// stands there is no table.
  private func misled(_ numbers: Set<Int>, _ first: Buffer, _ second: Buffer, _ read: VmdkReader)
    throws(BlockError) -> (first: Set<Int>, second: Set<Int>)
  {
    guard !numbers.isEmpty else { return ([], []) }
    func misled(_ directory: Buffer, by other: Buffer) throws(BlockError) -> Set<Int> {
      let places = numbers.map { (number: $0, place: UInt64(directory.bytes.little32(at: $0 * 4))) }
        .sorted { $0.place < $1.place }
      var found: Set<Int> = []
      for number in 0..<Int(header.tables) {
        let place = UInt64(other.bytes.little32(at: number * 4))
        guard isTable(place) else { continue }
        let table = try read(place * 512, Int(header.perTable) * 4)
        for index in 0..<Int(header.perTable) {
          let value = table.bytes.little32(at: index * 4)
          guard value > 1, isGrain(value) else { continue }
          let grain = UInt64(value)..<UInt64(value) + (try sectors(of: value, read))
          var next = places.firstIndexSorted { $0.place + header.tableSectors > grain.lowerBound }
          while next < places.count, places[next].place < grain.upperBound {
            found.insert(places[next].number)
            next += 1
          }
        }
      }
      return found
    }
    return (try misled(first, by: second), try misled(second, by: first))
  }

  /// The entries of a directory that lead to tables which lie on each other.
  private func crossing(_ directory: Buffer) -> Set<Int> {
    let places = (0..<Int(header.tables)).map { UInt64(directory.bytes.little32(at: $0 * 4)) }
    let sorted = places.indices.filter { isTable(places[$0]) }.sorted { places[$0] < places[$1] }
    var found: Set<Int> = []
    for (number, next) in zip(sorted, sorted.dropFirst())
    where places[next] - places[number] < header.tableSectors { found.formUnion([number, next]) }
    return found
  }

  /// Adds entries that lead to what is another's table, and where the other directory's table says something else.
  private func addCrossing(
    to misled: inout (first: Set<Int>, second: Set<Int>), _ first: Buffer, _ second: Buffer,
    _ read: VmdkReader
  ) throws(BlockError) {
    let crossing = (first: crossing(first), second: crossing(second))
    for number in crossing.first.symmetricDifference(crossing.second) {
      let places = (first.bytes.little32(at: number * 4), second.bytes.little32(at: number * 4))
      guard isTable(UInt64(places.0)), isTable(UInt64(places.1)) else { continue }
      let bytes = Int(header.perTable) * 4
      let one = try read(UInt64(places.0) * 512, bytes)
      let other = try read(UInt64(places.1) * 512, bytes)
      guard one.array != other.array else { continue }
      if crossing.first.contains(number) { misled.first.insert(number) } else { misled.second.insert(number) }
    }
  }

  /// Whether an entry of a table leads to a compressed grain whose marker says the same; always where there are no markers.
  private func isVouchedFor(_ table: Buffer, _ number: Int, _ read: VmdkReader) throws(BlockError) -> Bool {
    guard header.isCompressed else { return true }
    for index in 0..<Int(header.perTable) {
      let value = table.bytes.little32(at: index * 4)
      guard value > 1, isGrain(value) else { continue }
      let sector = header.sector(ofTable: UInt64(number), index: index)
      if try header.isGrain(value, of: sector, fileLength: fileLength, read) { return true }
    }
    return false
  }

  /// Sectors of a grain in the file; 0 for what is none.
  private func sectors(of value: UInt32, _ read: VmdkReader) throws(BlockError) -> UInt64 {
    guard header.isCompressed else { return header.grain }
    let place = UInt64(value)
    let bytes = try read(place * 512, GrainMarker.length)
    guard let known = header.grainMarker(bytes.bytes, at: place, fileLength: fileLength) else { return 0 }
    return known.1.sectors
  }

  /// Takes values of another table where those of a table lead nowhere, or where it has none at all; how many. Where grains
  /// have markers, one of them has to say the same of the other table.
  private func takeOver(
    from other: Buffer, into table: Buffer, _ number: Int, _ read: VmdkReader
  ) throws(BlockError) -> UInt64 {
    var taken: UInt64 = 0
    // While a table is being written, the other one may still have nothing.
    let isBlank = !header.isUnclean && table.bytes.isZero
    var isVouched: Bool?
    var bytes = table.mutableBytes
    for index in 0..<Int(header.perTable) {
      let (value, known) = (table.bytes.little32(at: index * 4), other.bytes.little32(at: index * 4))
      guard known != 0, isGrain(known), isBlank || !isGrain(value) else { continue }
      if isVouched == nil { isVouched = try isVouchedFor(other, number, read) }
      guard isVouched == true else { return 0 }
      bytes.storeLittle(known, at: index * 4)
      taken += 1
    }
    return taken
  }
}
