// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Support
import Testing

@Suite struct BrokenImagesTests {
  private let folder = TemporaryFolder()
  private static let commands = ["info", "check", "map", "convert"]

  /// Runs the commands, each with an end to its time and memory; prints status, stderr.
  private static let script = """
    ulimit -v 1000000
    for command in info check map convert; do
      target=
      [ $command = convert ] && target='-O raw out'
      # People get no map of compressed clusters.
      [ $command = map ] && target=--output=json
      start=$(date +%s%3N)
      timeout 20 "$1" $command -f qcow2 sample.qcow2 $target >/dev/null 2>messages </dev/null
      echo "$command|$?|$(($(date +%s%3N) - start))|$(grep "^strata: " messages | grep -vc "^strata: hint: ")|$(tr '\\n' ';' <messages)"
    done
    [ -e out ] && echo 'out|0|0|0|'
    """

  private struct Result {
    var status: Int32
    var milliseconds: Int
    /// Lines that begin with the program's name and are no hints.
    var errors: Int
    var messages: String
  }

  private func runProgram(_ image: BrokenImage) throws -> [String: Result] {
    try image.image.write(to: folder)
    let outcome = Shell.run(BrokenImagesTests.script, Programs.strata, folder: folder.path)
    var results: [String: Result] = [:]
    for line in outcome.output.split(separator: "\n") {
      let parts = line.split(separator: "|", maxSplits: 4, omittingEmptySubsequences: false)
      guard parts.count == 5, let status = Int32(parts[1]), let time = Int(parts[2]),
        let errors = Int(parts[3])
      else { continue }
      results[String(parts[0])] = Result(
        status: status, milliseconds: time, errors: errors, messages: String(parts[4]))
    }
    return results
  }

  @Test(
    "X-03 each defect ends in one clear error or a result, in bounded time and memory",
    arguments: BrokenImage.all)
  func program(_ image: BrokenImage) throws {
    let results = try runProgram(image)
    for command in BrokenImagesTests.commands {
      let result = try #require(results[command], "\(command) did not run")
      #expect(result.status < 124, "\(command) trapped or hung: \(result)")
      // The limit is two seconds; the machine may be busy with other tests.
      #expect(result.milliseconds < 6000, "\(command): \(result)")
      #expect(result.errors <= 1, "\(command) has more than one error: \(result)")
      if result.status == 1 {
        #expect(result.messages.contains("strata: "), "\(command) says nothing")
      }
    }
    // What could not be read whole does not appear under the target's name.
    #expect((results["out"] != nil) == (results["convert"]?.status == 0))
    try expectOutcome(results, image)
  }

  private func expectOutcome(_ results: [String: Result], _ image: BrokenImage) throws {
    switch image.outcome {
    case .refused(let reason):
      for command in BrokenImagesTests.commands { expectRefusal(results[command], command, reason) }
    case .described(let reason):
      #expect(results["info"]?.status == 0, "\(results)")
      for command in ["map", "convert"] { expectRefusal(results[command], command, reason) }
      // Tables can be checked without backing files, not without the data file; a loop is no image.
      if image.shape == .dataFile || reason.contains("infinite loop") {
        expectRefusal(results["check"], "check", reason)
      } else {
        #expect(results["check"]?.status == 0, "\(results)")
      }
    case .opened(let check, let finding, let map, let convert):
      #expect(results["info"]?.status == 0, "\(results)")
      #expect(results["check"]?.status == check, "\(results)")
      if !finding.isEmpty { #expect(results["check"]?.messages.contains(finding) == true, "\(results)") }
      expectReading(results["map"], map)
      expectReading(results["convert"], convert)
    }
  }

  @Test("the library says the same of each defect as the program", arguments: BrokenImage.all)
  func library(_ image: BrokenImage) throws {
    try image.image.write(to: folder)
    let checked = CheckedImage(folder.file("sample.qcow2"))
    switch image.outcome {
    case .refused(let reason):
      #expect(checked.error?.message.contains(reason) == true)
      #expect(checked.readError != nil)
    case .described:
      // The reason names other files by their whole path here.
      #expect(checked.error?.message.hasPrefix("Could not open '") == true)
      #expect(checked.readError != nil)
    case .opened(let status, let finding, _, let convert):
      #expect((checked.error != nil || checked.result?.checkErrors != 0) == (status == 1))
      if let result = checked.result, status != 1 {
        #expect(status == (result.corruptions > 0 ? 2 : result.leaks > 0 ? 3 : 0))
        #expect(finding.isEmpty || checked.findings.contains { $0.contains(finding) }, "\(checked.findings)")
      }
      #expect((checked.readError != nil) == (convert != nil))
    }
  }

  private func expectRefusal(_ result: Result?, _ command: String, _ reason: String) {
    #expect(result?.status == 1, "\(command): \(String(describing: result))")
    #expect(result?.messages.contains("strata: Could not open 'sample.qcow2': ") == true, "\(command)")
    #expect(result?.messages.contains(reason) == true, "\(command): \(String(describing: result))")
  }

  private func expectReading(_ result: Result?, _ reason: String?) {
    #expect(result?.status == (reason == nil ? 0 : 1), "\(String(describing: result))")
    if let reason { #expect(result?.messages.contains(reason) == true, "\(String(describing: result))") }
  }

  @Test("the images are whole before they are broken", arguments: SampleQcow2.Shape.allCases)
  func samples(_ shape: SampleQcow2.Shape) throws {
    try SampleQcow2(shape).write(to: folder)
    let checked = CheckedImage(folder.file("sample.qcow2"))
    #expect(checked.findings == [])
    #expect(checked.error == nil)
    let outcome = Shell.run(
      """
      qemu-img check -q sample.qcow2 && qemu-img convert -O raw sample.qcow2 theirs &&
      "$1" convert -O raw sample.qcow2 ours && cmp theirs ours
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}

/// What the library makes of an image: opens it for a check, checks it, opens it for reading, reads all of it.
struct CheckedImage {
  var findings: [String] = []
  var result: CheckResult?
  /// What ended the check.
  var error: BlockError?
  /// What ended reading.
  var readError: BlockError?

  init(_ path: String) {
    do throws(BlockError) {
      let session = try ImageSession(path, writable: false, flags: .checking)
      defer { _ = try? session.close() }
      if let driver = session.edge.child.driver as? any CheckingDriver {
        var lines: [String] = []
        result = try driver.check(session.edge.child, JobContext()) { lines.append($0) }
        findings = lines
      }
    } catch {
      self.error = error
    }
    do throws(BlockError) {
      let session = try ImageSession(path, writable: false)
      defer { _ = try? session.close() }
      var scan = MapScan(session.edge)
      while try scan.next() != nil {}
      var position: UInt64 = 0
      // A disk whose length is absurd is sampled.
      while position < min(session.edge.length, 4 << 20) {
        _ = try session.edge.read(at: position, count: 65536)
        position += 65536
      }
    } catch {
      readError = error
    }
  }
}
