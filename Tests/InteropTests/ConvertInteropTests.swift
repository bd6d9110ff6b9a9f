// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Images that we make are read by the peer and theirs by us, over everything that a qcow2 can be.
@Suite struct ConvertInteropTests {
  static let creationOptions = [
    "cluster_size=512", "cluster_size=1k", "cluster_size=4k", "cluster_size=64k", "cluster_size=2M",
    "compat=0.10", "compat=0.10,cluster_size=512", "refcount_bits=1", "refcount_bits=2", "refcount_bits=4",
    "refcount_bits=8", "refcount_bits=32", "refcount_bits=64,cluster_size=512", "lazy_refcounts=on",
    "compression_type=zstd", "compression_type=zstd,cluster_size=4k", "extended_l2=on",
    "extended_l2=on,cluster_size=16k", "extended_l2=on,cluster_size=2M", "data_file=image.data",
    "data_file=image.data,data_file_raw=on", "preallocation=metadata", "preallocation=falloc",
    "preallocation=full", "preallocation=metadata,extended_l2=on",
    "preallocation=metadata,data_file=image.data",
  ]

  /// Options under which clusters can be compressed.
  static let compressible = creationOptions.filter {
    !$0.contains("data_file") && !$0.contains("preallocation")
  }

  private static func disk(_ folder: TemporaryFolder, seed: UInt64) throws -> String {
    let path = folder.file("disk.raw")
    // Not a multiple of a cluster, but of a sector.
    try SampleDisk.write(path, length: 7 << 20 | 1536, seed: seed)
    return path
  }

  @Test("ours, checked and read by the peer", arguments: creationOptions)
  func oursIsTheirs(_ options: String) throws {
    let folder = TemporaryFolder()
    _ = try ConvertInteropTests.disk(folder, seed: 1)
    let outcome = Shell.run(
      """
      set -e
      "$1" convert -O qcow2 -o "$2" disk.raw image
      qemu-img check -q image
      "$1" check -q image
      qemu-img compare -q -f raw -F qcow2 disk.raw image
      "$1" compare -q -f raw -F qcow2 disk.raw image
      qemu-img info image >/dev/null
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("theirs, checked and read by us", arguments: creationOptions)
  func theirsIsOurs(_ options: String) throws {
    let folder = TemporaryFolder()
    _ = try ConvertInteropTests.disk(folder, seed: 2)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -O qcow2 -o "$2" disk.raw image
      "$1" check -q image
      "$1" compare -q -f raw -F qcow2 disk.raw image
      "$1" convert -O raw image back.raw
      cmp disk.raw back.raw
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("compressed, both ways", arguments: compressible)
  func compressed(_ options: String) throws {
    let folder = TemporaryFolder()
    _ = try ConvertInteropTests.disk(folder, seed: 3)
    let outcome = Shell.run(
      """
      set -e
      "$1" convert -c -O qcow2 -o "$2" disk.raw ours
      qemu-img check -q ours
      "$1" check -q ours
      qemu-img compare -q disk.raw ours
      qemu-img convert -c -O qcow2 -o "$2" disk.raw theirs
      "$1" check -q theirs
      "$1" convert -O raw theirs back.raw
      cmp disk.raw back.raw
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("an image that the peer goes on writing stays whole", arguments: creationOptions)
  func peerGoesOn(_ options: String) throws {
    let folder = TemporaryFolder()
    _ = try ConvertInteropTests.disk(folder, seed: 4)
    let outcome = Shell.run(
      """
      set -e
      "$1" convert -O qcow2 -o "$2" disk.raw image
      cp disk.raw expected.raw
      for command in 'write -P 7 1000k 300k' 'write -z 3M 1M' 'write -P 9 0 512' 'write -P 3 7M 1k'; do
        qemu-io -f qcow2 -c "$command" image >/dev/null
        qemu-io -f raw -c "$command" expected.raw >/dev/null
      done
      "$1" check -q image
      "$1" compare -q -f raw -F qcow2 expected.raw image
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "the bytes do not depend on the number of threads", arguments: ["", "-c", "-c -o compression_type=zstd"])
  func sameForAnyThreads(_ options: String) throws {
    let folder = TemporaryFolder()
    _ = try ConvertInteropTests.disk(folder, seed: 5)
    let outcome = Shell.run(
      """
      set -e
      for threads in 1 2 5 16; do "$1" convert -m $threads $2 -O qcow2 disk.raw $threads; done
      cmp 1 2; cmp 1 5; cmp 1 16
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
