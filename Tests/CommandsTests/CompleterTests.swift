// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Commands

@Suite struct CompleterTests {
  static let options: [(command: String, option: String, value: String)] = {
    var list: [(String, String, String)] = []
    for command in Program.commands {
      for option in CommandDescription(of: command).options {
        if let value = option.value { list.append((command.name, option.long.first ?? "", value)) }
      }
    }
    return list
  }()

  @Test("what every option's value is, completion knows", arguments: options)
  func values(_ command: String, _ option: String, _ value: String) {
    #expect(
      ValueKind(value, of: [option], in: command) != nil,
      "'\(value)' of --\(option) is a new kind of value: add it to ValueKind")
  }

  @Test("every command, and every option of it, is completed")
  func everything() {
    let names = Completer(["strata", ""], at: 1).candidates.entries.map { $0.word }
    #expect(names == Program.commands.map { $0.name })
    for command in Program.commands {
      let description = CommandDescription(of: command)
      let offered = Completer(["strata", command.name, "-"], at: 2).candidates.entries.map { $0.word }
      #expect(offered == description.options.flatMap { $0.spellings })
    }
  }

  static let lines: [(words: String, position: Int, expected: String)] = [
    ("strata create -f qcow2 -o compat=", 5, "compat=1.1 compat=0.10 compat=v3 compat=v2"),
    ("strata create -o pre", 3, "preallocation="), ("strata create -fqc", 2, "-fqcow -fqcow2"),
    ("strata convert -pOqc", 2, "-pOqcow -pOqcow2"),
    ("strata convert -f qcow2 -o nocow=", 5, "nocow=on nocow=off"),
    ("strata check -r ", 3, "leaks all"),
    ("strata map --output=", 2, "--output=human --output=json --output=svg --output=text-bar"),
    ("strata resize --preallocation=f", 2, "--preallocation=falloc --preallocation=full"),
    ("strata info --object secret,id=a,form", 3, "secret,id=a,format="),
    ("strata help comp", 2, "compare completion"),
    ("strata completion ", 2, "bash zsh fish"), ("strata resize x ", 3, ""), ("strata frob ", 2, ""),
    ("strata luks he", 2, "header-backup header-restore"),
    ("strata dd i", 2, "if= isize= iflag="), ("strata dd conv=s", 2, "conv=sparse"),
    ("strata dd bs=", 2, ""), ("strata formats ra", 2, "raw"),
    ("strata checksum -a sha3-2", 3, "sha3-256"),
    ("strata create -f luks --object secret,id=k1,file=x -o key-secret=", 7, "key-secret=k1"),
    (
      "strata amend --object secret,id=k1,file=x -f luks -o state=active,new-secret=", 7,
      "state=active,new-secret=k1"
    ),
    ("strata luks dump --object secret,id=k,data=x --key-secret ", 6, "k"),
    ("strata info --object secret,id=a,data=x --object secret,id=b,keyid=", 5, "secret,id=b,keyid=a"),
    ("strata -T x inf", 3, "info"), ("strata-map --start", 1, "--start-offset"),
  ]

  @Test("candidates", arguments: lines)
  func candidates(_ words: String, _ position: Int, _ expected: String) {
    let list = words.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    let found = Completer(list, at: position).candidates
    #expect(found.entries.map { $0.word }.joined(separator: " ") == expected)
    #expect(!found.takesFiles)
  }

  @Test("names of bitmaps come from the image that has them")
  func bitmaps() {
    let images = ExampleImages()
    _ = images.run("bitmap", "--add", images.base, "since-monday")
    _ = images.run("bitmap", "--add", images.top, "since-sunday")
    func names(_ words: [String]) -> [String] {
      Completer(["strata", "bitmap"] + words, at: words.count + 1).candidates.entries.map { $0.word }
    }
    #expect(names(["--clear", images.base, "since"]) == ["since-monday"])
    #expect(names(["-f", "qcow2", images.base, "--merge", ""]) == ["since-monday"])
    #expect(names(["-b", images.top, images.base, "--merge", ""]) == ["since-sunday"])
    #expect(names(["--merge", "since-sunday", "-b", images.top, images.base, ""]) == ["since-monday"])
    #expect(names(["-f", "raw", images.base, ""]).isEmpty)
  }

  @Test("a broken call answers nothing", arguments: [[], ["x"], ["-1", "strata"], ["99999999999"]])
  func broken(_ words: [String]) { #expect(Completer.answer(words).isEmpty) }
}
