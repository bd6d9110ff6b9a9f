// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import Synchronization
import Testing

@Suite("Reopening with options")
struct ReopenOptionTests {
  enum Backing: String, CaseIterable {
    case other, none

    var option: OptionTree { self == .none ? .null : "other" }
  }

  @Test(
    "R-04 G-02 T-01 reopening puts another backing file below a node, or none", arguments: Backing.allCases)
  func backing(_ backing: Backing) throws {
    var number = 0
    while true {
      number += 1
      let scene = try ChainScene()
      let middle = try #require(scene.middle)
      let other = try scene.graph.makeNode(MemoryStorage(Array(repeating: 7, count: 65536)), "other")
      let reader = PermissionRequest(held: [], shared: [.consistentRead, .writeUnchanged])
      let second = try scene.graph.use(middle, "a reader", held: reader.held, shared: reader.shared)
      #expect(scene.graph.cumulativePermissions(of: middle).held == .consistentRead)
      let edge = try #require(scene.user.edge)
      #expect(try edge.array(at: 0, count: 1) == [1])
      let before = scene.state
      scene.graph.faults.arm(number)
      do throws(BlockError) {
        try scene.graph.reopen(scene.overlay, flags: [], options: ["backing": backing.option])
      } catch {
        #expect(error.message.contains("injected failure at step \(number) "), "\(error.message)")
        #expect(scene.state == before, "step \(number): \(scene.graph.faults.names)")
        #expect(scene.graph.violations == [])
        continue
      }
      // The old one is left to its other user.
      #expect(scene.graph.cumulativePermissions(of: middle) == reader)
      #expect(scene.graph.parents(of: middle).map(\.parent.parentDescription) == ["a reader"])
      #expect(scene.overlay.backing?.child === (backing == .none ? nil : other))
      #expect(scene.graph.cumulativePermissions(of: other).held == (backing == .none ? [] : .consistentRead))
      #expect(scene.overlay.children.map(\.slot) == (backing == .none ? [.file] : [.file, .backing]))
      #expect(scene.graph.violations == [])
      #expect(try edge.array(at: 0, count: 1) == [backing == .none ? 0 : 7])
      // With its last user the old one closes, with all below it.
      try scene.graph.release(second)
      #expect(OpenFiles.under(scene.folder.path).count == 1)
      #expect(scene.graph.nodes.map(\.driver.name) == ["file", "fake", "memory"])
      break
    }
    #expect(number > 5)
  }

  /// What the overlay is asked to change, and what the answer says.
  static let refusals: [(OptionObject, BlockError.Kind, String)] = [
    (["backing": "nosuch"], .notFound, "'nosuch'"),
    (["backing": ["driver": "raw"]], .invalidArgument, "'backing'"),
    (["colour": "blue"], .invalidArgument, "'colour'"),
    (["pace": 3], .invalidArgument, "'colour'"),
    (["colour": "red", "shape": "round"], .invalidArgument, "'shape'"),
    (["colour": "red", "driver": "raw"], .invalidArgument, "'driver'"),
    (["colour": "red", "node-name": "x"], .invalidArgument, "'node-name'"),
    (["colour": "red", "filename": "x"], .invalidArgument, "'filename'"),
    (["colour": "red", "file": "x"], .invalidArgument, "'file'"),
    (["colour": "red", "file": ["filename": "x"]], .invalidArgument, "'filename'"),
    (["colour": "red", "file": ["locking": "off"]], .invalidArgument, "'locking'"),
    (["colour": "red", "pace": "fast"], .invalidArgument, "'pace'"),
  ]

  @Test("R-04 R-07 what cannot be changed is named and nothing changes", arguments: refusals)
  func refused(_ options: OptionObject, _ kind: BlockError.Kind, _ named: String) throws {
    let scene = try ChainScene(options: ["colour": "red", "pace": 2])
    let before = scene.state
    let error = #expect(throws: BlockError.self) {
      try scene.graph.reopen(scene.overlay, flags: .writable, options: options)
    }
    #expect(error?.kind == kind)
    #expect(error?.message.contains(named) == true, "\(error?.message ?? "")")
    if kind == .invalidArgument, named != "'pace'" {
      #expect(error?.message.contains("cannot be changed") == true)
    }
    #expect(scene.state == before)
    #expect((scene.overlay.driver as? FakeDriver)?.pace == 2)
    #expect(scene.overlay.options == ["colour": "red", "pace": 2])
  }

  @Test("R-07 an option that may change does so, and goes back to its default when it is left out")
  func mutable() throws {
    let scene = try ChainScene(options: ["colour": "red", "pace": 2])
    let driver = try #require(scene.overlay.driver as? FakeDriver)
    let file = try #require(scene.overlay.file?.child)
    // What the node is may be repeated.
    let same: OptionObject = [
      "driver": "fake", "node-name": .string(scene.overlay.name), "filename": .string(scene.overlay.fileName),
      "file": ["driver": "file", "filename": .string(file.fileName)], "colour": "red",
    ]
    var faster = same
    faster["pace"] = 9
    scene.graph.faults.arm(3)
    #expect(throws: BlockError.self) { try scene.graph.reopen(scene.overlay, flags: [], options: faster) }
    scene.graph.faults.arm(0)
    #expect(driver.pace == 2)
    try scene.graph.reopen(scene.overlay, flags: [], options: faster)
    #expect(driver.pace == 9 && scene.overlay.options == ["colour": "red", "pace": 9])
    // A change of flags alone keeps the options.
    try scene.graph.reopen(scene.overlay, writable: true)
    #expect(driver.pace == 9)
    try scene.graph.reopen(scene.overlay, flags: .writable, options: same)
    #expect(driver.pace == FakeDriver.defaultPace && scene.overlay.options == ["colour": "red"])
    #expect(file.options.object?["filename"] == .string(file.fileName))
  }

  @Test(
    "R-09 when all are reopened, each driver may write, the last of the queue first", arguments: [0, 1, 2])
  func finishing(_ failing: Int) throws {
    let scene = try ChainScene()
    let nodes = [scene.overlay, try #require(scene.middle)]
    let log = Mutex<[String]>([])
    for (number, node) in nodes.enumerated() {
      (node.driver as? FakeDriver)?.whenReopened { (node: Node) throws(BlockError) in
        log.withLock { $0.append(node.name) }
        try node.file?.write(at: 4000, [UInt8(number + 1)])
        if number + 1 == failing { throw BlockError(.inputOutput, "no room") }
      }
    }
    do throws(BlockError) {
      try scene.reopen([(nodes[0], .writable), (nodes[1], .writable)])
      #expect(failing == 0)
    } catch {
      #expect(error.message == "node '\(nodes[failing - 1].name)': no room")
    }
    #expect(log.withLock { $0 } == [nodes[1].name, nodes[0].name])
    #expect(scene.agrees() && nodes[0].isWritable && nodes[1].isWritable)
    for (number, name) in ["overlay", "middle"].enumerated() {
      #expect(try Files.read(scene.folder.file(name))[4000] == UInt8(number + 1))
    }
  }
}
