// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support
import Testing

/// What the system tells only when a file is closed, quotas and remote storage do so, is an error of the job.
@Suite(.serialized) struct CloseFaultTests {
  private let folder = TemporaryFolder()

  private func run(failing: Bool, _ make: (Graph, Opener) throws(BlockError) -> any Job) throws(BlockError) {
    let graph = Graph()
    graph.faults.wrapStorage = { below in
      let wrapped = FaultStorage(below)
      wrapped.fail(failing ? 1 : 0, of: [.close])
      return wrapped
    }
    defer { #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty, "nothing stays open") }
    var runner = JobRunner(graph: graph)
    try runner.run(try make(graph, Opener(graph: graph, kinds: Drivers.all)))
  }

  /// Writes with nothing that asks for the data to be durable.
  private func bench(_ graph: Graph, _ opener: Opener) throws(BlockError) -> any Job {
    let user = graph.makeUser(
      "test", request: PermissionRequest(held: [.consistentRead, .write], shared: .consistentRead))
    let image = ImageName(path: folder.file("disk"))
    try opener.open(image, OpenSettings(format: "qcow2", flags: .writable), for: user)
    var options = BenchOptions()
    options.isWrite = true
    options.count = 4
    return BenchJob(user, named: image.text, options)
  }

  private func image(_ opener: Opener) -> JobImage {
    .named(ImageName(path: folder.file("disk")), OpenSettings(format: "qcow2", flags: .writable), opener)
  }

  @Test(
    "D-05 a change whose image cannot be closed well has failed",
    arguments: [
      "resize", "snapshot", "bitmap", "convert -n", "bench", "amend", "rebase", "rebase -u", "commit", "dd",
    ])
  func closing(_ name: String) throws {
    for failing in [true, false] {
      #expect(Shell.run("qemu-img create -q -f qcow2 base 1M", folder: folder.path).status == 0)
      let layer = "qemu-img create -q -f qcow2 -b base -F qcow2 disk 1M"
      #expect(Shell.run(layer, folder: folder.path).status == 0)
      try SampleDisk.write(folder.file("source"), length: 1 << 20, seed: 3)
      do throws(BlockError) {
        try run(failing: failing) { (graph, opener) throws(BlockError) in
          switch name {
          case "resize": return ResizeJob(image(opener), .set(2 << 20))
          case "snapshot": return SnapshotJob(image(opener), .create("one"))
          case "bitmap":
            return BitmapJob(image(opener), bitmap: "one", [.add])
          case "bench": return try bench(graph, opener)
          case "amend":
            let list = try KeyValueList(creationOptions: "lazy_refcounts=on")
            return AmendJob(image(opener), .listed(list, force: false, opener))
          case "rebase", "rebase -u":
            var options = RebaseOptions(image: ImageName(path: folder.file("disk")))
            options.settings.format = "qcow2"
            options.backing = ""
            options.isUnsafe = name == "rebase -u"
            return RebaseJob(options, opener: opener)
          case "commit":
            var options = CommitOptions(image: ImageName(path: folder.file("disk")))
            options.settings.format = "qcow2"
            return CommitJob(options, opener: opener)
          case "dd":
            var options = DdOptions(
              source: .image(ImageName(path: folder.file("source"))),
              target: .image(ImageName(path: folder.file("disk"))))
            options.sourceSettings.format = "raw"
            options.targetFormat = "qcow2"
            options.keepsTarget = true
            return DdJob(options, opener: opener)
          default:
            var options = ConvertOptions(
              sources: [ImageName(path: folder.file("source"))], target: ImageName(path: folder.file("disk")))
            options.sourceSettings.format = "raw"
            options.targetFormat = "qcow2"
            options.skipsCreation = true
            return try ConvertJob(options, opener: opener)
          }
        }
        #expect(!failing)
      } catch {
        #expect(failing && error.message.contains("injected failure of close"), "\(error.message)")
      }
    }
  }
}
