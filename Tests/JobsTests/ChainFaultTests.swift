// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support
import Testing

/// Chains that are small, but have something of everything.
enum FaultChain {
  static let shapes = [
    "cluster_size=512", "cluster_size=4k,extended_l2=off", "extended_l2=on,cluster_size=16k",
    "compat=0.10,cluster_size=4k",
  ]

  /// base ← mid ← top, and other, which has part of what they have.
  static func make(_ shape: String) throws -> [String: [UInt8]] {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      io() { qemu-io -f qcow2 "$@" >/dev/null; }
      qemu-img create -q -f qcow2 -o "$1" base 160k
      io -c 'write -P 1 0 64k' -c 'write -P 2 100k 20k' base
      qemu-img create -q -f qcow2 -o "$1" -b base -F qcow2 mid 160k
      io -c 'write -P 3 20k 20k' -c 'write -z 48k 16k' mid
      qemu-img create -q -f qcow2 -o "$1" -b mid -F qcow2 top 200k
      io -c 'write -P 4 32k 3k' -c 'write -P 5 180k 4k' -c 'write -z 100k 8k' top
      qemu-img create -q -f qcow2 -o "$1" other 128k
      io -c 'write -P 1 0 16k' -c 'write -P 9 64k 16k' -c 'write -P 9 120k 8k' other
      """, shape, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
    var files: [String: [UInt8]] = [:]
    for name in ["base", "mid", "top", "other"] { files[name] = try Files.read(folder.file(name)) }
    return files
  }

  /// What an image reads as with its chain, and what is wrong with it or a layer, by the word of the peer.
  static func look(_ files: [String: [UInt8]], at image: String = "top") throws -> (
    content: [UInt8], faults: String
  ) {
    let folder = TemporaryFolder()
    for (name, bytes) in files { try Files.write(bytes, to: folder.file(name)) }
    let outcome = Shell.run(
      """
      for file in base mid top other; do
        qemu-img check -q -f qcow2 $file >log 2>&1; case $? in 0|3) ;; *) echo $file; cat log ;; esac
      done
      qemu-img convert -f qcow2 -O raw "$1" raw
      """, image, folder: folder.path)
    return (outcome.status == 0 ? try Files.read(folder.file("raw")) : [], outcome.output)
  }

  /// What was looked at before: many failures leave the same behind.
  final class Memory {
    private var known: [String: [[String: Content]: (content: [UInt8], faults: String)]] = [:]

    func look(_ files: [String: [UInt8]], at image: String = "top") throws -> (
      content: [UInt8], faults: String
    ) {
      let key = files.mapValues(Content.init)
      if let found = known[image]?[key] { return found }
      let found = try FaultChain.look(files, at: image)
      known[image, default: [:]][key] = found
      return found
    }
  }

  /// Everything but the storage, which is the files.
  static func kinds(_ files: FaultFiles) -> [any DriverKind] {
    [files] + Drivers.all.filter { $0.name != files.name }
  }

  /// Runs a job over the files.
  static func run(_ files: FaultFiles, _ make: (Opener) throws(BlockError) -> any Job) throws(BlockError) {
    let graph = Graph()
    defer { #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty, "nothing stays open") }
    let opener = Opener(graph: graph, kinds: kinds(files))
    var runner = JobRunner(graph: graph)
    try runner.run(try make(opener))
  }

  static let counted: Set<FaultStorage.Operation> = [.write, .zero, .discard, .truncate, .flush]

  /// Which operation failed, and what became of those behind it.
  struct Step: CustomStringConvertible {
    var number: Int
    /// Once; then for good, with nothing, all, or one half of the rest lost.
    var way: Int
    var description: String { "operation \(number), way \(way)" }
  }

  /// Fails each operation in turn, once and for good, and after the latter loses some of what was not durable.
  static func failEach(
    _ files: [String: [UInt8]], isFull: Bool = false, _ make: (Opener) throws(BlockError) -> any Job,
    after: (FaultFiles, _ failed: Bool, _ step: Step) throws -> Void
  ) throws {
    var number = 1
    while true {
      var reached = false
      for lost in 0..<4 {
        let image = FaultFiles(files, isFull: isFull)
        image.counter.fail(number, of: counted, forGood: lost > 0)
        var failed = false
        do throws(BlockError) { try run(image, make) } catch {
          failed = true
          #expect(error.kind == .inputOutput || (isFull && error.kind == .noSpace), "\(error.message)")
        }
        reached = reached || image.counter.operations >= number
        if lost > 0 { try image.crash { lost == 1 || (lost == 2 && $0 % 2 == 0) } }
        try after(image, failed, Step(number: number, way: lost))
      }
      if !reached { break }
      number += 1
    }
    #expect(number > 3)
  }
}

@Suite(.serialized) struct RebaseFaultTests {
  static let targets: [(String?, String?)] = [("other", "qcow2"), ("base", "qcow2"), (nil, nil)]
  static let ways: [(target: (String?, String?), compresses: Bool)] =
    targets.map { ($0, false) } + [(targets[0], true), (targets[2], true)]

  @Test(
    "X-04 J-05 rebase: after a failure or a crash at each operation the image reads as before",
    arguments: FaultChain.shapes, ways)
  func everyOperation(_ shape: String, _ way: (target: (String?, String?), compresses: Bool)) throws {
    let files = try FaultChain.make(shape)
    let memory = FaultChain.Memory()
    let expected = try memory.look(files)
    #expect(expected.faults.isEmpty && !expected.content.isEmpty)
    try FaultChain.failEach(files) { (opener: Opener) throws(BlockError) in
      var options = RebaseOptions(image: ImageName(path: "top"))
      options.settings.format = "qcow2"
      (options.backing, options.backingFormat) = way.target
      options.compresses = way.compresses
      options.threads = 2
      return RebaseJob(options, opener: opener)
    } after: { image, failed, step in
      let bytes = image.bytes
      let found = try memory.look(bytes)
      #expect(found.faults.isEmpty, "\(step)")
      #expect(found.content == expected.content, "\(step)")
      for name in ["base", "mid", "other"] {
        #expect(bytes[name].map(Content.init) == files[name].map(Content.init), "\(step) changed \(name)")
      }
    }
  }
}

@Suite(.serialized) struct CommitFaultTests {
  @Test(
    "X-04 J-05 R-02 commit: after a failure or a crash at each operation the image reads as before",
    arguments: FaultChain.shapes, [nil, "base"])
  func everyOperation(_ shape: String, _ base: String?) throws {
    let files = try FaultChain.make(shape)
    let memory = FaultChain.Memory()
    let expected = try memory.look(files)
    #expect(expected.faults.isEmpty && !expected.content.isEmpty)
    try FaultChain.failEach(files) { (opener: Opener) throws(BlockError) in
      var options = CommitOptions(image: ImageName(path: "top"))
      options.settings.format = "qcow2"
      options.base = base
      options.threads = 2
      return CommitJob(options, opener: opener)
    } after: { image, failed, step in
      let bytes = image.bytes
      let found = try memory.look(bytes)
      #expect(found.faults.isEmpty, "\(step)")
      #expect(found.content == expected.content, "\(step)")
      #expect(bytes["other"] == files["other"])
      if base != nil { #expect(bytes["mid"] == files["mid"], "\(step) changed a layer in between") }
      guard !failed else { return }
      let committed = try memory.look(bytes, at: base ?? "mid")
      #expect(committed.content == expected.content, "\(step)")
    }
  }
}

/// Formats whose images know their parents by what these have.
@Suite(.serialized) struct IdentifiedCommitFaultTests {
  static let shapes = [
    ("vmdk", "subformat=monolithicSparse"), ("vmdk", "subformat=twoGbMaxExtentSparse"),
    ("vhdx", "block_size=1M,log_size=1M"),
  ]

  /// base ← top, of which each has something.
  private static func make(_ format: String, _ options: String) throws -> [String: [UInt8]] {
    let folder = TemporaryFolder()
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    for (name, place) in [("base", 0), ("top", 100_000)] as [(String, UInt64)] {
      var wanted = CreateOptions(path: folder.file(name), format: format)
      wanted.options = try KeyValueList(creationOptions: options)
      wanted.size = 256 << 10
      if name == "top" { (wanted.backing, wanted.backingFormat) = ("base", format) }
      var runner = JobRunner(graph: graph)
      try runner.run(try CreateJob(wanted, graph: graph, opener: opener))
      let user = graph.makeUser("the test", request: PermissionRequest(held: .write, shared: .all))
      try opener.open(
        ImageName(path: folder.file(name)), OpenSettings(format: format, flags: .writable), for: user)
      try user.edge?.write(at: place, [UInt8](repeating: UInt8(place % 251 + 1), count: 90_000))
      try graph.release(user)
    }
    var files: [String: [UInt8]] = [:]
    for name in Shell.run("ls", folder: folder.path).output.split(separator: "\n").map(String.init) {
      files[name] = try Files.read(folder.file(name))
    }
    return files
  }

  /// What the image reads as with its chain.
  private static func look(_ files: [String: [UInt8]], _ format: String, at image: String = "top") throws
    -> [UInt8]
  {
    let graph = Graph()
    let user = graph.makeUser("the test", request: PermissionRequest(held: .consistentRead, shared: .all))
    defer { try? graph.release(user) }
    try Opener(graph: graph, kinds: FaultChain.kinds(FaultFiles(files))).open(
      ImageName(path: image), OpenSettings(format: format), for: user)
    let edge = try #require(user.edge)
    return try edge.array(at: 0, count: Int(edge.length))
  }

  @Test(
    "X-04 J-05 R-02 commit: after a failure or a crash at each operation the image opens, and reads as before",
    arguments: shapes)
  func everyOperation(_ format: String, _ options: String) throws {
    let files = try IdentifiedCommitFaultTests.make(format, options)
    let expected = try IdentifiedCommitFaultTests.look(files, format)
    #expect(expected.contains(1) && expected.count == 256 << 10)
    try FaultChain.failEach(files) { (opener: Opener) throws(BlockError) in
      var options = CommitOptions(image: ImageName(path: "top"))
      options.settings.format = format
      options.threads = 1
      return CommitJob(options, opener: opener)
    } after: { image, failed, step in
      var isSame = false
      do { isSame = try IdentifiedCommitFaultTests.look(image.bytes, format) == expected } catch {
        Issue.record(error, "\(step)")
      }
      #expect(isSame, "\(step)")
      guard !failed else { return }
      let isCommitted = try IdentifiedCommitFaultTests.look(image.bytes, format, at: "base") == expected
      #expect(isCommitted, "\(step)")
      // What was announced on the way is gone.
      let top = String(decoding: try #require(image.bytes["top"]), as: UTF8.self)
      #expect(!top.contains("strata-parentCID"), "\(step)")
    }
  }
}
