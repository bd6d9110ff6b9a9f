// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Support
import Testing

@Suite("Nodes and edges")
struct GraphShapeTests {
  /// Runs one change that drains the nodes.
  private func edit(_ graph: Graph, _ nodes: [Node], _ body: (GraphEdit) throws(BlockError) -> Void)
    throws(BlockError)
  {
    try graph.change(draining: nodes) { (edit: GraphEdit) throws(BlockError) in try body(edit) }
  }

  @Test("G-01 one child may stand in two slots; detaching one leaves the other")
  func twoSlots() throws {
    let graph = Graph()
    let disk = try graph.makeNode(MemoryStorage(Array(repeating: 7, count: 1000)), "disk")
    let parent = try graph.makeNode(TestFilter(), "parent")
    let file = try graph.attach(disk, to: parent)
    let one = graph.cumulativePermissions(of: disk)
    let second = try graph.attach(disk, to: parent, .backing, .cow)
    let user = try graph.use(parent, "the test", held: [.consistentRead, .write])
    #expect(graph.parents(of: disk).count == 2)
    try edit(graph, [parent, disk]) { (edit: GraphEdit) throws(BlockError) in try edit.detach(second) }
    #expect(graph.parents(of: disk).count == 1)
    #expect(parent.children.count == 1)
    #expect(parent.file === file)
    #expect(graph.cumulativePermissions(of: disk) == file.request)
    #expect(file.request.held == [.consistentRead, .write])
    #expect(try user.edge?.array(at: 999, count: 1) == [7])
    graph.detach(user)
    #expect(graph.cumulativePermissions(of: disk) == one)
  }

  @Test("a change asks what it is about and what stands above for limits, and no other node")
  func limits() throws {
    let graph = Graph()
    let (top, middle, bystander) = (TestFilter(), TestFilter(), TestFilter())
    let nodes = try [top, middle, bystander].map { try graph.makeNode($0) }
    try graph.attach(nodes[1], to: nodes[0])
    try graph.attach(graph.makeNode(MemoryStorage([1])), to: nodes[2])
    let (asked, above) = (bystander.limitQueries, top.limitQueries)
    // Thousands of files are opened one after the other.
    let disk = try graph.makeNode(MemoryStorage([1, 2, 3], alignment: 4096), "disk")
    #expect(top.limitQueries == above)
    try graph.attach(disk, to: nodes[1])
    #expect(bystander.limitQueries == asked && top.limitQueries > above)
    #expect(nodes[0].limits.requestAlignment == 4096)
    try graph.release(graph.use(nodes[0], "the test", held: .consistentRead))
    #expect(bystander.limitQueries == asked)
    #expect(graph.nodes.map(\.name) == [nodes[2].name, nodes[2].children[0].child.name])
  }

  @Test("each of very many children is found by its slot, also after a change that was taken back")
  func manyChildren() throws {
    let graph = Graph()
    let parent = try graph.makeNode(TestFilter(), "parent")
    let slots = (0..<20).map { EdgeSlot(rawValue: "extents").element($0) }
    for slot in slots { try graph.attach(graph.makeNode(MemoryStorage([1])), to: parent, slot, .data) }
    let edges = parent.children
    func expectAll() {
      #expect(parent.children.map(\.slot) == slots)
      for (slot, edge) in zip(slots, edges) { #expect(parent.edge(slot) === edge) }
    }
    expectAll()
    let drained = [parent] + edges.map(\.child)
    let gone = [3, 0, 19, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    #expect(throws: BlockError.self) {
      try edit(graph, drained) { (edit: GraphEdit) throws(BlockError) in
        for number in gone { try edit.detach(edges[number]) }
        for (number, slot) in slots.enumerated() {
          #expect((parent.edge(slot) == nil) == gone.contains(number))
        }
        throw BlockError(.corrupt, "the change fails")
      }
    }
    expectAll()
    try edit(graph, drained) { (edit: GraphEdit) throws(BlockError) in
      for number in gone { try edit.detach(edges[number]) }
    }
    #expect(parent.children.count == 7 && parent.edge(slots[0]) == nil && parent.edge(slots[1]) === edges[1])
  }

  @Test("G-03 a node cannot stand below itself")
  func cycles() throws {
    let graph = Graph()
    let nodes = try ["a", "b", "c"].map { try graph.makeNode(TestFilter(), $0) }
    try graph.attach(nodes[1], to: nodes[0])
    try graph.attach(nodes[2], to: nodes[1])
    let before = graph.dump()
    for below in nodes {
      let error = #expect(throws: BlockError.self) {
        try graph.attach(below === nodes[2] ? nodes[2] : nodes[0], to: nodes[2], .backing, .cow)
      }
      #expect(error?.kind == .refused)
      #expect(error?.message.contains("'c'") == true && error?.message.contains("backing") == true)
    }
    let edge = try #require(nodes[1].file)
    let error = #expect(throws: BlockError.self) {
      try edit(graph, nodes) { (edit: GraphEdit) throws(BlockError) in
        try edit.replaceChild(of: edge, with: nodes[0])
      }
    }
    #expect(error?.message == "Making 'a' the file child of 'b' would create a cycle")
    #expect(graph.dump() == before)
  }

  @Test("G-04 users move to a filter put above their node, a job's own edge stays")
  func append() throws {
    let graph = Graph()
    let disk = try graph.makeNode(MemoryStorage([1, 2, 3]), "disk")
    let root = try graph.use(disk, "the guest", held: [.consistentRead, .write])
    let job = graph.makeUser("the job", request: PermissionRequest(held: .consistentRead, shared: .all))
    try graph.attach(job, to: disk, staysAtNode: true)
    let filter = try graph.change(draining: [disk]) { (edit: GraphEdit) throws(BlockError) in
      let filter = try edit.makeNode(TestFilter(), name: "filter", flags: [.writable])
      try edit.append(filter, above: disk)
      return filter
    }
    #expect(root.edge?.child === filter)
    #expect(job.edge?.child === disk)
    #expect(filter.file?.child === disk)
    #expect(root.edge?.request == root.request)
    #expect(job.edge?.request == job.request)
    #expect(filter.file?.request.held == [.consistentRead, .write])
    #expect(graph.cumulativePermissions(of: disk).held == [.consistentRead, .write])
    try root.edge?.write(at: 0, [9])
    #expect(try job.edge?.array(at: 0, count: 1) == [9])

    // And back: users of the filter move down again, the filter goes.
    try edit(graph, [filter, disk]) { (edit: GraphEdit) throws(BlockError) in
      try edit.replace(filter, with: disk)
    }
    #expect(root.edge?.child === disk)
    graph.dispose(ofUnused: filter)
    #expect(graph.nodes.map(\.name) == ["disk"])
    #expect(graph.parents(of: disk).count == 2)
  }

  @Test("G-05 frozen links are neither replaced nor detached nor frozen again")
  func frozen() throws {
    let graph = Graph()
    let names = ["top", "mid", "base", "other"]
    let nodes = try names.map { try graph.makeNode(TestFilter(), $0) }
    try graph.attach(nodes[1], to: nodes[0], .backing, .cow)
    try graph.attach(nodes[2], to: nodes[1], .backing, .cow)
    let links = try graph.freezeChain(from: nodes[0], to: nodes[2], for: "the commit job")
    let link = try #require(nodes[1].backing)
    let before = graph.dump()
    func attempt(_ number: Int) throws(BlockError) {
      try edit(graph, nodes) { (edit: GraphEdit) throws(BlockError) in
        switch number {
        case 0: try edit.detach(link)
        case 1: try edit.replaceChild(of: link, with: nodes[3])
        case 2: try edit.setBacking(of: nodes[1], to: nodes[3])
        case 3: try edit.replace(nodes[2], with: nodes[3])
        default: try edit.insert(nodes[3], into: link)
        }
      }
    }
    func expectRefusal(_ body: () throws -> Void) {
      let error = #expect(throws: BlockError.self, performing: body)
      #expect(error?.kind == .conflict)
      for part in ["'backing'", "node 'mid'", "node 'base'", "the commit job"] {
        #expect(error?.message.contains(part) == true, "'\(error?.message ?? "")' lacks \(part)")
      }
      #expect(graph.dump() == before)
    }
    for number in 0..<5 { expectRefusal { try attempt(number) } }
    expectRefusal { _ = try graph.freezeChain(from: nodes[1], to: nodes[2], for: "another job") }
    graph.thaw(links)
    #expect(graph.dump().edges.allSatisfy { $0.frozenBy == nil })
    graph.thaw(try graph.freezeChain(from: nodes[1], to: nodes[2], for: "another job"))
    try attempt(1)
    #expect(nodes[1].backing?.child === nodes[3])
    try attempt(0)
    #expect(nodes[1].children.isEmpty)
  }

  @Test("G-06 nothing is changed across a node that the engine inserted")
  func implicit() throws {
    let graph = Graph()
    let overlay = try graph.makeNode(TestFilter(), "overlay")
    let hidden = try graph.makeNode(TestFilter(), "hidden", flags: [.implicit])
    let other = try graph.makeNode(TestFilter(), "other")
    try graph.attach(hidden, to: overlay, .backing, .cow)
    for backing in [other, nil] {
      let error = #expect(throws: BlockError.self) {
        try edit(graph, [overlay, hidden, other]) { (edit: GraphEdit) throws(BlockError) in
          try edit.setBacking(of: overlay, to: backing)
        }
      }
      #expect(error?.kind == .refused)
      #expect(error?.message.contains("node 'hidden'") == true)
    }
    #expect(overlay.backing?.child === hidden)
  }

  @Test(
    "G-07 sets of roles that make no sense are refused",
    arguments: [
      ([], "is no role"), ([.primary], "is no role"), ([.filtered, .data], "is no role"),
      ([.filtered, .cow], "is no role"), ([.cow, .metadata], "is no role"),
      ([.filtered], "has a filtered child already"), ([.data, .primary], "has a primary child already"),
    ] as [(EdgeRole, String)])
  func roles(_ role: EdgeRole, _ reason: String) throws {
    let graph = Graph()
    let parent = try graph.makeNode(TestFilter(), "parent")
    let first = try graph.makeNode(MemoryStorage([1]), "first")
    let second = try graph.makeNode(MemoryStorage([1]), "second")
    try graph.attach(first, to: parent, .file, [.filtered, .primary])
    let before = graph.dump()
    let error = #expect(throws: BlockError.self) { try graph.attach(second, to: parent, .dataFile, role) }
    #expect(error?.kind == .invalidArgument)
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("'parent'") == true)
    #expect(graph.dump() == before)
    try graph.attach(second, to: parent, .dataFile, [.data])
  }

  /// The victim's owner shares nothing, so that whatever comes to write to it is refused at the last node.
  @Test(
    "G-08 a conflict at the last node undoes append, replace, insert and set backing",
    arguments: Composite.allCases)
  func conflicts(_ operation: Composite) throws {
    let scene = try CompositeScene(ownerShares: .graphMod)
    let before = scene.state
    let error = #expect(throws: BlockError.self) { try operation.run(in: scene) }
    #expect(error?.kind == .conflict)
    #expect(error?.message.contains("the owner") == true, "\(error?.message ?? "")")
    #expect(scene.state == before)
  }

  @Test("the composite operations do what their names say", arguments: Composite.allCases)
  func composites(_ operation: Composite) throws {
    let scene = try CompositeScene(ownerShares: .all)
    try operation.run(in: scene)
    let edges = scene.graph.dump().edges.map { "\($0.parent) \($0.slot) \($0.child)" }
    #expect(edges == operation.edges)
  }
}
