// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Disks that become longer and shorter, over everything that a qcow2 can be.
@Suite struct ResizeInteropTests {
  static let options = ConvertInteropTests.creationOptions.filter {
    !$0.contains("data_file=image.data,data_file_raw")
  }

  @Test("C-05 what is cut off is gone, what is new reads as zero, the peer agrees", arguments: options)
  func thereAndBack(_ options: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 7 << 20 | 1536, seed: 21)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -O qcow2 -o "$2" disk.raw image
      for size in 5000192 9000448 +20M 12M 900k 3M; do
        truncate -s "${size/#+20M/29971968}" disk.raw
        "$1" resize -q --shrink image "$size"
        "$1" check -q image
        qemu-img check -q image
        qemu-img compare -q -f raw -F qcow2 disk.raw image
      done
      qemu-io -f qcow2 -c 'write -P 7 100k 2M' image >/dev/null
      qemu-io -f raw -c 'write -P 7 100k 2M' disk.raw >/dev/null
      "$1" compare -q -f raw -F qcow2 disk.raw image
      qemu-img check -q image
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("C-05 shrinking does not preallocate; the image stays as it is")
  func refusals() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      qemu-img create -q -f qcow2 image 4M
      sum=$(sha256sum image)
      for words in '--shrink --preallocation=full image 1M' 'image 1M' 'image 1000000000P' '--shrink image -5M'; do
        "$1" resize $words >/dev/null 2>&1 && echo "$words"
        [ "$sum" = "$(sha256sum image)" ] || echo "$words: changed"
      done
      true
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "C-05 space is had in a data file that is longer than the disk", arguments: ["falloc", "full"],
    ["qemu-img", Programs.strata])
  func longDataFile(_ mode: String, _ creator: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      for growth in 16 48 80; do
        rm -f image image.data
        "$3" create -q -f qcow2 -o data_file=image.data,preallocation=metadata image 2000k
        "$1" resize -q --preallocation=$2 image +${growth}k
        qemu-img check -q image
        qemu-io -c 'write -q -P 5 0 2000k' image
        sync image.data
        before=$(stat -c %b image.data)
        qemu-io -c "read -q -P 5 0 2000k" -c "read -q -P 0 2000k ${growth}k" -c "write -q 2000k ${growth}k" image
        sync image.data
        [ $(stat -c %b image.data) -le $before ] || echo "$growth: $(stat -c %b image.data), not $before"
      done
      """, Programs.strata, mode, creator, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("snapshots keep their length and their content")
  func snapshotsStay() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 -o cluster_size=4k image 6M
      qemu-io -c 'write -P 5 0 6M' image >/dev/null
      qemu-img snapshot -c one image
      qemu-img convert -l one -O raw image one.raw
      "$1" resize --shrink -q image 1M
      qemu-img check -q image
      "$1" resize -q image 20M
      qemu-img check -q image
      qemu-io -r -c 'read -q -P 0 1M 19M' -c 'read -q -P 5 0 1M' image
      qemu-img snapshot -a one image
      qemu-img check -q image
      qemu-img convert -O raw image again.raw
      cmp one.raw again.raw
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "D-06 shrinking gives space back as the peer does, blocks that count nothing too",
    arguments: ["64k", "4k", "512"])
  func spaceComesBack(_ clusterSize: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      held() { sync $1; stat -c %b $1; }
      blocks() {
        table=$(od -An -t u8 --endian=big -j 48 -N 8 $1)
        clusters=$(od -An -t u4 --endian=big -j 56 -N 4 $1)
        od -An -v -t u8 -w8 --endian=big -j $table -N $((clusters << $(od -An -t u4 --endian=big -j 20 -N 4 $1))) $1 \\
          | grep -vc '^ *0$'
      }
      qemu-img create -q -f qcow2 -o cluster_size=$2 image 64M
      qemu-io -f qcow2 -c 'write -P 1 40M 4M' -c 'write -P 2 0 2M' -c 'write -P 3 50M 5M' -c 'write -P 4 3M 1M' \\
        image >/dev/null
      cp --sparse=never image peer
      qemu-img resize -q --shrink -f qcow2 peer 20M
      "$1" resize -q --shrink -f qcow2 image 20M
      qemu-img check -q image
      qemu-img compare -q peer image
      [ $(held image) -le $(($(held peer) + 128)) ] || echo $(held image) $(held peer)
      [ $(blocks image) -le $(blocks peer) ] || echo $(blocks image) $(blocks peer)
      """, Programs.strata, clusterSize, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
