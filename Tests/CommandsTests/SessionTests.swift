// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Commands

@Suite struct SessionTests {
  @Test("J-05 a command that ended, well or not, holds no lock and no file")
  func ends() {
    let images = ExampleImages()
    let before = OpenFiles.under(images.folder.path)
    let failures = [
      ["compare", images.base, "/nowhere"], ["map", "--output=frob", images.base],
      ["resize", images.base, "1M"], ["snapshot", "-d", "x", images.base], ["bench", "-c", "1", "-w", "x"],
      ["checksum", "-l", "x", images.base], ["rebase", "-b", "/nowhere", images.top],
    ]
    for words in failures {
      #expect(Transcript(["strata"] + words).status > 0, "\(words)")
      #expect(OpenFiles.under(images.folder.path) == before, "\(words)")
    }
    let successes = [
      ["snapshot", "-l", images.base], ["map", images.top], ["compare", images.top, images.base],
      ["graph", images.top], ["measure", "-O", "qcow2", images.top], ["info", images.top],
      ["checksum", images.top], ["bench", "-q", "-c", "2", images.base],
      ["amend", "-o", "help", images.base],
      ["snapshot", "-c", "s", images.base], ["bitmap", "--add", images.base, "b"],
    ]
    for words in successes {
      #expect(Transcript(["strata"] + words).status == 0, "\(words)")
      #expect(OpenFiles.under(images.folder.path) == before, "\(words)")
    }
  }
}
