// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Options
import Testing

@testable import Commands

@Suite struct FormatsTests {
  @Test("formats, for people and for programs")
  func lists() throws {
    let run = Transcript(["strata", "formats", "--output=json"])
    let formats = try #require(try JSONParser.parse(run.output).object?["formats"]?.array)
    let names = formats.compactMap { $0.object?["name"]?.string }
    // Completions offer what files can be; filters stand above images.
    let filters = formats.compactMap { $0.object }.filter { $0["abilities"]?.object?["filter"] == true }
    let filterNames = filters.compactMap { $0["name"]?.string }
    #expect(
      filterNames.sorted() == [
        "blkdebug", "blkverify", "copy-before-write", "copy-on-read", "quorum", "throttle",
      ])
    #expect(names.filter { !filterNames.contains($0) }.sorted() == OptionCandidates.formats)
    let text = Transcript(["strata", "formats"]).output
    for name in names { #expect("\n\(text)".contains("\n\(name) ")) }
    let columns = text.split(separator: "\n").map { line in
      line.indices.first { $0 > (line.firstIndex(of: " ") ?? $0) && line[$0] != " " }
        .map { line.distance(from: line.startIndex, to: $0) }
    }
    #expect(Set(columns).count == 1, "\(text)")
    let qcow2 = try #require(formats.first { $0.object?["name"] == "qcow2" }?.object)
    #expect(qcow2["abilities"]?.object?["backing"] == true)
    // Appliances are made of images, by convert alone.
    let ova = try #require(formats.first { $0.object?["name"] == "ova" }?.object?["abilities"]?.object)
    #expect(ova["create"] == false && ova["bundle"] == true && qcow2["abilities"]?.object?["bundle"] == false)
    func abilities(_ name: String) throws -> [String] {
      let format = try #require(formats.first { $0.object?["name"]?.string == name }?.object)
      let abilities = try #require(format["abilities"]?.object)
      return ["snapshots", "bitmaps", "check", "resize"].filter { abilities[$0] == true }
    }
    #expect(try abilities("qcow2") == ["snapshots", "bitmaps", "check", "resize"])
    for name in ["vdi", "qed", "parallels", "vpc", "vhdx", "vmdk", "qcow"] {
      #expect(try abilities(name) == ["check", "resize"])
    }
    for name in ["bochs", "cloop", "dmg"] { #expect(try abilities(name) == ["check"]) }
    for name in ["raw", "luks"] { #expect(try abilities(name) == ["resize"]) }
    for name in ["ova", "ovf", "throttle"] { #expect(try abilities(name) == []) }
    let options = qcow2["create-options"]?.array?.compactMap { $0.object?["name"]?.string } ?? []
    #expect(options.contains("cluster_size") && options.contains("nocow"))
  }
}
