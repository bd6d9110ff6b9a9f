// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Options
import Support
import Testing

@Suite("Space that is taken ahead")
struct PreallocateTests {
  private let scene = DiskFolder()

  private func open(_ size: String = "1M", _ unit: String = "64k") throws -> RootUser {
    try scene.disk("disk", 1, count: 10000)
    return try scene.open([
      "driver": "preallocate", "file": scene.file("disk"), "prealloc-size": .string(size),
      "prealloc-align": .string(unit),
    ])
  }

  private var length: UInt64 {
    get throws { try File(path: scene.folder.file("disk"), mode: []).length() }
  }

  @Test("a write behind the end takes more, which nobody sees and nobody keeps")
  func taking() throws {
    let user = try open()
    let edge = try #require(user.edge)
    try edge.write(at: 20000, from: Buffer(count: 512).bytes)
    #expect(edge.length == 20512)
    #expect(try length == 1_114_112)
    // What lies between is zero, and there is room for the next.
    let gap = try edge.array(at: 10000, count: 10000)
    #expect(gap.consists(of: 0))
    try edge.write(at: 20512, from: Buffer(count: 4096).bytes)
    #expect(try length == 1_114_112)
    #expect(edge.length == 24608)
    try scene.graph.release(user)
    #expect(try length == 24608)
  }

  @Test("inside the file, nothing is taken")
  func inside() throws {
    let user = try open()
    try user.edge?.write(at: 0, from: Buffer(count: 10000).bytes)
    #expect(try length == 10000)
    try scene.graph.release(user)
    #expect(try length == 10000)
  }

  @Test("a length that is asked for is the length", arguments: [100, 30000] as [UInt64])
  func resizing(_ wanted: UInt64) throws {
    let user = try open()
    let edge = try #require(user.edge)
    try edge.write(at: 20000, from: Buffer(count: 512).bytes)
    try edge.truncate(to: wanted)
    #expect(edge.length == wanted)
    #expect(try length == wanted)
    try edge.write(at: wanted, from: Buffer(count: 100).bytes)
    try scene.graph.release(user)
    #expect(try length == wanted + 100)
  }
}
