// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Completion in real shells, each in a terminal of its own.
@Suite struct CompletionTests {
  /// What is typed before the tab key, and the words that the program is called with then.
  static let lines: [(typed: String, words: [String])] = [
    ("strata conv", ["convert"]),
    ("strata create -f pa", ["create", "-f", "parallels"]),
    ("strata create --format=pa", ["create", "--format=parallels"]),
    ("strata create --backing-uns", ["create", "--backing-unsafe"]),
    ("strata create -f qcow2 -o cluster_size=6", ["create", "-f", "qcow2", "-o", "cluster_size=64k"]),
    (
      "strata create -f qcow2 -o lazy_refcounts=on,compression_type=zs",
      ["create", "-f", "qcow2", "-o", "lazy_refcounts=on,compression_type=zstd"]
    ),
    ("strata info --object secret,id=a,format=ba", ["info", "--object", "secret,id=a,format=base64"]),
    ("strata info --output=js", ["info", "--output=json"]),
    ("strata snapshot disk.qcow2 -a before-u", ["snapshot", "disk.qcow2", "-a", "before-upgrade"]),
    ("strata info dis", ["info", "disk.qcow2"]),
    ("strata info 'a na", ["info", "a name.raw"]),
    ("strata-info --backing-ch", ["--backing-chain"]),
    ("strata bitmap --clear disk.qcow2 since-m", ["bitmap", "--clear", "disk.qcow2", "since-monday"]),
    ("strata luks dum", ["luks", "dump"]),
    ("strata dd if=dis", ["dd", "if=disk.qcow2"]),
    ("strata info --untr", ["info", "--untrusted"]),
  ]

  /// A folder with an image, and a program that completes as ours does and otherwise shows its words.
  private func makeFolder() -> TemporaryFolder {
    let folder = TemporaryFolder()
    let made = Shell.run(
      """
      mkdir bin && printf '%s\n' '#!/bin/bash' \
        'if [[ $1 == __complete ]]; then exec -a "$0" "$STRATA" "$@"; fi' \
        'printf "GOT"; printf "<%s>" "$@"; echo' > bin/strata
      chmod +x bin/strata && ln -s strata bin/strata-info
      "$1" create -q -f qcow2 disk.qcow2 1M && "$1" snapshot -c before-upgrade disk.qcow2
      "$1" bitmap --add disk.qcow2 since-monday
      "$1" create -q 'a name.raw' 1M
      """, Programs.strata, folder: folder.path)
    #expect(made.status == 0, "\(made.output)")
    return folder
  }

  private func environment(_ folder: TemporaryFolder) -> [String] {
    [
      "PATH=\(folder.path)/bin:/usr/bin:/bin", "HOME=\(folder.path)", "TERM=xterm", "LC_ALL=C.UTF-8",
      "STRATA=\(Programs.strata)", "SCRIPTS=\(Programs.root)/completions",
    ]
  }

  static let shells: [(name: String, words: [String], setup: String)] = [
    (
      "bash", ["bash", "--norc", "--noprofile", "-i"],
      "bind 'set enable-bracketed-paste off'; source $SCRIPTS/strata.bash; PS1='REA''DY> '"
    ),
    (
      "zsh", ["zsh", "-f", "-i"],
      "fpath=($SCRIPTS $fpath); autoload -U compinit; compinit -u -D; unset zle_bracketed_paste; PS1='REA''DY> '"
    ),
    (
      "fish", ["fish", "--no-config", "-i"],
      "set -g fish_autosuggestion_enabled 0; source $SCRIPTS/strata.fish; function fish_prompt; echo 'REA''DY> '; end"
    ),
  ]

  @Test("the tab key completes", arguments: shells.map { $0.name })
  func completes(_ name: String) throws {
    let shell = try #require(CompletionTests.shells.first { $0.name == name })
    let folder = makeFolder()
    let go = "cd \"$0\" && exec \"$@\""
    let terminal = try #require(
      PseudoTerminal(["bash", "-c", go, folder.path] + shell.words, environment: environment(folder)))
    terminal.type(shell.setup + "\r")
    try #require(terminal.wait(for: "READY> "), "\(terminal.screen)")
    for (typed, words) in CompletionTests.lines {
      terminal.type(typed + "\t\r")
      let expected = "GOT" + words.map { "<\($0)>" }.joined() + "\r\n"
      let seen = terminal.wait(for: expected)
      #expect(seen, "\(typed) in \(name) led to: \(terminal.screen)")
      guard seen else { return }
      try #require(terminal.wait(for: "READY> "))
    }
  }

  @Test("D-03 names of files are offered whole, and names that a shell cannot be told in lines are not")
  func oddNames() {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      #"""
      touch $'t\351' $'t\nx' 'tü' 't a'
      qemu-img create -q -f qcow2 disk 1M
      for name in tag 'tü' $'t\351' $'t\nx' $'t\e[m'; do "$1" snapshot -c "$name" disk; done
      mkdir bin; ln -s "$1" bin/strata; PATH=$PWD/bin:$PATH
      source "$2/completions/strata.bash"
      complete_line() {
        COMP_LINE=$*; COMP_POINT=${#COMP_LINE}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _strata
        printf '%q ' "${COMPREPLY[@]}"; echo
      }
      complete_line strata info t
      complete_line strata info none
      complete_line strata snapshot disk -a t
      """#, Programs.strata, Programs.root, folder: folder.path)
    #expect(
      outcome
        == Shell.Outcome(
          status: 0,
          output: #"""
            $'t\nx' t\ a $'t\303\274' $'t\351' \#("")
            '' \#("")
            tag $'t\303\274' \#("")

            """#))
  }

  @Test("what is generated is up to date")
  func generated() {
    let outcome = Shell.run(
      """
      folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
      Scripts/generate "$1" "$folder" || exit
      for file in completions/* man/strata*.1; do
        diff -u "$file" "$folder/$file" || { echo "$file is stale: run 'make generate'"; exit 1; }
      done
      for file in "$folder"/man/* man/text/*; do
        [[ -f man/$(basename "$file" .1).1 ]] || { echo "no command has the page $file"; exit 1; }
      done
      """, Programs.strata, folder: Programs.root)
    #expect(outcome.status == 0, "\(outcome.output)")
  }

  @Test("mandoc finds nothing to say about the manuals")
  func manuals() {
    // Whether the machine's index of manuals is up to date is not ours to say.
    let outcome = Shell.run(
      "mandoc -T lint man/*.1 man/*.7 2>&1 | grep -v 'outdated mandoc.db' || true", folder: Programs.root)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
