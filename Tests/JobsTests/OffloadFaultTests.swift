// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Qcow2Format
import RawFormat
import Support
import Testing

/// Converting by letting storage copy, where copying or anything else fails.
@Suite struct OffloadFaultTests {
  static let targets = ["raw", "qcow2"]

  private static func files(_ target: String) throws -> [String: [UInt8]] {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 2 << 20, seed: 5)
    let made = Shell.run(
      "qemu-img create -q -f $1 target 2M && qemu-img convert -O raw disk.raw disk", target,
      folder: folder.path)
    #expect(made.status == 0, "\(made.output)")
    return ["disk": try Files.read(folder.file("disk")), "target": try Files.read(folder.file("target"))]
  }

  private func convert(_ files: FaultFiles, _ target: String) throws(BlockError) {
    let graph = Graph()
    defer { #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty, "nothing stays open") }
    var options = ConvertOptions(sources: [ImageName(path: "disk")], target: ImageName(path: "target"))
    options.sourceSettings.format = "raw"
    options.targetFormat = target
    options.skipsCreation = true
    options.offloads = true
    options.threads = 2
    let opener = Opener(graph: graph, kinds: [files, RawFormat(), Qcow2Format()])
    var runner = JobRunner(graph: graph)
    try runner.run(try ConvertJob(options, opener: opener))
  }

  private func content(_ files: FaultFiles, _ target: String) throws -> [UInt8] {
    guard target != "raw" else { return files.bytes["target"] ?? [] }
    let folder = TemporaryFolder()
    try Files.write(files.bytes["target"] ?? [], to: folder.file("target"))
    #expect(Shell.run("qemu-img convert -O raw target out", folder: folder.path).status == 0)
    return try Files.read(folder.file("out"))
  }

  @Test("C-06 a copy that fails at any request is finished by reading and writing", arguments: targets)
  func copying(_ target: String) throws {
    let files = try OffloadFaultTests.files(target)
    let whole = FaultFiles(files)
    whole.counter.fail(0, of: [.copy])
    try convert(whole, target)
    #expect(try content(whole, target) == files["disk"])
    let total = whole.counter.operations
    #expect(total > 3)
    for number in 1...total {
      let image = FaultFiles(files)
      image.counter.fail(number, of: [.copy])
      try convert(image, target)
      #expect(try content(image, target) == files["disk"], "\(number)")
      #expect(image.counter.operations == number, "nobody asks again after a refusal")
    }
  }

  @Test("D-02 J-05 whatever fails for good while storage copies ends the job", arguments: targets)
  func everyOperation(_ target: String) throws {
    let files = try OffloadFaultTests.files(target)
    let counted: Set<FaultStorage.Operation> = [.read, .write, .zero, .copy, .flush]
    var number = 1
    while true {
      let image = FaultFiles(files)
      image.counter.fail(number, of: counted, forGood: true)
      var failed = false
      do throws(BlockError) { try convert(image, target) } catch {
        failed = true
        #expect(error.kind == .inputOutput, "\(number)")
      }
      guard image.counter.operations >= number else { break }
      if !failed { #expect(try content(image, target) == files["disk"], "\(number)") }
      number += 1
    }
    #expect(number > 3)
  }
}
