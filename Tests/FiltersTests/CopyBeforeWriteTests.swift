// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Host
import Options
import Support
import Testing

@Suite("What is overwritten is copied before")
struct CopyBeforeWriteTests {
  private let scene = DiskFolder()

  private func options(_ target: OptionTree, _ more: OptionObject = [:]) -> OptionObject {
    var options: OptionObject = ["driver": "copy-before-write", "file": scene.file("disk"), "target": target]
    for entry in more.entries { options[entry.key] = entry.value }
    return options
  }

  private func qcow2(_ name: String) throws -> OptionTree {
    let made = Shell.run(
      "qemu-img create -q -f qcow2 -b disk.before -F raw \(name) 1M", folder: scene.folder.path)
    #expect(made.status == 0, "\(made.output)")
    return ["driver": "qcow2", "backing": .null, "file": scene.file(name)]
  }

  @Test("the target shows the disk as it was, however it is changed", arguments: [1, 2, 3] as [UInt64])
  func snapshot(_ seed: UInt64) throws {
    try SampleDisk.write(scene.folder.file("disk"), length: 1 << 20, seed: seed)
    let before = try Files.read(scene.folder.file("disk"))
    try Files.write(before, to: scene.folder.file("disk.before"))
    let user = try scene.open(options(try qcow2("target")))
    let edge = try #require(user.edge)
    var numbers = SeededNumbers(seed: seed)
    for _ in 0..<20 {
      let offset = UInt64.random(in: 0..<1_000_000, using: &numbers)
      let count = Int.random(in: 1...40000, using: &numbers)
      switch Int.random(in: 0..<4, using: &numbers) {
      case 0: try edge.writeZeroes(at: offset, length: UInt64(count))
      case 1: try edge.discard(at: offset, length: UInt64(count))
      default: try edge.write(at: offset, Array(repeating: 0xA5, count: count))
      }
    }
    try edge.truncate(to: 700_000)
    try scene.graph.release(user)
    // Behind the target stands what the disk is now, which has to be hidden where it differs.
    let outcome = Shell.run(
      """
      qemu-img check -q target || exit
      truncate -s 1M disk
      qemu-img rebase -u -b disk -F raw target
      qemu-img compare -f qcow2 -F raw target disk.before
      """, folder: scene.folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "Images are identical.\n"))
  }

  @Test("a conformant disk stands above", arguments: [1, 2] as [UInt64])
  func conformance(_ seed: UInt64) throws {
    try scene.disk("disk", 5)
    try scene.disk("target", 0)
    let user = try scene.open(options(scene.file("target")))
    #expect(try DriverConformance.check(#require(user.edge), seed: seed, operations: 100) == [])
    try scene.graph.release(user)
  }

  @Test("where copying fails, the write fails or the copy is none any more", arguments: [true, false])
  func failures(_ breaksSnapshot: Bool) throws {
    try scene.disk("disk", 5)
    try scene.disk("target", 0)
    let broken: OptionTree = [
      "driver": "blkdebug", "image": scene.file("target"),
      "inject-error": [["event": "none", "errno": 28, "once": true]],
    ]
    let user = try scene.open(
      options(broken, ["on-cbw-error": .string(breaksSnapshot ? "break-snapshot" : "break-guest-write")]))
    let edge = try #require(user.edge)
    if breaksSnapshot {
      try edge.write(at: 0, [1])
      try edge.write(at: 65536, [1])
      #expect(try Files.read(scene.folder.file("target")).consists(of: 0))
    } else {
      let error = #expect(throws: BlockError.self) { try edge.write(at: 0, [1]) }
      #expect(error?.systemError == 28)
      #expect(try edge.array(at: 0, count: 1) == [5])
      try edge.write(at: 0, [1])
      #expect(try Files.read(scene.folder.file("target"))[0] == 5)
    }
    try scene.graph.release(user)
  }

  @Test(
    "what makes no sense is refused",
    arguments: [
      (["on-cbw-error": "x"], "Parameter 'on-cbw-error' does not accept value 'x'"),
      (["cbw-timeout": "x"], "Parameter 'cbw-timeout' expects integer"),
      (["cbw-timeout": "-1"], "Parameter 'cbw-timeout' expects uint32_t"),
      (["bitmap": "x"], "Invalid parameter type for 'bitmap', expected: object"),
      (["bitmap": ["name": "x"]], "Parameter 'bitmap.node' is missing"),
      (["bitmap": ["node": "x", "name": "y"]], "Node 'x' not found"),
      (["foo": "x"], "Parameter 'foo' is unexpected"), (["target": .null], "Parameter 'target' is missing"),
    ] as [(OptionObject, String)])
  func refusals(_ more: OptionObject, _ message: String) throws {
    try scene.disk("disk", 5)
    try scene.disk("target", 0)
    var options = options(scene.file("target"), more)
    if options["target"] == .null { options["target"] = nil }
    let error = #expect(throws: BlockError.self) { _ = try scene.open(options) }
    #expect(error?.message == "Could not open 'disk': " + message)
    #expect(scene.graph.nodes.isEmpty)
  }

  @Test("with a bitmap, what it does not mark is not copied")
  func bitmap() throws {
    let made = Shell.run(
      """
      qemu-img create -q -f qcow2 image 1M && qemu-img bitmap --add image b &&
      qemu-io -f qcow2 -c 'write -q -P 7 64k 64k' image && qemu-img create -q -f qcow2 target 1M
      """, folder: scene.folder.path)
    #expect(made.status == 0, "\(made.output)")
    let user = try scene.open([
      "driver": "copy-before-write", "target": ["driver": "qcow2", "file": scene.file("target")],
      "file": ["driver": "qcow2", "node-name": "image", "file": scene.file("image")],
      "bitmap": ["node": "image", "name": "b"],
    ])
    try #require(user.edge).write(at: 0, Array(repeating: 1, count: 196608))
    try scene.graph.release(user)
    let map = Shell.run(
      "qemu-img map --output=json target | grep -c '\"present\": true'; qemu-io -f qcow2 -c 'read -P 7 64k 64k' target",
      folder: scene.folder.path)
    #expect(map.output.hasPrefix("1\nread 65536/65536"), "\(map.output)")
  }

  /// Lets each request wait.
  private struct Slow: RateLimiter {
    func wait(length: UInt64, isWrite: Bool) { if isWrite { Clock.sleep(seconds: 1.1) } }
  }

  @Test("copying that takes longer than it may has failed", arguments: [true, false])
  func timeout(_ breaksSnapshot: Bool) throws {
    try scene.disk("disk", 5)
    try scene.disk("target", 0)
    let user = try scene.open(
      options(
        ["driver": "throttle", "throttle-group": "g", "file": scene.file("target")],
        [
          "cbw-timeout": "1",
          "on-cbw-error": .string(breaksSnapshot ? "break-snapshot" : "break-guest-write"),
        ]), limiters: ["g": Slow()])
    let edge = try #require(user.edge)
    if breaksSnapshot {
      try edge.write(at: 0, [1])
      try edge.write(at: 65536, [1])
      #expect(try Files.read(scene.folder.file("target"))[65536] == 0)
    } else {
      let error = #expect(throws: BlockError.self) { try edge.write(at: 0, [1]) }
      #expect(error?.message == "Connection timed out")
      #expect(try edge.array(at: 0, count: 1) == [5])
    }
    try scene.graph.release(user)
  }

  @Test("a disk that is only read cannot have the filter, and nobody writes beside it")
  func permissions() throws {
    try scene.disk("disk", 5)
    try scene.disk("target", 0)
    let error = #expect(throws: BlockError.self) {
      _ = try scene.open(options(scene.file("target")), held: .consistentRead, flags: [])
    }
    #expect(error?.kind == .readOnly)
    let user = try scene.open(options(scene.file("target")), held: .consistentRead)
    let node = try #require(user.edge?.child)
    for child in node.children {
      #expect(throws: BlockError.self) { try scene.graph.use(child.child, "a writer", held: .write) }
    }
    try scene.graph.release(user)
  }
}
