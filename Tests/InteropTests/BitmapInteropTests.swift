// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Bitmaps that we and the peer make, change and keep up to date in turns.
@Suite struct BitmapInteropTests {
  static let options = [
    "", "cluster_size=512", "extended_l2=on,cluster_size=16k", "refcount_bits=1",
    "data_file=image.data", "lazy_refcounts=on",
  ]

  /// `dirty IMAGE NAME` prints what is dirty in a bitmap, as a server of the peer shows it.
  static let words = """
    set -e
    dirty() {
      local socket=$PWD/socket.$BASHPID server
      qemu-nbd -r -t -f qcow2 -k "$socket" -B "$2" "$1" & server=$!
      for _ in {1..300}; do [ ! -S "$socket" ] || break; sleep 0.01; done
      qemu-img map --output=json --image-opts \\
        "driver=nbd,server.type=unix,server.path=$socket,x-dirty-bitmap=qemu:dirty-bitmap:$2" | grep '"data": false' || true
      # A signal that comes at a bad moment does not wake the server.
      while kill $server 2>/dev/null; do sleep 0.02; done
    }
    same() { for name; do diff <(dirty a $name) <(dirty b $name) >&2 || { echo "bitmap $name differs"; exit 1; }; done; }
    listed() { "$1" info "$2" | sed -n '/bitmaps:/,/refcount bits/p'; }
    """

  /// `$2` works on a and `$3` on b; both are to be the same throughout. `$4` are creation options.
  private static let script =
    words + """

      for image in a b; do qemu-img create -q -f qcow2 ${4:+-o "${4/image/$image}"} $image 9M; done
      both() { local verb=$1; shift; "$one" $verb "${@//IMAGE/a}"; "$two" $verb "${@//IMAGE/b}"; }
      one=$2 two=$3
      both bitmap --add -g 512 IMAGE fine
      both bitmap --add IMAGE usual
      both bitmap --add -g 1M --disable IMAGE off
      for image in a b; do
        qemu-io -f qcow2 -c 'write 1M 70k' -c 'write -z 3M 300k' -c 'discard 5M 64k' -c 'write 8M 1M' $image >/dev/null
      done
      same fine usual off
      both convert -q -n -f raw --target-is-zero -O qcow2 disk.raw IMAGE
      same fine usual off
      both bitmap --merge fine IMAGE off
      both bitmap --disable IMAGE fine
      both bitmap --add -g 4k --merge usual IMAGE late
      same fine usual off late
      for image in a b; do qemu-io -f qcow2 -c 'write 2M 5k' -c 'write 7000k 1' $image >/dev/null; done
      both resize -q IMAGE 20M
      same fine usual off late
      both resize -q --shrink IMAGE 3000k
      both resize -q IMAGE 7M
      same fine usual off late
      both bitmap --clear --enable IMAGE fine
      for image in a b; do qemu-io -f qcow2 -c 'write 6M 512' $image >/dev/null; done
      both bitmap --remove IMAGE usual
      same fine off late
      for image in a b; do
        qemu-img check -q $image; "$1" check -q $image
        diff <(listed "$1" $image) <(listed qemu-img a)
      done
      both convert --bitmaps -O qcow2 -o cluster_size=4k IMAGE IMAGE.copy
      for name in fine off late; do diff <(dirty a.copy $name) <(dirty b $name); done
      for name in fine off late; do diff <(dirty b.copy $name) <(dirty a $name); done
      both bitmap --merge late -b IMAGE.copy -F qcow2 IMAGE fine
      same fine
      both bitmap --remove IMAGE fine; both bitmap --remove IMAGE off; both bitmap --remove IMAGE late
      for image in a b; do qemu-img check -q $image; [ -z "$(listed qemu-img $image)" ]; done
      """

  @Test("ours, theirs, and one after the other", arguments: options, [false, true])
  func turns(_ options: String, _ alternates: Bool) throws {
    let folder = TemporaryFolder()
    // A program that is ours and theirs in turns; and a disk whose data is in whole clusters of any size, since not
    // all programs write the same pieces.
    _ = Shell.run(
      """
      truncate -s 9M disk.raw
      head -c 4M /dev/zero | tr '\\0' x | dd of=disk.raw bs=64k seek=2M oflag=seek_bytes conv=notrunc status=none
      printf '#!/bin/bash\\necho >>turns; if (($(wc -l <turns) %% 2)); then exec "%s" "$@"; else exec qemu-img "$@"; fi\\n' \
      "$1" >mixed; chmod +x mixed
      """, Programs.strata, folder: folder.path)
    let program = alternates ? folder.file("mixed") : Programs.strata
    let outcome = Shell.run(
      BitmapInteropTests.script, arguments: [Programs.strata, program, "qemu-img", options],
      folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "whatever writes to an image keeps its bitmaps up to date",
    arguments: ["cluster_size=64k", "cluster_size=4k"])
  func writers(_ options: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 5 << 20, seed: 52)
    let script =
      BitmapInteropTests.words + """

        for program in "$1" qemu-img; do
          [ $program = qemu-img ] && at=b || at=a
          for image in base other $at; do
            rm -f $image; qemu-img convert -f raw -O qcow2 -o $2 disk.raw $image; qemu-img bitmap --add -g 4k $image bits
          done
          qemu-io -f qcow2 -c 'write 1M 1M' other >/dev/null
          rm -f top; qemu-img create -q -f qcow2 -o $2 -b $at -F qcow2 top; qemu-img bitmap --add top bits
          qemu-io -f qcow2 -c 'write 100k 10k' -c 'write -z 2M 1M' top >/dev/null
          $program commit -q top
          qemu-io -f qcow2 -c 'write 4M 1k' top >/dev/null
          $program rebase -b other -F qcow2 top
          mv top $at.top
          rm -f new; qemu-img create -q -f qcow2 -o $2 new 5M; qemu-img bitmap --add -g 4k new bits
          $program convert -n -c --target-is-zero -O qcow2 -f raw disk.raw new
          mv new $at.new
          for image in $at $at.top $at.new; do qemu-img check -q $image; done
        done
        same bits
        diff <(dirty a.new bits) <(dirty b.new bits)
        diff <(dirty a.top bits) <(dirty b.top bits)
        """
    let outcome = Shell.run(script, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("a program that is killed leaves bitmaps that say so")
  func killed() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 image 200M; qemu-img bitmap --add image on; qemu-img bitmap --add --disable image off
      truncate -s 200M source.raw
      head -c 100M /dev/zero | tr '\\0' x | dd of=source.raw conv=notrunc status=none
      "$1" convert -r 1M -n -f raw -O qcow2 source.raw image & program=$!
      for _ in {1..500}; do ! "$1" info -U image | grep -q in-use || break; sleep 0.01; done
      kill -KILL $program; wait $program 2>/dev/null || true
      qemu-img info image | sed -n '/bitmaps:/,/refcount/p'
      "$1" check -q image || [ $? = 3 ]
      qemu-img bitmap --remove --add image on
      qemu-img check -q image || [ $? = 3 ]
      """, Programs.strata, folder: folder.path)
    #expect(
      outcome
        == Shell.Outcome(
          status: 0,
          output: """
                bitmaps:
                    [0]:
                        flags:
                            [0]: in-use
                            [1]: auto
                        name: on
                        granularity: 65536
                    [1]:
                        flags:
                        name: off
                        granularity: 65536
                refcount bits: 16

            """))
  }
}
