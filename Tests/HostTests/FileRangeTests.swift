// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Host
import Support
import Testing

struct FileRangeTests {
  private let folder = TemporaryFolder()
  private static let block = 64 << 10

  private func make(_ blocks: Int, _ name: String = "x") throws -> File {
    let file = try File(path: folder.file(name), mode: [.writable, .create])
    try file.write(at: 0, [UInt8](repeating: 0x5A, count: blocks * FileRangeTests.block))
    return file
  }

  /// Runs `body`; false where the file system has no such call.
  private func isSupported(_ body: () throws(BlockError) -> Void) throws -> Bool {
    do throws(BlockError) {
      try body()
      return true
    } catch {
      guard error.isUnsupportedCall else { throw error }
      return false
    }
  }

  private func isZero(_ file: File, block: Int) throws -> Bool {
    try !file.content(at: UInt64(block * FileRangeTests.block), FileRangeTests.block).contains { $0 != 0 }
  }

  /// Data (D) or hole (-) for each block, walked by `stretch`; nil where the file system cannot tell.
  private func walk(_ file: File) throws -> String? {
    let length = try file.length()
    var text = ""
    var offset: UInt64 = 0
    while offset < length {
      guard let stretch = try file.stretch(at: offset) else { return nil }
      #expect(stretch.end > offset)
      let end = min(stretch.end, length)
      let blocks = (Int(end) + FileRangeTests.block - 1) / FileRangeTests.block
      text += String(repeating: stretch.isData ? "D" : "-", count: blocks - text.count)
      offset = end
    }
    return text
  }

  @Test("holes are punched, found, counted and filled again")
  func holes() throws {
    let unit = UInt64(FileRangeTests.block)
    let file = try make(8)
    #expect(try walk(file) ?? "DDDDDDDD" == "DDDDDDDD")
    let before = try file.allocatedLength()
    guard try isSupported({ () throws(BlockError) in try file.punchHole(at: unit, length: 2 * unit) }) else {
      return
    }
    #expect(try walk(file) ?? "D--DDDDD" == "D--DDDDD")
    #expect(try file.allocatedLength() + 2 * unit <= before)
    #expect(try file.length() == 8 * unit)
    for block in 0..<8 { #expect(try isZero(file, block: block) == [1, 2].contains(block)) }
    try file.write(at: unit, [1])
    #expect(try walk(file) ?? "DD-DDDDD" == "DD-DDDDD")
    try file.truncate(to: 10 * unit)
    #expect(try walk(file) ?? "DD-DDDDD--" == "DD-DDDDD--")
  }

  @Test("at and past the end there is a hole without end")
  func past() throws {
    let file = try make(1)
    for offset in [UInt64(FileRangeTests.block), 1 << 30] {
      guard let stretch = try file.stretch(at: offset) else { return }
      #expect(!stretch.isData && stretch.end == .max)
    }
    #expect(throws: BlockError.self) { try file.stretch(at: .max) }
    #expect(try File(path: "/dev/null", mode: []).stretch(at: 0) == nil)
  }

  @Test("zeroing inside the file keeps its length and its neighbours", arguments: [false, true])
  func zero(mayUnmap: Bool) throws {
    let unit = UInt64(FileRangeTests.block)
    let file = try make(4)
    guard
      try isSupported({ () throws(BlockError) in
        try file.zeroRange(at: unit, length: unit, mayUnmap: mayUnmap)
        try file.zeroRange(at: 3 * unit + 100, length: 7, mayUnmap: mayUnmap)
      })
    else { return }
    #expect(try file.length() == 4 * unit)
    for block in 0..<4 { #expect(try isZero(file, block: block) == (block == 1)) }
    #expect(try file.content(at: 3 * unit + 99, 9) == [0x5A, 0, 0, 0, 0, 0, 0, 0, 0x5A])
    if mayUnmap { #expect(try file.allocatedLength() <= 3 * unit + 8192) }
  }

  @Test("allocating grows the file, keeps what is there, and takes the space")
  func allocate() throws {
    let unit = UInt64(FileRangeTests.block)
    let file = try make(1)
    guard try isSupported({ () throws(BlockError) in try file.allocate(at: 0, length: 4 * unit) }) else {
      return
    }
    #expect(try file.length() == 4 * unit)
    #expect(try file.allocatedLength() >= 4 * unit)
    #expect(try !isZero(file, block: 0) && isZero(file, block: 1) && isZero(file, block: 3))
    #expect(throws: BlockError.self) { try file.allocate(at: 1 << 62, length: 1 << 62) }
  }

  @Test("the kernel copies what it is told to, and says 0 at the end")
  func copy() throws {
    let source = try make(2, "a")
    try source.write(at: 10, [1, 2, 3])
    let target = try make(1, "b")
    var done = 0
    guard
      try isSupported({ () throws(BlockError) in
        done = try source.copyRange(at: 9, length: 5, to: target, at: 100)
      })
    else { return }
    #expect(done == 5)
    #expect(try target.content(at: 99, 7) == [0x5A, 0x5A, 1, 2, 3, 0x5A, 0x5A])
    #expect(try source.copyRange(at: source.length(), length: 5, to: target, at: 0) == 0)
  }
}
