// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// What the README tells people to type.
@Suite struct ReadmeTests {
  @Test("every command of the README works, in its order, and every command is named")
  func commands() {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e -o pipefail
      mkdir bin && ln -s "$1" bin/strata && export PATH=$PWD/bin:$PATH
      head -c 3M /dev/urandom > server.raw && truncate -s 8M server.raw
      sed -n 's/^    \\(strata \\|printf \\)/\\1/p' "$2/README.md" > commands
      [[ $(wc -l < commands) -gt 20 ]]
      # No line may read the lines that follow it.
      while read -r line <&3; do
        bash -c "$line" < /dev/null > said 2>&1 || { echo "$line: $?"; cat said; }
      done 3< commands
      strata __complete 1 strata '' | while IFS=$'\\t' read -r name rest; do
        grep -qE "strata $name|\\`$name\\`" "$2/README.md" || echo "$name is not in the README"
      done
      """, arguments: [Programs.strata, Programs.root], folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("every target of make that a document names is there", arguments: ["README.md", "CONTRIBUTING.md"])
  func targets(_ document: String) {
    let outcome = Shell.run(
      """
      for name in $(grep -oE '(^    |`)make [a-z]+' "$1" | sed 's/.*make //' | sort -u); do
        grep -q "^$name:" Makefile || echo "make $name does not exist"
      done
      """, arguments: [document], folder: Programs.root)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("every folder that CONTRIBUTING names is there, and every module is named")
  func folders() {
    let outcome = Shell.run(
      """
      grep -oE '`(Sources|Tests|Scripts|man|completions|Benchmarks|Fuzz)[A-Za-z/]*`' CONTRIBUTING.md | tr -d '`' |
        sort -u | while read -r path; do [[ -e $path ]] || echo "$path does not exist"; done
      for path in Sources/*/ Sources/Formats/*/ Sources/Protocols/*/; do
        name=$(basename "$path")
        grep -qw "$name" CONTRIBUTING.md || echo "$path is not in CONTRIBUTING.md"
      done
      """, folder: Programs.root)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
