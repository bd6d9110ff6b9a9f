// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// No image is made over a file that it stands on, or that it is made from.
@Suite struct OwnChainTests {
  /// `base` with its data in `data`, `middle` over it, `top` over that; `link` and `hard` are other names.
  private static let chain = """
    qemu-img create -q -f qcow2 -o data_file=data base 1M
    qemu-img create -q -f qcow2 -b base -F qcow2 middle
    qemu-img create -q -f qcow2 -b middle -F qcow2 top
    qemu-io -f qcow2 -c 'write -q -P 1 0 64k' base; qemu-io -f qcow2 -c 'write -q -P 2 0 4k' middle
    ln -s base link; ln base hard; ln -s "$PWD" here; head -c 64k /dev/zero >plain
    state() { md5sum base data middle top; }

    """

  static let commands = [
    "create -q -f qcow2 -b top -F qcow2 %", "create -q -u -f qcow2 -b top -F qcow2 % 1M",
    "create -q -f qcow2 -b top -F qcow2 -o data_file=% new",
    "convert -f raw -O qcow2 -B top -F qcow2 plain %",
    "convert -O qcow2 top %", "convert -O qcow2 -B top -F qcow2 top %", "convert -n -O raw top %",
    "dd if=top of=%", "dd conv=notrunc if=top of=%", "dd -O qcow2 if=top of=%",
    "convert -O raw top plain %",
  ]

  static let places = [
    "base", "./base", "link", "hard", "here/base", "data", "here/data", "middle", "top", "./top", "here/hard",
  ]

  @Test(
    "D-09 a file of the chain is not overwritten, by any name, and the layer is named", arguments: commands)
  func refused(_ command: String) {
    for place in OwnChainTests.places {
      let folder = TemporaryFolder()
      let line = command.replacing("%", with: place)
      let outcome = Shell.run(
        OwnChainTests.chain + "state >before; \"$1\" \(line) >said 2>&1; echo $?; state | cmp - before\n"
          + "grep -cE 'base|data|middle|top' said >/dev/null || cat said; [ ! -e new ] || echo new",
        Programs.strata, folder: folder.path)
      #expect(outcome == Shell.Outcome(status: 0, output: "1\n"), "\(line)")
    }
  }

  @Test("an image may still take the place of one that only has the same name elsewhere")
  func unrelated() {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      OwnChainTests.chain
        + """
        mkdir other; cp base other/base
        "$1" create -q -f qcow2 -b "$PWD/top" -F qcow2 other/base && qemu-img compare -q top other/base && echo made
        """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "made\n"))
  }
}
