// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Snapshots that we take, restore and forget, and the peer's, over everything that a qcow2 can be.
@Suite struct SnapshotInteropTests {
  static let options =
    ConvertInteropTests.creationOptions.filter {
      !$0.contains("data_file") && $0 != "refcount_bits=1" && $0 != "refcount_bits=2"
    }

  /// Takes turns: `$2` takes the snapshots, `$3` restores and forgets them, `$5` is `-c` for compressed clusters.
  private static let script = """
    set -e
    qemu-img convert $5 -O qcow2 ${4:+-o "$4"} disk.raw image
    "$2" snapshot -c one image
    qemu-img check -q image; "$1" check -q image
    for command in 'write -P 7 1000k 300k' 'write -z 3M 1M' 'write -P 9 0 512' 'discard 5M 1M'; do
      qemu-io -f qcow2 -c "$command" image >/dev/null
    done
    qemu-img convert -O raw image two.raw
    "$2" snapshot -c two image
    qemu-img check -q image; "$1" check -q image
    [ "$("$3" snapshot -l image | tail -n +3 | cut -c1-14 | tr -d '\\n ')" = 1one2two ]
    [ "$(qemu-img snapshot -l image)" = "$("$1" snapshot -l image)" ]
    qemu-io -f qcow2 -c 'write -P 5 2M 3M' image >/dev/null
    "$3" snapshot -a one image
    qemu-img check -q image; "$1" check -q image
    qemu-img compare -q disk.raw image
    "$3" snapshot -a 2 image
    qemu-img check -q image
    qemu-img compare -q two.raw image
    "$3" snapshot -d one image
    qemu-img check -q image; "$1" check -q image
    qemu-img compare -q two.raw image
    qemu-img convert -l two -O raw image again.raw
    cmp two.raw again.raw
    qemu-io -f qcow2 -c 'write -P 6 0 7M' image >/dev/null
    "$2" snapshot -a two image
    qemu-img check -q image
    "$2" snapshot -d two image
    qemu-img check -q image; "$1" check -q image
    "$1" compare -q two.raw image
    """

  @Test(
    "taken by one, restored and forgotten by another", arguments: options,
    ["ours", "theirs", "mixed", "reversed"])
  func turns(_ options: String, _ who: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 7 << 20 | 1536, seed: 31)
    let taker = who == "ours" || who == "mixed" ? Programs.strata : "qemu-img"
    let other = who == "ours" || who == "reversed" ? Programs.strata : "qemu-img"
    let outcome = Shell.run(
      SnapshotInteropTests.script, arguments: [Programs.strata, taker, other, options, ""],
      folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "compressed clusters", arguments: ["", "cluster_size=4k", "compression_type=zstd", "compat=0.10"],
    ["ours", "mixed"])
  func compressed(_ options: String, _ who: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 7 << 20 | 1536, seed: 32)
    let other = who == "ours" ? Programs.strata : "qemu-img"
    let outcome = Shell.run(
      SnapshotInteropTests.script, arguments: [Programs.strata, Programs.strata, other, options, "-c"],
      folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("refcounts too narrow for another snapshot: a clear error, nothing changed", arguments: [1, 2])
  func narrow(_ bits: Int) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 7 << 20, seed: 33)
    let outcome = Shell.run(
      """
      qemu-img convert -O qcow2 -o refcount_bits=$2,cluster_size=4k disk.raw image
      for number in $(seq $3); do "$1" snapshot -c $number image || exit 1; done
      sum=$(sha256sum image)
      said=$("$1" snapshot -c more image 2>&1) && exit 2
      [[ $said == *"Could not create snapshot 'more': cluster "*refcount_bits=$2* ]] || echo "$said"
      "$1" check -q image && qemu-img check -q image || exit 3
      [ "$sum" = "$(sha256sum image)" ] || exit 4
      qemu-img compare -q disk.raw image
      """, arguments: [Programs.strata, String(bits), String(bits == 1 ? 0 : 2)], folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("space that only a forgotten snapshot had goes back to the file system, unless told otherwise")
  func space() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      make() {
        qemu-img create -q -f qcow2 image 64M && qemu-io -c 'write -P 1 0 8M' image >/dev/null
        "$1" snapshot -c one image && qemu-io -c 'write -P 2 0 8M' image >/dev/null
      }
      blocks() { stat -c %b image; }
      make "$1"
      before=$(blocks)
      "$1" snapshot -d one image
      echo $(((before - $(blocks)) * 512 >= 7 << 20))
      make "$1"
      before=$(blocks)
      "$1" snapshot --image-opts -d one driver=qcow2,pass-discard-snapshot=off,file.filename=image
      echo $(((before - $(blocks)) * 512 < 1 << 20))
      qemu-img check -q image
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n1\n"))
  }

  @Test("saved machine state stays with its snapshot")
  func machineState() throws {
    let folder = TemporaryFolder()
    // A state as a virtual machine saves it: behind the end of the disk.
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 image 4M
      qemu-io -f qcow2 -c 'write -P 3 0 1M' -c 'write -q -b -P 8 0 128k' image >/dev/null
      qemu-img snapshot -c state image
      "$1" snapshot -c more image
      qemu-io -f qcow2 -c 'write -q -b -P 9 0 128k' image
      "$1" snapshot -a state image
      qemu-io -f qcow2 -c 'read -q -b -P 8 0 128k' image
      "$1" snapshot -d more image
      qemu-img check -q image
      [ "$(qemu-img snapshot -l image)" = "$("$1" snapshot -l image)" ]
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
