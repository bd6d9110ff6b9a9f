// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import FileProtocol
import Host
import Support
import Testing

@testable import Jobs

/// Devices are written in place: until the end they start with zeros. A file stands for the device here.
@Suite struct HeaderLastTests {
  @Test("X-02 what starts the storage is written last, and read as it will be")
  func headerIsLast() throws {
    let folder = TemporaryFolder()
    let path = folder.file("device")
    let file = try File(path: path, mode: [.writable, .create])
    try file.write(at: 0, from: Buffer([UInt8](repeating: 0xee, count: 65536)).bytes)
    let driver = HeaderLastDriver(FileDriver(file, path: path, locking: false))
    try driver.begin()
    // A file is empty now, and a device is as long as before.
    try file.truncate(to: 65536)
    #expect(Shell.run("cmp -n 4096 device /dev/zero", folder: folder.path).status == 0)

    let graph = Graph()
    let node = try graph.adopt(driver, fileName: path, flags: .writable)
    let user = graph.makeUser(
      "test", request: PermissionRequest(held: [.consistentRead, .write], shared: .all))
    try graph.attach(user, to: node)
    let edge = try #require(user.edge)
    let written = Buffer((0..<6000).map { UInt8(truncatingIfNeeded: $0 % 251 + 1) })
    try edge.write(at: 100, from: written.bytes)
    try edge.writeZeroes(at: 4000, length: 1000)
    let back = try edge.read(at: 0, count: 8192)
    let before = back.bytes.slice(100..<4000).equals(written.bytes.slice(0..<3900))
    let zeroed = back.bytes.slice(4000..<5000).isZero
    let after = back.bytes.slice(5000..<6100).equals(written.bytes.slice(4900..<6000))
    #expect(before && zeroed && after)
    try edge.flush()
    #expect(Shell.run("cmp -n 4096 device /dev/zero", folder: folder.path).status == 0)

    try driver.writeParts()
    try graph.release(user)
    let whole = Buffer(count: 8192)
    var bytes = whole.mutableBytes
    _ = try file.read(at: 0, into: &bytes)
    let same = whole.bytes.equals(back.bytes)
    #expect(same)
  }

  @Test(
    "X-02 any ranges that tell a format are written last, the first of them at the very end", arguments: 1...4
  )
  func ranges(_ seed: Int) throws {
    let folder = TemporaryFolder()
    let path = folder.file("device")
    let length = 65536
    try Files.write([UInt8](repeating: 0xee, count: length), to: path)
    let storage = RecordingDevice(try File(path: path, mode: .writable), length: UInt64(length))
    let withheld: [Range<UInt64>] = [0..<4096, 20000..<20512, 20400..<21000, 65024..<65536, 70000..<70512]
    let driver = HeaderLastDriver(storage, withheld: withheld)
    try driver.begin()
    let graph = Graph()
    let node = try graph.adopt(driver, fileName: path, flags: .writable)
    let user = graph.makeUser(
      "test", request: PermissionRequest(held: [.consistentRead, .write], shared: .all))
    try graph.attach(user, to: node)
    let edge = try #require(user.edge)
    var numbers = SeededNumbers(seed: UInt64(seed))
    var shadow = [UInt8](repeating: 0xee, count: length)
    for range in withheld { for at in range where at < length { shadow[Int(at)] = 0 } }
    for _ in 0..<60 {
      let start = Int.random(in: 0..<length, using: &numbers)
      let count = min(Int.random(in: 1...9000, using: &numbers), length - start)
      let byte = UInt8.random(in: 1...255, using: &numbers)
      if Bool.random(using: &numbers) {
        try edge.write(at: UInt64(start), [UInt8](repeating: byte, count: count))
        for at in start..<start + count { shadow[at] = byte }
      } else {
        try edge.writeZeroes(at: UInt64(start), length: UInt64(count))
        for at in start..<start + count { shadow[at] = 0 }
      }
    }
    #expect(try edge.array(at: 0, count: length) == shadow)
    let before = try Files.read(path)
    for range in withheld {
      let isClear = before[
        Int(min(range.lowerBound, UInt64(length)))..<Int(min(range.upperBound, UInt64(length)))
      ]
      .consists(of: 0)
      #expect(isClear)
    }
    storage.writes = []
    try driver.writeParts()
    try graph.release(user)
    #expect(try Files.read(path) == shadow)
    #expect(storage.writes == [65024..<65536, 20000..<21000, 0..<4096])
  }

  @Test("zeros over the whole length reach the storage as zeros, all but the head")
  func zeros() throws {
    let below = CountingStorage(length: 1 << 30, unit: 65536)
    let driver = HeaderLastDriver(below)
    let graph = Graph()
    let node = try graph.adopt(driver, fileName: "device", flags: [.writable, .unmap])
    let user = graph.makeUser(
      "test", request: PermissionRequest(held: [.consistentRead, .write], shared: .all))
    try graph.attach(user, to: node)
    let edge = try #require(user.edge)
    try edge.write(at: 1000, from: Buffer([1, 2, 3]).bytes)
    try edge.writeZeroes(at: 0, length: 1 << 30, mayUnmap: true)
    #expect(below.zeroed == [65536..<1 << 30] && below.written.isEmpty)
    try edge.discard(at: 0, length: 1 << 30)
    #expect(below.discarded == [65536..<1 << 30])
    #expect(try edge.array(at: 1000, count: 3) == [0, 0, 0])
    try graph.release(user)
  }

  @Test(
    "a file that is filled in place grows with what its head is to hold", arguments: [0, 1, 700, 4096, 5000])
  func growth(_ length: Int) throws {
    let folder = TemporaryFolder()
    try Files.write([UInt8](repeating: 0xee, count: 20000), to: folder.file("x"))
    let file = try File(path: folder.file("x"), mode: .writable)
    let driver = HeaderLastDriver(FileDriver(file, path: folder.file("x"), locking: false))
    try driver.begin()
    let graph = Graph()
    let node = try graph.adopt(driver, fileName: "x", flags: .writable)
    let user = graph.makeUser(
      "test", request: PermissionRequest(held: [.consistentRead, .write, .resize], shared: .all))
    try graph.attach(user, to: node)
    let edge = try #require(user.edge)
    let content = [UInt8](repeating: 7, count: length)
    // Longer at first, and cut.
    try edge.write(at: 0, content + content)
    try edge.truncate(to: UInt64(length))
    #expect(edge.length == UInt64(length))
    let looksEmpty = try Files.read(folder.file("x")).prefix(4096).consists(of: 0)
    #expect(looksEmpty)
    try graph.release(user)
    try driver.writeParts()
    #expect(try Files.read(folder.file("x")) == content)
  }
}

/// A file that does not change its length, and notes what is written to it past the node.
private final class RecordingDevice: InPlaceStorage, @unchecked Sendable {
  let name = "device"
  let length: UInt64
  let requestUnit: UInt64 = 1
  var writes: [Range<UInt64>] = []
  private let file: File

  init(_ file: File, length: UInt64) { (self.file, self.length) = (file, length) }

  func length(of node: Node) -> UInt64 { length }
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    Extent(.data, length: length, location: Extent.Location(.file, offset))
  }
  func flush(_ node: Node) throws(BlockError) {}
  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    _ = try file.read(at: offset, into: &buffer)
  }
  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    try file.write(at: offset, from: data)
  }
  func requireRoom(for length: UInt64, _ preallocation: Preallocation) throws(BlockError) {}
  func giveUpContent(_ ranges: [Range<UInt64>]) throws(BlockError) {
    for range in ranges {
      let inside = range.clamped(to: 0..<length)
      try writeInPlace(at: inside.lowerBound, from: Buffer(count: inside.count).bytes)
    }
  }
  func writeInPlace(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    if data.byteCount > 0 { writes.append(offset..<offset + UInt64(data.byteCount)) }
    try file.write(at: offset, from: data)
  }
  func synchronize() throws(BlockError) {}
}

/// A device that only notes what it is asked for.
private final class CountingStorage: InPlaceStorage, @unchecked Sendable {
  let name = "counting"
  let length: UInt64
  let requestUnit: UInt64
  var zeroed: [Range<UInt64>] = []
  var discarded: [Range<UInt64>] = []
  var written: [Range<UInt64>] = []

  init(length: UInt64, unit: UInt64) { (self.length, requestUnit) = (length, unit) }

  func length(of node: Node) -> UInt64 { length }
  func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.requestAlignment = requestUnit
    return limits
  }
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    Extent(.data, length: length, location: Extent.Location(.file, offset))
  }
  func flush(_ node: Node) throws(BlockError) {}
  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {}
  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    buffer.fill()
  }
  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    written.append(offset..<offset + UInt64(data.byteCount))
  }
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    zeroed.append(offset..<offset + length)
    return true
  }
  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    discarded.append(offset..<offset + length)
  }
  func requireRoom(for length: UInt64, _ preallocation: Preallocation) throws(BlockError) {}
  func giveUpContent(_ ranges: [Range<UInt64>]) throws(BlockError) {}
  func writeInPlace(at offset: UInt64, from data: RawSpan) throws(BlockError) {}
  func synchronize() throws(BlockError) {}
}
