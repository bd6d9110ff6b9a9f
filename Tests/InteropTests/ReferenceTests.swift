// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// What names found inside images lead to.
@Suite("References")
struct ReferenceTests {
  private func run(_ script: String, _ argument: String = "") -> Shell.Outcome {
    let folder = TemporaryFolder()
    return Shell.run(Self.prelude + script, arguments: [Programs.strata, argument], folder: folder.path)
  }

  private static let silence = Shell.Outcome(status: 0, output: "")

  /// Images over `base.raw` that name it as a path, by options and by options with a window.
  private static let prelude = """
    set -eu
    strata=$1
    head -c 1M /dev/urandom > base.raw
    other='json:{"driver":"raw","file":{"driver":"file","filename":"'$PWD/base.raw'"}}'
    qemu-img create -q -f qcow2 -b base.raw -F raw local.qcow2
    qemu-img create -q -f qcow2 -b "$other" -F raw other.qcow2

    """

  @Test(
    "every command that opens a chain holds to the policy",
    arguments: [
      "map IMAGE", "compare -F raw IMAGE base.raw", "convert -O raw IMAGE out.raw",
      "info --backing-chain IMAGE",
      "dd if=IMAGE of=out.raw", "checksum IMAGE", "measure -O qcow2 IMAGE", "graph IMAGE", "bench -c 1 IMAGE",
      "commit IMAGE", "rebase -b '' IMAGE", "resize IMAGE 2M",
    ])
  func policies(_ command: String) {
    let outcome = run(
      """
      try() { eval "command=(${2/IMAGE/work.qcow2})"; cp $1.qcow2 work.qcow2; "$strata" "${command[@]}" ${3-} > said 2>&1; }
      for option in '' --references=local --references=any; do
        try local "$2" $option || { echo "local $option"; cat said; }
      done
      try other "$2" --references=any || { echo 'other any'; cat said; }
      STRATA_REFERENCES=any try other "$2" '' || { echo 'other, environment'; cat said; }
      # A refusal says which value would allow it.
      for option in '' --references=local; do
        ! try other "$2" $option && grep -q 'hint: .*--references=any' said || { echo "other $option"; cat said; }
      done
      for option in --references=none --untrusted; do
        ! try local "$2" $option && grep -q 'hint: .*--references=local' said || { echo "local $option"; cat said; }
        ! try other "$2" $option && grep -q 'hint: .*--references=any' said || { echo "other $option"; cat said; }
      done
      ! STRATA_REFERENCES=none try local "$2" '' || echo 'local, environment'
      ! STRATA_REFERENCES=any try other "$2" --references=none || echo 'the line counts more'
      ! STRATA_REFERENCES=any try other "$2" --untrusted || echo 'untrusted counts more'
      """, command)
    #expect(outcome == Self.silence)
  }

  @Test("what is no policy, or contradicts, is told")
  func mistakes() {
    let outcome = run(
      """
      { ! "$strata" info --references=all local.qcow2; ! STRATA_REFERENCES=1 "$strata" info local.qcow2
      ! "$strata" info --untrusted --references=any local.qcow2; } 2>&1
      """)
    #expect(
      outcome.output == """
        strata: --references takes none, local or any, not 'all'
        Try 'strata info --help' for more information
        strata: STRATA_REFERENCES takes none, local or any, not '1'
        strata: --references=any contradicts --untrusted, which implies none
        Try 'strata info --help' for more information

        """)
  }

  @Test("names of any kind can be written where they are followed")
  func writing() {
    let outcome = run(
      """
      export STRATA_REFERENCES=any
      "$strata" create -q -f qcow2 -b "$other" -F raw made.qcow2
      "$strata" convert -O qcow2 -B "$other" -F raw other.qcow2 copy.qcow2
      cp local.qcow2 based.qcow2
      "$strata" rebase -b "$other" -F raw based.qcow2
      "$strata" rebase -u -b nbd://localhost:1/x -F raw local.qcow2
      for image in made copy based; do qemu-img compare -q -F raw $image.qcow2 base.raw; done
      qemu-img info local.qcow2 | grep -q '^backing file: nbd://localhost:1/x$'
      # A data file, too.
      qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on data.qcow2 1M
      cp base.raw data.raw
      "$strata" amend -o 'data_file=json:{"driver":"file",,"filename":"data.raw"}' data.qcow2
      "$strata" compare -q -F raw data.qcow2 base.raw
      STRATA_REFERENCES=local
      ! "$strata" map data.qcow2 2> /dev/null
      """)
    #expect(outcome == Self.silence)
  }

  @Test(
    "with --untrusted nothing that an image names is touched",
    arguments: [
      "check", "check -r all", "info", "info --backing-chain", "map", "snapshot -l", "snapshot -c x",
      "bitmap --add IMAGE b", "resize --shrink IMAGE 512k", "amend -o compat=0.10", "measure -O qcow2",
      "checksum", "graph",
      "convert -O raw IMAGE out.raw", "rebase -u -b base.raw -F raw", "rebase -b '' ", "commit", "bench -c 1",
      "compare IMAGE base.raw",
    ])
  func untouched(_ command: String) {
    // Whoever follows a link leaves the time of it, where the file system keeps such times.
    let outcome = run(
      """
      mkdir secret
      ln -s /nowhere secret/link
      untouched() { [[ $(stat -c %X secret/link) == $(date -d 2001-01-01 +%s) ]]; }
      reset() { touch -h -a -d 2001-01-01 secret/link; }
      reset
      [[ ! -e secret/link ]]
      ! untouched || exit 0
      reset
      qemu-img create -q -u -f qcow2 -b secret/link -F raw work.qcow2 1M
      eval "command=($2)"; words=(); named=no
      for word in "${command[@]}"; do
        [[ $word == IMAGE ]] && { word=work.qcow2; named=yes; }
        words+=("$word")
      done
      [[ $named == yes ]] || words+=(work.qcow2)
      "$strata" "${words[@]}" --untrusted > said 2>&1 || true
      untouched || echo "$2 looked at it"
      """, command)
    #expect(outcome == Self.silence)
  }
}
