// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// VHDs that we make are read by `qemu-img`, 7-Zip and libvhdi, and those of `qemu-img` and `bximage` by us.
@Suite struct VpcInteropTests {
  /// Lengths in bytes: a sector, a block, and some that end inside one.
  static let lengths: [UInt64] = [512, 2 << 20, 3 << 20 | 512, 9 << 20 | 1536]
  static let options = ["subformat=dynamic", "subformat=fixed", "preallocation=full"]

  /// Reads a chain of images by libvhdi, the last one first, and writes the disk to a file.
  static let read = """
    read_vhd() {
      /usr/bin/python3 - "$@" <<'END'
    import pyvhdi, sys
    chain = []
    for name in sys.argv[2:]:
        image = pyvhdi.file()
        image.open(name)
        if chain: chain[-1].set_parent(image)
        chain.append(image)
    with open(sys.argv[1], 'wb') as out:
        out.write(chain[0].read_buffer(chain[0].get_media_size()))
    END
    }
    """

  @Test("ours, checked by us and read by qemu-img, 7-Zip and libvhdi", arguments: options, lengths)
  func oursIsTheirs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 11)
    let outcome = Shell.run(
      VpcInteropTests.read + """

        set -e
        "$1" convert -f raw -O vpc -o "$2" disk.raw image.vhd
        "$1" check -q image.vhd
        qemu-img compare -q -f raw -F vpc disk.raw image.vhd
        diff <(qemu-img info -f vpc image.vhd) <("$1" info image.vhd)
        diff <(qemu-img map -f vpc --output=json image.vhd) <("$1" map --output=json image.vhd | sed 's/, "compressed": false//')
        7zz e -so -tVHD image.vhd 2>/dev/null | cmp - disk.raw
        read_vhd read.raw image.vhd
        cmp read.raw disk.raw
        """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("ours, made shorter, is read by 7-Zip, which takes no more entries than blocks")
  func shorter() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      "$1" create -q -f vpc image.vhd 2040G
      qemu-io -f vpc -c 'write -q -P 7 0 3M' -c 'write -q -P 8 9M 1M' -c 'write -q -P 9 1T 1M' image.vhd
      "$1" resize -q --shrink image.vhd 20M
      "$1" check -q image.vhd
      "$1" convert -O raw image.vhd disk.raw
      qemu-img compare -q -f raw -F vpc disk.raw image.vhd
      7zz e -so -tVHD image.vhd 2>/dev/null | cmp - disk.raw
      "$1" resize -q image.vhd 30M
      "$1" check -q image.vhd
      7zz t -tVHD image.vhd >/dev/null
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "theirs, read, written and checked by us, and read by them again",
    arguments: ["subformat=dynamic", "subformat=fixed", "subformat=dynamic,force_size=on"], lengths)
  func theirsIsOurs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 12)
    try SampleDisk.write(folder.file("other.raw"), length: length, seed: 13)
    let outcome = Shell.run(
      VpcInteropTests.read + """

        set -e
        qemu-img convert -f raw -O vpc -o "$2" disk.raw image.vhd
        "$1" check -q image.vhd
        "$1" compare -q -f raw -F vpc disk.raw image.vhd
        diff <(qemu-img info -f vpc image.vhd) <("$1" info image.vhd)
        "$1" convert -n -f raw -O vpc other.raw image.vhd
        qemu-img compare -q -f raw -F vpc other.raw image.vhd
        qemu-io -f vpc -c 'write -q -P 7 0 512' image.vhd
        "$1" check -q image.vhd
        "$1" resize -q image.vhd +100M
        "$1" check -q image.vhd
        qemu-io -f vpc -c 'read -P 7 0 512' -c "read -P 0 16M 80M" image.vhd | grep -c 'Pattern verification' || true
        read_vhd read.raw image.vhd
        qemu-img compare -q -f raw -F vpc read.raw image.vhd
        """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "0\n"))
  }

  @Test("what bximage makes is read, also by its geometry where asked")
  func bximage() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      bximage -func=create -hd=40M -imgmode=vpc -q image.vhd > /dev/null
      "$1" info image.vhd | grep 'virtual size'
      "$1" info --image-opts driver=vpc,file.filename=image.vhd,force_size_calc=chs | grep 'virtual size'
      "$1" check -q image.vhd
      qemu-io -f vpc -c 'write -q -P 9 5M 1M' image.vhd
      "$1" convert -O raw image.vhd image.raw
      qemu-io -f raw -c 'read -P 9 5M 1M' -c 'read -P 0 6M 30M' image.raw | grep -c 'Pattern' || true
      """, Programs.strata, folder: folder.path)
    #expect(
      outcome
        == Shell.Outcome(
          status: 0,
          output: "virtual size: 39.9 MiB (41803776 bytes)\nvirtual size: 39.9 MiB (41803776 bytes)\n0\n"))
  }

  @Test(
    "a block that nothing points to is found and given back, also where qemu-img placed it",
    arguments: [0, 2, 5])
  func lost(_ block: Int) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f vpc -o force_size=on image.vhd 20M
      qemu-io -f vpc -c 'write -q -P 1 0 12M' image.vhd
      printf '\\377\\377\\377\\377' | dd of=image.vhd bs=1 seek=$((1536 + 4 * $2)) conv=notrunc status=none
      qemu-img convert -f vpc -O raw image.vhd disk.raw
      "$1" check -f vpc image.vhd | grep -o '^1 leaked.*' || true
      "$1" check -q -f vpc -r leaks image.vhd > /dev/null
      "$1" check -q -f vpc image.vhd
      stat -c %s image.vhd
      qemu-img compare -q -f raw -F vpc disk.raw image.vhd
      """, Programs.strata, "\(block)", folder: folder.path)
    #expect(outcome.output == "1 leaked clusters were found on the image.\n10490880\n")
    #expect(outcome.status == 0)
  }

  @Test("growth past the room of the table, and back, is sound for all who read it")
  func growth() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 5 << 20, seed: 14)
    let outcome = Shell.run(
      VpcInteropTests.read + """

        set -e
        "$1" convert -f raw -O vpc disk.raw image.vhd
        for size in 200M 300M 10G 2040G; do
          "$1" resize -q image.vhd "$size"
          "$1" check -q image.vhd
          qemu-img info image.vhd | grep 'virtual size'
          vhdiinfo image.vhd | grep -q "Media size.*($(qemu-img info image.vhd | sed -n 's/^virtual.*(//p')" || vhdiinfo image.vhd
        done
        "$1" resize -q --shrink image.vhd 5M
        "$1" check -q image.vhd
        qemu-img compare -q -f raw -F vpc disk.raw image.vhd
        read_vhd read.raw image.vhd
        cmp read.raw disk.raw
        [[ $(stat -c %s image.vhd) -lt 13000000 ]]
        """, Programs.strata, folder: folder.path)
    #expect(
      outcome
        == Shell.Outcome(
          status: 0,
          output: """
            virtual size: 200 MiB (209715200 bytes)
            virtual size: 300 MiB (314572800 bytes)
            virtual size: 10 GiB (10737418240 bytes)
            virtual size: 1.99 TiB (2190433320960 bytes)

            """))
  }

  @Test("children are read by libvhdi with their parents, sector by sector")
  func children() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 9 << 20, seed: 15)
    let outcome = Shell.run(
      VpcInteropTests.read + """

        set -e
        "$1" convert -f raw -O vpc disk.raw base.vhd
        "$1" create -q -f vpc -b base.vhd -F vpc middle.vhd
        "$1" create -q -f vpc -b middle.vhd -F vpc top.vhd
        cp disk.raw wanted.raw
        write() {
          local image spec size offset step byte name
          for image in middle.vhd top.vhd; do
            for spec; do
              read -r size offset step byte <<< "$spec"
              [[ $image = middle.vhd ]] || byte=$((byte + 9)) offset=$((offset + 8192))
              for name in $image wanted.raw; do
                "$strata" bench -f $([[ $name = wanted.raw ]] && echo raw || echo vpc) -w -c 4 -d 1 -s $size -o $offset \
                  -S $step --pattern $byte $name > /dev/null
              done
            done
          done
          "$strata" check -q middle.vhd
          "$strata" check -q top.vhd
          "$strata" convert -O raw top.vhd seen.raw
          cmp seen.raw wanted.raw
          7zz e -so -tVHD top.vhd 2>/dev/null | cmp - wanted.raw
        }
        strata=$1
        write '4096 4096 1003520 65' '65536 700416 2400256 66'
        read_vhd read.raw top.vhd middle.vhd base.vhd
        cmp read.raw wanted.raw
        # libvhdi takes the sectors of a bitmap's byte for alike where one is stored.
        write '512 1536 1000448 75' '1024 4193792 512000 77'
        vhdiinfo top.vhd | grep -c "Parent identifier.*: $(vhdiinfo middle.vhd | sed -n 's/.*\\tIdentifier\\t*: //p')"
        "$1" commit -q top.vhd
        "$1" commit -q middle.vhd
        qemu-img compare -q -f raw -F vpc seen.raw base.vhd
        "$1" check -q base.vhd
        """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n"))
  }
}
