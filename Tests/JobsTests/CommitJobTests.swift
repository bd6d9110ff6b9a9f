// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import FileProtocol
import Host
import Jobs
import Options
import Support
import Testing

/// A chain of three images that a user has open for reading.
private final class CommitScene {
  let folder = TemporaryFolder()
  let graph = Graph()
  let user: RootUser
  let top: Node
  let mid: Node
  let base: Node

  init() throws {
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 base 1M; qemu-io -f qcow2 -c 'write -P 1 0 256k' base >/dev/null
      qemu-img create -q -f qcow2 -b base -F qcow2 mid; qemu-io -f qcow2 -c 'write -P 2 64k 64k' mid >/dev/null
      qemu-img create -q -f qcow2 -b mid -F qcow2 top; qemu-io -f qcow2 -c 'write -P 3 128k 64k' top >/dev/null
      qemu-img convert -f qcow2 -O raw top before
      """, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
    user = graph.makeUser("the guest", request: PermissionRequest(held: .consistentRead, shared: .all))
    let opener = Opener(graph: graph, kinds: Drivers.all)
    try opener.open(ImageName(path: folder.file("top")), OpenSettings(format: "qcow2"), for: user)
    top = try #require(user.edge?.child)
    mid = try #require(top.backing?.child)
    base = try #require(mid.backing?.child)
  }

  /// The graph, the open files with their locks, and how each is open.
  var state: State {
    var modes: [String] = []
    for node in graph.nodes {
      if let driver = node.driver as? FileDriver {
        modes.append("\(node.fileName) \(driver.file.isWritable)")
      }
    }
    return State(dump: graph.dump(), files: OpenFiles.under(folder.path), modes: modes)
  }

  struct State: Equatable {
    var dump: GraphDump
    var files: [String]
    var modes: [String]
  }

  func job(base: String? = nil) -> CommitJob {
    var options = CommitOptions(image: ImageName(path: folder.file("top")))
    options.base = base.map { folder.file($0) }
    return CommitJob(options, of: user)
  }

  /// Whether an image reads as the top did before.
  func readsAsBefore(_ name: String) -> Bool {
    Shell.run(
      "qemu-img compare -q -U -f raw -F qcow2 before \"$1\" && qemu-img check -q -U \"$1\"", name,
      folder: folder.path) == Shell.Outcome(status: 0, output: "")
  }
}

/// A job that looks, or fails, when the one inside has done its work.
private final class Paused: Job {
  let kind = "paused"
  private let job: any Job
  private let body: () throws(BlockError) -> Void

  init(_ job: any Job, _ body: @escaping () throws(BlockError) -> Void) {
    (self.job, self.body) = (job, body)
  }
  func prepare(in graph: Graph) throws(BlockError) { try job.prepare(in: graph) }
  func run(_ context: JobContext) throws(BlockError) {
    try job.run(context)
    try body()
  }
  func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    try job.commit(in: graph, isFinal: isFinal)
  }
  func abort(in graph: Graph) { job.abort(in: graph) }
  func clean(in graph: Graph, warnings: inout [BlockError]) { job.clean(in: graph, warnings: &warnings) }
}

@Suite struct CommitJobTests {
  @Test(
    "R-02 J-05 the base is open for writing only during the commit, whether or not it succeeds",
    arguments: [nil, "base"], [false, true])
  func onlyDuring(_ base: String?, _ fails: Bool) throws {
    let scene = try CommitScene()
    let before = scene.state
    let target = base == nil ? scene.mid : scene.base
    let other = base == nil ? scene.base : scene.mid
    #expect(!target.isWritable)
    var runner = JobRunner(graph: scene.graph)
    let job = Paused(scene.job(base: base)) { () throws(BlockError) in
      #expect(target.isWritable && (target.file?.child.driver as? FileDriver)?.file.isWritable == true)
      #expect(!other.isWritable)
      if fails { throw BlockError(.inputOutput, "enough") }
    }
    do throws(BlockError) {
      try runner.run(job)
      #expect(!fails)
    } catch {
      #expect(fails && error.message == "enough")
    }
    #expect(runner.warnings.isEmpty)
    #expect(scene.state == before)
    let image = base ?? "mid"
    try scene.graph.release(scene.user)
    #expect(scene.readsAsBefore("top") && scene.readsAsBefore(image))
  }

  @Test("P-11 G-05 nobody may rely on a layer in between while a commit runs, nor change the chain")
  func middle() throws {
    let scene = try CommitScene()
    var runner = JobRunner(graph: scene.graph)
    try runner.run(
      Paused(scene.job(base: "base")) { () throws(BlockError) in
        let error = #expect(throws: BlockError.self) {
          try scene.graph.use(scene.mid, "a reader", held: .consistentRead)
        }
        #expect(error?.kind == .conflict)
        #expect(
          error?.message.contains("commit of '") == true && error?.message.contains("consistent read") == true
        )
        let frozen = #expect(throws: BlockError.self) {
          try scene.graph.change(draining: [scene.top, scene.mid]) { (edit: GraphEdit) throws(BlockError) in
            try edit.setBacking(of: scene.top, to: nil)
          }
        }
        #expect(frozen?.message.contains("frozen by commit of") == true)
      })
    try scene.graph.use(scene.mid, "a reader", held: .consistentRead)
  }

  @Test("G-06 the filter of a commit is the engine's own: what stands above keeps it until the commit ends")
  func implicit() throws {
    let scene = try CommitScene()
    let other = try scene.graph.use(scene.mid, "the second guest", held: [])
    var runner = JobRunner(graph: scene.graph)
    try runner.run(
      Paused(CommitJob(CommitOptions(image: ImageName(path: scene.folder.file("mid"))), of: other)) {
        () throws(BlockError) in
        guard let filter = scene.top.backing?.child else { throw BlockError(.notFound, "no backing file") }
        #expect(filter.flags.contains(.implicit) && filter.file?.child === scene.mid)
        let before = scene.state
        for backing in [OptionTree.null, .string(scene.base.name)] {
          let error = #expect(throws: BlockError.self) {
            try scene.graph.reopen(scene.top, flags: [], options: ["backing": backing])
          }
          #expect(error?.kind == .refused && error?.message.contains("'\(filter.name)'") == true)
          #expect(scene.state == before && scene.graph.violations == [])
        }
      })
    #expect(scene.top.backing?.child === scene.mid && scene.graph.violations == [])
    try scene.graph.reopen(scene.top, flags: [], options: ["backing": .string(scene.base.name)])
    #expect(scene.top.backing?.child === scene.base)
  }

  @Test(
    "J-07 a base whose user does not tolerate writing: the holder is named and nothing changes",
    arguments: [nil, "base"])
  func heldBase(_ base: String?) throws {
    let scene = try CommitScene()
    let target = base == nil ? scene.mid : scene.base
    try scene.graph.use(target, "the backup", held: .consistentRead, shared: [.consistentRead])
    let before = scene.state
    let job = scene.job(base: base)
    var warnings: [BlockError] = []
    let error = #expect(throws: BlockError.self) { try job.prepare(in: scene.graph) }
    #expect(error?.kind == .conflict)
    #expect(
      error?.message.contains("the backup") == true && error?.message.contains("'write'") == true,
      "\(error?.message ?? "")")
    job.clean(in: scene.graph, warnings: &warnings)
    #expect(warnings.isEmpty && scene.state == before)
    #expect(scene.readsAsBefore("top"))
  }

  @Test("T-01 J-05 a failure at any step of taking hold of the chain leaves everything as it was")
  func steps() throws {
    var number = 0
    while true {
      number += 1
      let scene = try CommitScene()
      let before = scene.state
      scene.graph.faults.arm(number)
      let job = scene.job(base: "base")
      var warnings: [BlockError] = []
      let failed = (try? job.prepare(in: scene.graph)) == nil
      scene.graph.faults.arm(0)
      job.clean(in: scene.graph, warnings: &warnings)
      #expect(scene.state == before, "step \(number)")
      #expect(warnings.isEmpty)
      if !failed { break }
    }
    #expect(number > 20)
  }

  @Test("P-10 an image is not its own base")
  func itself() throws {
    let scene = try CommitScene()
    var runner = JobRunner(graph: scene.graph)
    let error = #expect(throws: BlockError.self) { try runner.run(scene.job(base: "top")) }
    #expect(error?.kind == .conflict && error?.message.hasSuffix("/top'") == true)
  }

  @Test("a disk of 16 TiB with little in it is committed at once")
  func sparse() throws {
    let folder = TemporaryFolder()
    let made = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 base 16T
      qemu-img create -q -f qcow2 -b base -F qcow2 top
      qemu-io -f qcow2 -c 'write -P 5 9T 1M' top >/dev/null
      """, folder: folder.path)
    #expect(made.status == 0)
    let graph = Graph()
    var runner = JobRunner(graph: graph)
    let options = CommitOptions(image: ImageName(path: folder.file("top")))
    let start = Clock.now
    try runner.run(CommitJob(options, opener: Opener(graph: graph, kinds: Drivers.all)))
    // Well under a second in a release build; debug builds take some ten times as long.
    #expect(Clock.now - start < 10)
    let seen = Shell.run(
      "qemu-img check -q top; qemu-img check -q base; qemu-io -r -f qcow2 -c 'read -P 5 9T 1M' base | head -1",
      folder: folder.path)
    #expect(seen.output == "read 1048576/1048576 bytes at offset 9895604649984\n")
  }
}
