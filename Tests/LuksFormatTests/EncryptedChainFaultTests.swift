// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Jobs
import Options
import Qcow2Format
import RawFormat
import Support
import Testing

/// What is done to chains with encrypted layers, on storage that fails and forgets.
@Suite struct EncryptedChainFaultTests {
  /// base, plain ← mid, encrypted ← top, encrypted; and other, which has part of it.
  private static func chain() throws -> [String: [UInt8]] {
    let folder = TemporaryFolder()
    let names = ["base", "mid", "top", "other"]
    let length: UInt64 = 160 << 10
    for (index, name) in names.enumerated() {
      var options = "cluster_size=4k"
      if name == "mid" || name == "top" {
        options =
          EncryptedQcow2.creation("luks", options)
          + ",backing_fmt=qcow2,backing_file=\(names[index - 1])"
      }
      try EncryptedQcow2.make(folder.file(name), size: length, options)
      let graph = Graph()
      let user = graph.makeUser(name, request: LuksSession.writePermissions)
      try EncryptedQcow2.opener(graph).open(
        image(folder.file(name)), OpenSettings(flags: .writable), for: user)
      var random = SeededNumbers(seed: UInt64(index))
      for _ in 0..<3 {
        let offset = UInt64.random(in: 0..<length - 30_000, using: &random)
        try user.edge?.write(at: offset, from: SampleDisk.noise(30_000, &random).bytes)
      }
      try user.edge?.writeZeroes(at: UInt64(index) * 20_000, length: 9000, mayUnmap: true)
      try graph.release(user)
    }
    var files: [String: [UInt8]] = [:]
    for name in names { files[name] = try Files.read(folder.file(name)) }
    return files
  }

  /// The image at a path, and what it takes to open its chain.
  private static func image(_ path: String) throws(BlockError) -> ImageName {
    var options: OptionObject = ["driver": "qcow2", "file": ["driver": "file", "filename": .string(path)]]
    let isTop = path.hasSuffix("top")
    if isTop || path.hasSuffix("mid") { options["encrypt.key-secret"] = "a" }
    if isTop { options["backing"] = ["encrypt.key-secret": "a"] }
    return try ImageName(options: options, text: path)
  }

  private static func opener(_ files: FaultFiles, _ graph: Graph) -> Opener {
    EncryptedQcow2.opener(graph, [files, RawFormat(), Qcow2Format()])
  }

  /// What the top reads as; where it stands on something else by now, that needs no secret.
  private static func content(_ bytes: [String: [UInt8]]) throws -> [UInt8] {
    let files = FaultFiles(bytes)
    let graph = Graph()
    let user = graph.makeUser("reader", request: LuksSession.readPermissions)
    do {
      try opener(files, graph).open(image("top"), OpenSettings(), for: user)
    } catch {
      try opener(files, graph).open(EncryptedQcow2.image("top"), OpenSettings(), for: user)
    }
    let edge = try #require(user.edge)
    let found = try edge.array(at: 0, count: Int(edge.length))
    try graph.release(user)
    return found
  }

  enum Change: String, Sendable, CaseIterable {
    case commit
    case commitDeeper
    case rebase
    case rebaseToNone
    case shrink
    case grow
    case snapshot

    func job(_ opener: Opener) throws(BlockError) -> any Job {
      let name = try EncryptedChainFaultTests.image("top")
      let image = JobImage.named(name, OpenSettings(flags: .writable), opener)
      switch self {
      case .commit, .commitDeeper:
        var options = CommitOptions(image: name)
        if self == .commitDeeper { options.base = "base" }
        options.threads = 2
        return CommitJob(options, opener: opener)
      case .rebase, .rebaseToNone:
        var options = RebaseOptions(image: name)
        if self == .rebase { (options.backing, options.backingFormat) = ("other", "qcow2") }
        options.threads = 2
        return RebaseJob(options, opener: opener)
      case .shrink: return ResizeJob(image, .set(100 << 10), mayShrink: true)
      case .grow: return ResizeJob(image, .set(260 << 10))
      case .snapshot: return SnapshotJob(image, .create("one"))
      }
    }

    /// How many bytes there may be afterwards.
    func lengths(_ before: Int) -> [Int] {
      switch self {
      case .shrink: [before, 100 << 10]
      case .grow: [before, 260 << 10]
      default: [before]
      }
    }
  }

  @Test(
    "X-04 J-05 after a failure or a crash at each operation the image reads as before",
    arguments: Change.allCases)
  func everyOperation(_ change: Change) throws {
    let bytes = try EncryptedChainFaultTests.chain()
    let before = try EncryptedChainFaultTests.content(bytes)
    #expect(before.contains { $0 != 0 })
    var number = 1
    var reached = true
    while reached {
      reached = false
      for losesHalf in [false, true] {
        let files = FaultFiles(bytes)
        let graph = Graph()
        files.counter.fail(number, of: [.write, .zero, .discard, .truncate, .flush], forGood: losesHalf)
        var runner = JobRunner(graph: graph)
        do throws(BlockError) {
          try runner.run(change.job(EncryptedChainFaultTests.opener(files, graph)))
        } catch {
          #expect(error.kind == .inputOutput, "\(error.message)")
        }
        #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty, "nothing stays open")
        reached = reached || files.counter.operations >= number
        if losesHalf { try files.crash { $0 % 2 == 0 } }
        let after = try EncryptedChainFaultTests.content(files.bytes)
        let common = min(before.count, after.count)
        let step = "operation \(number)\(losesHalf ? ", for good" : "")"
        #expect(change.lengths(before.count).contains(after.count), "\(step)")
        #expect(after[..<common] == before[..<common], "\(step)")
        #expect(after[common...].consists(of: 0), "\(step)")
      }
      number += 1
    }
    #expect(number > 3)
  }
}
