// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Options
import Support
import Testing

@testable import Commands

@Suite struct ResultTests {
  private let folder = TemporaryFolder()

  private func image(_ name: String) -> String {
    let path = folder.file(name)
    #expect(Transcript(["strata", "create", "-q", path, "1M"]) == Transcript(status: 0))
    return path
  }

  // MARK: graph

  @Test("the graph has a user, two nodes and two edges, in every form")
  func graph() throws {
    let path = image("a\"b\\c.raw")
    let run = Transcript(["strata", "graph", "--output=json", "-U", "-f", "raw", path])
    #expect(run.status == 0 && run.errors.isEmpty)
    let tree = try #require(try JSONParser.parse(run.output).object)
    #expect(tree.keys == ["users", "nodes", "edges"])
    #expect(tree.value(at: "users.0")?.string == "graph: '\(path)'")
    #expect(tree["nodes"]?.array?.count == 2 && tree["edges"]?.array?.count == 2)
    #expect(tree.value(at: "nodes.0.filename")?.string == path)
    #expect(tree.value(at: "nodes.1.flags") == ["force-share"])
    #expect(tree.value(at: "edges.0.role") == ["filtered", "primary"])
    #expect(tree.value(at: "edges.0.held") == ["consistent read"])
    #expect(tree.value(at: "edges.1.slot")?.string == "file")

    let text = Transcript(["strata", "graph", "-f", "raw", path]).output
    #expect(text.hasPrefix("graph: '\(path)'\n    root -> #block2 (filtered, primary)\n"))
    #expect(text.contains("#block1: file, '\(path)'\n"))
    #expect(text.contains("        holds:  consistent read\n        shares: consistent read, write,"))
    let dot = Transcript(["strata", "graph", "--output=dot", "-f", "raw", path]).output
    #expect(dot.hasPrefix("digraph strata {\n") && dot.hasSuffix("}\n"))
    #expect(dot.contains(##"label="#block1\nfile\n"##) && dot.contains(##"a\"b\\c.raw"];"##))
  }

  @Test("several images are in one graph")
  func graphOfMany() {
    let text = Transcript(["strata", "graph", image("a.raw"), image("b.raw")]).output
    for node in 1...4 { #expect(text.contains("#block\(node): ")) }
  }

  // MARK: info

  @Test("limits are added at the end where asked for")
  func limits() throws {
    let path = image("a.raw")
    let text = Transcript(["strata", "info", "--limits", "-f", "raw", path]).output
    #expect(text.hasSuffix("\nBlock limits:\n    request alignment: 1\n    max transfer: 1073741824\n"))
    let run = Transcript(["strata", "info", "--limits", "-tnone", "--output=json", "-f", "raw", path])
    let tree = try #require(try JSONParser.parse(run.output).object)
    #expect(tree.keys == ["virtual-size", "filename", "format", "actual-size", "dirty-flag", "limits"])
    #expect(tree.value(at: "limits.request-alignment")?.unsigned ?? 0 >= 512)
  }

  @Test("a snapshot is a line of a table")
  func snapshots() {
    let snapshot = SnapshotInformation(
      idBytes: Array("1".utf8), nameBytes: Array("first".utf8), stateSize: 3 << 19, seconds: 0,
      nanoseconds: 0,
      machineClock: 10 * 3_600_000_000_000 + 62_345_000_000, instructionCount: 7)
    var lines: [String] = []
    SnapshotTable.write(InfoTree.list([snapshot])) { lines.append(String($0.dropLast())) }
    #expect(lines.first == "Snapshot list:")
    #expect(lines[1] == "ID        TAG               VM SIZE                DATE     VM CLOCK     ICOUNT")
    #expect(lines.last?.hasPrefix("1         first             1.5 MiB 19") == true)
    #expect(lines.last?.hasSuffix(" 10:01:02.345          7") == true)
  }

  // MARK: check

  static let counts: [(CheckResult, String, String)] = [
    (
      CheckResult(), "No errors were found on the image.\n",
      #"{"check-errors": 0, "filename": "f", "format": "q"}"#
    ),
    (
      result { result in
        result.imageEndOffset = 262_144
        result.totalClusters = 16
      }, "No errors were found on the image.\nImage end offset: 262144\n",
      #"{"image-end-offset": 262144, "total-clusters": 16, "check-errors": 0, "filename": "f", "format": "q"}"#
    ),
    (
      result { result in
        result.corruptions = 2
        result.leaks = 1
        result.totalClusters = 144
        result.allocatedClusters = 48
        result.fragmentedClusters = 2
        result.compressedClusters = 1
      },
      """

      2 errors were found on the image.
      Data may be corrupted, or further writes to the image may corrupt it.

      1 leaked clusters were found on the image.
      This means waste of disk space, but no harm to data.
      48/144 = 33.33% allocated, 4.17% fragmented, 2.08% compressed clusters

      """,
      #"{"compressed-clusters": 1, "total-clusters": 144, "corruptions": 2, "check-errors": 0, "leaks": 1, "#
        + #""allocated-clusters": 48, "filename": "f", "format": "q", "fragmented-clusters": 2}"#
    ),
    (
      result { result in result.checkErrors = 3 },
      "\n3 internal errors have occurred during the check.\n",
      #"{"check-errors": 3, "filename": "f", "format": "q"}"#
    ),
  ]

  private static func result(_ change: (inout CheckResult) -> Void) -> CheckResult {
    var result = CheckResult()
    change(&result)
    return result
  }

  @Test("what a check counted, for people and for programs", arguments: counts)
  func check(_ result: CheckResult, _ text: String, _ json: String) {
    let report = CheckReport(result)
    #expect(report.text == text)
    #expect(JSONWriter.compact(report.tree(file: "f", format: "q")) == json)
  }
}
