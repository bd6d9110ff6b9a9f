// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support
import Testing

@Suite struct ConvertJobTests {
  private let folder = TemporaryFolder()

  private func convert(_ change: (inout ConvertOptions) -> Void = { _ in }) throws -> (GraphDump, [String]) {
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    var options = ConvertOptions(
      sources: [ImageName(path: folder.file("disk.raw"))], target: ImageName(path: folder.file("out")))
    options.sourceSettings.format = "raw"
    change(&options)
    let job = try ConvertJob(options, opener: opener)
    var runner = JobRunner(graph: graph)
    defer { #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty, "nothing stays open") }
    try runner.run(job)
    return (graph.dump(), runner.warnings.map(\.message))
  }

  private func isSame() -> Bool {
    Shell.run("cmp disk.raw out", folder: folder.path) == Shell.Outcome(status: 0, output: "")
  }

  @Test(
    "raw to raw keeps every byte",
    arguments: [0, 1, 512, 4096, 262_144, 262_145, 5 << 20 | 77_312] as [UInt64])
  func copies(_ length: UInt64) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: length.roundedUp512, seed: length)
    _ = try convert()
    #expect(isSame())
  }

  @Test(
    "options that change how, not what",
    arguments: ["sparse 0", "sparse 64k", "one thread", "offload", "paced"])
  func variants(_ name: String) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 3 << 20, seed: 99)
    _ = try convert { options in
      switch name {
      case "sparse 0": options.sparseSize = 0
      case "sparse 64k": options.sparseSize = 65536
      case "one thread": options.threads = 1
      case "offload": options.offloads = true
      default: options.rateLimit = 16 << 20
      }
    }
    #expect(isSame())
  }

  @Test("a source that is no multiple of a sector is padded")
  func pads() throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1000, seed: 5)
    _ = try convert()
    let outcome = Shell.run("truncate -s 1024 disk.raw; cmp disk.raw out", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("several sources are put end to end")
  func concatenates() throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20 | 512, seed: 6)
    _ = try convert { $0.sources.append($0.sources[0]) }
    let outcome = Shell.run("cat disk.raw disk.raw | cmp - out", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("holes stay holes")
  func sparse() throws {
    _ = Shell.run(
      "truncate -s 100M disk.raw; echo hello | dd of=disk.raw bs=1 seek=50M conv=notrunc status=none",
      folder: folder.path)
    _ = try convert()
    #expect(isSame())
    let outcome = Shell.run("[ $(du -k out | cut -f1) -lt 64 ] && echo small", folder: folder.path)
    #expect(outcome.output == "small\n")
  }

  @Test("J-05 X-02 a failed convert leaves nothing, and an existing target as it was")
  func failureLeavesNothing() throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 7)
    _ = Shell.run("echo before > out", folder: folder.path)
    #expect(throws: BlockError.self) {
      try convert { $0.sources.append(ImageName(path: folder.file("missing"))) }
    }
    #expect(throws: BlockError.self) { try convert { $0.compresses = true } }
    #expect(Shell.run("cat out; ls -A", folder: folder.path).output == "before\ndisk.raw\nout\n")
  }

  @Test(
    "options that contradict each other are refused before anything is opened",
    arguments: ["-S", "-c", "salvag", "-n", "--bitmaps", "bitmaps only", "snapshot", "backing file"])
  func contradictions(_ word: String) throws {
    let error = #expect(throws: BlockError.self) {
      try convert { options in
        switch word {
        case "-S": (options.offloads, options.sparseSize) = (true, 4096)
        case "-c": (options.offloads, options.compresses) = (true, true)
        case "salvag": (options.offloads, options.salvages) = (true, true)
        case "-n": options.targetIsZero = true
        case "--bitmaps": options.skipsBrokenBitmaps = true
        default:
          options.sources.append(options.sources[0])
          switch word {
          case "bitmaps only": options.copiesBitmaps = true
          case "snapshot": options.sourceSettings.snapshot = .idOrName("one")
          default: options.backing = "base"
          }
        }
      }
    }
    #expect(error?.kind == .invalidArgument && error?.message.contains(word) == true)
  }

  @Test(
    "a format that has no backing files is told by the same words as in create",
    arguments: [
      ("base", "qcow2", "Backing file"), (nil, "qcow2", "Backing file format"), ("base", nil, "Backing file"),
    ] as [(String?, String?, String)])
  func noBacking(_ backing: String?, _ format: String?, _ words: String) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 4096, seed: 1)
    let graph = Graph()
    var options = CreateOptions(path: folder.file("out"), format: "raw")
    (options.size, options.backing, options.backingFormat) = (4096, backing, format)
    let created = #expect(throws: BlockError.self) {
      try CreateJob(options, graph: graph, opener: Opener(graph: graph, kinds: Drivers.all))
    }
    let converted = #expect(throws: BlockError.self) {
      try convert { ($0.backing, $0.backingFormat) = (backing, format) }
    }
    #expect(created?.message == "\(words) not supported for file format 'raw'")
    #expect(converted?.message == created?.message)
  }

  @Test("P-10 a convert of an image onto itself is refused")
  func ontoItself() throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 8)
    let path = folder.file("disk.raw")
    #expect {
      try convert { $0.target = ImageName(path: path) }
    } throws: { error in
      (error as? BlockError)?.kind == .conflict
        && (error as? BlockError)?.message.contains("\"write\" lock") == true
    }
  }

  @Test(
    "P-12 a raw target of the right size is written without asking to resize it, which others need not tolerate",
    arguments: ["raw", "qcow2"])
  func exactTarget(_ format: String) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 12)
    _ = Shell.run("qemu-img create -q -f $1 out 1M", format, folder: folder.path)
    let other = Graph()
    let keeper = other.makeUser(
      "the keeper", request: PermissionRequest(held: [], shared: Permissions.all.subtracting(.resize)))
    let file = try ImageName(
      options: ["driver": "file", "filename": .string(folder.file("out"))], text: "out")
    try Opener(graph: other, kinds: Drivers.all).open(file, OpenSettings(), for: keeper)
    var options = ConvertOptions(
      sources: [ImageName(path: folder.file("disk.raw"))], target: ImageName(path: folder.file("out")))
    (options.sourceSettings.format, options.targetFormat, options.skipsCreation) = ("raw", format, true)
    let graph = Graph()
    let job = try ConvertJob(options, opener: Opener(graph: graph, kinds: Drivers.all))
    guard format == "raw" else {
      var runner = JobRunner(graph: graph)
      let error = #expect(throws: BlockError.self) { try runner.run(job) }
      #expect(error?.kind == .conflict && error?.message.contains("\"resize\" lock") == true)
      return
    }
    try job.prepare(in: graph)
    let dump = graph.dump()
    #expect(dump.edges.contains { $0.request.held.contains(.write) })
    #expect(!dump.edges.contains { $0.request.held.contains(.resize) })
    try job.run(JobContext())
    var warnings: [BlockError] = []
    job.clean(in: graph, warnings: &warnings)
    #expect(warnings.isEmpty && isSame())
  }
}

extension UInt64 {
  fileprivate var roundedUp512: UInt64 { (self + 511) / 512 * 512 }
}
