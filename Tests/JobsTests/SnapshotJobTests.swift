// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support
import Testing

@Suite struct SnapshotJobTests {
  private let folder = TemporaryFolder()

  private func perform(_ graph: Graph, _ action: SnapshotJob.Action) throws(BlockError) {
    let image = JobImage.named(
      ImageName(path: folder.file("disk")), OpenSettings(format: "qcow2", flags: [.writable, .unmap]),
      Opener(graph: graph, kinds: Drivers.all))
    var runner = JobRunner(graph: graph)
    try runner.run(SnapshotJob(image, action))
  }

  @Test("C-07 an unknown snapshot is named; a read-only image takes none")
  func refusals() throws {
    _ = Shell.run("qemu-img create -q -f qcow2 disk 1M", folder: folder.path)
    let graph = Graph()
    for action in [SnapshotJob.Action.apply("nobody"), .delete("nobody")] {
      let error = #expect(throws: BlockError.self) { try perform(graph, action) }
      #expect(error?.kind == .notFound && error?.message.contains("'nobody'") == true)
    }
    let image = JobImage.named(
      ImageName(path: folder.file("disk")), OpenSettings(format: "qcow2"),
      Opener(graph: graph, kinds: Drivers.all))
    var runner = JobRunner(graph: graph)
    let error = #expect(throws: BlockError.self) { try runner.run(SnapshotJob(image, .create("x"))) }
    #expect(error?.kind == .readOnly || error?.message.contains("read-only") == true)
    #expect(graph.nodes.isEmpty && OpenFiles.under(folder.path).isEmpty)
  }

  @Test("by name or id: restoring looks for ids first, forgetting for names first")
  func selection() throws {
    _ = Shell.run(
      """
      qemu-img create -q -f qcow2 disk 1M
      for name in 2 one; do qemu-img snapshot -c $name disk; qemu-img resize -q disk +1M; done
      """, folder: folder.path)
    func names() -> String {
      Shell.run("\"$1\" snapshot -l disk | tail -n +3 | cut -c1-14", Programs.strata, folder: folder.path)
        .output
    }
    let graph = Graph()
    try perform(graph, .apply("2"))
    #expect(Shell.run("qemu-img info disk | grep -o '2 MiB ('", folder: folder.path).output == "2 MiB (\n")
    try perform(graph, .delete("2"))
    #expect(names() == "2         one \n")
    try perform(graph, .delete("2"))
    #expect(names() == "")
  }

  @Test("refcounts that do not fit their cache", arguments: ["refcount_bits=16", "refcount_bits=64"])
  func smallCache(_ options: String) throws {
    try SampleDisk.write(folder.file("raw"), length: 9 << 20, seed: 41)
    _ = Shell.run("qemu-img convert -O qcow2 -o cluster_size=512,$1 raw disk", options, folder: folder.path)
    let name: OptionObject = [
      "driver": "qcow2", "refcount-cache-size": "1", "l2-cache-size": "1",
      "file": .object(["driver": "file", "filename": .string(folder.file("disk"))]),
    ]
    for action in [
      SnapshotJob.Action.create("one"), .create("two"), .apply("one"), .delete("one"), .delete("two"),
    ] {
      let graph = Graph()
      let image = JobImage.named(
        try ImageName(options: name, text: "disk"), OpenSettings(flags: .writable),
        Opener(graph: graph, kinds: Drivers.all))
      var runner = JobRunner(graph: graph)
      try runner.run(SnapshotJob(image, action))
      let outcome = Shell.run("qemu-img check -q disk && qemu-img compare -q raw disk", folder: folder.path)
      #expect(outcome == Shell.Outcome(status: 0, output: ""), "\(action)")
    }
  }

  static let shapes = [
    "", "cluster_size=512", "extended_l2=on,cluster_size=16k", "compat=0.10,cluster_size=4k",
  ]
  static let actions: [SnapshotJob.Action] = [.create("new"), .apply("one"), .delete("one")]

  /// A disk with two snapshots, each with something of its own.
  private func make(_ shape: String) {
    let outcome = Shell.run(
      """
      set -e
      if ! [ -e made ]; then
        qemu-img create -q -f qcow2 ${1:+-o $1} made 1M
        qemu-io -f qcow2 -c 'write -P 1 0 300k' made >/dev/null; qemu-img snapshot -c one made
        qemu-io -f qcow2 -c 'write -P 2 100k 300k' made >/dev/null; qemu-img snapshot -c two made
        qemu-io -f qcow2 -c 'write -P 3 200k 500k' made >/dev/null
        qemu-img convert -O raw made now; qemu-img convert -l one -O raw made one; qemu-img convert -l two -O raw made two
      fi
      cp made disk
      """, shape, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  /// Whether every state of the disk that should be there is there; the check may find leaks.
  private func inspect() -> Shell.Outcome {
    Shell.run(
      """
      said=$(qemu-img check -f qcow2 disk 2>&1) || [ $? = 3 ] || grep ERROR <<<"$said"
      qemu-img convert -f qcow2 -O raw disk after || exit 1
      cmp -s after now || cmp -s after one || echo 'neither before nor after'
      for name in one two new; do
        if qemu-img snapshot -l disk | grep -q " $name "; then
          qemu-img convert -l $name -f qcow2 -O raw disk after || exit 1
          if [ $name = new ]; then cmp after now; else cmp after $name; fi
        fi
      done
      """, folder: folder.path)
  }

  @Test(
    "X-04 J-05 each operation of a snapshot's life fails once, or the storage is gone from there on",
    arguments: shapes, actions)
  func faults(_ shape: String, _ action: SnapshotJob.Action) throws {
    for forGood in [false, true] {
      var number = 0
      var isDone = false
      while !isDone {
        number += 1
        make(shape)
        let graph = Graph()
        var storage: [FaultStorage] = []
        graph.faults.wrapStorage = { below in
          let wrapped = FaultStorage(below)
          wrapped.fail(number, of: [.write, .zero, .truncate, .flush], forGood: forGood)
          storage.append(wrapped)
          return wrapped
        }
        do throws(BlockError) {
          try perform(graph, action)
        } catch {
          #expect(error.kind == .inputOutput, "operation \(number): \(error.message)")
        }
        isDone = storage.allSatisfy { $0.operations < number }
        storage = []
        #expect(graph.nodes.isEmpty && OpenFiles.under(folder.path).isEmpty)
        let outcome = inspect()
        #expect(outcome == Shell.Outcome(status: 0, output: ""), "operation \(number), for good: \(forGood)")
      }
      #expect(number > 5)
    }
  }
}
