// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Commands

@Suite struct ProgressFormTests {
  @Test("progress for programs: an object a line")
  func json() throws {
    var picture = ProgressPicture(phase: "convert", done: 1 << 20, total: 4 << 20, seconds: 2)
    #expect(
      picture.json
        == #"{"phase": "convert", "bytes-done": 1048576, "bytes-total": 4194304, "rate": 524288, "seconds-left": 6}"#
    )
    #expect(
      picture.bar.contains("]  25%") && picture.bar.contains("512 KiB/s")
        && picture.bar.contains("00:06 left"))
    picture.isComplete = true
    #expect(picture.bar.contains("] 100%") && picture.bar.contains("00:00 left"))
    let start = ProgressPicture(phase: "x", done: 0, total: 0, seconds: 0)
    #expect(start.json.contains(#""rate": null, "seconds-left": null"#) && start.bar.contains("--:-- left"))
  }

  @Test(
    "-p and a form together are the form", arguments: [["-p", "--progress=bar"], ["--progress=bar", "-p"]])
  func both(_ words: [String]) {
    let images = ExampleImages()
    let outcome = Shell.run(
      "\"$1\" convert $2 $3 -O qcow2 \"$4\" \"$4.new\"", Programs.strata, words[0], words[1], images.base)
    #expect(outcome.status == 0 && outcome.output.contains("] 100%"), "\(outcome.output)")
  }

  @Test("it is written to the descriptor that is named")
  func descriptor() {
    let images = ExampleImages()
    let outcome = Shell.run(
      "\"$1\" convert --progress=json:7 -O qcow2 \"$2\" \"$2.new\" 7> \"$2.log\" && tail -n 1 \"$2.log\"",
      Programs.strata, images.base)
    #expect(
      outcome.output.hasPrefix(#"{"phase": "convert", "bytes-done": "#)
        && outcome.output.contains(#""seconds-left": 0}"#))
  }

  @Test("other forms are refused", arguments: ["xml", "json:", "json:x", "json:-1", "json:2147483647"])
  func refused(_ form: String) {
    let run = Transcript(["strata", "convert", "--progress=\(form)", "a", "b"])
    #expect(run.status == 1 && run.errors.contains("--progress"))
  }
}
