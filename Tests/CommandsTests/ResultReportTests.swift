// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Options
import Support
import Testing

@testable import Commands

@Suite struct ResultReportTests {
  @Test("commands without JSON of their own tell their result in one object")
  func results() throws {
    let images = ExampleImages()
    let made = try object(images.run("create", "--output=json", images.folder.file("new.raw"), "2M"))
    #expect(made["schema-version"]?.unsigned == 1 && made["command"] == "create")
    #expect(made["exit-status"]?.unsigned == 0 && made["error"] == nil)
    #expect(made["result"]?.object?["virtual-size"]?.unsigned == 2 << 20)
    let same = try object(images.run("compare", "--output", "json", images.base, images.top))
    #expect(same["result"]?.object?["identical"] == true)
    let run = images.run("compare", "--output=json", "-s", images.base, images.raw)
    #expect(run.status == 1)
    #expect(try object(run)["result"]?.object?["sizes-differ"] == true)
    let resized = try object(images.run("resize", "--output=json", "-f", "raw", images.raw, "+1M"))
    #expect(resized["result"]?.object?["old-virtual-size"]?.unsigned == 1 << 20)
    #expect(resized["messages"] == ["Image resized."])
    let others = ExampleImages()
    _ = images.run("snapshot", "-c", "s", others.base)
    let list = try object(images.run("snapshot", "--output=json", others.base))
    #expect(list["result"]?.object?["snapshots"]?.array?.first?.object?["name"] == "s")
  }

  static let failures: [(words: [String], status: Int32, kind: String, file: String?)] = [
    (["info", "--output=json", "/nowhere/x"], 1, "not-found", "/nowhere/x"),
    (["map", "--output=json", "/nowhere/x"], 1, "not-found", "/nowhere/x"),
    (["check", "--output=json", "-f", "raw", "/dev/null"], 63, "invalid-argument", "/dev/null"),
    (["check", "--output=json", "/nowhere/x"], 1, "not-found", "/nowhere/x"),
    (["compare", "--output=json", "/nowhere/x", "y"], 2, "not-found", "/nowhere/x"),
    (["create", "--output=json", "-o", ",x", "a", "1M"], 1, "invalid-argument", "a"),
    (["convert", "--output=json", "a"], 1, "invalid-argument", "a"),
    (["inspect", "--output=json", "/nowhere/x"], 2, "not-found", "/nowhere/x"),
    (["create", "--output=json", "--frob"], 1, "invalid-argument", nil),
    (["resize", "--output=json", "-f", "raw", "/nowhere/x", "1M"], 1, "not-found", "/nowhere/x"),
  ]

  @Test("a failure is told as an object, and on standard error", arguments: failures)
  func failure(_ words: [String], _ status: Int32, _ kind: String, _ file: String?) throws {
    let run = Transcript(["strata"] + words)
    #expect(run.status == status && run.errors.hasPrefix("strata: "))
    let report = try object(run)
    let error = try #require(report["error"]?.object)
    #expect(report["command"]?.string == words[0] && report["exit-status"]?.unsigned == UInt64(status))
    #expect(report["result"] == nil)
    #expect(error["kind"]?.string == kind && error["file"]?.string == file)
    let message = try #require(error["message"]?.string)
    #expect(run.errors.contains(message.split(separator: "\n").first ?? "?"))
  }

  @Test("an error about a layer below names that layer, and what to do")
  func layer() throws {
    let images = ExampleImages()
    _ = Shell.run("rm \"$1\"", images.base)
    let error = try #require(try object(images.run("map", "--output=json", images.top))["error"]?.object)
    #expect(error["hint"]?.string?.contains("rebase -u -b") == true)
    #expect(error["message"]?.string?.contains("Could not open backing file") == true)
  }

  @Test("called as the peer, nothing is added to what the peer prints")
  func standIn() {
    let run = Transcript(["qemu-img", "info", "--output=json", "/nowhere/x"])
    #expect(run.output.isEmpty)
    #expect(Transcript(["qemu-img", "creat"]).errors.contains("hint") == false)
    #expect(Transcript(["strata", "creat"]).errors.contains("strata: hint: Did you mean 'create'?\n"))
  }
}

/// The one object that a run printed on one line.
private func object(_ run: Transcript) throws -> OptionObject {
  #expect(run.output.hasSuffix("}\n") && run.output.split(separator: "\n").count == 1)
  return try #require(try JSONParser.parse(run.output).object)
}
