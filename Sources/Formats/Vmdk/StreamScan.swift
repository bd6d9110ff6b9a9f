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

  /// What follows a marker.
  private enum Step {
    /// Another one, at a sector.
    case next(UInt64)
    /// None that makes sense.
    case damaged
    /// Nothing that is not made anew.
    case finished
  }

  /// Follows the markers: one read for each grain.
  ///
  /// - Parameters:
  ///   - searches: whether it goes on behind a damaged marker, at the next one that is found.
  ///   - read: gives bytes of the file, zeros past its end.
  /// - Throws: kind `tooLarge` for more than new tables are made for, and where the search takes too long.
  init(_ header: SparseHeader, fileLength: UInt64, searches: Bool, _ read: VmdkReader)
    throws(BlockError)
  {
    self.header = header
    end = max(header.overhead, 1)
    var search = MarkerSearch(header, fileLength: fileLength)
    guard header.directorySectors * 512 <= UInt64(StreamScan.mostBytes) else { throw StreamScan.tooLarge }
    while let start = end.times(512), let behind = start.plus(512), behind <= fileLength {
      let sector = try read(start, 512)
      let step =
        sector.bytes.little32(at: 8) > 0
        ? try grain(sector.bytes, fileLength) : try part(sector.bytes, fileLength, read)
      switch step {
      case .next(let next): end = next
      case .finished: return
      case .damaged:
        guard searches, let next = try search.next(from: end + 1, read) else { return }
        lost.append(end..<next)
        isDamaged = true
        end = next
      }
    }
  }

  private static let tooLarge = BlockError(.tooLarge, "the image is too large for its tables to be made anew")

  /// Notes a grain.
  private mutating func grain(_ marker: RawSpan, _ fileLength: UInt64) throws(BlockError) -> Step {
    guard let place = UInt32(exactly: end),
      let (sector, known) = header.grainMarker(marker, at: end, fileLength: fileLength)
    else { return .damaged }
    let (number, index) = (sector / header.perTableSectors, sector / header.grain % UInt64(header.perTable))
    if tables[number] == nil {
      let tableBytes = (header.tableSectors + 1) * 512
      guard UInt64(tables.count + 1) * tableBytes <= UInt64(StreamScan.mostBytes) else {
        throw StreamScan.tooLarge
      }
      tables[number] = Array(repeating: 0, count: Int(header.perTable))
    }
    let behind = end + UInt64(GrainMarker.length + known.size).dividedUp(by: 512)
    // What is found behind damage takes no other grain's place.
    if isDamaged, tables[number]?[Int(index)] != 0 { return .next(behind) }
    tables[number]?[Int(index)] = place
    places[number] = nil
    lastTable = number
    grains += 1
    return .next(behind)
  }

  /// Takes notice of something else.
  private mutating func part(_ marker: RawSpan, _ fileLength: UInt64, _ read: VmdkReader) throws(BlockError)
    -> Step
  {
    let count = marker.little64(at: 0)
    guard let kind = StreamMarker(rawValue: marker.little32(at: 12)), kind != .end,
      let next = end.plus(1)?.plus(count), let bytes = next.times(512), bytes <= fileLength
    else { return .damaged }
    switch kind {
    case .table:
      guard count == header.tableSectors else { return .damaged }
      if let number = lastTable, let entries = tables[number] {
        adopt(try read((end + 1) * 512, entries.count * 4), number, entries)
      }
      return .next(next)
    // All behind it is made anew.
    case .directory:
      isWhole = count == header.directorySectors
      return isWhole ? .finished : .damaged
    case .footer: return .finished
    case .end: return .damaged
    }
  }

  /// Keeps a table that says what the markers say, but for grains whose own are damaged: reading these is to fail, and
  /// nobody is to take them for zeros.
  private mutating func adopt(_ table: Buffer, _ number: UInt64, _ entries: [UInt32]) {
    var damaged: Set<Range<UInt64>> = []
    for (index, entry) in entries.enumerated() {
      let stored = table.bytes.little32(at: index * 4)
      if stored == entry { continue }
      let place = lost.firstIndexSorted { $0.upperBound > UInt64(stored) }
      guard entry == 0, place < lost.count, lost[place].contains(UInt64(stored)) else { return }
      damaged.insert(lost[place])
    }
    places[number] = UInt32(exactly: end + 1)
    guard !damaged.isEmpty else { return }
    tables[number] = entries.indices.map { table.bytes.little32(at: $0 * 4) }
    lost.removeAll { damaged.contains($0) }
  }

  // MARK: A new end

  /// The header with the place of the new directory.
  var footer: SparseHeader {
    var footer = header
    footer.directory = end + UInt64(tables.count - places.count) * (header.tableSectors + 1) + 1
    return footer
  }

  /// Tables, directory, footer and the marker for the end, behind all that was understood.
  func recovery() throws(BlockError) -> Recovery {
    let footer = self.footer
    let sectors = footer.directory - end + header.directorySectors + 3
    let buffer = Buffer(count: Int(sectors) * 512)
    var directory: [(number: UInt64, place: UInt32)] = []
    var next = 0
    func mark(_ kind: StreamMarker, _ count: UInt64) {
      var bytes = buffer.mutableBytes
      bytes.copy(kind.sector(followedBy: count).bytes, at: next * 512)
      next += 1
    }
    for (number, entries) in tables.sorted(by: { $0.key < $1.key }) {
      if let place = places[number] {
        directory.append((number, place))
        continue
      }
      mark(.table, header.tableSectors)
      guard let place = UInt32(exactly: end + UInt64(next)) else { throw StreamScan.tooLarge }
      directory.append((number, place))
      var bytes = buffer.mutableBytes
      for (index, entry) in entries.enumerated() { bytes.storeLittle(entry, at: next * 512 + index * 4) }
      next += Int(header.tableSectors)
    }
    mark(.directory, header.directorySectors)
    var bytes = buffer.mutableBytes
    for (number, place) in directory { bytes.storeLittle(place, at: next * 512 + Int(number) * 4) }
    next += Int(header.directorySectors)
    mark(.footer, 1)
    var tail = buffer.mutableBytes
    var sector = tail.slice(next * 512..<next * 512 + 512)
    footer.write(to: &sector)
    var recovery = Recovery()
    try recovery.add(.write(at: end * 512, buffer))
    return recovery
  }
}
