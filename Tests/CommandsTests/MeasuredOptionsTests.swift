// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Host
import Options
import Support
import Testing

@testable import Commands

/// `measure` over everything that making an image can be told, as the formats declare it.
@Suite struct MeasuredOptionsTests {
  /// A format, and the options without which its others make no sense.
  struct Format: Sendable, CustomTestStringConvertible {
    var name: String
    var base = ""
    /// What the base is for: options whose names begin like this.
    var prefix = ""
    var testDescription: String { "\(name) \(prefix)" }
  }

  static let formats = [
    Format(name: "raw"), Format(name: "vdi"), Format(name: "qed"), Format(name: "parallels"),
    Format(name: "vhdx"),
    Format(name: "qcow"), Format(name: "qcow2"),
    Format(
      name: "qcow2", base: "encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10", prefix: "encrypt."
    ),
    Format(name: "luks", base: "key-secret=k,iter-time=10"),
  ]

  /// What only making the image looks at: its length, other files and secrets; and what no measure of raw depends on,
  /// which the peer does not look at there.
  static func isLeftOut(_ option: String, of format: Format) -> Bool {
    ["size", "backing_file", "backing_fmt", "data_file", "data_file_raw", "encryption"].contains(option)
      || option.hasSuffix("key-secret") || option == "detached-header"
      || (format.name == "raw" && option == "preallocation")
      || (format.prefix.isEmpty && option.hasPrefix("encrypt."))
      || (!format.prefix.isEmpty && !option.hasPrefix(format.prefix))
  }

  static let words = [
    "off", "metadata", "falloc", "full", "frob", "aes", "luks", "aes-128", "cbc", "plain", "sha1", "zstd",
    "v2",
    "pbkdf2",
  ]

  static func values(_ spec: OptionObject) -> [String] {
    switch spec["type"]?.string {
    case "bool": ["on", "off", "frob"]
    case "number": ["0", "1", "2", "3", "16", "frob"]
    case "size": ["0", "3", "512", "4096", "64k", "4M", "frob"]
    default: words
    }
  }

  @Test("measure takes what create takes, and refuses what it refuses", arguments: formats)
  func sameOptions(_ format: Format) throws {
    let folder = TemporaryFolder()
    let listed = Transcript(["strata", "formats", "--output=json"])
    let all = try #require(try JSONParser.parse(listed.output).object?["formats"]?.array)
    let found = all.compactMap { $0.object }.first { $0["name"]?.string == format.name }
    let specs = try #require(found?["create-options"]?.array).compactMap { $0.object }
    var tried = 0
    for spec in specs {
      let name = try #require(spec["name"]?.string)
      guard !MeasuredOptionsTests.isLeftOut(name, of: format) else { continue }
      for value in MeasuredOptionsTests.values(spec) {
        let options = (format.base.isEmpty ? "" : format.base + ",") + "\(name)=\(value)"
        let file = folder.file("image\(tried)")
        let secret = ["--object", "secret,id=k,data=x"]
        let made = Transcript(
          ["strata", "create", "-q", "-f", format.name, "-o", options] + secret + [file, "64M"])
        let measured = Transcript(
          ["strata", "measure", "--output=json", "-O", format.name, "-o", options, "--size", "64M"] + secret)
        tried += 1
        #expect(made.status == measured.status, "\(options): \(made.errors)\(measured.errors)")
        guard made.status == 0, ["falloc", "full"].contains(value) else { continue }
        let required = try JSONParser.parse(measured.output).object?["required"]?.unsigned
        #expect(required == (try File(path: file, mode: []).length()), "\(options)")
        try FilePaths.remove(file)
      }
    }
    #expect(tried > 8)
  }
}
