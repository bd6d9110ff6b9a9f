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

/// Images of a folder, made by a script, of which a user has the topmost open for reading.
private final class DropScene {
  let folder = TemporaryFolder()
  let graph = Graph()
  let user: RootUser

  /// - Parameter script: makes images with `image PATH BACKING`, relative to the folder; the last is opened.
  init(_ script: String, opening top: String) throws {
    let outcome = Shell.run(
      """
      set -e
      number=0
      image() {
        number=$((number + 1))
        mkdir -p $(dirname $1)
        qemu-img create -q -f qcow2 ${2:+-b "$2" -F qcow2} $3 $1 ${size-1M}
        qemu-io -f qcow2 -c "write -P $number $((number * 64))k 150k" $1 >/dev/null
      }
      \(script)
      qemu-img convert -f qcow2 -O raw \(top) before
      """, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
    user = graph.makeUser("the guest", request: PermissionRequest(held: .consistentRead, shared: .all))
    try Opener(graph: graph, kinds: Drivers.all).open(
      ImageName(path: folder.file(top)), OpenSettings(format: "qcow2"), for: user)
  }

  /// The graph, the open files with their locks, and which of them may be written.
  var state: State {
    var writable: [String] = []
    for node in graph.nodes where node.isWritable || (node.driver as? FileDriver)?.file.isWritable == true {
      writable.append(node.fileName)
    }
    return State(dump: graph.dump(), files: OpenFiles.under(folder.path), writable: writable)
  }

  struct State: Equatable {
    var dump: GraphDump
    var files: [String]
    var writable: [String]
  }

  /// The files of the chain that the user sees, top first, relative to the folder.
  var chain: [String] {
    var names: [String] = []
    var node = user.edge?.child
    while let layer = node {
      let path = FilePaths.resolvingLinks(layer.fileName)
      names.append(FilePaths.relative(path, from: FilePaths.resolvingLinks(folder.path)))
      node = layer.backing?.child
    }
    return names
  }

  /// - Parameter warnings: what is expected to go wrong with cleaning; nil for anything.
  func drop(top: String?, base: String? = nil, warnings: [String]? = []) throws(BlockError) {
    var options = DropLayersOptions()
    options.top = top.map { folder.file($0) }
    options.base = base.map { folder.file($0) }
    var runner = JobRunner(graph: graph)
    defer { if let warnings { #expect(runner.warnings.map(\.message) == warnings) } }
    try runner.run(DropLayersJob(options, of: user))
  }

  /// The backing file's format and name in an image.
  func backing(of name: String) -> String {
    let script = """
      qemu-img info -U --output=json "$1" | grep -Po '^    "(backing-filename|backing-filename-format)": "\\K[^"]*'
      """
    return Shell.run(script, name, folder: folder.path).output
  }

  func readsAsBefore(_ name: String) -> Bool {
    Shell.run(
      "qemu-img compare -q -U -f raw -F qcow2 before \"$1\" && qemu-img check -q -U \"$1\"", name,
      folder: folder.path) == Shell.Outcome(status: 0, output: "")
  }
}

/// What is dropped, and what the image above then names.
struct DropCase: Sendable, CustomTestStringConvertible {
  var script: String
  /// The image opened.
  var image = "top"
  var top: String
  var base: String?
  /// The image whose backing file changes.
  var overlay = "top"
  var name: String
  var chain: [String]

  var testDescription: String { script }
}

@Suite struct DropLayersTests {
  static let cases = [
    DropCase(
      script: "image base; image mid base; image top mid", top: "mid", name: "base", chain: ["top", "base"]),
    DropCase(
      script: "image base; image m1 base; image m2 m1; image top m2", top: "m2", base: "base", name: "base",
      chain: ["top", "base"]),
    DropCase(
      script: "image base; image m1 base; image m2 m1; image top m2", top: "m1", overlay: "m2", name: "base",
      chain: ["top", "m2", "base"]),
    DropCase(
      script: "image c/base; image b/mid ../c/base; image a/top ../b/mid", image: "a/top", top: "b/mid",
      overlay: "a/top", name: "../c/base", chain: ["a/top", "c/base"]),
    DropCase(
      script: "image b/base; image b/mid base; image top b/mid", top: "b/mid", name: "b/base",
      chain: ["top", "b/base"]),
    DropCase(
      script: "image base; image b/mid ../base; image b/c/top ../mid", image: "b/c/top", top: "b/mid",
      overlay: "b/c/top", name: "../../base", chain: ["b/c/top", "base"]),
    DropCase(
      script: "image base; image mid $PWD/base; image top mid", top: "mid", name: "/base",
      chain: ["top", "base"]),
    DropCase(
      script: "image base; image mid base; image top $PWD/mid", top: "mid", name: "/base",
      chain: ["top", "base"]),
    // Past the end of the layer that goes there are zeros, whatever the base has there.
    DropCase(
      script: "image base; size=300k; image mid base; size=900k; image top mid", top: "mid", name: "base",
      chain: ["top", "base"]),
    DropCase(
      script: "size=300k; image base; size=1M; image mid base; size=900k; image top mid", top: "mid",
      name: "base", chain: ["top", "base"]),
  ]

  @Test(
    "G-09 J-05 the image above the dropped layers names the base, and is open for reading only again",
    arguments: cases)
  func drops(_ drop: DropCase) throws {
    let scene = try DropScene(drop.script, opening: drop.image)
    #expect(scene.state.writable.isEmpty)
    try scene.drop(top: drop.top, base: drop.base)
    let name = drop.name.hasPrefix("/") ? FilePaths.resolvingLinks(scene.folder.path) + drop.name : drop.name
    #expect(scene.backing(of: drop.overlay) == "qcow2\n\(name)\n")
    #expect(scene.chain == drop.chain)
    #expect(scene.state.writable.isEmpty && scene.graph.rootUsers.count == 1)
    #expect(OpenFiles.under(scene.folder.path).count == drop.chain.count)
    #expect(scene.graph.dump().edges.allSatisfy { $0.frozenBy == nil } && scene.graph.violations == [])
    #expect(scene.readsAsBefore(drop.image))
    let edge = try #require(scene.user.edge)
    let before = try Files.read(scene.folder.file("before"))
    let isSame = try edge.array(at: 0, count: before.count) == before
    #expect(isSame)
    try scene.graph.release(scene.user)
    #expect(scene.graph.nodes.isEmpty && OpenFiles.under(scene.folder.path).isEmpty)
    #expect(scene.readsAsBefore(drop.image))
  }

  @Test("G-09 where the new name finds no room, the old one stays and the chain is whole")
  func noRoom() throws {
    let long = String(repeating: "b", count: 200)
    let scene = try DropScene(
      "image \(long)/\(long); image mid \(long)/\(long); image top mid '-o cluster_size=512'", opening: "top")
    let before = scene.state
    let error = #expect(throws: BlockError.self) { try scene.drop(top: "mid") }
    #expect(
      error?.message.contains("Could not change the backing file of '") == true, "\(error?.message ?? "")")
    #expect(scene.state == before)
    #expect(scene.backing(of: "top") == "qcow2\nmid\n" && scene.readsAsBefore("top"))
  }

  @Test("G-09 T-01 a failure at any step leaves a whole chain, open for reading as before")
  func steps() throws {
    var number = 0
    var undone = 0
    while true {
      number += 1
      let scene = try DropScene("image base; image mid base; image top mid", opening: "top")
      let before = scene.state
      scene.graph.faults.arm(number)
      do throws(BlockError) {
        try scene.drop(top: "mid", warnings: nil)
        #expect(scene.backing(of: "top") == "qcow2\nbase\n" && scene.readsAsBefore("top"))
        break
      } catch {
        scene.graph.faults.arm(0)
        #expect(error.message.contains("injected failure at step \(number) "), "\(error.message)")
        #expect(scene.state == before, "step \(number)")
        undone += 1
      }
      #expect(scene.backing(of: "top") == "qcow2\nmid\n" && scene.readsAsBefore("top"))
    }
    #expect(undone > 40, "\(undone)")
  }

  @Test("R-02 J-05 an image committed with its users: these use the base, which stays open for writing")
  func active() throws {
    let scene = try DropScene(
      "size=2M; image base; size=1M; image mid base; image top mid", opening: "top")
    let base = try #require(scene.user.edge?.child.backing?.child.backing?.child)
    let dropped = scene.graph.nodes.filter { $0 !== base && $0 !== base.file?.child }
    try scene.drop(top: nil, base: "base")
    #expect(scene.user.edge?.child === base && base.isWritable)
    #expect((base.file?.child.driver as? FileDriver)?.file.isWritable == true)
    #expect(scene.chain == ["base"] && scene.graph.nodes.count == 2 && scene.graph.violations == [])
    for node in dropped { #expect(scene.graph.node(named: node.name) == nil) }
    #expect(scene.user.edge?.length == 1 << 20)
    try scene.graph.setPermissions(
      PermissionRequest(held: [.consistentRead, .write], shared: .all), of: scene.user)
    #expect(scene.readsAsBefore("base"))
    try scene.user.edge?.write(at: 0, [1, 2, 3])
    try scene.graph.release(scene.user)
    #expect(scene.graph.nodes.isEmpty && OpenFiles.under(scene.folder.path).isEmpty)
  }

  @Test("R-02 T-01 J-05 where committing an image with its users fails, they and all layers are as before")
  func failingActive() throws {
    var number = 0
    while true {
      number += 1
      let scene = try DropScene("image base; image top base", opening: "top")
      let before = scene.state
      scene.graph.faults.arm(number)
      do throws(BlockError) {
        try scene.drop(top: nil, warnings: nil)
        #expect(scene.readsAsBefore("base"))
        break
      } catch {
        scene.graph.faults.arm(0)
        #expect(scene.state == before, "step \(number)")
      }
    }
    #expect(number > 20)
  }

  @Test("layers that are not there are named")
  func unknown() throws {
    let scene = try DropScene("image base; image mid base; image top mid", opening: "top")
    let before = scene.state
    let cases: [(String?, String?, String)] = [
      ("nosuch", nil, "nosuch"), ("mid", "nosuch", "nosuch"), ("base", nil, "base"), ("mid", "top", "top"),
    ]
    for (top, base, named) in cases {
      let error = #expect(throws: BlockError.self) { try scene.drop(top: top, base: base) }
      #expect(error?.message.contains("/\(named)'") == true, "\(error?.message ?? "")")
      #expect(scene.state == before)
    }
  }
}

/// Opens an image for a user of its own, and drops layers of its chain.
private final class OpenedDrop: Job {
  let kind = "drop"
  private let opener: Opener
  private let options: DropLayersOptions
  private var user: RootUser?
  private var job: DropLayersJob?

  init(_ options: DropLayersOptions, opener: Opener) { (self.options, self.opener) = (options, opener) }

  func prepare(in graph: Graph) throws(BlockError) {
    let user = graph.makeUser("the guest", request: PermissionRequest(held: .consistentRead, shared: .all))
    self.user = user
    try opener.open(ImageName(path: "top"), OpenSettings(format: "qcow2"), for: user)
    let job = DropLayersJob(options, of: user)
    self.job = job
    try job.prepare(in: graph)
  }
  func run(_ context: JobContext) throws(BlockError) { try job?.run(context) }
  func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    try job?.commit(in: graph, isFinal: isFinal)
  }
  func abort(in graph: Graph) { job?.abort(in: graph) }
  func clean(in graph: Graph, warnings: inout [BlockError]) {
    job?.clean(in: graph, warnings: &warnings)
    if let user { try? graph.release(user) }
  }
}

@Suite(.serialized) struct DropLayersFaultTests {
  @Test(
    "G-09 X-04 J-05 after a failure or a crash at each operation the image reads as before",
    arguments: ["cluster_size=512", "extended_l2=on,cluster_size=16k"], ["mid", nil])
  func everyOperation(_ shape: String, _ top: String?) throws {
    let files = try FaultChain.make(shape)
    let expected = try FaultChain.look(files)
    #expect(expected.faults.isEmpty && !expected.content.isEmpty)
    try FaultChain.failEach(files) { (opener: Opener) throws(BlockError) in
      var options = DropLayersOptions()
      (options.top, options.base, options.threads) = (top, "base", 2)
      return OpenedDrop(options, opener: opener)
    } after: { image, failed, step in
      let bytes = image.bytes
      let found = try FaultChain.look(bytes)
      #expect(found.faults.isEmpty, "\(step)")
      #expect(found.content == expected.content, "\(step)")
      for name in ["mid", "other"] { #expect(bytes[name] == files[name], "\(step) changed \(name)") }
      if top == nil { #expect(bytes["top"] == files["top"], "\(step) changed top") }
      guard !failed, top == nil else { return }
      #expect(try FaultChain.look(bytes, at: "base").content == expected.content, "\(step)")
    }
  }
}
