// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The end of an image that was written in one pass: tables, directory, footer and the marker for the end.
struct StreamEnd {
  private let header: SparseHeader
  private let start: UInt64

  /// - Parameter start: the sector that it begins with.
  init(_ header: SparseHeader, at start: UInt64) {
    self.header = header
    self.start = start
  }

  /// A directory of no tables.
  static func emptyDirectory(_ header: SparseHeader) -> [UInt32] {
    Array(repeating: 0, count: Int(header.tables))
  }

  /// The header with the place of the directory behind so many tables.
  func footer(behind tables: Int) -> SparseHeader {
    var footer = header
    footer.directory = start + UInt64(tables) * (header.tableSectors + 1) + 1
    return footer
  }

  /// Writes all of it.
  ///
  /// - Parameters:
  ///   - tables: the tables that it has, by their numbers.
  ///   - directory: the places of all tables, to which those are added.
  func step(_ tables: [UInt64: [UInt32]], _ directory: inout [UInt32]) throws(BlockError) -> Recovery.Step {
    let footer = footer(behind: tables.count)
    let sectors = footer.directory - start + header.directorySectors + 3
    let buffer = Buffer(count: Int(sectors) * 512)
    var next = 0
    func mark(_ kind: StreamMarker, _ count: UInt64) {
      var bytes = buffer.mutableBytes
      bytes.copy(kind.sector(followedBy: count).bytes, at: next * 512)
      next += 1
    }
    for (number, entries) in tables.sorted(by: { $0.key < $1.key }) {
      mark(.table, header.tableSectors)
      guard let place = UInt32(exactly: start + UInt64(next)) else {
        throw BlockError(.tooLarge, "the image has no place for another table")
      }
      directory[Int(number)] = place
      var bytes = buffer.mutableBytes
      for (index, entry) in entries.enumerated() { bytes.storeLittle(entry, at: next * 512 + index * 4) }
      next += Int(header.tableSectors)
    }
    mark(.directory, header.directorySectors)
    var bytes = buffer.mutableBytes
    for (number, place) in directory.enumerated() { bytes.storeLittle(place, at: next * 512 + number * 4) }
    next += Int(header.directorySectors)
    mark(.footer, 1)
    var tail = buffer.mutableBytes
    var sector = tail.slice(next * 512..<next * 512 + 512)
    footer.write(to: &sector)
    return .write(at: start * 512, buffer)
  }
}
