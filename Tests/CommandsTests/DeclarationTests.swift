// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Commands

@Suite struct DeclarationTests {
  static let names = Program.commands.map { $0.name }

  /// The spellings of options with or without values, as the help of a command shows them.
  private func shown(_ help: String, withValue: Bool) -> Set<String> {
    var spellings: Set<String> = []
    for line in help.split(separator: "\n") where line.hasPrefix("  -") {
      let words = line.split(separator: " ")
      let count = words.firstIndex { !$0.hasPrefix("-") } ?? words.count
      let hasValue = count < words.count && words[count].hasPrefix("<")
      guard hasValue == withValue else { continue }
      for word in words[..<count] {
        let bare = word.drop { $0 == "-" }.prefix { $0 != "," && $0 != "[" }
        spellings.insert(String(bare))
      }
    }
    return spellings
  }

  @Test("the spellings heard are those that the argument parser knows", arguments: names)
  func spellings(_ name: String) throws {
    let help = Transcript(["strata", "help", name]).output
    let heard = try Program.spellings(of: name)
    for takesValue in [true, false] {
      var words: Set<String> = []
      for spelling in heard where spelling.takesValue == takesValue {
        words.formUnion(spelling.short.map { String($0) } + spelling.long)
      }
      #expect(words == shown(help, withValue: takesValue))
    }
    let all = heard.flatMap { spelling in spelling.short.map { String($0) } + spelling.long }
    #expect(Set(all).count == all.count, "a spelling means one option")
  }

  @Test("every command has help with its usage, options and examples", arguments: names)
  func help(_ name: String) throws {
    for words in [[name, "--help"], ["help", name], [name, "-h", "x"], [name, "x", "--hel"]] {
      let run = Transcript(["strata"] + words)
      #expect(run.status == 0)
      #expect(run.errors.isEmpty)
      #expect(run.output.contains("USAGE: strata \(name)"))
      #expect(run.output.contains("strata \(name) "))
      #expect(run.output.contains("EXAMPLES:"))
      for spelling in try Program.spellings(of: name) {
        for long in spelling.long { #expect(run.output.contains("--" + long)) }
      }
    }
  }

  @Test("the program's help names every command")
  func programHelp() {
    for words in [["--help"], ["-h"], ["help"], ["-hV"]] {
      let run = Transcript(["strata"] + words)
      #expect(run.status == 0 && run.errors.isEmpty)
      for name in DeclarationTests.names { #expect(run.output.contains("\n  \(name) ")) }
      #expect(run.output.contains("--version"))
    }
  }
}
