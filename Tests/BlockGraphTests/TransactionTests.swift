// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import FileProtocol
import Host
import Options
import RawFormat
import Support
import Testing

@Suite("Transactions")
struct TransactionTests {
  @Test("T-01 a failure at any step of a change leaves everything as it was", arguments: Composite.allCases)
  func composites(_ operation: Composite) throws {
    var number = 0
    while true {
      number += 1
      let scene = try CompositeScene(ownerShares: .all)
      let before = scene.state
      scene.graph.faults.arm(number)
      do throws(BlockError) {
        try operation.run(in: scene)
        #expect(scene.graph.faults.passed < number && scene.graph.violations == [])
        break
      } catch {
        #expect(error.message.contains("injected failure at step \(number) "), "\(error.message)")
        #expect(scene.state == before, "step \(number) of \(operation): \(scene.graph.faults.names)")
        #expect(scene.graph.violations == [])
      }
      // What failed can be done after all.
      scene.graph.faults.arm(0)
      try operation.run(in: scene)
      let edges = scene.graph.dump().edges.map { "\($0.parent) \($0.slot) \($0.child)" }
      #expect(edges == operation.edges)
    }
    #expect(number > 4, "only \(number) points")
  }

  /// An overlay of the fake format over a raw base, both files, opened for writing: limits, locks, descriptors.
  @Test(
    "T-01 a failure at any step of opening leaves no node, descriptor or lock",
    arguments: [NodeFlags.writable, [], [.writable, .direct]])
  func opening(_ flags: NodeFlags) throws {
    let folder = TemporaryFolder()
    try Files.write(
      FakeFormat.image(length: 65536, backing: "base", format: "raw"), to: folder.file("overlay"))
    try Files.write(Array(repeating: 1, count: 65536), to: folder.file("base"))
    let graph = Graph()
    let bystander = try graph.makeNode(MemoryStorage([1]), "bystander")
    try graph.use(bystander, "somebody", held: .consistentRead)
    let before = GraphState(graph)
    let opener = Opener(graph: graph, kinds: [FakeFormat(), RawFormat(), FileStorage.file])
    var number = 0
    while true {
      number += 1
      let held: Permissions = flags.contains(.writable) ? [.consistentRead, .write] : .consistentRead
      let user = graph.makeUser("the test", request: PermissionRequest(held: held, shared: .consistentRead))
      graph.faults.arm(number)
      do throws(BlockError) {
        try opener.open(ImageName(path: folder.file("overlay")), OpenSettings(flags: flags), for: user)
        graph.faults.arm(0)
        #expect(graph.nodes.count == 5)
        #expect(OpenFiles.under(folder.path).count == 2)
        try graph.release(user)
        #expect(GraphState(graph) == before)
        #expect(OpenFiles.under(folder.path) == [])
        break
      } catch {
        graph.faults.arm(0)
        #expect(error.message.contains("injected failure at step \(number) "), "\(error.message)")
        #expect(error.message.hasPrefix("Could not open '\(folder.file("overlay"))': "), "\(error.message)")
        #expect(user.edge == nil)
        graph.detach(user)
        #expect(GraphState(graph) == before, "step \(number)")
        #expect(OpenFiles.under(folder.path) == [], "step \(number)")
      }
    }
    #expect(number > 15, "only \(number) points")
  }

  /// A claim is refused by a file's lock after others were taken: these must be given back.
  @Test("T-01 locks taken in a change that fails are given back")
  func locks() throws {
    let folder = TemporaryFolder()
    for name in ["a", "b"] { try Files.write([1], to: folder.file(name)) }
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: [RawFormat(), FileStorage.file])
    func open(_ name: String) throws(BlockError) -> Node {
      try opener.openUnused(
        ImageName(path: folder.file(name)), OpenSettings(format: "file", flags: .writable))
    }
    let top = try graph.makeNode(TestFilter(), "top")
    try graph.attach(open("a"), to: top)
    try graph.attach(open("b"), to: top, .dataFile, .metadata)
    let user = try graph.use(top, "the test", held: .consistentRead)
    let locked = OpenFiles.under(folder.path)
    #expect(locked.count == 2)
    #expect(locked[0] == "\(folder.file("a")) 100-100", "\(locked)")
    let before = GraphState(graph)
    var number = 0
    repeat {
      number += 1
      graph.faults.arm(number)
      let request = PermissionRequest(held: [.consistentRead, .write], shared: .consistentRead)
      do throws(BlockError) { try graph.setPermissions(request, of: user) } catch {
        #expect(OpenFiles.under(folder.path) == locked, "step \(number)")
        #expect(GraphState(graph) == before)
      }
    } while graph.faults.passed >= number
    #expect(number > 4)
    #expect(
      OpenFiles.under(folder.path)[0] == "\(folder.file("a")) 100-101 201-203",
      "\(OpenFiles.under(folder.path))")
  }
}
