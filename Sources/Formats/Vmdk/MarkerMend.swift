// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Entries of directory and tables that are damaged or missing, where markers say what they ought to be.
///
/// An entry that leads to a grain which says the same stays; so does one that leads to a grain of another place where no
/// grain of its own is found.
struct MarkerMend {
  /// The most tables of an image that is looked at.
  static let mostTables: UInt64 = 1 << 20
  /// The most entries that are mended.
  private static let mostEntries = 4 << 20

  /// The header as it comes to be.
  private(set) var header: SparseHeader
  /// The steps that mend all; none where nothing is damaged.
  private(set) var recovery = Recovery()
  /// Whether every grain of the file is known: the markers lead from the first one to the end.
  private(set) var isWhole = true
  private var texts: [(text: String, count: UInt64)] = []

  private let isStream: Bool
  private let fileLength: UInt64
  private var tables: GrainTables
  /// Entries of known tables that come to be others.
  private var entries: [UInt64: [Int: UInt32]] = [:]
  /// The tables that nothing leads to.
  private var lost: [UInt64: [UInt32]] = [:]
  /// The places of such tables that were found by their markers.
  private var adopted: [UInt64: UInt32] = [:]
  /// Grains where the table of their place on the disk has none, by their sectors.
  private var unreferenced: [UInt32: (number: UInt64, index: Int)] = [:]
  /// Directory entries that lead into grains.
  private var misled: Set<Int> = []
  private var count = 0
  /// The sector behind the last grain.
  private var endOfGrains: UInt64 = 0

  /// Follows the markers.
  ///
  /// - Parameters:
  ///   - first: the header at the start of the file, of compressed grains.
  ///   - header: the header that counts, whose directory is in the file.
  ///   - read: gives bytes of the file, zeros past its end.
  /// - Throws: kind `tooLarge` where too much is damaged, or too much looks like grains and is none.
  init?(_ first: SparseHeader, _ header: SparseHeader, fileLength: UInt64, _ read: VmdkReader)
    throws(BlockError)
  {
    guard header.isCompressed, (1...MarkerMend.mostTables).contains(header.tables) else { return nil }
    self.header = header
    self.fileLength = fileLength
    isStream = first.directory == SparseHeader.atEnd
    tables = try GrainTables(header, fileLength: fileLength, read)
    // What turns out to be a grain is no table; that is found out once.
    if let grains = try walk(read) {
      for grain in grains { tables.forget(grain) }
      guard try walk(read) == nil else { return nil }
    }
    try dropReferenced(read)
    try makeSteps(read)
  }

  /// What a check says of all.
  func findings(isWritten: Bool) -> [OpeningFinding] {
    texts.map { OpeningFinding(text: $0.text, count: $0.count, isWritten: isWritten) }
  }

  private static let tooLarge = BlockError(
    .tooLarge, "more of the image's tables is damaged than can be mended")

  // MARK: Grains

  /// Holds all grains against the tables; returns those that lie on a known table.
  private mutating func walk(_ read: VmdkReader) throws(BlockError) -> [Range<UInt64>]? {
    (entries, lost, adopted, unreferenced, count) = ([:], [:], [:], [:], 0)
    (isWhole, endOfGrains) = (true, 0)
    var conflicts: [Range<UInt64>] = []
    let inside = tables.directory.indices.filter { tables.isInside(UInt64(tables.directory[$0])) }
    let sorted = inside.sorted { tables.directory[$0] < tables.directory[$1] }
    let search = MarkerSearch(header, fileLength: fileLength)
    var walk = MarkerWalk(header, fileLength: fileLength, searches: true)
    // Behind damage, what looks like a grain may be the content of one, until a table knows it.
    var isCertain = true
    var isAtEnd = false
    var last: UInt64?
    while let (place, step) = try walk.next(read) {
      switch step {
      case .grain(let sector):
        let range = place..<walk.end
        endOfGrains = walk.end
        if conflicts.count < 1024, tables.overlaps(range), try search.isWhole(place, read) {
          conflicts.append(range)
        }
        var next = sorted.firstIndexSorted {
          UInt64(tables.directory[$0]) + header.tableSectors > range.lowerBound
        }
        while next < sorted.count, UInt64(tables.directory[sorted[next]]) < range.upperBound {
          misled.insert(sorted[next])
          next += 1
        }
        try note(sector, at: UInt32(truncatingIfNeeded: place), &isCertain, read)
        last = sector / header.perTableSectors
      case .table:
        // Where the table knows the grains before it, the markers are in step again.
        if let last, !tables.isTable(place + 1), try adopt(place + 1, last, read) { isCertain = true }
      case .directory, .footer: isAtEnd = true
      case .lost: (isCertain, isWhole) = (false, false)
      }
    }
    // Images with their tables in front have zeros alone behind the last grain.
    if !isAtEnd, try isStream ? true : !isZero(from: walk.end * 512, read) { isWhole = false }
    return conflicts.isEmpty ? nil : conflicts
  }

  private func isZero(from start: UInt64, _ read: VmdkReader) throws(BlockError) -> Bool {
    var position = start
    while position < fileLength {
      let part = try read(position, Int(min(fileLength - position, 1 << 20)))
      guard part.bytes.isZero else { return false }
      position += UInt64(part.count)
    }
    return true
  }

  private mutating func note(
    _ sector: UInt64, at place: UInt32, _ isCertain: inout Bool, _ read: VmdkReader
  ) throws(BlockError) {
    let (number, index) = (
      sector / header.perTableSectors, Int(sector / header.grain % UInt64(header.perTable))
    )
    guard tables.isKnown[Int(number)] else {
      guard isCertain || tables.directory[Int(number)] != 0 else { return }
      if lost[number] == nil {
        try countUp(Int(header.perTable))
        lost[number] = Array(repeating: 0, count: Int(header.perTable))
      }
      if isCertain || lost[number]?[index] == 0 { lost[number]?[index] = place }
      return
    }
    let table = try tables.table(number, read)
    let stored = table.bytes.little32(at: index * 4)
    guard stored != place else { return isCertain = true }
    if stored == 0 {
      guard isCertain else { return }
      try countUp(1)
      unreferenced[place] = (number, index)
    } else if stored == 1 && header.flags.contains(.zeroedGrains) {
      return
    } else if try !tables.isGrain(stored, of: sector, read) {
      guard isCertain || entries[number]?[index] == nil else { return }
      try countUp(1)
      entries[number, default: [:]][index] = place
    }
  }

  private mutating func countUp(_ more: Int) throws(BlockError) {
    count += more
    guard count <= MarkerMend.mostEntries else { throw MarkerMend.tooLarge }
  }

  /// Takes the table behind a marker for that of the grains before it, which nothing leads to; whether it knows any of them.
  private mutating func adopt(_ sector: UInt64, _ number: UInt64, _ read: VmdkReader) throws(BlockError)
    -> Bool
  {
    guard let found = lost[number], adopted[number] == nil, let place = UInt32(exactly: sector) else {
      return false
    }
    let table = try tables.load(sector, read)
    let isVouchedFor = found.indices.contains {
      found[$0] != 0 && table.bytes.little32(at: $0 * 4) == found[$0]
    }
    for (index, entry) in found.enumerated() where entry != 0 {
      let stored = table.bytes.little32(at: index * 4)
      if stored == 0, isVouchedFor {
        unreferenced[entry] = (number, index)
      } else if stored != entry {
        entries[number, default: [:]][index] = entry
      }
    }
    adopted[number] = place
    lost[number] = nil
    count -= found.count
    try countUp(entries[number]?.count ?? 0)
    return isVouchedFor
  }

  /// Leaves grains alone that another entry leads to, of either directory: their markers are damaged, or they stand for two
  /// places.
  private mutating func dropReferenced(_ read: VmdkReader) throws(BlockError) {
    guard !unreferenced.isEmpty else { return }
    var second: Buffer?
    if let place = header.redundantDirectory { second = try read(place * 512, Int(header.tables) * 4) }
    for number in 0..<header.tables {
      if let place = adopted[number] ?? (tables.isKnown[Int(number)] ? tables.directory[Int(number)] : nil) {
        drop(by: try tables.load(UInt64(place), read), number)
      }
      guard let second else { continue }
      let place = UInt64(second.bytes.little32(at: Int(number) * 4))
      if tables.isInside(place) { drop(by: try tables.load(place, read), number) }
    }
    for (place, grain) in unreferenced.sorted(by: { $0.key < $1.key }) {
      entries[grain.number, default: [:]][grain.index] = place
    }
  }

  private mutating func drop(by table: Buffer, _ number: UInt64) {
    for index in 0..<Int(header.perTable) {
      let entry = table.bytes.little32(at: index * 4)
      guard entry != 0, entries[number]?[index] == nil, let own = unreferenced[entry] else { continue }
      if own != (number, index) { unreferenced[entry] = nil }
    }
  }

  // MARK: Steps

  private mutating func makeSteps(_ read: VmdkReader) throws(BlockError) {
    var directory = tables.directory
    let mended = entries.values.reduce(0) { $0 + $1.count }
    let second = try header.redundantDirectory.map { (place) throws(BlockError) in
      try read(place * 512, Int(header.tables) * 4)
    }
    for (number, place) in adopted { directory[Int(number)] = place }
    let unled = try emptyEntries(&directory, read)
    let ledCount = adopted.filter { tables.directory[Int($0.key)] != $0.value }.count + lost.count
    var mendedTables: [UInt64: Buffer] = [:]
    var shared = 0
    for (number, changes) in entries.sorted(by: { $0.key < $1.key }) {
      let place = UInt64(directory[Int(number)])
      let table = try tables.load(place, read)
      var bytes = table.mutableBytes
      for (index, entry) in changes { bytes.storeLittle(entry, at: index * 4) }
      try recovery.add(.write(at: place * 512, table))
      if second != nil { mendedTables[number] = table }
    }
    if let second, let place = header.redundantDirectory {
      for (number, entries) in lost { mendedTables[number] = bytes(of: entries) }
      shared = try mendSecond(second, at: place, mendedTables, read)
    }
    if isStream, !lost.isEmpty {
      try makeEnd(&directory, read)
    } else {
      try placeTables(&directory)
      if directory != tables.directory {
        try recovery.add(.write(at: header.directory * 512, bytes(of: directory)))
      }
    }
    for (count, words) in [
      (ledCount, "entries of the grain directory are damaged or missing; markers tell of their tables"),
      (unled, "entries of the grain directory lead to no table, and there is no grain of theirs"),
      (shared, "entries of the redundant grain directory lead to the tables of others"),
      (mended, "entries of grain tables are damaged or missing; markers tell of their grains"),
    ] where count > 0 {
      texts.append(("ERROR: \(count) \(words)", UInt64(count)))
    }
  }

  /// Lets tables of the second directory be as those of the first one, where they have a place: those that are mended in the
  /// first one, and those that lie on others. Of the latter, how many.
  private mutating func mendSecond(
    _ directory: Buffer, at start: UInt64, _ mended: [UInt64: Buffer], _ read: VmdkReader
  ) throws(BlockError) -> Int {
    let places = (0..<Int(header.tables)).map { UInt64(directory.bytes.little32(at: $0 * 4)) }
    let sorted = places.indices.sorted { places[$0] < places[$1] }
    func isShared(_ place: UInt64, for number: UInt64) -> Bool {
      let range = place..<place + header.tableSectors
      let first = sorted.firstIndexSorted { places[$0] + header.tableSectors > range.lowerBound }
      return !sorted[first...].prefix { places[$0] < range.upperBound }.allSatisfy { $0 == number }
    }
    func isFree(_ place: UInt64, for number: UInt64) -> Bool {
      tables.isInside(place) && !misled(into: place) && !isShared(place, for: number)
    }
    var bytes = directory.mutableBytes
    var (isChanged, count) = (false, 0)
    for number in 0..<header.tables {
      let stored = places[Int(number)]
      let isOnOther = stored > 0 && isShared(stored, for: number)
      guard isOnOther || mended[number] != nil else { continue }
      let usual = start + header.directorySectors + number * header.tableSectors
      guard let place = [stored, usual].first(where: { isFree($0, for: number) }),
        let value = UInt32(exactly: place)
      else { continue }
      var table = mended[number]
      if table == nil, tables.isKnown[Int(number)] {
        table = try tables.load(UInt64(tables.directory[Int(number)]), read)
      }
      guard let table else { continue }
      try recovery.add(.write(at: place * 512, table))
      guard place != stored else { continue }
      bytes.storeLittle(value, at: Int(number) * 4)
      isChanged = true
      if mended[number] == nil { count += 1 }
    }
    if isChanged { try recovery.add(.write(at: start * 512, directory)) }
    return count
  }

  /// Lets entries that lead to no table lead nowhere where no grain asks for one: how many. What stands there is not to be
  /// taken for entries that are mended.
  private func emptyEntries(_ directory: inout [UInt32], _ read: VmdkReader) throws(BlockError) -> Int {
    var count = 0
    for number in directory.indices
    where directory[number] != 0 && !tables.isKnown[number] && adopted[UInt64(number)] == nil
      && lost[UInt64(number)] == nil
    {
      let place = UInt64(directory[number])
      guard tables.isInside(place) else { continue }
      var isElsewhere = place + header.tableSectors > header.overhead
      if isStream {
        let marker = try read((place - 1) * 512, 512)
        isElsewhere = !StreamMarker.table.isMarker(marker.bytes, before: header.tableSectors)
      }
      guard misled.contains(number) || tables.isTaken(place) || isWhole && isElsewhere else { continue }
      directory[number] = 0
      count += 1
    }
    return count
  }

  /// Whether a table at a sector would lie on a known one or behind the first grain.
  private func misled(into sector: UInt64) -> Bool {
    tables.isTaken(sector) || sector + header.tableSectors > header.overhead
  }

  private func bytes(of directory: [UInt32]) -> Buffer {
    let buffer = Buffer(count: directory.count * 4)
    var bytes = buffer.mutableBytes
    for (number, place) in directory.enumerated() { bytes.storeLittle(place, at: number * 4) }
    return buffer
  }

  /// Writes tables that nothing leads to where images have them from the start, or behind all.
  private mutating func placeTables(_ directory: inout [UInt32]) throws(BlockError) {
    var end = fileLength.dividedUp(by: header.grainBytes) * header.grain
    for (number, entries) in lost.sorted(by: { $0.key < $1.key }) {
      var place = header.directory + header.directorySectors + number * header.tableSectors
      if !tables.isInside(place) || misled(into: place) {
        place = end
        end += header.tableSectors
      }
      guard let value = UInt32(exactly: place) else { throw MarkerMend.tooLarge }
      directory[Int(number)] = value
      try recovery.add(.write(at: place * 512, bytes(of: entries)))
    }
  }

  /// Makes the end of a stream anew, with tables that it lacks: where the directory was, or behind all.
  private mutating func makeEnd(_ directory: inout [UInt32], _ read: VmdkReader) throws(BlockError) {
    let marker = try read((header.directory - 1) * 512, 512)
    let isMarked = StreamMarker.directory.isMarker(marker.bytes, before: header.directorySectors)
    var start = header.directory - (isMarked ? 1 : 0)
    let endOfTables = directory.filter { tables.isInside(UInt64($0)) }.map {
      UInt64($0) + header.tableSectors
    }.max()
    if start < max(endOfGrains, endOfTables ?? 0) { start = fileLength.dividedUp(by: 512) }
    let end = StreamEnd(header, at: start)
    try recovery.add(end.step(lost, &directory))
    header = end.footer(behind: lost.count)
  }
}
