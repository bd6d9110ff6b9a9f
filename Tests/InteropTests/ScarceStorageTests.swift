// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Storage that lacks calls or room.
@Suite(.enabled(if: Mounts.arePossible, "needs mounts of its own")) struct ScarceStorageTests {
  static let secret = "--object secret,id=s,data=word"

  static let reserving = [
    "create -f raw -o preallocation=falloc small/image 3M",
    "create -f raw -o preallocation=falloc small/image 3000500",
    "create -f qcow2 -o preallocation=falloc small/image 3M",
    "create -f qcow2 -o preallocation=falloc,data_file=data small/image 3M",
    "create -f luks \(secret) -o preallocation=falloc,key-secret=s,iter-time=10 small/image 3M",
    "convert --force -t writeback -O raw -o preallocation=falloc disk.raw small/image",
    "convert --force -O qcow2 -o preallocation=falloc,cluster_size=4k disk.raw small/image",
    "resize -f raw --preallocation=falloc small/raw 3M",
    "resize -f qcow2 --preallocation=falloc small/qcow2 3M",
    "resize --preallocation=falloc \(secret) --image-opts driver=luks,key-secret=s,file.filename=small/luks 3M",
  ]

  @Test("D-06 space is reserved by writing where the file system has no fallocate", arguments: reserving)
  func noFallocate(_ command: String) throws {
    let folder = TemporaryFolder()
    let outcome = Mounts.run(
      """
      set -e
      prepare() {
        rm -f small/*
        qemu-img create -q -f raw small/raw 1M
        qemu-img create -q -f qcow2 small/qcow2 1M
        # The peer fails now and then where so little time is measured.
        [[ $1 != *luks* ]] || for try in $(seq 20); do
          qemu-img create -q -f luks \(ScarceStorageTests.secret) -o key-secret=s,iter-time=10 small/luks 1M \
            2>/dev/null && break
        done
      }
      sizes() { (cd small; for file in *; do echo $file $(stat -c %s $file); done); }
      seq 400000 | head -c 2M >disk.raw
      prepare "$2"
      "$1" ${2/falloc/full} >/dev/null
      sizes >expected
      prepare "$2"
      "$1" $2 >/dev/null
      sizes | diff expected -
      case $2 in *qcow2*) (cd small; for file in image qcow2; do [ ! -e $file ] || qemu-img check -q $file; done) ;; esac
      case $2 in convert*) qemu-img compare -q -f raw disk.raw small/image ;; esac
      """, mount: "-t ramfs none", Programs.strata, command, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  static let filling = [
    "commit top", "convert -n -f raw -O qcow2 disk.raw small/base", "rebase -b '' small/over",
    "dd -f raw -O qcow2 conv=notrunc if=disk.raw of=small/base", "resize --preallocation=full small/base +4M",
    "convert -c -n -f raw -O qcow2 disk.raw small/base", "bench -w -c 80 -s 64k -S 64k -f qcow2 small/base",
    "convert -n -m 1 -f raw -O qcow2 disk.raw small/base", "bench -w -c 900 -s 3k -d 1 -f qcow2 small/over",
    "convert -n -f raw -O vdi disk.raw small/vdi", "bench -w -c 9 -s 1M -S 1M -d 4 -f vdi small/vdi",
  ]

  @Test(
    "D-06 that there is no room is told once, and what took room in vain is given back", arguments: filling)
  func toldOnce(_ command: String) throws {
    let folder = TemporaryFolder()
    let outcome = Mounts.run(
      """
      set -e
      seq 800000 | head -c 4M >disk.raw
      qemu-img create -q -f qcow2 small/base 4M
      qemu-img create -q -f qcow2 -b "$PWD/small/base" -F qcow2 top
      qemu-io -f qcow2 -c 'write -q -P 1 0 4M' top
      qemu-img create -q -f qcow2 -b "$PWD/disk.raw" -F raw small/over
      qemu-img create -q -f vdi small/vdi 9M
      ! eval "'$1' $2" >/dev/null 2>errors
      grep -c -v '^strata: hint: ' errors
      tail -n 1 errors | grep -c 'Make room'
      for image in small/*; do "$1" check -q $image 2>&1 | tail -n 1; done
      """, mount: "-t tmpfs -o size=1500k none", Programs.strata, command, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n1\n"))
  }

  static let direct = [
    "convert -T none small/raw copy", "convert -n -t none disk.raw small/raw",
    "convert -t directsync --force disk.raw small/new",
    "compare -T none small/raw disk.raw", "check -T none small/qcow2", "bench -t none -c 1 small/raw",
    "amend -t none -o lazy_refcounts=on small/qcow2", "commit -t none small/qcow2",
    "info --image-opts driver=qcow2,file.filename=small/qcow2,cache.direct=on",
  ]

  @Test("D-06 a file system without O_DIRECT is called so", arguments: direct)
  func noDirect(_ command: String) throws {
    let folder = TemporaryFolder()
    let outcome = Mounts.run(
      """
      truncate -s 1M small/raw disk.raw
      qemu-img create -q -f qcow2 small/qcow2 1M
      before=$(ls small; sha256sum small/*)
      "$1" $2 2>message && echo done
      case $(grep -c . message) in 1|2) ;; *) cat message ;; esac
      grep -q ': filesystem does not support O_DIRECT$' message || cat message
      [ "$before" = "$(ls small; sha256sum small/*)" ] || echo changed
      """, mount: "-t ramfs none", Programs.strata, command, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  static let growing = [
    "create -f raw new 30M", "create -f raw -o preallocation=full new 30M",
    "create -f qcow2 -o preallocation=falloc new 30M", "create -f qcow2 -o preallocation=metadata new 30M",
    "convert --force -O raw disk.raw new", "convert --force -O qcow2 disk.raw new",
    "dd if=disk.raw of=new bs=1M",
    "resize -q -f raw image.raw 30M", "resize -q -f qcow2 --preallocation=full image.qcow2 30M",
    "resize -q -f qcow2 --preallocation=metadata image.qcow2 30M",
    "bench -w -c 100 -s 64k -f qcow2 image.qcow2",
    "commit top.qcow2",
  ]

  @Test("D-06 a limit of the file size is an error, and the image stays sound", arguments: growing)
  func fileSizeLimit(_ command: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      seq 4000000 | head -c 20M >disk.raw
      truncate -s 1M image.raw
      qemu-img create -q -f qcow2 image.qcow2 20M
      qemu-img create -q -f qcow2 -b image.qcow2 -F qcow2 top.qcow2
      qemu-io -f qcow2 -c 'write -P 5 0 8M' top.qcow2 >/dev/null
      (ulimit -f 3000; "$1" $2) >message 2>&1 && echo done
      grep -q ': File too large$' message || cat message
      [ -e new ] && echo new
      [ $(stat -c %s image.raw) = 1048576 ] || echo changed
      for image in image.qcow2 top.qcow2; do qemu-img check -q $image >log 2>&1 || echo $image $(tail -n 1 log); done
      """, Programs.strata, command, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  static let shapes = ["compat=1.1", "compat=0.10", "cluster_size=4k", "extended_l2=on", "lazy_refcounts=on"]

  @Test("D-06 on a full disk, what the peer can do works", arguments: shapes)
  func fullDisk(_ shape: String) throws {
    let folder = TemporaryFolder()
    let outcome = Mounts.run(
      """
      make() {
        rm -f small/*
        qemu-img create -q -f qcow2 -o $options small/image 64M
        qemu-io -f qcow2 -c 'write -P 1 0 256k' small/image >/dev/null
        for name in $snapshots; do
          qemu-img snapshot -c $name small/image
          qemu-io -f qcow2 -c "write -P 1$name ${name}00k 100k" small/image >/dev/null
        done
        dd if=/dev/zero of=small/filler bs=4k 2>/dev/null
        dd if=/dev/zero of=small/filler2 bs=1 2>/dev/null
      }
      options=$2
      for snapshots in 1 '1 2' '1 2 3'; do
        for words in 'snapshot -d 1' 'snapshot -d 2' 'snapshot -d 3' 'snapshot -a 1' 'snapshot -a 2' 'snapshot -c 9' \\
          'resize -q --shrink -f qcow2' 'resize -q -f qcow2 --preallocation=falloc'; do
          case $words in *shrink*) size=1M ;; resize*) size=70M ;; *) size= ;; esac
          make
          qemu-img $words small/image $size 2>/dev/null
          peer=$?
          [ $peer != 0 ] || qemu-img convert -O raw small/image expected
          make
          "$1" $words small/image $size 2>message
          ours=$?
          [ $peer != 0 ] || [ $ours = 0 ] || echo "$snapshots: $words: $(cat message)"
          [ $ours = 0 ] || [ $(grep -c . message) -le 2 ] || cat message
          qemu-img check small/image >log 2>&1 || { echo "$snapshots: $words"; tail -n 3 log; }
          [ $peer != 0 ] || [ $ours != 0 ] || qemu-img compare -q -F raw small/image expected || echo "$snapshots: $words: other content"
        done
      done
      """, mount: "-t tmpfs -o size=3M none", Programs.strata, shape, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "D-06 encrypted disks of either version are made, opened and changed where there is no /proc, and nothing is left"
  )
  func withoutProc() {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      #"""
      # The folder that the program stands in may be hidden below.
      cp "$1" strata
      exec unshare -rm /bin/bash -c '
      mount -t tmpfs none /proc; mkdir scratch; export TMPDIR=$PWD/scratch
      printf alpha >a; printf beta >b; head -c 256k /dev/urandom >disk.raw
      s="--object secret,id=s,file=a"
      for version in 1 2; do
        "$1" convert $s -f raw -O luks -o key-secret=s,iter-time=10,version=$version disk.raw k$version
        "$1" luks add-key --key-file a --new-key-file b --iter-time 10 k$version
        "$1" convert --object secret,id=s,file=b --image-opts driver=luks,file.filename=k$version,key-secret=s \
          -O raw back && cmp back disk.raw && echo same
        "$1" create -q $s -f luks -o key-secret=s,iter-time=10,version=$version,detached-header=on h$version
        "$1" luks dump --output=json h$version | grep -c "\"detached-header\": true"
      done
      ls -A scratch; ls -A /dev/shm | grep luks-
      mount -t tmpfs -o ro none /dev/shm; mount -t tmpfs -o ro none /tmp; mount -t tmpfs -o ro none /var/tmp
      TMPDIR=/nowhere ./strata luks dump k2' "$0" "$@" 2>&1
      """#, Programs.strata, folder: folder.path)
    #expect(
      outcome.output == """
        same
        1
        same
        1
        strata: Could not open 'k2': There is neither /proc nor a folder for temporary files
        strata: hint: Mount /proc, or name a folder in TMPDIR that may be written.

        """)
  }
}
