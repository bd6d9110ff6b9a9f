// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Disks that are to grow where there is little room.
@Suite(.enabled(if: Mounts.arePossible, "needs mounts of its own")) struct ScarceGrowthTests {
  static let formats = [
    "qcow2", "qcow2 -o cluster_size=4k", "qcow", "qed -o cluster_size=4k,table_size=1", "vdi",
    "vdi -o static=on",
    "vpc", "vpc -o subformat=fixed", "vhdx", "vhdx -o block_size=1M", "parallels",
    "parallels -o cluster_size=64k",
    "vmdk", "vmdk -o subformat=twoGbMaxExtentSparse",
  ]

  @Test(
    "D-06 a disk that finds no room to grow is as it was, also when it is tried again", arguments: formats)
  func growth(_ format: String) throws {
    let folder = TemporaryFolder()
    let outcome = Mounts.run(
      """
      set -- "$1" $2
      program=$1 format=$2; shift
      seq 1000000 | head -c 6M >disk.raw
      truncate -s 8M disk.raw
      for room in 0 40k; do
        for size in 30M 200G 300G 2T; do
          rm -f small/*
          "$program" convert -f raw -O "$@" disk.raw small/image || exit
          head -c $room /dev/zero >small/room
          dd if=/dev/zero of=small/filler bs=4k 2>/dev/null
          rm small/room
          length=
          for try in 1 2; do
            "$program" resize -q -f $format small/image $size 2>message && break
            now=$(stat -c '%n %s' small/image*)
            [ "${length:=$now}" = "$now" ] || echo "$room $size: another length when tried again"
            "$program" compare -q -f raw -F $format disk.raw small/image || echo "$room $size: another disk"
          done
          # Tables that vmdk has to make before all else stay, as holes.
          "$program" check -f $format small/image >log 2>&1 || { [ $? = 3 ] && [ $format = vmdk ]; } ||
            { echo "$room $size $try $(cat message)"; cat log; }
        done
      done
      """, mount: "-t tmpfs -o size=11M none", Programs.strata, format, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
