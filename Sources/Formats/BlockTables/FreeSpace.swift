// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The units of a file that may be taken: those behind all in use, those that nothing points to any more, and those that were
/// given up but that entries in the file may still point to.
///
/// Belongs to the lock of the table.
final class FreeSpace {
  /// The first of the units that have never been in use; nil until the tables have been read for it.
  private(set) var end: UInt64?
  /// Units before `end` at which blocks can start: some of those that nothing points to, in no order.
  private var reusable: [UInt64] = []
  /// The end of the last compressed block, in bytes of the file, where the next can follow it.
  private var packedEnd: UInt64 = 0
  /// Places of blocks that entries in the file may still point to, though those in memory do not.
  private(set) var dropped: [UInt64] = []

  /// Whether the table is to be written before more places are given up.
  var hasManyDropped: Bool { dropped.count >= BlockTable.rememberedPlaces }

  // MARK: What is known

  /// Begins anew: nothing from `end` on is in use, and nothing before it may be taken; nil for what the tables are to tell.
  func begin(at end: UInt64?) {
    self.end = end
    reusable = []
    packedEnd = 0
  }

  /// Forgets everything, what was given up too.
  func forget() {
    begin(at: nil)
    dropped = []
  }

  /// Lets places be taken that nothing points to, the last of them first, in place of those remembered.
  func offer(_ places: [UInt64]) { reusable = places }

  /// Notes that nothing from `end` on is in use.
  func cut(to end: UInt64) {
    self.end = end
    reusable.removeAll { $0 >= end }
  }

  // MARK: Taking

  /// Takes places for blocks in a row: at least one, at most `count`, first of those that were in use; nil where there are none.
  func takePlaces(_ count: UInt64, _ layout: BlockTableLayout) -> Range<UInt64>? {
    let perBlock = layout.blockUnits
    guard let last = reusable.popLast() else { return takePlacesAtEnd(count, layout) }
    var first = last
    while (last - first) / perBlock + 1 < count, let before = reusable.last, before + perBlock == first {
      reusable.removeLast()
      first = before
    }
    return first..<last + perBlock
  }

  private func takePlacesAtEnd(_ count: UInt64, _ layout: BlockTableLayout) -> Range<UInt64>? {
    let perBlock = layout.blockUnits
    guard let start = end.map(layout.start(from:)), start < layout.unitLimit,
      perBlock <= layout.unitLimit - start
    else { return nil }
    let places = start..<start + min(count, (layout.unitLimit - start) / perBlock) * perBlock
    end = places.upperBound
    return places
  }

  /// Takes units behind all in use for something other than a block; nil where the format has no more.
  ///
  /// - Parameter likeBlock: whether they begin where a block could.
  func takeUnits(_ count: UInt64, likeBlock: Bool, limit: UInt64, _ layout: BlockTableLayout)
    -> Range<UInt64>?
  {
    guard let end else { return nil }
    let start = likeBlock ? layout.start(from: end) : end
    guard let next = start.plus(count), next <= limit else { return nil }
    self.end = next
    return start..<next
  }

  /// Takes so many bytes: behind the last compressed block where nothing else has come there since; nil where the format has
  /// no more.
  func takeBytes(_ count: UInt64, _ layout: BlockTableLayout) -> Range<UInt64>? {
    guard let end else { return nil }
    let goesOn = layout.units(of: 0..<packedEnd).upperBound == end
    let start = goesOn ? packedEnd : layout.offset(ofUnit: end)
    let place = start..<start + count
    let next = layout.units(of: place).upperBound
    guard next <= layout.unitLimit else { return nil }
    self.end = next
    packedEnd = place.upperBound
    return place
  }

  // MARK: Giving back

  /// Takes units back that nothing came to point to; whether they were the last ones in use.
  func giveBack(_ units: Range<UInt64>, _ layout: BlockTableLayout) -> Bool {
    guard units.upperBound == end else {
      layout.forEachPlace(in: units) { unit in
        reusable.append(unit)
        return reusable.count < BlockTable.rememberedPlaces
      }
      return false
    }
    var end = units.lowerBound
    // Writes that fail together give their places back in any order.
    while let last = reusable.firstIndex(where: { $0 + layout.blockUnits == end }) {
      end = reusable.remove(at: last)
    }
    self.end = end
    return true
  }

  /// Notes the place of a block that was given up in memory.
  func drop(_ unit: UInt64) { dropped.append(unit) }

  /// Lets what was given up be taken, since no entry in the file points to it any more; the last of these places.
  func settle() -> UInt64? {
    defer { dropped = [] }
    if end != nil { reusable += dropped.prefix(max(0, BlockTable.rememberedPlaces - reusable.count)) }
    return dropped.max()
  }
}
