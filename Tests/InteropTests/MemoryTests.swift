// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// No command takes more than 64 MiB, whatever the cluster size and the number of threads.
@Suite(.serialized) struct MemoryTests {
  private let folder = TemporaryFolder()

  /// `peak COMMAND…` prints what is wrong: that it failed, or what it took beyond 64 MiB.
  static let peak = """
    peak() {
      "$@" >/dev/null & local job=$! line most=0
      while line=$(grep VmHWM: /proc/$job/status) && [[ -n $line ]]; do
        most=${line//[^0-9]/}
        sleep 0.01
      done
      wait $job || echo "failed"
      (( most <= 65536 )) || echo "$((most / 1024)) MiB"
    }

    """

  /// Makes images of large clusters.
  static let prelude =
    """
    strata=$1
    exec 2>/dev/null
    head -c 96M /dev/urandom >disk.raw
    # Data that becomes smaller.
    sparse() {
      for part in $(seq 24); do
        dd if=disk.raw of=half.raw bs=1M skip=$((part * 2)) seek=$((part * 4)) count=2 conv=notrunc status=none
      done
      truncate -s 100M half.raw
    }
    qemu-img convert -O qcow2 -o cluster_size=2M disk.raw large.qcow2

    """ + peak

  static let commands = [
    "convert -m 16 -O qcow2 -o cluster_size=2M disk.raw new",
    "convert -m 16 -W -S 16M -O raw large.qcow2 new",
    "convert -m 16 -S 16M -O qcow2 -o cluster_size=2M large.qcow2 new",
    "convert -m 16 -c -O qcow2 -o cluster_size=2M half.raw new",
    "convert -m 16 -c -O qcow2 -o cluster_size=2M,compression_type=zstd packed.qcow2 new",
    "convert -m 16 --verify -O raw packed.qcow2 new",
    "convert -m 16 --object secret,id=s,data=w -O qcow2 "
      + "-o cluster_size=2M,encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 disk.raw new",
    "rebase -b '' over.qcow2", "commit over.qcow2", "compare packed.qcow2 half.raw",
    "dd if=packed.qcow2 of=new bs=64M", "checksum packed.qcow2", "checksum --plain packed.qcow2",
    "bench -c 100 -s 2M -S 2M large.qcow2", "bench -c 4 -d 2 -s 64M -S 1M large.qcow2",
    "bench -w -c 100 -s 4M -S 4M large.qcow2",
  ]

  @Test("large clusters and requests take no more memory than small ones", arguments: commands)
  func clusters(_ command: String) {
    let outcome = Shell.run(
      Self.prelude + """
        case $2 in
        *packed* | *half*)
          sparse
          qemu-img convert -c -O qcow2 -o cluster_size=2M half.raw packed.qcow2 ;;
        *over*)
          qemu-img create -q -f qcow2 -b large.qcow2 -F qcow2 -o cluster_size=2M over.qcow2
          [[ $2 == rebase* ]] || qemu-io -c 'write -P 7 0 64M' over.qcow2 >/dev/null ;;
        esac
        eval "peak \\"\\$strata\\" $2"
        """, Programs.strata, command, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""), "\(command)")
  }

  /// Each layer has 8 MiB of L2 tables, which a cache of its own would keep.
  @Test(
    "the layers of a long chain share the memory for tables",
    arguments: ["convert -m 16 -O raw", "checksum", "map"])
  func chain(_ command: String) {
    let outcome = Shell.run(
      Self.prelude + """
        qemu-img create -q -f qcow2 0.qcow2 64G
        requests=()
        for (( at = 0; at < 65536; at += 512 )); do requests+=(-c "write -z ${at}M 64k"); done
        qemu-io -f qcow2 -t unsafe "${requests[@]}" 0.qcow2 >/dev/null
        for layer in {1..29}; do
          cp --sparse=always 0.qcow2 $layer.qcow2
          qemu-img rebase -u -b $((layer - 1)).qcow2 -F qcow2 $layer.qcow2
        done
        target=; [[ $2 != convert* ]] || target=new
        eval "peak \\"\\$strata\\" $2 29.qcow2 $target"
        """, Programs.strata, command, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""), "\(command)")
  }

  @Test("requests that are sent in parts transfer all of it")
  func parts() {
    let outcome = Shell.run(
      """
      truncate -s 80M disk.raw
      "$1" bench -f raw -w --pattern=65 -d 2 -c 1 -o 1M -s 70M disk.raw >/dev/null
      cmp <(head -c 1M /dev/zero; head -c 70M /dev/zero | tr '\\0' A; head -c 9M /dev/zero) disk.raw
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "what is empty takes no time, however large",
    arguments: [
      "compare huge.qcow2 other.qcow2", "compare -s huge.qcow2 huge.qcow2", "compare huge.qcow2 small.raw",
      "measure -O raw huge.qcow2", "map huge.qcow2", "checksum huge.qcow2",
      "convert -O qcow2 -o cluster_size=2M huge.qcow2 new", "check huge.qcow2", "rebase -b '' over.qcow2",
    ])
  func empty(_ command: String) {
    let outcome = Shell.run(
      """
      exec 2>/dev/null
      for name in huge other; do qemu-img create -q -f qcow2 -o cluster_size=2M $name.qcow2 1E; done
      qemu-img create -q -f qcow2 -o cluster_size=2M -b other.qcow2 -F qcow2 over.qcow2
      truncate -s 1M small.raw
      eval "timeout 60 \\"\\$1\\" $2" >/dev/null; echo $?
      """, Programs.strata, command, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "0\n"), "\(command)")
  }

  /// Commands that walk over tables without end: every one of them is the same and holds nothing.
  @Test(
    "D-07 a walk over tables without end can be interrupted",
    arguments: [
      "convert -O raw", "convert -O qcow2 -o cluster_size=2M", "compare other.qcow2",
      "measure -O qcow2 -o cluster_size=2M",
      "map",
      "checksum", "rebase -b ''",
    ])
  func endless(_ command: String) {
    let outcome = Shell.run(
      """
      exec 2>/dev/null
      "$1" create -q -f qcow2 -o cluster_size=2M endless.qcow2 1E
      "$1" create -q -f qcow2 -o cluster_size=2M other.qcow2 1E
      qemu-io -c 'write -z -n 0 2M' endless.qcow2 >/dev/null
      # All entries of the L1 table are the first one: its table is read again and again, and takes no space.
      place=$(( 0x$(od -An -tx8 --endian=big -j 40 -N 8 endless.qcow2 | tr -d ' ') ))
      dd if=endless.qcow2 of=entry bs=1 skip=$place count=8 status=none
      for doubling in $(seq 20); do cat entry entry >twice; mv twice entry; done
      dd if=entry of=endless.qcow2 bs=1M seek=$place oflag=seek_bytes conv=notrunc status=none
      mkdir out
      name=endless.qcow2
      [[ $2 == convert* ]] && name="$name out/new"
      eval "exec env --default-signal=INT \\"\\$1\\" $2 $name" >said & job=$!
      sleep 1.5
      kill -0 $job || echo "ended by itself"
      (sleep 10; kill -KILL $job) & guard=$!
      start=${EPOCHREALTIME/./}
      kill -INT $job
      wait $job; echo $?
      end=${EPOCHREALTIME/./}
      kill $guard
      (( end - start < 1900000 )) || echo "took $(( end - start )) us"
      ls out
      """, Programs.strata, command, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "130\n"), "\(command)")
  }
}
