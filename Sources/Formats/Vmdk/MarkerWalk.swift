// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The markers of a file of compressed grains, one behind the other: one read for each.
struct MarkerWalk {
  /// What is found at a sector.
  enum Step {
    /// The marker of a grain, which begins at a sector of the disk.
    case grain(sector: UInt64)
    /// The marker of a table, which follows.
    case table
    /// The marker of the directory, behind which all could be made anew: the last step.
    case directory
    /// The marker of the footer: the last step.
    case footer
    /// Nothing that makes sense, up to another sector.
    case lost(until: UInt64)
  }

  /// What stands at a sector, where that makes sense, and the sector behind it.
  private typealias Part = (step: Step, behind: UInt64)

  private let header: SparseHeader
  private let fileLength: UInt64
  private let searches: Bool
  private var search: MarkerSearch
  private var isFinished = false
  /// The place of the grain before, whose size led here.
  private var before: UInt64?
  /// The sector behind all that was understood: the marker of directory or footer, where one was reached.
  private(set) var end: UInt64

  /// - Parameters:
  ///   - header: a header of the file.
  ///   - searches: whether it goes on behind a damaged marker, at the next one that is found.
  init(_ header: SparseHeader, fileLength: UInt64, searches: Bool) {
    self.header = header
    self.fileLength = fileLength
    self.searches = searches
    search = MarkerSearch(header, fileLength: fileLength)
    end = min(max(header.overhead, 1), fileLength.dividedUp(by: 512))
  }

  /// The next step, and the sector that it is about; nil at the end.
  ///
  /// - Parameter read: gives bytes of the file, zeros past its end.
  /// - Throws: kind `tooLarge` where a search takes too long.
  mutating func next(_ read: VmdkReader) throws(BlockError) -> (place: UInt64, step: Step)? {
    let place = end
    guard !isFinished, let start = place.times(512), let behind = start.plus(512), behind <= fileLength else {
      return nil
    }
    let sector = try read(start, 512)
    if let part = sector.bytes.little32(at: 8) > 0 ? grain(sector.bytes) : other(sector.bytes) {
      end = part.behind
      before = sector.bytes.little32(at: 8) > 0 ? place : nil
      return (place, part.step)
    }
    // A grain whose size is damaged led past others.
    var first = place
    if searches, let before, try !search.isWhole(before, read) { first = before }
    before = nil
    guard searches, let next = try search.next(from: first + 1, read) else {
      isFinished = true
      return nil
    }
    end = next
    return (first, .lost(until: next))
  }

  private func grain(_ marker: RawSpan) -> Part? {
    guard UInt32(exactly: end) != nil,
      let (sector, known) = header.grainMarker(marker, at: end, fileLength: fileLength)
    else { return nil }
    return (.grain(sector: sector), end + known.sectors)
  }

  private mutating func other(_ marker: RawSpan) -> Part? {
    let count = marker.little64(at: 0)
    guard let kind = StreamMarker(rawValue: marker.little32(at: 12)), kind != .end,
      let next = end.plus(1)?.plus(count), let bytes = next.times(512), bytes <= fileLength
    else { return nil }
    switch kind {
    case .table: return count == header.tableSectors ? (.table, next) : nil
    case .directory:
      guard count == header.directorySectors else { return nil }
      isFinished = true
      return (.directory, end)
    case .footer:
      isFinished = true
      return (.footer, end)
    case .end: return nil
    }
  }
}
