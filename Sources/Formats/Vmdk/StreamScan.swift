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
    var walk = MarkerWalk(header, fileLength: fileLength, searches: searches)
    end = walk.end
    guard header.directorySectors * 512 <= UInt64(StreamScan.mostBytes) else { throw StreamScan.tooLarge }
    while let (place, step) = try walk.next(read) {
      switch step {
      case .grain(let sector): try note(sector, at: place)
      case .table:
        if let number = lastTable, let entries = tables[number] {
          adopt(try read((place + 1) * 512, entries.count * 4), number, entries, at: place + 1)
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

  /// Keeps a table that says what the markers say, but for grains whose own are damaged: reading these is to fail, and
  /// nobody is to take them for zeros.
  private mutating func adopt(_ table: Buffer, _ number: UInt64, _ entries: [UInt32], at start: UInt64) {
    var damaged: Set<Range<UInt64>> = []
    for (index, entry) in entries.enumerated() {
      let stored = table.bytes.little32(at: index * 4)
      if stored == entry { continue }
      let place = lost.firstIndexSorted { $0.upperBound > UInt64(stored) }
      guard entry == 0, place < lost.count, lost[place].contains(UInt64(stored)) else { return }
      damaged.insert(lost[place])
    }
    places[number] = UInt32(exactly: start)
    guard !damaged.isEmpty else { return }
    tables[number] = entries.indices.map { table.bytes.little32(at: $0 * 4) }
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
