// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support
import Testing

@Suite struct ResizeJobTests {
  private let folder = TemporaryFolder()

  private func resize(
    _ graph: Graph, _ change: SizeText.Change, mayShrink: Bool = true, preallocation: Preallocation = .off,
    format: String = "qcow2"
  ) throws(BlockError) {
    let image = JobImage.named(
      ImageName(path: folder.file("disk")), OpenSettings(format: format, flags: .writable),
      Opener(graph: graph, kinds: Drivers.all))
    let job = ResizeJob(image, change, mayShrink: mayShrink, preallocation: preallocation)
    var runner = JobRunner(graph: graph)
    try runner.run(job)
  }

  @Test("P-12 a user that does not tolerate resizing stops the job, which says so")
  func conflict() throws {
    _ = Shell.run("qemu-img create -q -f qcow2 disk 1M", folder: folder.path)
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    let user = graph.makeUser(
      "somebody else", request: PermissionRequest(held: .consistentRead, shared: [.consistentRead, .write]))
    try opener.open(
      ImageName(path: folder.file("disk")), OpenSettings(format: "qcow2", flags: .writable), for: user)
    let before = graph.dump()
    let node = try #require(user.edge?.child)
    var runner = JobRunner(graph: graph)
    let error = #expect(throws: BlockError.self) { try runner.run(ResizeJob(.open(node), .grow(1 << 20))) }
    #expect(error?.kind == .conflict)
    for part in ["somebody else", "resize:", "'resize'"] {
      #expect(error?.message.contains(part) == true, "'\(error?.message ?? "")' lacks \(part)")
    }
    #expect(graph.dump() == before)
    try graph.setPermissions(PermissionRequest(held: .consistentRead, shared: .all), of: user)
    try runner.run(ResizeJob(.open(node), .grow(1 << 20)))
    #expect(node.length == 2 << 20)
    try graph.release(user)
    #expect(graph.nodes.isEmpty)
  }

  @Test("C-05 shrinking with preallocation, lengths that cannot be, and shrinking without leave are refused")
  func refusals() throws {
    _ = Shell.run("qemu-img create -q -f qcow2 disk 1M", folder: folder.path)
    let graph = Graph()
    let cases: [(SizeText.Change, Bool, Preallocation, String)] = [
      (.set(512), true, .full, "Preallocation can only be used for growing images"),
      (.grow(0), true, .falloc, "Preallocation can only be used for growing images"),
      (.set(512), false, .off, "Use the --shrink option to perform a shrink operation."),
      (.shrink(1 << 20), true, .off, "New image size must be positive"),
      (.grow(.max), true, .off, "New image size must be positive"),
      (.set(1000), true, .off, "The new size must be a multiple of 512"),
    ]
    for (change, mayShrink, preallocation, message) in cases {
      let error = #expect(throws: BlockError.self) {
        try resize(graph, change, mayShrink: mayShrink, preallocation: preallocation)
      }
      #expect(error?.message == message)
    }
    #expect(graph.nodes.isEmpty && OpenFiles.under(folder.path).isEmpty)
  }

  static let shapes = [
    "", "cluster_size=512", "extended_l2=on,cluster_size=16k", "compat=0.10,cluster_size=4k",
  ]

  /// A disk with data on both sides of where it is cut, and a snapshot where one is allowed.
  private func make(_ shape: String) {
    let outcome = Shell.run(
      """
      set -e
      rm -f disk
      qemu-img create -q -f qcow2 ${1:+-o} $1 disk 1M
      qemu-io -f qcow2 -c 'write -P 1 0 1M' disk >/dev/null
      case $1 in compat=*) ;; *) qemu-img snapshot -c one disk; qemu-io -c 'write -P 2 300k 100k' disk >/dev/null ;; esac
      qemu-img convert -O raw disk before
      """, shape, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "X-04 J-05 each operation of a resize fails once: the disk is as before or as after", arguments: shapes,
    [300 << 10, 70 << 20])
  func faults(_ shape: String, _ length: UInt64) throws {
    var number = 0
    var isDone = false
    while !isDone {
      number += 1
      make(shape)
      let graph = Graph()
      var storage: [FaultStorage] = []
      graph.faults.wrapStorage = { below in
        let wrapped = FaultStorage(below)
        wrapped.fail(number, of: [.write, .zero, .truncate, .flush], forGood: true)
        storage.append(wrapped)
        return wrapped
      }
      do throws(BlockError) {
        try resize(graph, .set(length))
      } catch {
        #expect(error.kind == .inputOutput, "operation \(number): \(error.message)")
      }
      isDone = storage.allSatisfy { $0.operations < number }
      storage = []
      #expect(graph.nodes.isEmpty && OpenFiles.under(folder.path).isEmpty)
      let outcome = Shell.run(
        """
        said=$(qemu-img check -q -f qcow2 disk 2>&1) || [ $? = 3 ] || echo "$said"
        qemu-img convert -f qcow2 -O raw disk now || exit 1
        [ "$(stat -c %s now)" = 1048576 ] || [ "$(stat -c %s now)" = "$1" ] || stat -c %s now
        truncate -r now before; cmp before now
        """, String(length), folder: folder.path)
      #expect(outcome == Shell.Outcome(status: 0, output: ""), "operation \(number)")
    }
    #expect(number > 3)
  }
}
