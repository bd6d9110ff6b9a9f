// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Options
import Support
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
        "blkdebug", "blklogwrites", "blkverify", "compress", "copy-before-write", "copy-on-read",
        "preallocate", "quorum", "throttle",
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
    for name in ["bochs", "cloop", "dmg", "ova", "ovf"] { #expect(try abilities(name) == ["check"]) }
    for name in ["raw", "luks"] { #expect(try abilities(name) == ["resize"]) }
    for name in filterNames { #expect(try abilities(name) == []) }
    let options = qcow2["create-options"]?.array?.compactMap { $0.object?["name"]?.string } ?? []
    #expect(options.contains("cluster_size") && options.contains("nocow"))
  }

  private func options(_ format: String, _ key: String = "create-options") throws -> [OptionObject] {
    let run = Transcript(["strata", "formats", "--output=json", format])
    let formats = try JSONParser.parse(run.output).object?["formats"]?.array
    return try #require(formats?.first?.object?[key]?.array).compactMap { $0.object }
  }

  @Test("options have values or bounds for people and for programs")
  func values() throws {
    let cluster = try #require(try options("parallels").first { $0["name"] == "cluster_size" })
    #expect(cluster["minimum"] == 1 && cluster["maximum"] == 2_143_297_024 && cluster["rounded-up-to"] == 512)
    let text = Transcript(["strata", "formats", "parallels"]).output
    #expect(
      text.contains("      values: 1 to 2143297024, rounded up to multiples of 512\n      default: 1M\n"),
      "\(text)")
    let algorithms = try #require(try options("luks").first { $0["name"] == "cipher-alg" })
    #expect(algorithms["values"]?.array?.contains("aes-256") == true)
    #expect(algorithms["values"]?.array?.contains("des") == false)
    let block = try #require(try options("vhdx").first { $0["name"] == "block_size" })
    #expect(block["values"]?.array?.first == "0" && block["values"]?.array?.last == "256M")
    for name in ["ovf", "throttle", "dmg"] {
      #expect(try options(name).isEmpty)
      let help = Transcript(["strata", "create", "-f", name, "-o", "help"])
      #expect(help.status == 1 && help.errors.contains("does not support image creation"))
    }
  }

  @Test(
    "the values that are told are taken, and others are not",
    arguments: ["raw", "qcow2", "vdi", "qed", "parallels", "vpc", "vhdx", "vmdk", "qcow"])
  func valuesHold(_ format: String) throws {
    let folder = TemporaryFolder()
    func make(_ name: String, _ value: String) -> Int32 {
      Transcript(["strata", "create", "-q", "-f", format, "-o", "\(name)=\(value)", folder.file("new"), "4M"])
        .status
    }
    for option in try options(format) {
      let name = try #require(option["name"]?.string)
      // They need other options besides.
      guard name != "backing_fmt", !name.hasPrefix("encrypt.") else { continue }
      let values = option["values"]?.array?.compactMap(\.string) ?? []
      for value in values { #expect(make(name, value) == 0, "\(name)=\(value)") }
      if !values.isEmpty { #expect(make(name, "3") == 1, "\(name)") }
      guard let least = option["minimum"]?.unsigned, let most = option["maximum"]?.unsigned else { continue }
      #expect(make(name, "\(least)") == 0 && make(name, "\(least - 1)") == 1, "\(name)")
      #expect(make(name, "\(most + 1)") == 1, "\(name)")
    }
  }
}
