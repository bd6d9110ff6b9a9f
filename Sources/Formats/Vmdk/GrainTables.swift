// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The tables of compressed grains that a directory leads to, as far as markers vouch for them.
struct GrainTables {
  /// Tables that are in memory at once.
  private static let mostKept = 64

  let header: SparseHeader
  private let fileLength: UInt64
  /// What is no table's and no grain's.
  private let reserved: [Range<UInt64>]
  /// The values of the directory.
  let directory: [UInt32]
  /// Whether an entry of the directory leads to a table: one that has no grain at all, or one whose entries lead to a grain
  /// that says the same.
  private(set) var isKnown: [Bool]
  /// The sectors that known tables begin with, sorted.
  private var places: [UInt64] = []
  private var kept: [UInt64: Buffer] = [:]

  /// Looks at all tables of a directory.
  ///
  /// - Parameters:
  ///   - header: the header that counts.
  ///   - read: gives bytes of the file, zeros past its end.
  init(_ header: SparseHeader, fileLength: UInt64, _ read: VmdkReader) throws(BlockError) {
    self.header = header
    self.fileLength = fileLength
    reserved = header.reservedSectors
    let bytes = try read(header.directory * 512, Int(header.tables) * 4)
    var directory: [UInt32] = []
    for number in 0..<Int(header.tables) { directory.append(bytes.bytes.little32(at: number * 4)) }
    self.directory = directory
    isKnown = Array(repeating: false, count: directory.count)
    var blank: [UInt64] = []
    for number in 0..<header.tables where isInside(UInt64(directory[Int(number)])) {
      let table = try load(UInt64(directory[Int(number)]), read)
      if table.bytes.isZero {
        blank.append(number)
      } else if try isVouchedFor(table, number, read) {
        isKnown[Int(number)] = true
      }
    }
    notePlaces()
    for number in blank where !isTaken(UInt64(directory[Int(number)])) {
      isKnown[Int(number)] = true
      insert(UInt64(directory[Int(number)]))
    }
  }

  /// Whether a sector may be the start of a table.
  func isInside(_ sector: UInt64) -> Bool {
    guard sector > 0, (sector + header.tableSectors) * 512 <= fileLength else { return false }
    let range = sector..<sector + header.tableSectors
    return !reserved.contains { $0.overlaps(range) }
  }

  /// Whether a table that begins there would lie on a known one.
  func isTaken(_ sector: UInt64) -> Bool { overlaps(sector..<sector + header.tableSectors) }

  /// Whether sectors have a part of a known table.
  func overlaps(_ range: Range<UInt64>) -> Bool {
    let index = places.firstIndexSorted { $0 + header.tableSectors > range.lowerBound }
    return index < places.count && places[index] < range.upperBound
  }

  /// Whether a known table begins at a sector.
  func isTable(_ sector: UInt64) -> Bool {
    let index = places.firstIndexSorted { $0 >= sector }
    return index < places.count && places[index] == sector
  }

  /// Lets entries that lead into a range lead to no table.
  mutating func forget(_ range: Range<UInt64>) {
    for number in directory.indices where isKnown[number] {
      let place = UInt64(directory[number])
      if (place..<place + header.tableSectors).overlaps(range) { isKnown[number] = false }
    }
    notePlaces()
  }

  private mutating func notePlaces() {
    places = directory.indices.filter { isKnown[$0] }.map { UInt64(directory[$0]) }
    places.sort()
  }

  private mutating func insert(_ place: UInt64) {
    places.insert(place, at: places.firstIndexSorted { $0 >= place })
  }

  // MARK: Entries

  /// The table of a number, which is known.
  mutating func table(_ number: UInt64, _ read: VmdkReader) throws(BlockError) -> Buffer {
    if let table = kept[number] { return table }
    if kept.count >= GrainTables.mostKept { kept = [:] }
    let table = try load(UInt64(directory[Int(number)]), read)
    kept[number] = table
    return table
  }

  /// The table that begins at a sector.
  func load(_ sector: UInt64, _ read: VmdkReader) throws(BlockError) -> Buffer {
    try read(sector * 512, Int(header.perTable) * 4)
  }

  /// Whether a grain's marker is where an entry leads.
  func isGrain(_ entry: UInt32, of sector: UInt64, _ read: VmdkReader) throws(BlockError) -> Bool {
    guard entry > 0, (UInt64(entry) + 1) * 512 <= fileLength else { return false }
    return try header.isGrain(entry, of: sector, fileLength: fileLength, read)
  }

  private func isVouchedFor(_ table: Buffer, _ number: UInt64, _ read: VmdkReader) throws(BlockError) -> Bool
  {
    for index in 0..<Int(header.perTable) {
      let entry = table.bytes.little32(at: index * 4)
      if try isGrain(entry, of: header.sector(ofTable: number, index: index), read) { return true }
    }
    return false
  }
}
