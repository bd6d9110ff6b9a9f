// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// What became of an image whose end was missing.
struct LostEnd {
  /// Grains that were found by their markers.
  let grains: UInt64
  /// Whether the new end is in the file; in memory otherwise.
  let isWritten: Bool

  /// What a check says of it.
  var finding: OpeningFinding {
    OpeningFinding(
      text: "ERROR: the image's directory and footer are missing; its markers lead to \(grains) grains",
      count: 1, isWritten: isWritten)
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
  /// The sector behind all that was understood.
  private(set) var end: UInt64

  /// Follows the markers: one read for each grain.
  ///
  /// - Parameter read: gives bytes of the file, zeros past its end.
  /// - Throws: kind `tooLarge` for more than new tables are made for.
  init(_ header: SparseHeader, fileLength: UInt64, _ read: VmdkReader)
    throws(BlockError)
  {
    self.header = header
    end = max(header.overhead, 1)
    guard header.directorySectors * 512 <= UInt64(StreamScan.mostBytes) else { throw StreamScan.tooLarge }
    while let start = end.times(512), let behind = start.plus(512), behind <= fileLength {
      let sector = try read(start, 512)
      let next =
        sector.bytes.little32(at: 8) > 0
        ? try grain(sector.bytes, fileLength) : try part(sector.bytes, fileLength, read)
      guard let next else { break }
      end = next
    }
  }

  private static let tooLarge = BlockError(.tooLarge, "the image is too large for its tables to be made anew")

  /// Notes a grain; the sector behind it, or nil where it is none that is there.
  private mutating func grain(_ marker: RawSpan, _ fileLength: UInt64) throws(BlockError) -> UInt64? {
    let sector = marker.little64(at: 0)
    guard sector % header.grain == 0, sector < header.capacity, let place = UInt32(exactly: end),
      let known = try? GrainMarker(parsing: marker, of: sector * 512, grain: header.grainBytes)
    else { return nil }
    let bytes = UInt64(GrainMarker.length + known.size)
    guard end * 512 + bytes <= fileLength else { return nil }
    let (number, index) = (sector / header.perTableSectors, sector / header.grain % UInt64(header.perTable))
    if tables[number] == nil {
      let tableBytes = (header.tableSectors + 1) * 512
      guard UInt64(tables.count + 1) * tableBytes <= UInt64(StreamScan.mostBytes) else {
        throw StreamScan.tooLarge
      }
      tables[number] = Array(repeating: 0, count: Int(header.perTable))
    }
    tables[number]?[Int(index)] = place
    places[number] = nil
    lastTable = number
    grains += 1
    return end + bytes.dividedUp(by: 512)
  }

  /// The sector behind something else; nil at the end, and where it makes no sense.
  private mutating func part(_ marker: RawSpan, _ fileLength: UInt64, _ read: VmdkReader) throws(BlockError)
    -> UInt64?
  {
    let count = marker.little64(at: 0)
    guard let kind = StreamMarker(rawValue: marker.little32(at: 12)), kind != .end,
      let next = end.plus(1)?.plus(count), let bytes = next.times(512), bytes <= fileLength
    else { return nil }
    switch kind {
    case .table:
      guard count == header.tableSectors else { return nil }
      if let number = lastTable, let entries = tables[number] {
        let table = try read((end + 1) * 512, entries.count * 4)
        let isSame = entries.indices.allSatisfy { table.bytes.little32(at: $0 * 4) == entries[$0] }
        if isSame { places[number] = UInt32(exactly: end + 1) }
      }
      return next
    // All behind it is made anew.
    case .directory:
      isWhole = count == header.directorySectors
      return nil
    case .footer, .end: return nil
    }
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
