// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import FileProtocol
import Host
import Support
import Testing

/// A new file that takes space ahead, and what is known to have been written to it.
private final class NewFile {
  let folder = TemporaryFolder()
  let graph = Graph()
  let file: File
  let ahead: SpaceAhead
  private let user: RootUser
  private var written: [(range: Range<UInt64>, value: UInt8)] = []

  init() throws {
    file = try File(path: folder.file("new"), mode: [.writable, .create])
    ahead = try #require(SpaceAhead(file, evenWithoutGain: true))
    let driver = FileDriver(file, path: folder.file("new"), spaceAhead: ahead)
    user = graph.makeUser("the test", request: PermissionRequest(held: .all, shared: []))
    try graph.attach(
      user, toUnused: graph.adopt(driver, fileName: folder.file("new"), flags: [.writable, .unmap]))
  }

  var edge: Edge { get throws { try #require(user.edge) } }

  func write(_ range: Range<UInt64>) throws {
    let value = UInt8(truncatingIfNeeded: written.count % 250 + 1)
    let data = Buffer(count: range.count)
    var bytes = data.mutableBytes
    bytes.fill(value)
    try edge.write(at: range.lowerBound, from: data.bytes)
    written.append((range, value))
  }

  /// Whether a byte reads as what was written last.
  func isRight(at offset: UInt64) throws -> Bool {
    let expected = written.last { $0.range.contains(offset) }?.value ?? 0
    let byte = try edge.read(at: offset, count: 1)
    return byte.bytes.byte(at: 0) == expected
  }
}

private let mebibyte: UInt64 = 1 << 20

@Suite("Space taken ahead")
struct SpaceAheadTests {
  @Test("space is taken ahead of writes in a row, and given back at the end")
  func inARow() throws {
    let new = try NewFile()
    for step in 0..<12 as Range<UInt64> { try new.write(step * mebibyte..<(step + 1) * mebibyte) }
    #expect(try new.file.length() == 12 * mebibyte)
    #expect(try new.file.allocatedLength() >= 13 * mebibyte)
    new.ahead.finish()
    #expect(try new.file.length() == 12 * mebibyte)
    #expect(try new.file.allocatedLength() <= 12 * mebibyte + 65536)
    for offset in stride(from: 0 as UInt64, to: 12 * mebibyte, by: 300_000) {
      #expect(try new.isRight(at: offset))
    }
  }

  @Test(
    "what is not written of a file that has its length already stays a hole", arguments: [64, 10] as [UInt64])
  func gap(_ lengthInMebibytes: UInt64) throws {
    let new = try NewFile()
    try new.edge.truncate(to: lengthInMebibytes * mebibyte)
    for step in 0..<9 as Range<UInt64> { try new.write(step * mebibyte..<(step + 1) * mebibyte) }
    let afterGap = 9 * mebibyte + 40960
    try new.write(afterGap..<afterGap + 8192)
    new.ahead.finish()
    #expect(try new.file.allocatedLength() <= 9 * mebibyte + 8192 + 65536)
    #expect(try new.file.length() == max(lengthInMebibytes * mebibyte, afterGap + 8192))
    #expect(try new.isRight(at: 9 * mebibyte - 1))
    #expect(try new.isRight(at: 9 * mebibyte))
    #expect(try new.isRight(at: afterGap))
    #expect(try new.isRight(at: afterGap + 8191))
  }

  @Test("a gap behind the end of the file stays a hole, and what comes after it is kept")
  func gapBehindTheEnd() throws {
    let new = try NewFile()
    for step in 0..<9 as Range<UInt64> { try new.write(step * mebibyte..<(step + 1) * mebibyte) }
    for offset in [10, 11, 40] as [UInt64] { try new.write(offset * mebibyte..<offset * mebibyte + 5000) }
    new.ahead.finish()
    #expect(try new.file.length() == 40 * mebibyte + 5000)
    #expect(try new.file.allocatedLength() <= 9 * mebibyte + 3 * 8192 + 65536)
    for offset in [9 * mebibyte, 10 * mebibyte, 11 * mebibyte + 4999, 11 * mebibyte + 5000, 40 * mebibyte] {
      #expect(try new.isRight(at: offset))
    }
  }

  @Test(
    "writes in any order are kept, and the file takes no more than they need",
    arguments: 1...6 as ClosedRange<UInt64>)
  func anyOrder(_ seed: UInt64) throws {
    let new = try NewFile()
    var random = SeededNumbers(seed: seed)
    var taken = Set<UInt64>()
    var position: UInt64 = 0
    let unit: UInt64 = 65536
    for _ in 0..<160 {
      // Mostly in a row, now and then elsewhere, at times longer by a gap or by a longer file.
      let start =
        switch random.next() % 12 {
        case 0: position + unit * (random.next() % 40)
        case 1: unit * (random.next() % (position / unit + 1))
        default: position
        }
      let count = unit * (1 + random.next() % 16)
      if random.next() % 20 == 0 { try new.edge.truncate(to: max(new.file.length(), start + 2 * count)) }
      try new.write(start..<start + count)
      for place in start / unit..<(start + count) / unit { taken.insert(place) }
      position = start + count
    }
    new.ahead.finish()
    #expect(try new.file.allocatedLength() <= UInt64(taken.count) * unit + 65536)
    for offset in stride(from: 0 as UInt64, to: try new.file.length(), by: Int(unit) + 4099) {
      #expect(try new.isRight(at: offset))
    }
  }

  @Test("space that was asked for is kept")
  func preallocated() throws {
    let new = try NewFile()
    for step in 0..<5 as Range<UInt64> { try new.write(step * mebibyte..<(step + 1) * mebibyte) }
    try new.edge.truncate(to: 24 * mebibyte, preallocation: .falloc)
    try new.write(16 * mebibyte..<17 * mebibyte)
    new.ahead.finish()
    #expect(try new.file.allocatedLength() >= 24 * mebibyte)
  }

  @Test("what is written once nothing more is taken is kept, too")
  func writtenAfterTheStop() throws {
    let new = try NewFile()
    for step in 0..<5 as Range<UInt64> { try new.write(step * mebibyte..<(step + 1) * mebibyte) }
    try new.edge.truncate(to: 6 * mebibyte, preallocation: .falloc)
    for step in 6..<12 as Range<UInt64> { try new.write(step * mebibyte..<(step + 1) * mebibyte) }
    new.ahead.finish()
    for offset in stride(from: 0 as UInt64, to: 12 * mebibyte, by: 300_000) {
      #expect(try new.isRight(at: offset))
    }
  }
}
