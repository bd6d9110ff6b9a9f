// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// No half images: whatever ends a convert early, the target's name has nothing or what it had before.
@Suite struct InterruptionTests {
  static let signals = ["TERM", "INT", "HUP", "KILL"]

  @Test("X-02 J-06 a killed convert leaves nothing behind", arguments: signals, ["raw", "qcow2"])
  func killed(_ signal: String, _ format: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 8 << 20, seed: 6)
    let outcome = Shell.run(
      """
      mkdir out
      echo before > out/old
      set +m
      for target in new old; do
        # Jobs in the background of a shell ignore SIGINT, those under `nohup` SIGHUP.
        env --default-signal "$1" convert -r 1M -O "$3" disk.raw out/$target 2>/dev/null &
        sleep 0.5
        kill -"$2" $!
        wait $! && echo "ended well"
      done 2>/dev/null
      ls -A out
      cat out/old
      qemu-img convert -O qcow2 disk.raw out/proof && echo "source is free"
      """, Programs.strata, signal, format, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "old\nbefore\nsource is free\n"))
  }

  @Test("X-02 C-01 a full disk leaves nothing behind", arguments: ["raw", "qcow2"])
  func full(_ format: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 8 << 20, seed: 7)
    // A limit on file size stands for the full disk: it needs no privileges, and fails in the same place.
    let outcome = Shell.run(
      """
      mkdir out
      echo before > out/old
      trap '' XFSZ
      for target in new old; do
        (ulimit -f 2048; exec "$1" convert -S 0 -O "$2" disk.raw out/$target 2>/dev/null) && echo "ended well"
      done
      ls -A out
      cat out/old
      """, Programs.strata, format, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "old\nbefore\n"))
  }

  @Test("D-01 a writer with small caches that is killed leaves lost space at worst, and the next one goes on")
  func killedWriter() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      sound() { qemu-img check -f qcow2 disk >log 2>&1; case $? in 0|3) ;; *) echo "$1"; cat log ;; esac; }
      for delay in 0.1 0.2 0.3 0.4 0.5; do
        rm -f disk
        "$1" create -q -f qcow2 -o cluster_size=512 disk 64M
        "$1" bench -w -c 100000 -d 1 -s 65536 -S 65536 --image-opts \
          driver=qcow2,refcount-cache-size=1,l2-cache-size=1,file.driver=file,file.filename=disk >/dev/null 2>&1 &
        sleep $delay
        kill -KILL $!
        wait $! 2>/dev/null
        sound "killed after $delay s"
        "$1" bench -w -c 30 -d 1 -s 65536 -S 65536 -f qcow2 disk >/dev/null || echo "the next writer fails"
        sound "after the next writer"
      done 2>&1 | grep -v Killed
      """, Programs.strata, folder: folder.path)
    #expect(outcome.output == "")
  }

  @Test("the mode of a replaced file is kept, and a link is followed")
  func replaced() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 8)
    let outcome = Shell.run(
      """
      echo before > old
      chmod 640 old
      ln -s old link
      "$1" convert -O raw disk.raw link
      stat -c '%a %F' old link
      cmp disk.raw old
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "640 regular file\n777 symbolic link\n"))
  }
}
