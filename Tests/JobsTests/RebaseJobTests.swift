// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support
import Testing

@Suite struct RebaseJobTests {
  private let folder = TemporaryFolder()

  private func prepare() {
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 base 1M; qemu-io -f qcow2 -c 'write -P 1 0 256k' base >/dev/null
      qemu-img create -q -f qcow2 -b base -F qcow2 top 2M; qemu-io -f qcow2 -c 'write -P 2 64k 64k' top >/dev/null
      qemu-img create -q -f qcow2 other 2M; qemu-io -f qcow2 -c 'write -P 1 0 64k' -c 'write -P 3 1536k 64k' other >/dev/null
      """, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  private func options(_ backing: String?, format: String? = "qcow2") -> RebaseOptions {
    var options = RebaseOptions(image: ImageName(path: folder.file("top")))
    options.backing = backing
    options.backingFormat = format
    return options
  }

  /// Looks at the graph when the job has rebased but not yet let go.
  private final class Watch: Job {
    let kind = "watch"
    let job: RebaseJob
    let look: () -> Void
    init(_ job: RebaseJob, _ look: @escaping () -> Void) { (self.job, self.look) = (job, look) }
    func prepare(in graph: Graph) throws(BlockError) { try job.prepare(in: graph) }
    func run(_ context: JobContext) throws(BlockError) { try job.run(context) }
    func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
      try job.commit(in: graph, isFinal: isFinal)
      look()
    }
    func clean(in graph: Graph, warnings: inout [BlockError]) { job.clean(in: graph, warnings: &warnings) }
  }

  @Test(
    "G-02 C-04 after rebasing, nothing of the old base is open, and the image reads the same",
    arguments: ["other", nil])
  func closesOld(_ backing: String?) throws {
    prepare()
    _ = Shell.run("qemu-img convert -f qcow2 -O raw top before", folder: folder.path)
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    var runner = JobRunner(graph: graph)
    let job = RebaseJob(options(backing), opener: opener)
    let folder = folder
    try runner.run(
      Watch(job) {
        let files = graph.dump().nodes.map(\.fileName)
        #expect(!files.contains(folder.file("base")), "\(files)")
        #expect(!OpenFiles.under(folder.path).contains { $0.contains("/base") })
        #expect(graph.violations == [])
      })
    #expect(graph.nodes.isEmpty && OpenFiles.under(folder.path).isEmpty && runner.warnings.isEmpty)
    let after = Shell.run(
      "qemu-img convert -f qcow2 -O raw top after && cmp before after && qemu-img check -q top",
      folder: folder.path)
    #expect(after == Shell.Outcome(status: 0, output: ""))
    #expect(
      Shell.run("qemu-img info top | grep -c 'backing file: \(backing ?? "none")'", folder: folder.path)
        .output == (backing == nil ? "0\n" : "1\n"))
  }

  @Test(
    "G-03 P-10 J-05 what cannot be done leaves nothing open and every byte as it was",
    arguments: [("top", "refused"), ("above", "refused"), ("missing", "not-found")])
  func refusals(_ backing: String, _ kind: String) throws {
    prepare()
    _ = Shell.run(
      "qemu-img create -q -f qcow2 -b top -F qcow2 above; md5sum top base >sums", folder: folder.path)
    let graph = Graph()
    var runner = JobRunner(graph: graph)
    let error = #expect(throws: BlockError.self) {
      try runner.run(RebaseJob(options(backing), opener: Opener(graph: graph, kinds: Drivers.all)))
    }
    #expect(
      error?.kind.rawValue == kind && error?.message.contains("'\(backing)'") == true,
      "\(error?.message ?? "")")
    #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty && OpenFiles.under(folder.path).isEmpty)
    #expect(Shell.run("md5sum -c --quiet sums", folder: folder.path) == Shell.Outcome(status: 0, output: ""))
  }

  @Test("a disk of 16 TiB with little in it is rebased at once, and only what differs is written")
  func sparse() throws {
    prepare()
    let made = Shell.run(
      """
      qemu-img create -q -f qcow2 -b base -F qcow2 huge 16T
      qemu-io -f qcow2 -c 'write -P 5 9T 1M' huge >/dev/null
      """, folder: folder.path)
    #expect(made.status == 0)
    var options = options("other")
    options.image = ImageName(path: folder.file("huge"))
    let graph = Graph()
    var runner = JobRunner(graph: graph)
    try runner.run(RebaseJob(options, opener: Opener(graph: graph, kinds: Drivers.all)))
    // 1 MiB of its own, 192 KiB that the other lacks, and zeros over what only the other has.
    let map = Shell.run(
      "qemu-img map --output=json huge | grep '\"depth\": 0' | grep -v '\"present\": false' | wc -l; qemu-img check -q huge",
      folder: folder.path)
    #expect(
      map.output == "3\n", "\(Shell.run("qemu-img map --output=json huge", folder: folder.path).output)")
  }
}
