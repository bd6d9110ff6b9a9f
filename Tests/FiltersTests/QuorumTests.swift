// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support
import Testing

@Suite("Disks that several images hold")
struct QuorumTests {
  private let scene = DiskFolder()

  private func options(_ names: [String], _ more: OptionObject) -> OptionObject {
    var options: OptionObject = ["driver": "quorum", "children": .array(names.map(scene.file))]
    for entry in more.entries { options[entry.key] = entry.value }
    return options
  }

  private func disks(_ bytes: UInt8...) throws -> [String] {
    for (number, byte) in bytes.enumerated() { try scene.disk("c\(number)", byte) }
    return bytes.indices.map { "c\($0)" }
  }

  @Test(
    "what enough of them say is read",
    arguments: [
      ([1, 1, 2], 2, 1), ([2, 1, 1], 2, 1), ([1, 1, 2], 3, nil), ([1, 2, 3], 2, nil), ([7, 2, 3], 1, 7),
      ([1, 1, 1], 3, 1),
    ] as [([UInt8], Int, UInt8?)])
  func votes(_ bytes: [UInt8], _ threshold: Int, _ outcome: UInt8?) throws {
    for (number, byte) in bytes.enumerated() { try scene.disk("c\(number)", byte) }
    let user = try scene.open(options(["c0", "c1", "c2"], ["vote-threshold": .integer(Int64(threshold))]))
    let edge = try #require(user.edge)
    if let outcome {
      #expect(try edge.array(at: 5000, count: 3) == [outcome, outcome, outcome])
    } else {
      let error = #expect(throws: BlockError.self) { _ = try edge.array(at: 5000, count: 3) }
      #expect(error?.systemError == 5)
    }
    try scene.graph.release(user)
  }

  @Test("one after the other until one answers, of which there need not be a vote")
  func fifo() throws {
    let names = try disks(1, 2)
    let user = try scene.open(options(names, ["vote-threshold": 2, "read-pattern": "fifo"]))
    #expect(try #require(user.edge).array(at: 0, count: 2) == [1, 1])
    try scene.graph.release(user)
    let broken: OptionTree = [
      "driver": "blkdebug", "image": scene.file("c0"), "inject-error": [["event": "none"]],
    ]
    let other = try scene.open([
      "driver": "quorum", "children": [broken, scene.file("c1")], "vote-threshold": 1, "read-pattern": "fifo",
    ])
    #expect(try #require(other.edge).array(at: 0, count: 2) == [2, 2])
    try scene.graph.release(other)
  }

  @Test("what was outvoted is written anew, where that is asked for")
  func rewriting() throws {
    let names = try disks(1, 2, 1)
    let user = try scene.open(
      options(names, ["vote-threshold": 2, "rewrite-corrupted": true]), held: .consistentRead)
    #expect(try #require(user.edge).array(at: 4096, count: 2) == [1, 1])
    try scene.graph.release(user)
    let bytes = try Files.read(scene.folder.file("c1"))
    #expect(Array(bytes[4094..<4100]) == [2, 2, 1, 1, 2, 2])
  }

  @Test("all are written, and enough of them have to take it")
  func writing() throws {
    let names = try disks(0, 0, 0)
    for (threshold, isDone) in [(2, true), (3, false)] {
      let broken: OptionTree = [
        "driver": "blkdebug", "image": scene.file("c1"), "inject-error": [["event": "none", "errno": 28]],
      ]
      let user = try scene.open([
        "driver": "quorum", "children": [scene.file(names[0]), broken, scene.file(names[2])],
        "vote-threshold": .integer(Int64(threshold)),
      ])
      let edge = try #require(user.edge)
      if isDone {
        try edge.write(at: 0, [UInt8(threshold)])
      } else {
        let error = #expect(throws: BlockError.self) { try edge.write(at: 0, [UInt8(threshold)]) }
        #expect(error?.systemError == 28)
      }
      try? scene.graph.release(user)
      for (name, byte) in [("c0", UInt8(threshold)), ("c1", 0), ("c2", UInt8(threshold))] {
        #expect(try Files.read(scene.folder.file(name))[0] == byte)
      }
    }
  }

  @Test("a vote that is not unanimous is an error that names the place, where that is asked for")
  func verifying() throws {
    let names = try disks(1, 1)
    var bytes = try Files.read(scene.folder.file("c1"))
    bytes[70000] = 9
    try Files.write(bytes, to: scene.folder.file("c1"))
    let user = try scene.open(options(names, ["vote-threshold": 2, "blkverify": true]))
    let edge = try #require(user.edge)
    #expect(try edge.array(at: 0, count: 2) == [1, 1])
    let error = #expect(throws: BlockError.self) { _ = try edge.array(at: 65536, count: 65536) }
    #expect(error?.message == "quorum: offset=65536 bytes=65536 contents mismatch at offset 70000")
    try scene.graph.release(user)
  }

  @Test("a disk behind a quorum is a disk", arguments: [1, 2] as [UInt64])
  func conformance(_ seed: UInt64) throws {
    let names = try disks(4, 4, 4)
    let user = try scene.open(options(names, ["vote-threshold": 3]))
    #expect(try DriverConformance.check(#require(user.edge), seed: seed, operations: 100) == [])
    try scene.graph.release(user)
  }

  @Test("children come and go, as long as there is a quorum")
  func children() throws {
    let names = try disks(1, 1, 2)
    let user = try scene.open(options(Array(names[..<2]), ["vote-threshold": 2]))
    let quorum = try #require(user.edge?.child)
    let graph = scene.graph
    let before = graph.dump()
    let first = try #require(quorum.edge(EdgeSlot(rawValue: "children.0")))
    func detach() throws {
      try graph.change(draining: [quorum, first.child]) { (edit: GraphEdit) throws(BlockError) in
        try edit.detach(first)
      }
    }
    let error = #expect(throws: BlockError.self) { try detach() }
    #expect(error?.message == "The number of children cannot be lower than the vote threshold 2")
    #expect(graph.dump() == before)
    func attach(_ name: String) throws {
      let opener = Opener(graph: graph, kinds: Drivers.all)
      let node = try opener.openUnused(
        ImageName(options: ["driver": "file", "filename": .string(scene.folder.file(name))], text: name),
        OpenSettings(flags: .writable))
      do throws(BlockError) {
        _ = try graph.change(draining: [quorum, node]) { (edit: GraphEdit) throws(BlockError) in
          try edit.attach(node, to: quorum, slot: EdgeSlot(rawValue: "children").element(2), role: .data)
        }
      } catch {
        graph.dispose(ofUnused: node)
        throw error
      }
    }
    try scene.disk("short", 1, count: 4096)
    let length = #expect(throws: BlockError.self) { try attach("short") }
    #expect(length?.message.hasPrefix("Could not refresh total sector count") == true)
    #expect(graph.dump() == before)
    try attach("c2")
    try detach()
    let edge = try #require(user.edge)
    #expect(throws: BlockError.self) { _ = try edge.array(at: 0, count: 1) }
    try edge.write(at: 0, [8])
    #expect(try edge.array(at: 0, count: 1) == [8])
    try graph.release(user)
    #expect(try Files.read(scene.folder.file("c0"))[0] == 1)
    #expect(try Files.read(scene.folder.file("c2"))[0] == 8)
  }

  @Test(
    "what makes no sense is refused",
    arguments: [
      ([:], "Parameter 'vote-threshold' expects a value >= 1"),
      (["vote-threshold": 0], "Parameter 'vote-threshold' expects a value >= 1"),
      (["vote-threshold": "x"], "Parameter 'vote-threshold' expects a number"),
      (["vote-threshold": 4], "threshold may not exceed children count"),
      (["vote-threshold": 2, "read-pattern": "x"], "Please set read-pattern as fifo or quorum"),
      (
        ["vote-threshold": 2, "blkverify": true],
        "blkverify=on can only be set if there are exactly two files and vote-threshold is 2"
      ),
      (["vote-threshold": 2, "foo": 1], "Block format 'quorum' does not support the option 'foo'"),
      (["vote-threshold": 2, "children": []], "Number of provided children must be 1 or more"),
      (["vote-threshold": 2, "children": "x"], "Number of provided children must be 1 or more"),
      (["vote-threshold": 1, "children": [["filename": "c0"]]], "Must specify either driver or file"),
      (["vote-threshold": 1, "children": ["x"]], "Cannot find device='x' nor node-name='x'"),
    ] as [(OptionObject, String)])
  func refusals(_ more: OptionObject, _ message: String) throws {
    let names = try disks(1, 1, 1)
    let error = #expect(throws: BlockError.self) { _ = try scene.open(options(names, more)) }
    #expect(error?.message == "Could not open 'disk': " + message)
    #expect(scene.graph.nodes.isEmpty)
  }
}
