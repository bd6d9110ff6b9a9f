// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Options
import Support
import Synchronization
import Testing

/// Runs `body` on a thread that is not the caller's, and waits for it.
func onAnotherThread(_ body: @escaping @Sendable () throws(BlockError) -> Void) throws(BlockError) {
  try Threads.run(2) { (index: Int) throws(BlockError) in
    if index == 1 { try body() }
  }
}

/// Every public way into the graph, and the name that its trap must say.
enum GraphEntry: String, CaseIterable, Codable {
  case nodes, rootUsers
  case node = "node(named:)"
  case parents = "parents(of:)"
  case cumulativePermissions = "cumulativePermissions(of:)"
  case makeUser = "makeUser(_:request:)"
  case change = "change(draining:_:)"
  case attachUser = "attach(_:to:staysAtNode:)"
  case setPermissions = "setPermissions(_:of:)"
  case detach = "detach(_:)"
  case release = "release(_:)"
  case dispose = "dispose(ofUnused:)"
  case adopt = "adopt(_:fileName:flags:)"
  case dump = "dump()"
  case freeze = "freezeChain(from:to:for:)"
  case thaw = "thaw(_:)"
  case activate = "activate(_:)"
  case inactivate = "inactivate(_:)"
  case queue = "add(_:flags:options:)"
  case reopen = "reopen(_:)"
  case reopenNode = "reopen(_:flags:options:)"
  case reopenForWriting = "reopen(_:writable:)"
  case open = "open(_:_:for:)"
  case openBelow = "openUnused(_:_:below:)"
  case openUnused = "openUnused(_:_:)"
  case openFormat = "openFormat(_:on:_:_:)"
  case run = "run(_:)"
  case runGroup = "run(group:)"
  case editMakeNode = "makeNode(_:name:fileName:flags:)"
  case editSetFlags = "setFlags(_:of:)"
  case editAttach = "attach(_:to:slot:role:followsParent:)"
  case editAttachUser = "GraphEdit attach(_:to:staysAtNode:)"
  case editDetach = "GraphEdit detach(_:)"
  case editReplaceChild = "replaceChild(of:with:)"
  case editSetRole = "setRole(_:of:)"
  case editSetClaim = "GraphEdit setPermissions(_:of:)"
  case editAppend = "append(_:above:slot:role:)"
  case editInsert = "insert(_:into:slot:role:)"
  case editReplace = "replace(_:with:)"
  case editSetBacking = "setBacking(of:to:)"

  var message: String {
    let name = rawValue.split(separator: " ").last.map(String.init) ?? rawValue
    return name + " called off the graph thread"
  }

  /// Makes a graph here and calls the entry elsewhere.
  func misuse() throws(BlockError) {
    let scene = try CompositeScene(ownerShares: .all)
    if rawValue.hasPrefix("GraphEdit") || "\(self)".hasPrefix("edit") {
      try scene.graph.change(draining: [scene.overlay, scene.base, scene.victim]) {
        (edit: GraphEdit) throws(BlockError) in
        // The compiler would not let this pass.
        nonisolated(unsafe) let edit = edit
        nonisolated(unsafe) let scene = scene
        try onAnotherThread { () throws(BlockError) in unsafe try call(edit, scene) }
      }
    } else {
      nonisolated(unsafe) let scene = scene
      try onAnotherThread { () throws(BlockError) in unsafe try call(scene.graph, scene) }
    }
  }

  private func call(_ graph: Graph, _ scene: CompositeScene) throws(BlockError) {
    let opener = Opener(graph: scene.graph, kinds: [FakeFormat()])
    switch self {
    case .nodes: _ = graph.nodes
    case .rootUsers: _ = graph.rootUsers
    case .node: _ = graph.node(named: "base")
    case .parents: _ = graph.parents(of: scene.base)
    case .cumulativePermissions: _ = graph.cumulativePermissions(of: scene.base)
    case .makeUser: _ = graph.makeUser("x", request: .none)
    case .change: try graph.change(draining: []) { (edit: GraphEdit) throws(BlockError) in }
    case .attachUser: try graph.attach(scene.guest, to: scene.base)
    case .setPermissions: try graph.setPermissions(.none, of: scene.guest)
    case .detach: graph.detach(scene.guest)
    case .release: try graph.release(scene.guest)
    case .dispose: graph.dispose(ofUnused: scene.victim)
    case .adopt: _ = try graph.adopt(MemoryStorage(), fileName: "x", flags: [])
    case .dump: _ = graph.dump()
    case .freeze: _ = try graph.freezeChain(from: scene.overlay, to: scene.base, for: "x")
    case .thaw: graph.thaw([])
    case .queue: ReopenQueue(graph).add(scene.base, flags: [])
    case .reopen: try graph.reopen(ReopenQueue(graph))
    case .activate: try graph.activate(scene.base)
    case .inactivate: try graph.inactivate(scene.base)
    case .reopenNode: try graph.reopen(scene.base, flags: [])
    case .reopenForWriting: try graph.reopen(scene.base, writable: false)
    case .openBelow: _ = try opener.openUnused(ImageName(path: "x"), OpenSettings(), below: scene.base)
    case .open: try opener.open(ImageName(path: "x"), OpenSettings(), for: scene.guest)
    case .openUnused: _ = try opener.openUnused(ImageName(path: "x"), OpenSettings())
    case .openFormat: _ = try opener.openFormat(FakeFormat(), on: scene.base, [:], OpenSettings())
    case .run:
      var runner = JobRunner(graph: graph)
      try runner.run(TracingJob("x"))
    case .runGroup:
      var runner = JobRunner(graph: graph)
      try runner.run(group: [])
    default: break
    }
  }

  private func call(_ edit: GraphEdit, _ scene: CompositeScene) throws(BlockError) {
    guard let file = scene.overlay.file else { return }
    switch self {
    case .editMakeNode: _ = try edit.makeNode(TestFilter(), flags: [])
    case .editSetFlags: try edit.setFlags([], of: scene.base)
    case .editAttach: try edit.attach(scene.victim, to: scene.overlay, slot: .dataFile, role: .data)
    case .editAttachUser: try edit.attach(scene.guest, to: scene.base)
    case .editDetach: try edit.detach(file)
    case .editReplaceChild: try edit.replaceChild(of: file, with: scene.victim)
    case .editSetRole: try edit.setRole(file.role, of: file)
    case .editSetClaim: try edit.setPermissions(.none, of: scene.guest)
    case .editAppend: try edit.append(scene.victim, above: scene.base)
    case .editInsert: try edit.insert(scene.victim, into: file)
    case .editReplace: try edit.replace(scene.base, with: scene.victim)
    case .editSetBacking: try edit.setBacking(of: scene.overlay, to: nil)
    default: break
    }
  }
}

@Suite("Threads and draining")
struct ThreadTests {
  @Test("S-01 each graph entry traps off the graph thread and names itself", arguments: GraphEntry.allCases)
  func entries(_ entry: GraphEntry) async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [entry] in
      try entry.misuse()
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains(entry.message), "\(text)")
  }

  @Test("S-01 reading, writing, status and probing a buffer work on any thread")
  func inputOutput() throws {
    let graph = Graph()
    let node = try graph.makeNode(MemoryStorage(Array(repeating: 1, count: 8192)), "disk")
    let edge = try #require(try graph.use(node, "the test", held: .all).edge)
    try onAnotherThread { () throws(BlockError) in
      try edge.write(at: 10, [1, 2, 3])
      try edge.writeZeroes(at: 100, length: 1000)
      try edge.discard(at: 4096, length: 4096)
      try edge.flush()
      try edge.invalidateCache()
      try edge.truncate(to: 9000)
      _ = try edge.array(at: 0, count: 9000)
      _ = try edge.extent(at: 0, length: edge.length)
      _ = try edge.chainStatus(at: 0, length: edge.length)
      let head = Buffer(FakeFormat.image(length: 4096))
      let score = FakeFormat().probe(ProbeInput(head: head, length: 4096, name: "x"))?.score
      if score != 100 { throw BlockError(.invalidArgument, "probe says \(score ?? 0)") }
    }
    #expect(edge.length == 9000)
  }

  enum UndrainedEdit: String, CaseIterable, Codable {
    case attach, detach, replace, flags, attachUser
  }

  @Test("S-02 editing a node that is not drained traps and names it", arguments: UndrainedEdit.allCases)
  func undrained(_ kind: UndrainedEdit) async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [kind] in
      let scene = try CompositeScene(ownerShares: .all)
      try scene.graph.change(draining: [scene.victim]) { (edit: GraphEdit) throws(BlockError) in
        guard let file = scene.overlay.file else { return }
        switch kind {
        case .attach: try edit.attach(scene.victim, to: scene.overlay, slot: .backing, role: .cow)
        case .detach: try edit.detach(file)
        case .replace: try edit.replaceChild(of: file, with: scene.victim)
        case .flags: try edit.setFlags([], of: scene.overlay)
        case .attachUser:
          let user = scene.graph.makeUser("x", request: .none)
          try edit.attach(user, to: scene.overlay)
        }
      }
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("graph edit at node '") && text.contains("not drained"), "\(text)")
  }

  /// A read stops in the middle until the edit waits for it; the edit goes through only after it ended.
  @Test("S-02 a drained section waits for the requests in flight and keeps new ones out")
  func drained() throws {
    let graph = Graph()
    let filter = TestFilter()
    let top = try graph.makeNode(filter, "top")
    let disk = try graph.makeNode(MemoryStorage([1, 2, 3]), "disk")
    let spare = try graph.makeNode(MemoryStorage([7, 7, 7]), "spare")
    try graph.attach(disk, to: top)
    let edge = try #require(try graph.use(top, "the test", held: .consistentRead).edge)
    let started = Atomic(0)
    let edited = Atomic(false)
    filter.whileReading {
      started.wrappingAdd(1, ordering: .sequentiallyConsistent)
      // Long enough for the edit to begin.
      for _ in 0..<50 where !edited.load(ordering: .sequentiallyConsistent) { Clock.sleep(seconds: 0.001) }
    }
    let reads = Mutex<[[UInt8]]>([])
    nonisolated(unsafe) let graphHere = graph
    try Threads.run(4) { (index: Int) throws(BlockError) in
      if index == 0 {
        // The first body runs on the calling thread.
        while started.load(ordering: .sequentiallyConsistent) < 3 { Clock.sleep(seconds: 0.001) }
        let file = top.file
        unsafe try graphHere.change(draining: [disk, spare]) { (edit: GraphEdit) throws(BlockError) in
          if let file { try edit.replaceChild(of: file, with: spare) }
        }
        edited.store(true, ordering: .sequentiallyConsistent)
      } else {
        let bytes = try edge.array(at: 0, count: 3)
        reads.withLock { $0.append(bytes) }
      }
    }
    #expect(reads.withLock { $0 } == [[1, 2, 3], [1, 2, 3], [1, 2, 3]])
    #expect(try edge.array(at: 0, count: 3) == [7, 7, 7])
  }

  /// The copy stops in the middle until the edit waits for it.
  @Test("S-02 a copy from storage to storage counts as a request of both", arguments: ["source", "target"])
  func copies(_ drained: String) throws {
    let graph = Graph()
    let source = CopyingMemory([1, 2, 3])
    let target = CopyingMemory([0, 0, 0])
    var nodes: [String: Node] = [:]
    var edges: [Edge] = []
    for (name, storage) in [("source", source), ("target", target)] {
      let node = try graph.makeNode(storage, name)
      nodes[name] = node
      edges.append(try #require(try graph.use(node, "the copy", held: [.consistentRead, .write]).edge))
    }
    let node = try #require(nodes[drained])
    let sourceEdge = edges[0]
    let targetEdge = edges[1]
    nonisolated(unsafe) let graphHere = graph
    try Threads.run(2) { (index: Int) throws(BlockError) in
      if index == 0 {
        // The first body runs on the calling thread.
        while !source.copying.load(ordering: .sequentiallyConsistent) { Clock.sleep(seconds: 0.001) }
        unsafe try graphHere.change(draining: [node]) { (edit: GraphEdit) throws(BlockError) in
          let isDone = source.copied.load(ordering: .sequentiallyConsistent)
          #expect(isDone)
        }
      } else {
        let prepared = try targetEdge.prepareWrite(at: 0, length: 3)
        let isCopied = try targetEdge.complete(prepared, copyingFrom: sourceEdge, at: 0) == nil
        #expect(isCopied)
      }
    }
    #expect(try targetEdge.array(at: 0, count: 3) == [1, 2, 3])
  }
}

/// Memory that copies to its like, slowly.
private final class CopyingMemory: CopyingDriver {
  let name = "memory"
  let copying = Atomic(false)
  let copied = Atomic(false)
  private let memory: MemoryStorage

  init(_ bytes: [UInt8]) { memory = MemoryStorage(bytes) }

  func length(of node: Node) -> UInt64 { memory.length(of: node) }
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    try memory.extent(at: offset, length: length, of: node)
  }
  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    try memory.read(at: offset, into: &buffer, of: node)
  }
  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    try memory.write(at: offset, from: data, unchanged: unchanged, of: node)
  }
  func flush(_ node: Node) throws(BlockError) {}
  func copyRange(
    at offset: UInt64, length: UInt64, to target: any StorageDriver, at targetOffset: UInt64
  ) throws(BlockError) -> Bool {
    guard let target = target as? CopyingMemory else { return false }
    copying.store(true, ordering: .sequentiallyConsistent)
    // Long enough for the edit to begin.
    Clock.sleep(seconds: 0.05)
    target.memory.store(Array(memory.bytes[Int(offset)..<Int(offset + length)]), at: Int(targetOffset))
    copied.store(true, ordering: .sequentiallyConsistent)
    return true
  }
}
