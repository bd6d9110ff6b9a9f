// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// What the manuals tell people to type.
@Suite struct ManualTests {
  static let pages = [
    "man/strata-bitmap.1", "man/strata-parallels.7", "man/strata-qcow.7", "man/strata-qed.7",
    "man/strata-vhdx.7",
    "man/strata-vpc.7",
  ]

  @Test("every example of a page works, in its order", arguments: pages)
  func examples(_ page: String) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      #"""
      set -e -o pipefail
      ln -s "$1" strata
      export PATH=$PWD:$PATH
      head -c 3M /dev/urandom > disk.raw && truncate -s 8M disk.raw
      strata convert -q -O qcow2 disk.raw disk.qcow2
      sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/{/^\.Bd/,/^\.Ed/{/^\./d; s/\\e$/\\/; p}}' "$2" > commands
      grep -q '^strata ' commands
      bash -e -x commands < /dev/null > said 2>&1 || cat said
      """#, arguments: [Programs.strata, Programs.root + "/" + page], folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
