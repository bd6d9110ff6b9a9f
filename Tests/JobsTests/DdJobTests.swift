// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Support
import Testing

@Suite(.serialized) struct DdJobTests {
  private let folder = TemporaryFolder()

  /// Copies with storage that fails the `number`th operation; 0 for none. Returns how many there were.
  private func copy(_ format: String, seek: UInt64, failing number: Int) throws(BlockError) -> Int {
    let graph = Graph()
    var storage: [FaultStorage] = []
    graph.faults.wrapStorage = { below in
      let wrapped = FaultStorage(below)
      wrapped.fail(number, of: [.write, .zero, .truncate, .flush, .read])
      storage.append(wrapped)
      return wrapped
    }
    defer { #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty, "nothing stays open") }
    var options = DdOptions(
      source: .image(ImageName(path: folder.file("disk.raw"))),
      target: .image(ImageName(path: folder.file("out"))))
    options.sourceSettings.format = "raw"
    options.targetFormat = format
    options.skip = 5000
    options.count = 700_000
    options.seek = seek
    let job = DdJob(options, opener: Opener(graph: graph, kinds: Drivers.all))
    var runner = JobRunner(graph: graph)
    try runner.run(job)
    return storage.map(\.operations).max() ?? 0
  }

  @Test(
    "X-02 J-05 each operation fails once: no new target, nothing open", arguments: ["raw", "qcow2"],
    [0, 9000])
  func everyOperation(_ format: String, _ seek: UInt64) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 12)
    let total = try copy(format, seek: seek, failing: 0)
    #expect(total > 3)
    _ = Shell.run("mv out whole", folder: folder.path)
    for number in stride(from: 1, through: total, by: max(1, total / 60)) {
      do throws(BlockError) {
        _ = try copy(format, seek: seek, failing: number)
        let same = Shell.run("qemu-img compare -q whole out && rm out", folder: folder.path)
        #expect(same.status == 0, "operation \(number) failed, and the job did not")
      } catch {
        #expect(error.kind == .inputOutput, "operation \(number): \(error.message)")
      }
      #expect(Shell.run("ls -A", folder: folder.path).output == "disk.raw\nwhole\n", "operation \(number)")
      #expect(OpenFiles.under(folder.path).isEmpty)
    }
  }

  @Test("J-01 what is wrong with sizes is told before anything is made")
  func sizes() throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 12)
    for (seek, size) in [(UInt64.max, nil), (UInt64(Int64.max), nil), (0, UInt64(4096))] {
      let graph = Graph()
      var options = DdOptions(
        source: .image(ImageName(path: folder.file("disk.raw"))),
        target: .image(ImageName(path: folder.file("out"))))
      options.sourceSettings.format = "raw"
      options.seek = seek
      options.outputSize = size
      var runner = JobRunner(graph: graph)
      #expect(throws: BlockError.self) {
        try runner.run(DdJob(options, opener: Opener(graph: graph, kinds: Drivers.all)))
      }
      #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty)
      #expect(Shell.run("ls -A", folder: folder.path).output == "disk.raw\n")
    }
  }
}
