// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Commands

@Suite struct NormalizerTests {
  struct Case: CustomTestStringConvertible {
    let command: String
    let words: String
    let expected: String
    var testDescription: String { "\(command) \(words)" }

    init(_ command: String, _ words: String, _ expected: String) {
      self.command = command
      self.words = words
      self.expected = expected
    }

    var result: String {
      do {
        let split = words.split(separator: " ").map { $0 == "''" ? "" : String($0) }
        let line = try Normalizer(split, spellings: Program.spellings(of: command))
        return line.canonical.map { $0.isEmpty ? "''" : $0 }.joined(separator: " ")
      } catch {
        return "! " + error.message
      }
    }
  }

  static let abbreviations: [(command: String, word: String, ours: String, standIn: String)] = [
    ("convert", "--force", "--force", "--force-share"),
    ("convert", "--forc", "--force-share", "--force-share"),
    ("convert", "--force-s", "--force-share", "--force-share"), ("amend", "--force", "--force", "--force"),
    ("convert", "--verif", "--verify", "--verify"), ("convert", "--verify", "--verify", "--verify"),
    ("luks", "--force", "--force", "--force"),
  ]

  @Test("what abbreviates an option of the peer means that one", arguments: abbreviations)
  func abbreviation(_ command: String, _ word: String, _ ours: String, _ standIn: String) throws {
    for (isStandIn, expected) in [(false, ours), (true, standIn)] {
      let line = try Normalizer([word], spellings: Program.spellings(of: command), isStandIn: isStandIn)
      #expect(line.canonical == [expected, "--"])
    }
  }

  static let accepted = [
    Case("create", "a.raw 1M", "-- a.raw 1M"),
    Case("create", "-fqcow2 a 1M", "--format=qcow2 -- a 1M"),
    Case("create", "-f qcow2 a 1M", "--format=qcow2 -- a 1M"),
    Case("create", "-qfqcow2 a 1M", "--quiet --format=qcow2 -- a 1M"),
    Case("create", "-qf qcow2 a 1M", "--quiet --format=qcow2 -- a 1M"),
    Case("create", "-qu a", "--quiet --backing-unsafe -- a"),
    Case("create", "-ocluster_size=64k a", "--options=cluster_size=64k -- a"),
    Case("create", "-o a=1 x -o b=2 y", "--options=a=1 --options=b=2 -- x y"),
    Case("create", "-B raw -F qcow2 a", "--backing-format=raw --backing-format=qcow2 -- a"),
    Case("create", "--form=raw a --opt k=v", "--format=raw --options=k=v -- a"),
    Case("create", "--backing x --backing-format=y a", "--backing=x --backing-format=y -- a"),
    Case("create", "-f -q a", "--format=-q -- a"),
    Case("create", "-f -- a", "--format=-- -- a"),
    Case("create", "-- -q -f", "-- -q -f"),
    Case("create", "- -q", "--quiet -- -"),
    Case("create", "-f '' a", "--format '' -- a"),
    Case("create", "--format= a", "--format '' -- a"),
    Case("create", "--format==x a", "--format==x -- a"),
    Case("create", "--he", "--help --"),
    Case("info", "-h1", "--help --"),
    Case("info", "a -Uh --frob b", "--force-share --help -- a"),
    Case("map", "--start-offset=-1 a", "--start-offset=-1 -- a"),
    Case("map", "-s -1 a", "--start-offset=-1 -- a"),
    Case("info", "--out=json --back a", "--output=json --backing-chain -- a"),
    Case("convert", "-pOqcow2 a b -l s", "--progress --target-format=qcow2 --snapshot=s -- a b"),
    Case("convert", "--target-is a b", "--target-is-zero -- a b"),
    Case(
      "convert", "-cnWC a b", "--compress --no-create --oob-writes --copy-range-offloading -- a b"),
    Case("compare", "--a-format raw --b raw a b", "--a-format=raw --b-format=raw -- a b"),
    Case("check", "-rall a", "--repair=all -- a"),
  ]

  static let refused = [
    Case("create", "-Z a", "! unrecognized option '-Z'"),
    Case("create", "-qZ a", "! unrecognized option '-qZ'"),
    Case("create", "a -1M", "! unrecognized option '-1M'"),
    Case("create", "--frob a", "! unrecognized option '--frob'"),
    Case("create", "--quiet=yes a", "! unrecognized option '--quiet=yes'"),
    Case("create", "--image-opts a", "! unrecognized option '--image-opts'"),
    Case("create", "--back x a", "! unrecognized option '--back'"),
    Case("create", "a -f", "! missing argument for option '-f'"),
    Case("create", "a -qf", "! missing argument for option '-qf'"),
    Case("create", "a --format", "! missing argument for option '--format'"),
    Case("create", "a --form", "! missing argument for option '--form'"),
    Case("info", "--o=json a", "! unrecognized option '--o=json'"),
    Case("info", "--=x a", "! unrecognized option '--=x'"),
    Case("map", "-p a", "! unrecognized option '-p'"),
  ]

  @Test("command lines are read as getopt_long does", arguments: accepted + refused)
  func normalizes(_ example: Case) {
    #expect(example.result == example.expected)
  }

  @Test("of a repeated option the last counts, and -o adds up")
  func repeats() {
    let folder = TemporaryFolder()
    let path = folder.file("a.raw")
    let run = Transcript([
      "strata", "create", "-fqcow2", "-osize=1M", path, "-f", "raw", "-o", "preallocation=off,size=2M",
    ])
    #expect(run.status == 0 && run.errors.isEmpty)
    #expect(run.output.hasPrefix("Formatting '\(path)', fmt=raw "))
    #expect(run.output.contains(" size=2097152") && run.output.contains(" preallocation=off"))
  }
}
