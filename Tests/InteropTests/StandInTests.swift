// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// What programs find out about the program when it is called by the peer's name.
@Suite("As qemu-img")
struct StandInTests {
  private static let commands = [
    "amend", "bench", "bitmap", "check", "commit", "compare", "convert", "create", "dd", "info", "map",
    "measure",
    "snapshot", "rebase", "resize",
  ]

  private func run(_ script: String, _ argument: String = "") -> Shell.Outcome {
    let folder = TemporaryFolder()
    let prelude = "set -e -o pipefail; ln -s \"$1\" qemu-img; ours=$PWD/qemu-img\n"
    return Shell.run(prelude + script, arguments: [Programs.strata, argument], folder: folder.path)
  }

  private static let silence = Shell.Outcome(status: 0, output: "")

  @Test(
    "every option that the peer's help lists for a command is listed, there and in the command's own help",
    arguments: commands)
  func options(_ command: String) {
    let outcome = run(
      """
      words() { grep -oE -e '(^|[^A-Za-z0-9-])--?[A-Za-z][A-Za-z-]*|\\b[a-z]+=[a-zA-Z]' | sed 's/^[^a-zA-Z-]*//; s/=.*/=/' | sort -u; }
      line() { sed -n "s/^  $1 /&/p" | head -n 1; }
      qemu-img --help | line "$2" | words > theirs
      [[ -s theirs ]]
      "$ours" --help | line "$2" | words > ours
      comm -23 theirs ours
      "$ours" "$2" --help | words > own
      comm -23 theirs own
      """, command)
    #expect(outcome == Self.silence)
  }

  @Test("help begins with the release and ends with the formats", arguments: [""] + commands)
  func frame(_ command: String) {
    let outcome = run(
      """
      "$ours" $2 --help > help
      head -n 2 help | cmp - <("$ours" --version)
      tail -n 1 help | grep -q '^Supported formats: .*\\bluks\\b.*\\bqcow2\\b.*\\braw\\b'
      # Whatever is listed there the peer knows, too, but for appliances.
      tail -n 1 help | sed 's/.*: //' | tr ' ' '\\n' | grep -vx 'ov[af]' | sort > ours
      comm -23 ours <(qemu-img --help | sed -n 's/^Supported formats: //p' | tr ' ' '\\n' | sort)
      """, command)
    #expect(outcome == Self.silence)
  }

  @Test("one release is named everywhere")
  func release() {
    let outcome = run(
      """
      release=$("$ours" --version | sed -n '1s/^qemu-img version \\([0-9]*\\.[0-9]*\\).*/\\1/p')
      [[ -n $release ]]
      cd "$2"
      for file in README.md man/text/strata Tests/Golden/README.md; do
        grep -q "$release" "$file" || echo "$file does not name $release"
      done
      """, Programs.root)
    #expect(outcome == Self.silence)
  }
}
