// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// What the commands print, held against transcripts; `Tests/Golden/README.md` says how to write and record them.
@Suite struct GoldenTests {
  static let cases: [String] = {
    let list = Shell.run(
      "cd Tests/Golden/cases && find . -name '*.sh' | sed 's,^\\./,,; s,\\.sh$,,' | sort",
      folder: Programs.root)
    return list.output.split(separator: "\n").map(String.init)
  }()

  @Test func casesAreFound() {
    #expect(GoldenTests.cases.count > 100)
  }

  @Test("transcript", arguments: GoldenTests.cases)
  func transcript(_ name: String) {
    let outcome = Shell.run(
      "Tests/Golden/verify \"$1\" \"$2\"", Programs.strata, name, folder: Programs.root)
    #expect(outcome.status == 0, "\(outcome.output)\nto record anew: Tests/Golden/record PROGRAM \(name)")
    #expect(outcome.output.hasSuffix(" 0 skipped\n"), "a tool that the case needs is missing")
  }

  @Test func transcriptsStillHoldForThePeer() {
    let outcome = Shell.run("Tests/Golden/verify --peer qemu-img", folder: Programs.root)
    #expect(outcome.status == 0, "\(outcome.output)")
  }
}
