// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Support
import Testing

@Suite struct BitmapJobTests {
  private let folder = TemporaryFolder()

  private func image(_ graph: Graph, _ name: String, _ flags: NodeFlags = .writable) -> JobImage {
    .named(
      ImageName(path: folder.file(name)),
      OpenSettings(format: "qcow2", flags: flags, followsBacking: false),
      Opener(graph: graph, kinds: Drivers.all))
  }

  private func perform(_ graph: Graph, _ bitmap: String, _ actions: [BitmapJob.Action], from source: String?)
    throws(BlockError)
  {
    var runner = JobRunner(graph: graph)
    let source = source.map { image(graph, $0, []) }
    try runner.run(
      BitmapJob(image(graph, "disk"), bitmap: bitmap, actions, granularity: 512, mergingFrom: source))
  }

  @Test("C-07 unknown bitmaps are named, and a read-only image takes none")
  func refusals() throws {
    _ = Shell.run("qemu-img create -q -f qcow2 disk 1M && cp disk before", folder: folder.path)
    let graph = Graph()
    for action in [BitmapJob.Action.remove, .clear, .enable, .disable, .merge("other")] {
      let error = #expect(throws: BlockError.self) { try perform(graph, "nobody", [action], from: nil) }
      #expect(error?.kind == .notFound && error?.message.contains("'nobody'") == true)
    }
    #expect(Shell.run("cmp disk before", folder: folder.path).status == 0)
    try perform(graph, "one", [.add], from: nil)
    let error = #expect(throws: BlockError.self) { try perform(graph, "one", [.merge("other")], from: nil) }
    #expect(error?.kind == .notFound && error?.message.contains("'other'") == true)
    for action in [BitmapJob.Action.add, .merge("one")] {
      var runner = JobRunner(graph: graph)
      let job = BitmapJob(image(graph, "disk", []), bitmap: action == .add ? "two" : "one", [action])
      let error = #expect(throws: BlockError.self) { try runner.run(job) }
      #expect(error?.kind == .readOnly || error?.message.contains("read-only") == true)
    }
    #expect(graph.nodes.isEmpty && OpenFiles.under(folder.path).isEmpty)
  }

  @Test("the image is held for writing, and others may read it")
  func permissions() throws {
    _ = Shell.run("qemu-img create -q -f qcow2 disk 1M", folder: folder.path)
    let graph = Graph()
    let reader = graph.makeUser(
      "reader", request: PermissionRequest(held: .consistentRead, shared: .consistentRead))
    try Opener(graph: graph, kinds: Drivers.all).open(
      ImageName(path: folder.file("disk")), OpenSettings(format: "qcow2", flags: .writable), for: reader)
    let node = try #require(reader.edge?.child)
    var runner = JobRunner(graph: graph)
    let error = #expect(throws: BlockError.self) {
      try runner.run(BitmapJob(.open(node), bitmap: "one", [.add]))
    }
    #expect(error?.kind == .conflict && error?.message.contains("reader") == true)
    try graph.setPermissions(
      PermissionRequest(held: .consistentRead, shared: [.consistentRead, .write]), of: reader)
    let before = graph.dump()
    try runner.run(BitmapJob(.open(node), bitmap: "one", [.add, .disable]))
    #expect(graph.dump() == before)
    try graph.release(reader)
    let info = Shell.run("qemu-img info disk | grep -A2 'name: one'", folder: folder.path)
    #expect(info.output.contains("granularity: 65536"))
  }

  // MARK: Faults

  /// A change, and what the bitmap is called that it is made to.
  struct Change: Sendable, CustomStringConvertible {
    var action: BitmapJob.Action
    var bitmap = "one"
    var source: String?
    var description: String { "\(action) \(bitmap)" }
  }

  static let changes = [
    Change(action: .add, bitmap: "new"), Change(action: .remove), Change(action: .clear),
    Change(action: .disable), Change(action: .enable, bitmap: "two"), Change(action: .merge("two")),
    Change(action: .merge("there"), source: "other"), Change(action: .add, bitmap: "first"),
    Change(action: .remove, bitmap: "only"),
  ]

  /// An image with bitmaps, or with none for "first", or with one for "only".
  private func make(_ options: String, _ change: Change) {
    let script = """
      set -e
      if ! [ -e made ]; then
        qemu-img create -q -f qcow2 base 1M
        qemu-img create -q -f qcow2 -o $1 -b base -F qcow2 made
        [ $2 = first ] || qemu-img bitmap --add -g 512 made one
        [ $2 = only -o $2 = first ] || qemu-img bitmap --add -g 4k made two
        [ $2 != only ] || qemu-img bitmap --remove --add made one
        qemu-img create -q -f qcow2 other 1M; qemu-img bitmap --add -g 8k other there
        for image in made other; do qemu-io -f qcow2 -c 'write 100k 33k' -c 'write 900k 1' $image >/dev/null; done
        [ $2 = only -o $2 = first ] || qemu-img bitmap --disable made two
        qemu-img convert -f qcow2 -O raw made content
      fi
      cp made disk
      """
    let outcome = Shell.run(script, options, change.bitmap, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  /// What the image's bitmaps are; nothing of those that are inconsistent.
  private func bitmaps() throws -> [String: String] {
    let graph = Graph()
    let user = graph.makeUser("test", request: PermissionRequest(held: .consistentRead, shared: .all))
    try Opener(graph: graph, kinds: Drivers.all).open(
      ImageName(path: folder.file("disk")), OpenSettings(format: "qcow2"), for: user)
    defer { try? graph.release(user) }
    let node = try #require(user.edge?.child)
    let driver = try #require(node.driver as? any BitmapDriver)
    var result: [String: String] = [:]
    for bitmap in driver.bitmaps(of: node) where !bitmap.isInconsistent {
      var text = "\(bitmap.granularity) \(bitmap.isEnabled)"
      try driver.bitmapContent(bitmap.name, of: node).forEachDirty { range throws(BlockError) in
        text += " \(range)"
      }
      result[bitmap.name] = text
    }
    return result
  }

  private func inspect() -> Shell.Outcome {
    Shell.run(
      """
      said=$(qemu-img check -f qcow2 disk 2>&1) || [ $? = 3 ] || echo "$said"
      qemu-img info disk >/dev/null 2>said || cat said
      qemu-img convert -f qcow2 -O raw disk after 2>said && cmp after content || cat said
      """, folder: folder.path)
  }

  @Test(
    "X-04 J-05 each operation of a bitmap's change fails once, or the storage is gone from there on",
    arguments: ["cluster_size=512", "cluster_size=64k"], changes)
  func faults(_ options: String, _ change: Change) throws {
    var change = change
    make(options, change)
    if change.bitmap == "only" { change.bitmap = "one" }
    let before = try bitmaps()
    try perform(Graph(), change.bitmap, [change.action], from: change.source)
    let after = try bitmaps()
    #expect(before != after && inspect() == Shell.Outcome(status: 0, output: ""))
    for forGood in [false, true] {
      var number = 0
      var isDone = false
      while !isDone {
        number += 1
        _ = Shell.run("cp made disk", folder: folder.path)
        let graph = Graph()
        var storage: [FaultStorage] = []
        graph.faults.wrapStorage = { below in
          let wrapped = FaultStorage(below)
          if storage.isEmpty {
            wrapped.fail(number, of: [.write, .zero, .truncate, .flush], forGood: forGood)
          }
          storage.append(wrapped)
          return wrapped
        }
        do throws(BlockError) {
          try perform(graph, change.bitmap, [change.action], from: change.source)
        } catch {
          #expect(error.kind == .inputOutput, "operation \(number): \(error.message)")
        }
        isDone = (storage.first?.operations ?? 0) < number
        storage = []
        #expect(graph.nodes.isEmpty && OpenFiles.under(folder.path).isEmpty)
        let found = try bitmaps()
        let isWhole = found.allSatisfy { before[$0.key] == $0.value || after[$0.key] == $0.value }
        #expect(isWhole, "operation \(number), for good: \(forGood): \(found)")
        let outcome = inspect()
        #expect(outcome == Shell.Outcome(status: 0, output: ""), "operation \(number), for good: \(forGood)")
      }
      #expect(number > 3)
    }
  }
}
