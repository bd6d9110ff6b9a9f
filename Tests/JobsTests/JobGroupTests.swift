// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Crypto
import Errors
import Host
import Jobs
import Options
import Support
import Testing

@Suite("Jobs that succeed or fail together", .serialized)
struct JobGroupTests {
  private let folder = TemporaryFolder()

  /// What the first job of a group does.
  enum Work: String, CaseIterable {
    case create, replace, createTwoFiles, convert, dd, rebase, dropLayers, backup, restore, grow, snapshot
    case addKey, addKeyInImage, eraseKey

    var needsKeys: Bool { [.backup, .restore, .addKey, .addKeyInImage, .eraseKey].contains(self) }

    /// What others see of it: text that a script prints.
    var look: String {
      switch self {
      case .create, .replace, .createTwoFiles, .convert, .dd, .backup: "cat new data"
      case .rebase, .dropLayers: "qemu-img info top | grep backing; qemu-img check -q top && qemu-img map top"
      case .restore, .addKey, .eraseKey: "cksum keys"
      case .addKeyInImage: "cksum secret"
      case .grow: "qemu-img info --output=json disk | grep virtual-size; qemu-img check -q disk"
      case .snapshot: "qemu-img snapshot -l disk; qemu-img check -q disk"
      }
    }
  }

  /// The secrets that the disks have.
  private struct Secrets: SecretSource {
    var all: [Secret] { [] }
    func secret(named id: String) throws(BlockError) -> Secret { Secret(text: id == "s" ? "x" : id) }
  }

  /// Fails where it is told to.
  private final class Failing: Job {
    let kind = "failing"
    private let inCommit: Bool
    init(inCommit: Bool) { self.inCommit = inCommit }
    func run(_ context: JobContext) throws(BlockError) { if !inCommit { throw error } }
    func commit(in graph: Graph, isFinal: Bool) throws(BlockError) { throw error }
    private var error: BlockError { BlockError(.inputOutput, "the second fails") }
  }

  private func prepare(for work: Work) throws {
    let outcome = Shell.run(
      """
      set -e
      rm -rf *
      truncate -s 2M disk.raw; printf content | dd of=disk.raw conv=notrunc 2>/dev/null
      qemu-img create -q -f qcow2 disk 1M
      qemu-img convert -f raw -O qcow2 disk.raw base
      qemu-img create -q -f qcow2 -b base -F qcow2 mid
      qemu-img create -q -f qcow2 -b mid -F qcow2 top
      """, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
    guard work.needsKeys else { return }
    let graph = Graph()
    var opener = Opener(graph: graph, kinds: Drivers.all)
    opener.secrets = Secrets()
    var runner = JobRunner(graph: graph)
    for (name, format, text) in [
      ("keys", "luks", "key-secret=s,iter-time=1"), ("others", "luks", "key-secret=s,iter-time=1"),
      ("secret", "qcow2", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=1"),
    ] {
      var options = CreateOptions(path: folder.file(name), format: format)
      options.size = 1 << 20
      options.options = try KeyValueList(creationOptions: text)
      try runner.run(try CreateJob(options, graph: graph, opener: opener))
    }
    #expect(Shell.run("head -c 2M others >copy", folder: folder.path).status == 0)
  }

  private func image(_ name: String) -> ImageName { ImageName(path: folder.file(name)) }

  private func make(_ work: Work, _ graph: Graph, _ user: RootUser) throws -> any Job {
    let opener = Opener(graph: graph, kinds: Drivers.all)
    let writable = OpenSettings(format: "qcow2", flags: .writable)
    switch work {
    case .create, .replace, .createTwoFiles:
      var options = CreateOptions(path: folder.file("new"), format: "qcow2")
      options.size = 1 << 20
      if work == .createTwoFiles {
        options.options = try KeyValueList(creationOptions: "data_file=\(folder.file("data"))")
      }
      return try CreateJob(options, graph: graph, opener: opener)
    case .convert:
      var options = ConvertOptions(sources: [image("disk.raw")], target: image("new"))
      options.sourceSettings.format = "raw"
      return try ConvertJob(options, opener: opener)
    case .dd:
      return DdJob(DdOptions(source: .image(image("disk.raw")), target: .image(image("new"))), opener: opener)
    case .rebase:
      var options = RebaseOptions(image: image("top"))
      (options.backing, options.backingFormat) = ("base", "qcow2")
      return RebaseJob(options, opener: opener)
    case .dropLayers:
      try opener.open(image("top"), OpenSettings(format: "qcow2"), for: user)
      var options = DropLayersOptions()
      (options.top, options.base) = ("mid", "base")
      return DropLayersJob(options, of: user)
    case .backup: return LuksBackupJob(image("keys"), to: folder.file("new"), opener: opener)
    case .restore: return LuksRestoreJob(image("keys"), from: image("copy"), force: true, opener: opener)
    case .grow: return ResizeJob(.named(image("disk"), writable, opener), .grow(1 << 20))
    case .addKey, .eraseKey, .addKeyInImage:
      var opener = opener
      opener.secrets = Secrets()
      let name = work == .addKeyInImage ? "secret" : "keys"
      let prefix = work == .addKeyInImage ? "encrypt." : ""
      let change =
        work == .eraseKey
        ? "state=inactive,keyslot=0" : "\(prefix)state=active,\(prefix)new-secret=b,\(prefix)iter-time=1"
      var options: OptionObject = ["file": ["driver": "file", "filename": .string(folder.file(name))]]
      options["driver"] = work == .addKeyInImage ? "qcow2" : "luks"
      options.set("s", at: prefix + "key-secret")
      let image = JobImage.named(
        try ImageName(options: options, text: name), OpenSettings(flags: .writable), opener)
      return AmendJob(image, .listed(try KeyValueList(creationOptions: change), force: true, opener))
    case .snapshot: return SnapshotJob(.named(image("disk"), writable, opener), .create("one"))
    }
  }

  @Test(
    "J-04 where the second job of a group fails, nothing of the first is seen", arguments: Work.allCases,
    [nil, false, true])
  func together(_ work: Work, _ failsInCommit: Bool?) throws {
    try prepare(for: work)
    if work == .replace { #expect(Shell.run("echo old >new", folder: folder.path).status == 0) }
    func look() -> String { Shell.run("ls -A; exec 2>&1; " + work.look, folder: folder.path).output }
    let before = look()
    let graph = Graph()
    let user = graph.makeUser("the guest", request: PermissionRequest(held: .consistentRead, shared: .all))
    let first = try make(work, graph, user)
    var runner = JobRunner(graph: graph)
    if let failsInCommit {
      let error = #expect(throws: BlockError.self) {
        try runner.run(group: [first, Failing(inCommit: failsInCommit)])
      }
      #expect(error?.message == "the second fails")
    } else {
      try runner.run(group: [first])
    }
    try graph.release(user)
    #expect(runner.warnings.isEmpty)
    #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty, "nothing stays open")
    #expect((look() == before) == (failsInCommit != nil))
    #expect(OpenFiles.under(folder.path).isEmpty)
  }

  @Test("J-04 where both succeed, both are seen, and nothing else stays", arguments: [false, true])
  func both(_ replaces: Bool) throws {
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    if replaces { #expect(Shell.run("echo old | tee one >two", folder: folder.path).status == 0) }
    let jobs = try ["one", "two"].map { name in
      var options = CreateOptions(path: folder.file(name), format: "qcow2")
      options.size = 1 << 20
      return try CreateJob(options, graph: graph, opener: opener)
    }
    var runner = JobRunner(graph: graph)
    try runner.run(group: jobs)
    #expect(runner.warnings.isEmpty && graph.nodes.isEmpty)
    let found = Shell.run("ls -A; qemu-img check -q one; qemu-img check -q two", folder: folder.path)
    #expect(found.output == "one\ntwo\n")
  }
}
