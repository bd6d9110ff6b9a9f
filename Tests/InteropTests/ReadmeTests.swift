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
      # Installed the way the README says, without building anew.
      grep -q '^    make install PREFIX=/usr/local ' "$2/README.md"
      make -s -C "$2" -o release STRATA="$1" DESTDIR="$PWD/root" install PREFIX=/usr/local
      export PATH=$PWD/root/usr/local/bin:$PATH
      hash -r
      [[ $(command -v strata) == "$PWD"/root/* ]]
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

  @Test("the README's ways to install, and to take away, do what it says")
  func install() {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e -o pipefail
      tree=$2
      make() { command make -s -C "$tree" -o release STRATA="$program" DESTDIR="$place" "$@"; }
      export -f make
      export tree program=$1 place=$PWD/root
      sed -n '/^## Install/,/^## /s/^    \\(make .*\\)/\\1/p' "$tree/README.md" > commands
      [[ $(sed 's/ *#.*//; s/ PREFIX.*//' commands | xargs) == 'make install make uninstall make deb' ]]
      while read -r line <&3; do
        bash -c "$line" < /dev/null > said 2>&1 || { echo "$line: $?"; cat said; }
        case $line in
          'make install '*)
            root/usr/local/bin/strata --version | grep -q '^strata version'
            [[ -L root/usr/local/bin/strata-convert && ! -e root/usr/local/bin/qemu-img ]]
            [[ -f root/usr/local/share/man/man1/strata-convert.1 ]] ;;
          'make uninstall '*) find root ! -type d ;;
          'make deb '*) dpkg-deb --info "$(cat said)" > /dev/null ;;
        esac
      done 3< commands
      grep -q '`QEMU_IMG_LINK=yes` adds a link `qemu-img`' "$tree/README.md"
      make install PREFIX=/usr/local QEMU_IMG_LINK=yes
      root/usr/local/bin/qemu-img --version | grep -q ^qemu-img
      make uninstall PREFIX=/usr/local
      find root ! -type d
      """, arguments: [Programs.strata, Programs.root], folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("the README's first command takes a disk through every format and back")
  func demo() {
    let outcome = Shell.run(
      """
      grep -q '^    make demo ' README.md
      make -s -o release -o packages STRATA="$1" demo
      """, Programs.strata, folder: Programs.root)
    #expect(outcome.status == 0 && outcome.output.hasSuffix("every byte came back.\n"), "\(outcome.output)")
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
