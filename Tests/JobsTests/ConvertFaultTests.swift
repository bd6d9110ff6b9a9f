// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support
import Testing

/// Every operation on the target fails once: nothing may stay behind, and nothing may look whole.
@Suite(.serialized) struct ConvertFaultTests {
  static let targets = [
    "raw", "qcow2", "qcow2 compressed", "qcow2 cluster_size=512,refcount_bits=64", "qcow2 extended_l2=on",
  ]

  private let folder = TemporaryFolder()

  /// Converts with storage that fails the `number`th operation; 0 for none. Returns how many there were.
  private func convert(_ target: String, failing number: Int) throws(BlockError) -> Int {
    let graph = Graph()
    var storage: [FaultStorage] = []
    graph.faults.wrapStorage = { below in
      let wrapped = FaultStorage(below)
      wrapped.fail(number, of: [.write, .zero, .truncate, .flush, .read])
      storage.append(wrapped)
      return wrapped
    }
    defer { #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty, "nothing stays open") }
    var options = ConvertOptions(
      sources: [ImageName(path: folder.file("disk.raw"))], target: ImageName(path: folder.file("out")))
    options.sourceSettings.format = "raw"
    options.threads = 2
    // So that flushing counts.
    options.targetCache = .writeback
    let words = target.split(separator: " ")
    options.targetFormat = String(words[0])
    options.compresses = words.last == "compressed"
    if words.count > 1, !options.compresses {
      options.creationOptions = try KeyValueList(creationOptions: String(words[1]))
    }
    let job = try ConvertJob(options, opener: Opener(graph: graph, kinds: Drivers.all))
    var runner = JobRunner(graph: graph)
    try runner.run(job)
    return storage.map(\.operations).max() ?? 0
  }

  @Test("X-02 J-05 each operation on the target fails once", arguments: targets)
  func everyOperation(_ target: String) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20 | 512, seed: 11)
    let total = try convert(target, failing: 0)
    #expect(total > 3)
    _ = Shell.run("rm out", folder: folder.path)
    for number in stride(from: 1, through: total, by: max(1, total / 150)) {
      do throws(BlockError) {
        _ = try convert(target, failing: number)
        // Giving a cluster back may fail without harm, and does not end the job.
        let same = Shell.run("qemu-img compare -q disk.raw out && rm out", folder: folder.path)
        #expect(same.status == 0, "operation \(number) failed, and the job did not")
      } catch {
        #expect(error.kind == .inputOutput, "operation \(number): \(error.message)")
      }
      #expect(Shell.run("ls -A", folder: folder.path).output == "disk.raw\n", "operation \(number)")
      #expect(OpenFiles.under(folder.path).isEmpty)
    }
  }
}
