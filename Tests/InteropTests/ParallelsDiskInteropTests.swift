// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Disks of Parallels in several files: `qemu-img` makes the images, and the description is ours.
@Suite struct ParallelsDiskInteropTests {
  /// Makes images and descriptions. `shot STATE PARENT`, `image STATE FILE TYPE`, `storage START END IMAGES`,
  /// `describe FOLDER SECTORS STORAGES SNAPSHOTS`.
  static let words = #"""
    set -e
    top={5fbaabe3-6958-40ff-92a7-860e329aab41} nil={00000000-0000-0000-0000-000000000000}
    state() { printf '{11111111-1111-4111-8111-11111111111%s}' "$1"; }
    shot() { printf '<Shot><GUID>%s</GUID><ParentGUID>%s</ParentGUID></Shot>' "$1" "$2"; }
    image() { printf '<Image><GUID>%s</GUID><Type>%s</Type><File>%s</File></Image>' "$1" "${3-Compressed}" "$2"; }
    storage() { printf '<Storage><Start>%s</Start><End>%s</End><Blocksize>128</Blocksize>%s</Storage>' "$@"; }
    describe() {
      printf '<?xml version="1.0" encoding="UTF-8"?>\n<Parallels_disk_image Version="1.0"><Disk_Parameters><Disk_size>%s</Disk_size><Padding>0</Padding></Disk_Parameters><StorageData>%s</StorageData>%s</Parallels_disk_image>\n' \
        "$2" "$3" "$4" > "$1/DiskDescriptor.xml"
    }
    mkdir d.hdd

    """#

  @Test("one image, by folder and by description")
  func single() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 4 << 20, seed: 51)
    let outcome = Shell.run(
      ParallelsDiskInteropTests.words + #"""
        qemu-img convert -O parallels -o cluster_size=64k disk.raw d.hdd/a.hds
        describe d.hdd 8192 "$(storage 0 8192 "$(image $top a.hds)")" "<Snapshots>$(shot $top $nil)</Snapshots>"
        for name in d.hdd d.hdd/ d.hdd/DiskDescriptor.xml; do
          "$1" compare -q disk.raw $name
          "$1" convert -O raw $name out.raw && cmp disk.raw out.raw
          "$1" check -q $name
          "$1" compare -q --image-opts file.filename=disk.raw,driver=raw driver=parallels,file.filename=$name
        done
        "$1" info d.hdd | sed -n '2,3p'
        diff <("$1" map --output=json d.hdd) <("$1" map --output=json d.hdd/a.hds)
        "$1" convert -O qcow2 d.hdd/ out.qcow2 && qemu-img compare -q disk.raw out.qcow2
        "$1" checksum d.hdd | cut -d ' ' -f 1 | cmp - <("$1" checksum disk.raw | cut -d ' ' -f 1)
        mkdir other
        for name in ../d.hdd ../d.hdd/ "$PWD/d.hdd" ../d.hdd/DiskDescriptor.xml; do
          "$1" create -q -f qcow2 -b "$name" -F parallels other/over.qcow2
          "$1" compare -q disk.raw other/over.qcow2
          "$1" info --backing-chain other/over.qcow2 | grep -c '^file format: parallels'
        done
        "$1" rebase -b '' other/over.qcow2 && qemu-img compare -q disk.raw other/over.qcow2
        """#, Programs.strata, folder: folder.path)
    #expect(
      outcome
        == Shell.Outcome(
          status: 0, output: "file format: parallels\nvirtual size: 4 MiB (4194304 bytes)\n1\n1\n1\n1\n"))
  }

  @Test("parts of both kinds, with three states each: what a layer lacks, the one below has")
  func layers() throws {
    let folder = TemporaryFolder()
    for number in 1...3 {
      try SampleDisk.write(folder.file("part\(number).raw"), length: 2 << 20, seed: UInt64(60 + number))
    }
    let outcome = Shell.run(
      ParallelsDiskInteropTests.words + #"""
        one=$(state 1) two=$(state 2)
        # The first part: a plain image below two that have some clusters of 64 KiB. The copy by hand has the same written.
        cp part1.raw d.hdd/a1
        cp part1.raw expected1.raw
        # The second part: nothing but overlays on an image with holes.
        qemu-img convert -O parallels -o cluster_size=64k part2.raw d.hdd/b1
        cp part2.raw expected2.raw
        for layer in 2 3; do
          for part in a b; do qemu-img create -q -f parallels -o cluster_size=64k d.hdd/$part$layer 2M; done
          for place in $((layer * 2)) $((layer + 7)) 11; do
            for part in a b; do
              qemu-io -f parallels -c "write -q -P $((layer * 16 + place)) $((place * 65536)) 65536" d.hdd/$part$layer
            done
            for part in 1 2; do
              qemu-io -f raw -c "write -q -P $((layer * 16 + place)) $((place * 65536)) 65536" expected$part.raw
            done
          done
          [ $layer = 3 ] || { cp expected1.raw middle1.raw; cp expected2.raw middle2.raw; }
        done
        first=$(image $one a1 Plain)$(image $two a2)$(image $top a3)
        second=$(image $one b1)$(image $two b2)$(image $top b3)
        parts=$(storage 4096 8192 "$second")$(storage 0 4096 "$first")
        shots=$(shot $two $one)$(shot $one $nil)$(shot $top $two)
        describe d.hdd 8192 "$parts" "<Snapshots>$shots</Snapshots>"
        cat expected1.raw expected2.raw > expected.raw
        "$1" compare -q -f raw expected.raw d.hdd
        "$1" convert -O raw d.hdd out.raw
        cmp expected.raw out.raw
        "$1" check -q d.hdd
        # An older state is shown where the description says so.
        describe d.hdd 8192 "$parts" "<Snapshots><TopGUID>$two</TopGUID>$shots</Snapshots>"
        cat middle1.raw middle2.raw > expected.raw
        "$1" compare -q -f raw expected.raw d.hdd
        describe d.hdd 8192 "$parts" "<Snapshots><TopGUID>$one</TopGUID>$shots</Snapshots>"
        cat part1.raw part2.raw > expected.raw
        "$1" compare -q -f raw expected.raw d.hdd
        """#, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  /// Files that are not opened: what the description names, and words of the error.
  static let elsewhere: [(String, String)] = [
    ("/etc/hostname", "leads out of the folder"), ("../outside.hds", "leads out of the folder"),
    ("x/../../outside.hds", "leads out of the folder"), ("link.hds", "is a symbolic link"),
    ("folder.hds", "a regular file"), ("fifo.hds", "a regular file"),
    ("nbd://localhost/x", "only local files"),
    ("missing.hds", "No such file"), ("DiskDescriptor.xml", "infinite loop"),
    ("short.hds", "has 1048576 bytes"),
    ("text.hds", "not in Parallels format"), ("json:{}", "only local files"),
  ]

  @Test("images outside of the folder, and what is none, are not opened", arguments: elsewhere)
  func outside(_ file: String, _ words: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      ParallelsDiskInteropTests.words + #"""
        qemu-img create -q -f parallels outside.hds 4M
        ln -s ../outside.hds d.hdd/link.hds
        mkdir d.hdd/folder.hds d.hdd/x
        mkfifo d.hdd/fifo.hds
        qemu-img create -q -f parallels d.hdd/short.hds 1M
        printf '%01024d' 0 > d.hdd/text.hds
        describe d.hdd 8192 "$(storage 0 8192 "$(image $top "$2")")" ""
        set +e
        for command in info map check 'convert -O raw'; do
          timeout 10 "$1" $command d.hdd $([[ $command != convert* ]] || echo out.raw) 2>error >/dev/null
          echo "$? $(grep -vc hint: error) $(grep -c -- "$3" error)"
        done
        [ ! -e out.raw ]
        """#, Programs.strata, file, words, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: String(repeating: "1 1 1\n", count: 4)))
  }

  @Test("a disk of several files is not written, and an untrusted one leads nowhere")
  func refused() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      ParallelsDiskInteropTests.words + #"""
        qemu-img create -q -f parallels d.hdd/a.hds 4M
        describe d.hdd 8192 "$(storage 0 8192 "$(image $top a.hds)")" ""
        set +e
        "$1" resize d.hdd 8M 2>&1 | grep -c 'is only read'
        "$1" check -r all d.hdd 2>&1 | grep -c 'is only read'
        "$1" convert -n -O parallels d.hdd/a.hds d.hdd 2>&1 | grep -c 'is only read'
        "$1" info --untrusted d.hdd 2>&1 | grep -c 'not followed'
        "$1" inspect d.hdd/DiskDescriptor.xml | grep -c "names the images.0 file 'a.hds' (parallels)"
        mkdir empty.hdd
        "$1" info empty.hdd 2>&1 | grep -c "to be a regular file"
        """#, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: String(repeating: "1\n", count: 6)))
  }
}
