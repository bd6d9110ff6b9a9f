// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
@testable import Jobs
import Options
import Support
import Synchronization
import Testing

@Suite struct AmendJobTests {
  /// A graph with one image of the amendable format, on storage of which we see the bytes.
  private struct Bench {
    let graph = Graph()
    let opener: Opener
    let storage = MemoryStorage([UInt8](repeating: 0, count: 4096))
    let file: Node
    let node: Node

    init(_ kind: AmendableFormat, flags: NodeFlags = []) throws(BlockError) {
      opener = Opener(graph: graph, kinds: Drivers.all + [kind])
      file = try graph.adopt(storage, fileName: "disk", flags: .writable)
      node = try opener.openFormat(kind, on: file, ["node-name": "top"], OpenSettings(flags: flags))
    }

    /// Runs the job on the image; the warnings.
    func amend(_ byte: Int64 = 7, context: JobContext = JobContext()) -> (
      error: BlockError?, warnings: [String]
    ) {
      var runner = JobRunner(graph: graph, context: context)
      do throws(BlockError) {
        let list = KeyValueList([KeyValueList.Item(key: "byte", value: String(byte))])
        // A user of its own, so that the node stays open behind the job.
        let keeper = graph.makeUser("keeper", request: .none)
        try graph.attach(keeper, to: node)
        defer { graph.detach(keeper) }
        try runner.run(AmendJob(.open(node), .listed(list, force: false, opener)))
        return (nil, runner.warnings.map(\.message))
      } catch {
        return (error, runner.warnings.map(\.message))
      }
    }
  }

  @Test("A-02 the file is written to inside the change only; the graph is the same before and after")
  func permissionsOfHooks() throws {
    let bench = try Bench(AmendableFormat())
    let graph = bench.graph
    let user = graph.makeUser("user", request: PermissionRequest(held: .consistentRead, shared: .all))
    try graph.attach(user, to: bench.node)
    let atRest = graph.dump()
    let driver = try #require(bench.node.driver as? any AmendingDriver)
    try driver.prepareAmend(of: bench.node, in: graph)
    let inside = try #require(graph.dump().edges.last { $0.slot == "file" })
    #expect(inside.request.held.contains(.write))
    #expect(inside.request.shared.isDisjoint(with: [.write, .consistentRead]))
    try driver.cleanUpAmend(of: bench.node, in: graph)
    #expect(graph.dump() == atRest)
    #expect(!(try #require(atRest.edges.last { $0.slot == "file" })).request.held.contains(.write))
  }

  @Test("A-05 a failure of cleaning up is a warning that names the node, behind the body's own error")
  func failingCleanUp() throws {
    for fails in [false, true] {
      let record = AmendableFormat.Record(failing: fails ? ["refresh", "amend"] : ["refresh"])
      let bench = try Bench(AmendableFormat(record))
      let (error, warnings) = bench.amend()
      #expect(error?.message == (fails ? "the body fails" : nil))
      #expect(warnings == ["could not give permissions of node 'top' back: the refresh fails"])
    }
  }

  @Test("A-06 cleaning up without preparing, and twice, changes nothing")
  func idleCleanUp() throws {
    let bench = try Bench(AmendableFormat())
    let before = bench.graph.dump()
    let driver = try #require(bench.node.driver as? any AmendingDriver)
    try driver.cleanUpAmend(of: bench.node, in: bench.graph)
    #expect(bench.graph.dump() == before)
    try driver.prepareAmend(of: bench.node, in: bench.graph)
    for _ in 0..<2 { try driver.cleanUpAmend(of: bench.node, in: bench.graph) }
    #expect(bench.graph.dump() == before)
  }

  @Test("A-08 a job and a call in line take the same steps; the body asks for no permission")
  func sameSteps() throws {
    var traces: [[String]] = []
    for inLine in [false, true] {
      let record = AmendableFormat.Record()
      let bench = try Bench(AmendableFormat(record))
      if inLine {
        let user = bench.graph.makeUser(
          "user", request: PermissionRequest(held: .consistentRead, shared: .consistentRead))
        try bench.graph.attach(user, to: bench.node)
        var warnings: [BlockError] = []
        try Amendment.runInLine(
          user, AmendRequest(options: ["byte": 7]), in: bench.graph, warnings: &warnings)
        #expect(warnings.isEmpty)
      } else {
        #expect(bench.amend().error == nil)
      }
      #expect(bench.storage.bytes[0] == 7)
      let steps = record.steps
      let first = try #require(steps.firstIndex(of: "prepare"))
      traces.append(Array(steps[first...].prefix { $0 != "clean" }) + ["clean"])
    }
    #expect(traces[0] == ["prepare", "check", "amend", "clean"] && traces[0] == traces[1])
  }

  @Test("A-09 a format without amendment, and a user without an image, are told so")
  func unsupported() throws {
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    let file = try graph.adopt(MemoryStorage([UInt8](repeating: 0, count: 4096)), fileName: "disk", flags: [])
    let user = graph.makeUser("nobody", request: .none)
    var warnings: [BlockError] = []
    var error = #expect(throws: BlockError.self) {
      try Amendment.runInLine(user, AmendRequest(options: [:]), in: graph, warnings: &warnings)
    }
    #expect(error?.kind == .notFound && error?.message == "No medium: nobody has no image")
    let raw = try #require(opener.kind(named: "raw"))
    try graph.attach(user, to: try opener.openFormat(raw, on: file, [:], OpenSettings()))
    error = #expect(throws: BlockError.self) {
      try Amendment.runInLine(user, AmendRequest(options: [:]), in: graph, warnings: &warnings)
    }
    #expect(error?.kind == .unsupported)
    #expect(error?.message == "Format driver 'raw' does not support option amendment")
  }

  @Test("A-10 a driver without hooks changes no permission; progress stays within bounds and ends at 100")
  func noHooks() throws {
    let seen = Mutex<[JobContext.Progress]>([])
    let context = JobContext(report: { progress in seen.withLock { $0.append(progress) } })
    let bench = try Bench(AmendableFormat(hasHooks: false), flags: .writable)
    let before = bench.graph.dump()
    #expect(bench.amend(9, context: context).error == nil)
    #expect(bench.graph.dump() == before && bench.storage.bytes[0] == 9)
    let percents = seen.withLock { $0.map(\.percent) }
    #expect(percents == [50, 42.5, 100])
  }

  @Test("J-05 nothing of the job remains, whether it succeeds or fails")
  func nothingRemains() throws {
    for failing in [Set<String>(), ["amend"], ["refresh"]] {
      let bench = try Bench(AmendableFormat(AmendableFormat.Record(failing: failing)))
      let before = bench.graph.dump()
      _ = bench.amend()
      if failing != ["refresh"] { #expect(bench.graph.dump() == before) }
      #expect(bench.graph.rootUsers.isEmpty && bench.graph.dump().edges.allSatisfy { $0.frozenBy == nil })
      bench.graph.dispose(ofUnused: bench.node)
      #expect(bench.graph.nodes.isEmpty)
    }
  }

  @Test("only options of the format are taken, and those of creation are called so")
  func options() throws {
    let bench = try Bench(AmendableFormat())
    func refusal(_ key: String, _ value: String) -> BlockError? {
      let list = KeyValueList([KeyValueList.Item(key: key, value: value)])
      var runner = JobRunner(graph: bench.graph)
      return #expect(throws: BlockError.self) {
        try runner.run(AmendJob(.open(bench.node), .listed(list, force: false, bench.opener)))
      }
    }
    let keeper = bench.graph.makeUser("keeper", request: .none)
    try bench.graph.attach(keeper, to: bench.node)
    #expect(refusal("frob", "1")?.message == "Invalid parameter 'frob'")
    #expect(refusal("unit", "1k")?.hint == "This option is only supported for image creation")
    #expect(refusal("unit", "x")?.hint == nil)
    #expect(refusal("byte", "x")?.message == "Parameter 'byte' expects a number")
  }
}
