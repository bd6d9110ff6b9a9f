// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Support
import Testing

@Suite struct CheckJobTests {
  private let folder = TemporaryFolder()

  private func job(_ graph: Graph, _ repair: CheckRepair?) -> CheckJob {
    let image = JobImage.named(
      ImageName(path: folder.file("sample.qcow2")), OpenSettings(format: "qcow2"),
      Opener(graph: graph, kinds: Drivers.all))
    return CheckJob(image, repair: repair) { _ in }
  }

  private func writeLeakingImage() throws {
    var image = SampleQcow2(.plain)
    image.set(9 << 12, [UInt8](repeating: 1, count: 4096))
    image.set16(image.refcountBlock + 18, 1)
    try image.write(to: folder)
  }

  @Test(
    "a check reads and tolerates everybody; a repair writes, resizes and tolerates readers",
    arguments: [nil, .leaks, .all] as [CheckRepair?])
  func permissions(_ repair: CheckRepair?) throws {
    try writeLeakingImage()
    let graph = Graph()
    let job = job(graph, repair)
    let before = graph.dump()
    try job.prepare(in: graph)
    let dump = graph.dump()
    let root = try #require(dump.edges.first)
    #expect(root.parent.contains("check: ") && root.child == dump.nodes.first { $0.driver == "qcow2" }?.name)
    let file = try #require(dump.edges.first { $0.slot == "file" })
    if repair == nil {
      #expect(root.request == PermissionRequest(held: .consistentRead, shared: .all))
      #expect(file.request.held == .consistentRead)
    } else {
      #expect(
        root.request == PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead))
      #expect(file.request.held.isSuperset(of: [.consistentRead, .write, .resize]))
      #expect(file.request.shared.isDisjoint(with: [.write, .resize]))
    }
    try job.run(JobContext())
    #expect(graph.dump() == dump)
    var warnings: [BlockError] = []
    job.clean(in: graph, warnings: &warnings)
    #expect(warnings.isEmpty && graph.dump() == before && OpenFiles.under(folder.path).isEmpty)
    #expect(job.result?.leaks == (repair == nil ? 1 : 0) && job.result?.leaksFixed == (repair == nil ? 0 : 1))
  }

  @Test("a repair is refused while somebody holds the image who does not tolerate writing")
  func refused() throws {
    try writeLeakingImage()
    let before = Shell.run("sha256sum sample.qcow2", folder: folder.path).output
    let other = Graph()
    let reader = other.makeUser(
      "reader", request: PermissionRequest(held: .consistentRead, shared: .consistentRead))
    try Opener(graph: other, kinds: Drivers.all).open(
      ImageName(path: folder.file("sample.qcow2")), OpenSettings(format: "qcow2"), for: reader)
    let graph = Graph()
    var runner = JobRunner(graph: graph)
    try runner.run(job(graph, nil))
    let error = #expect(throws: BlockError.self) { try runner.run(job(graph, .all)) }
    #expect(error?.kind == .conflict && error?.message.contains("\"write\" lock") == true)
    #expect(graph.nodes.isEmpty)
    #expect(Shell.run("sha256sum sample.qcow2", folder: folder.path).output == before)
    try other.release(reader)
  }
}
