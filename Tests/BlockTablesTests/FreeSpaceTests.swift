// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BlockTables

@Suite("Free space of a file with blocks") struct FreeSpaceTests {
  /// Eight blocks of two units each.
  private let layout = BlockTableLayout(
    length: 8 << 16, blockSize: 1 << 16, tableOffset: 512, capacity: 8, areaOffset: 1 << 16, unit: 1 << 15,
    unitLimit: 16)
  private var space = FreeSpace()

  init() { space.begin(at: 4) }

  @Test("nothing is taken before the tables tell where the units in use end")
  mutating func unknown() {
    space.begin(at: nil)
    let taken = [
      space.takePlaces(1, layout), space.takeUnits(1, likeBlock: false, limit: 16, layout),
      space.takeBytes(1, layout),
    ]
    #expect(taken == [nil, nil, nil])
    space.drop(6)
    let last = space.settle()
    #expect(last == 6 && space.dropped == [])
    space.begin(at: 8)
    let places = space.takePlaces(1, layout)
    #expect(places == 8..<10, "what was given up while nothing was known is not remembered")
  }

  @Test("places in a row are taken at once, those given up before those at the end, none past the limit")
  mutating func places() {
    for unit: UInt64 in [10, 0, 2] { space.drop(unit) }
    let last = space.settle()
    #expect(last == 10)
    var taken: [Range<UInt64>?] = []
    for count: UInt64 in [3, 1, 3, 9, 1] { taken.append(space.takePlaces(count, layout)) }
    #expect(taken == [0..<4, 10..<12, 4..<10, 10..<16, nil])
    #expect(space.end == 16)
  }

  @Test("units given back at the end join those before them that were given back, too")
  mutating func giveBack() {
    let taken = space.takePlaces(4, layout)
    #expect(taken == 4..<12)
    var ends: [UInt64?] = []
    for units: Range<UInt64> in [4..<6, 8..<10, 10..<12, 6..<8] {
      let isLast = space.giveBack(units, layout)
      ends.append(isLast ? space.end : nil)
    }
    #expect(ends == [nil, nil, 8, 4])
    let again = space.takePlaces(9, layout)
    #expect(again == 4..<16, "none is remembered twice")
  }

  @Test("compressed blocks follow each other until something else comes there")
  mutating func packed() {
    let start = layout.offset(ofUnit: 4)
    var taken = [space.takeBytes(100, layout), space.takeBytes(100, layout)]
    let units = space.takeUnits(1, likeBlock: false, limit: 16, layout)
    #expect(units == 5..<6)
    taken.append(space.takeBytes(100, layout))
    let next = layout.offset(ofUnit: 6)
    #expect(taken == [start..<start + 100, start + 100..<start + 200, next..<next + 100])
  }

  @Test("nothing that is behind a new end is remembered")
  mutating func cut() {
    space.offer([2, 0, 6])
    space.cut(to: 2)
    var taken: [Range<UInt64>?] = []
    for _ in 0..<2 { taken.append(space.takePlaces(1, layout)) }
    #expect(taken == [0..<2, 2..<4])
  }
}
