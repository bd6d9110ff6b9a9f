// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Testing

/// Filters that show what they do when something is written.
extension FilterInteropTests {
  /// Shows a log, and makes the disk again from it.
  private static let replay = """
    cat >replay <<'END'
    import struct, sys
    log = open(sys.argv[1], 'rb').read()
    disk = open(sys.argv[2], 'r+b')
    magic, version, count, unit = struct.unpack('<QQQI', log[:28])
    place = unit
    print(hex(magic), version, unit)
    for _ in range(count):
        sector, sectors, flags, length = struct.unpack('<QQQQ', log[place:place + 32])
        place += unit
        print(sector, sectors, flags, length)
        if flags & 4:
            continue
        disk.seek(sector * unit)
        disk.write(log[place:place + sectors * unit])
        place += sectors * unit
    assert place == len(log)
    END

    """

  @Test("what is written is logged alike, and the log makes the disk again", arguments: ["512", "4k"])
  func logging(_ unit: String) {
    same(
      FilterInteropTests.replay + """
        for program in qemu-img bin/qemu-img; do
          rm -f log; touch log; cp c1 written; cp c1 again
          disk=driver=blklogwrites,file.driver=raw,file.file.filename=written,log.driver=file,log.filename=log
          $program bench -q -d 1 -w -c 20 -s 8192 -S 40960 --pattern=5 --image-opts \\
            $disk,log-sector-size=$1 | grep -v 'Sending\\|Run'
          # Goes on with what is there.
          $program bench -q -d 1 -w -c 3 -s 4096 -o 409600 --pattern=6 --image-opts $disk,log-append=on |
            grep -v 'Sending\\|Run'
          python3 replay log again >$(basename $(dirname $program)).entries || exit
          cmp written again || exit
        done
        # The peer flushes at some more places.
        grep -v '^0 0 1 0' ..entries >theirs; grep -v '^0 0 1 0' bin.entries | diff theirs - || exit
        [ $(wc -l <theirs) = 24 ]
        """, unit)
  }

  @Test("whatever is copied through a log is in it")
  func loggedCopy() {
    same(
      FilterInteropTests.replay + """
        cp short written; truncate -s 1M written; cp written again
        head -c 65536 /dev/zero | tr '\\\\0' x | dd of=again conv=notrunc bs=64k seek=9 status=none; cp again written
        bin/qemu-img convert -n -f raw d --target-image-opts \\
          driver=blklogwrites,file.driver=raw,file.file.filename=written,log.driver=file,log.filename=log || exit
        python3 replay log again >entries; cmp again written; cmp written d
        """)
  }

  // The filter of qemu-img 7.2 takes whole clusters alone.
  @Test("what is written through the filter is compressed, parts of clusters too")
  func compressing() {
    same(
      """
      qemu-img create -q -f qcow2 new 1M; cp d copy
      disk=driver=compress,file.driver=qcow2,file.file.filename=new
      bin/qemu-img convert -f raw -n --target-image-opts d $disk || exit
      for target in "$disk" driver=raw,file.filename=copy; do
        # A part of a cluster that has nothing yet.
        bin/qemu-img bench -q -d 1 -w -c 1 -s 4096 -o 655360 --pattern=9 --image-opts $target | grep -v 'Sending\\|Run'
      done
      qemu-img compare -q -f raw -F qcow2 copy new; qemu-img check new | grep -o '100.00% compressed'
      """, arguments: [], output: "100.00% compressed\n")
  }

  @Test(
    "a part of a compressed cluster can be written again, and what does not become smaller is stored as it is"
  )
  func compressingAgain() {
    same(
      """
      qemu-img create -q -f qcow2 new 1M; cp d copy
      disk=driver=compress,file.driver=qcow2,file.file.filename=new
      bin/qemu-img convert -f raw -n --target-image-opts d $disk || exit
      head -c 200000 /dev/urandom >noise
      for target in "$disk" driver=raw,file.filename=copy; do
        bin/qemu-img bench -q -d 1 -w -c 9 -s 4096 -S 12288 -o 65536 --pattern=9 --image-opts $target |
          grep -v 'Sending\\|Run'
        bin/qemu-img bench -q -w -c 64 -s 1000 --pattern=7 --image-opts $target | grep -v 'Sending\\|Run'
      done
      qemu-img check -q new; qemu-img compare -q -f raw -F qcow2 copy new || exit
      truncate -s 1M noise; bin/qemu-img convert -f raw -n --target-image-opts noise $disk
      qemu-img check -q new; qemu-img compare -q -f raw -F qcow2 noise new
      """)
  }

  @Test(
    "space that was taken ahead is given back",
    arguments: ["", ",prealloc-size=0", ",prealloc-size=3M,prealloc-align=64k"])
  func preallocating(_ options: String) {
    same(
      """
      for program in qemu-img bin/qemu-img; do
        qemu-img create -q -f qcow2 new 64M
        $program convert -m 1 -f raw -n --target-image-opts d \\
          driver=qcow2,file.driver=preallocate,file.file.filename=new$(echo "$1" | sed 's/,/,file./g') || exit
        qemu-img compare -q -f raw -F qcow2 d new
        qemu-img check -q new
        stat -c %s new >$(basename $(dirname $program)).size
      done
      # Where space was taken, the length says where the data ends.
      [ $(cat bin.size) -le $(($(cat ..size) + 65536)) ]
      """, options)
  }
}
