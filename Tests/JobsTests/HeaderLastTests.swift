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
    let driver = try HeaderLastDriver(FileDriver(file, path: path))
    #expect(Shell.run("cmp -n 4096 device /dev/zero", folder: folder.path).status == 0)

    let graph = Graph()
    let node = try graph.adopt(driver, fileName: path, flags: .writable)
    let user = graph.makeUser("test", claim: Claim(held: [.consistentRead, .write], shared: .all))
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

    try driver.writeHeader()
    try graph.release(user)
    let whole = Buffer(count: 8192)
    var bytes = whole.mutableBytes
    _ = try file.read(at: 0, into: &bytes)
    let same = whole.bytes.equals(back.bytes)
    #expect(same)
  }
}
