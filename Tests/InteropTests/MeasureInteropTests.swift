// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// The peer's numbers, over everything that a qcow2 can be.
@Suite struct MeasureInteropTests {
  @Test(
    "the same sizes as the peer's", arguments: ["", "cluster_size=4k", "cluster_size=512", "extended_l2=on"])
  func sameNumbers(_ options: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 7 << 20 | 1536, seed: 51)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -O qcow2 ${2:+-o "$2"} disk.raw plain
      qemu-img convert -c -O qcow2 ${2:+-o "$2"} disk.raw compressed
      qemu-img create -q -f qcow2 ${2:+-o "$2"} -b plain -F qcow2 overlay 12M
      qemu-io -f qcow2 -c 'write -P 7 1000k 300k' -c 'write -z 3M 1M' -c 'write 9M 5k' overlay >/dev/null
      for image in disk.raw plain compressed overlay; do
        for target in raw qcow2 'qcow2 -o cluster_size=512' 'qcow2 -o cluster_size=2M' \\
          'qcow2 -o extended_l2=on,refcount_bits=1' 'qcow2 -o preallocation=falloc'; do
          for form in human json; do
            diff <(qemu-img measure --output=$form -O $target $image) \\
              <("$1" measure --output=$form -O $target $image) || echo "$image to $target"
          done
        done
      done
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("sizes that are no whole sectors, and secrets that are not there")
  func oddSizes() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      truncate -s 1000001 odd
      for target in raw qcow2 'luks -o key-secret=k,iter-time=10' 'luks -o key-secret=none' 'luks -o key-secret=none,frob=1' \\
        'qcow2 -o encrypt.format=luks,encrypt.key-secret=none' 'qcow2 -o encrypt.format=aes,encrypt.key-secret=none'; do
        for source in '--size 0' '--size 1' '--size 511' '--size 513' '--size 1000001' \\
          '-f raw odd'; do
          for program in qemu-img "$1"; do
            for try in $(seq 40); do
              "$program" measure --object secret,id=k,data=x -O $target $source > said 2>&1
              echo $? >> said
              # The peer fails now and then where it has measured too little time.
              grep -q 'accurate CPU' said || break
            done
            sed "s/^$(basename "$program"): //; /^hint: /d" said > "$(basename "$program")"
          done
          diff qemu-img "$(basename "$1")" || echo "$target $source"
        done
      done
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "every option that makes an image is taken, the storage's own included",
    arguments: [
      "raw -o preallocation=off", "raw -o preallocation=falloc", "raw -o preallocation=full",
      "raw -o nocow=on,extent_size_hint=64k", "raw -o nocow=maybe", "raw -o frob=1",
      "luks -o key-secret=k,preallocation=off",
      "luks -o key-secret=k,iter-time=10,preallocation=falloc",
      "luks -o key-secret=k,preallocation=metadata,cipher-alg=aes-128,iter-time=10",
      "luks -o key-secret=k,iter-time=10,preallocation=full,nocow=off,extent_size_hint=1M",
      "luks -o key-secret=k,frob=1",
      "qcow2 -o nocow=on,extent_size_hint=1M", "qcow2 -o preallocation=full,nocow=on,lazy_refcounts=on",
      "qcow2 -o encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10,nocow=on,compat=1.1",
      "qcow2 -o data_file=x,data_file_raw=on",
    ])
  func creationOptions(_ target: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20 | 1536, seed: 52)
    let outcome = Shell.run(
      """
      for source in '-f raw disk.raw' '--size 3M'; do
        for program in qemu-img "$1"; do
          for try in $(seq 40); do
            "$program" measure --object secret,id=k,data=x -O $2 $source > said 2>&1
            echo $? >> said
            # The peer fails now and then where it has measured too little time.
            grep -q 'accurate CPU' said || break
          done
          sed "s/^$(basename "$program"): //; /^hint: /d" said > "$(basename "$program")"
        done
        diff qemu-img "$(basename "$1")"
      done
      """, Programs.strata, target, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "a new image of data that nothing compresses takes no more than what was told",
    arguments: [
      "vdi", "vpc", "vpc -o force_size=off", "vhdx", "vhdx -o block_size=1M", "parallels", "qed", "qcow",
      "qcow2", "vmdk",
      "vmdk -o subformat=streamOptimized",
    ])
  func enough(_ target: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      head -c 21M /dev/urandom >full.raw
      truncate -s 40M part.raw
      head -c 5M /dev/urandom | dd of=part.raw bs=1M seek=3 conv=notrunc status=none
      truncate -s 40M empty.raw
      for image in full part empty; do
        told=$("$1" measure -O $2 $image.raw | sed -n 's/^required size: //p')
        "$1" convert -O $2 $image.raw out
        taken=$(stat -c %s out)
        ((taken <= told)) || echo "$image: $told were told, $taken taken"
        rm out
      done
      """, Programs.strata, target, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
