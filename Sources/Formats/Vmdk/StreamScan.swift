// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// What became of an image whose end was missing.
struct LostEnd {
  /// Grains that were found by their markers.
  let grains: UInt64
  /// Whether the directory was there.
  let hasDirectory: Bool
  /// Places between grains whose bytes are no grain's, and which no table tells of.
  let lostPlaces: Int
  /// Whether the new end is in the file; in memory otherwise.
  let isWritten: Bool

  /// What a check says of it.
  var findings: [OpeningFinding] {
    let words = hasDirectory ? "footer is missing or damaged" : "directory and footer are missing"
    var findings = [
      OpeningFinding(
        text: "ERROR: the image's \(words); its markers lead to \(grains) grains", count: 1,
        isWritten: isWritten)
    ]
    if lostPlaces > 0 {
      findings.append(
        OpeningFinding(
          text: "ERROR: markers are damaged in \(lostPlaces) places: what grains there held is lost",
          count: UInt64(lostPlaces), isWritten: isWritten))
    }
    return findings
  }
}

/// The grains of an image that was written in one pass, as their markers tell them one behind the other: where the
/// tables and the footer that ought to follow are missing, others can be made.
struct StreamScan {
  /// Bytes that new tables may take.
  private static let mostBytes = Recovery.mostBytes / 2

  private let header: SparseHeader
  private let fileLength: UInt64
  /// The tables that grains were found for, by their numbers.
  private var tables: [UInt64: [UInt32]] = [:]
  /// The sectors of those tables that are there and say the same.
  private var places: [UInt64: UInt32] = [:]
  /// The table of the last grain.
  private var lastTable: UInt64?
  /// Grains that were found.
  private(set) var grains: UInt64 = 0
  /// Whether the directory was there, which stands behind all grains.
  private(set) var isWhole = false
  /// Sectors between what was understood, but for those that a table leads into: sorted.
  private(set) var lost: [Range<UInt64>] = []
  /// Whether a marker was damaged.
  private(set) var isDamaged = false
  /// The sector behind all that was understood.
  private(set) var end: UInt64

  /// Follows the markers.
  ///
  /// - Parameters:
  ///   - searches: whether it goes on behind a damaged marker, at the next one that is found.
  ///   - read: gives bytes of the file, zeros past its end.
  /// - Throws: kind `tooLarge` for more than new tables are made for, and where the search takes too long.
  init(_ header: SparseHeader, fileLength: UInt64, searches: Bool, _ read: VmdkReader)
    throws(BlockError)
  {
    self.header = header
    self.fileLength = fileLength
    var walk = MarkerWalk(header, fileLength: fileLength, searches: searches)
    end = walk.end
    guard header.directorySectors * 512 <= UInt64(StreamScan.mostBytes) else { throw StreamScan.tooLarge }
    while let (place, step) = try walk.next(read) {
      switch step {
      case .grain(let sector): try note(sector, at: place)
      case .table:
        if let number = lastTable, let entries = tables[number] {
          let table = try read((place + 1) * 512, entries.count * 4)
          try adopt(table, number, entries, at: place + 1, read)
        }
      case .directory: isWhole = true
      case .footer: break
      case .lost(let next):
        lost.append(place..<next)
        isDamaged = true
      }
    }
    end = walk.end
  }

  private static let tooLarge = BlockError(.tooLarge, "the image is too large for its tables to be made anew")

  /// Notes the grain of a sector of the disk.
  private mutating func note(_ sector: UInt64, at start: UInt64) throws(BlockError) {
    guard let place = UInt32(exactly: start) else { return }
    let (number, index) = (sector / header.perTableSectors, sector / header.grain % UInt64(header.perTable))
    if tables[number] == nil {
      let tableBytes = (header.tableSectors + 1) * 512
      guard UInt64(tables.count + 1) * tableBytes <= UInt64(StreamScan.mostBytes) else {
        throw StreamScan.tooLarge
      }
      tables[number] = Array(repeating: 0, count: Int(header.perTable))
    }
    // What is found behind damage takes no other grain's place.
    if isDamaged, tables[number]?[Int(index)] != 0 { return }
    tables[number]?[Int(index)] = place
    places[number] = nil
    lastTable = number
    grains += 1
  }

  /// Keeps what a table says besides the markers where some of both agree: of grains whose own markers are damaged, reading
  /// which is to fail, so that nobody takes them for zeros. Where nothing has to change, the table stays where it is.
  private mutating func adopt(
    _ table: Buffer, _ number: UInt64, _ entries: [UInt32], at start: UInt64, _ read: VmdkReader
  ) throws(BlockError) {
    let stored = entries.indices.map { table.bytes.little32(at: $0 * 4) }
    guard entries.indices.contains(where: { entries[$0] != 0 && entries[$0] == stored[$0] }) else { return }
    let (known, found) = (Set(stored), Set(entries))
    var damaged: Set<Range<UInt64>> = []
    var merged = stored
    for (index, entry) in entries.enumerated() where stored[index] != entry {
      let value = stored[index]
      // A size that is damaged led past it.
      if value != 0,
        try header.isGrain(
          value, of: header.sector(ofTable: number, index: index), fileLength: fileLength, read)
      {
        continue
      }
      if entry == 0 {
        let place = lost.firstIndexSorted { $0.upperBound > UInt64(value) }
        if place < lost.count, lost[place].contains(UInt64(value)) {
          damaged.insert(lost[place])
        } else if !found.contains(value) {
          merged[index] = 0
        }
      } else if value != 0 || !known.contains(entry) {
        // Where the table has the grain elsewhere, it is the marker that is damaged.
        merged[index] = entry
      }
    }
    if merged == stored { places[number] = UInt32(exactly: start) }
    tables[number] = merged
    lost.removeAll { damaged.contains($0) }
  }

  // MARK: A new end

  /// The header with the place of the new directory.
  var footer: SparseHeader { StreamEnd(header, at: end).footer(behind: tables.count - places.count) }

  /// Tables, directory, footer and the marker for the end, behind all that was understood.
  func recovery() throws(BlockError) -> Recovery {
    var directory = StreamEnd.emptyDirectory(header)
    for (number, place) in places { directory[Int(number)] = place }
    let end = StreamEnd(header, at: end)
    var recovery = Recovery()
    try recovery.add(end.step(tables.filter { places[$0.key] == nil }, &directory))
    return recovery
  }
}
