// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Support
import Testing

@Suite struct CreateTests {
  private let folder = TemporaryFolder()

  static let options = [
    "", "compat=0.10", "cluster_size=512", "cluster_size=4k", "cluster_size=2M", "refcount_bits=1",
    "refcount_bits=2", "refcount_bits=4", "refcount_bits=8", "refcount_bits=32", "refcount_bits=64",
    "extended_l2=on", "lazy_refcounts=on", "compression_type=zstd", "data_file=out.data",
    "data_file=out.data,data_file_raw=on", "preallocation=metadata", "preallocation=falloc",
    "preallocation=full", "extended_l2=on,preallocation=metadata", "cluster_size=512,preallocation=metadata",
    "cluster_size=512,refcount_bits=64,preallocation=metadata", "refcount_bits=1,preallocation=metadata",
    "backing_file=base,backing_fmt=raw", "backing_file=base,backing_fmt=raw,cluster_size=512",
    "backing_file=base,backing_fmt=raw,compat=0.10",
    "data_file=out.data,preallocation=metadata", "data_file=out.data,data_file_raw=on,extended_l2=on",
  ]

  /// What the peer says of both images must be the same; sizes on disk may differ.
  private static let describe = """
    qemu-img info -U --output=json "$1" | grep -v -e actual-size -e '"filename"' -e full-backing -e '"data-file"'
    qemu-img check "$1" | grep -v 'Image end offset' | sed 's/[0-9.]*% fragmented/fragmented/'
    [ "$2" ] || qemu-img map --output=json "$1" | sed 's/, "offset": [0-9]*//'
    """

  @Test(
    "new images are what the peer makes of the same options", arguments: options,
    [0, 512, 1 << 20, 300 << 20] as [UInt64])
  func sameAsPeer(_ options: String, _ size: UInt64) throws {
    let given = Shell.run(
      """
      truncate -s 1M base
      o=${1/out.data/peer.data}
      qemu-img create -q -f qcow2 -u ${o:+-o "$o"} peer "$2"
      """, options, String(size), folder: folder.path)
    #expect(given.status == 0, "\(given.output)")
    try ImageSession.create(folder.file("out"), size: size, options)
    #expect(Shell.complaints("out", in: folder) == "")
    // Space that is allocated beforehand lies in one piece here, in many there.
    let isPreallocated = options.contains("prealloc") ? "yes" : ""
    let theirs = Shell.run(CreateTests.describe, "peer", isPreallocated, folder: folder.path)
    let ours = Shell.run(CreateTests.describe, "out", isPreallocated, folder: folder.path)
    #expect(ours == theirs)
    if !options.contains("prealloc") && !options.contains("raw") {
      let lengths = Shell.run("stat -c %s peer out | uniq | wc -l", folder: folder.path)
      #expect(lengths.output == "1\n", "the file is as long as the peer's")
    }
  }

  static let mistakes: [(String, String)] = [
    ("cluster_size=513", "Cluster size must be a power of two between 512 and 2048k"),
    ("cluster_size=4M", "Cluster size must be a power of two between 512 and 2048k"),
    ("refcount_bits=3", "Refcount width must be a power of two and may not exceed 64 bits"),
    ("refcount_bits=0", "Refcount width must be a power of two and may not exceed 64 bits"),
    ("refcount_bits=128", "Refcount width must be a power of two and may not exceed 64 bits"),
    (
      "refcount_bits=8,compat=0.10",
      "Different refcount widths than 16 bits require compatibility level 1.1 or above (use version=v3 or greater)"
    ),
    ("compat=1.2", "Parameter 'version' does not accept value '1.2'"),
    (
      "compat=0.10,lazy_refcounts=on",
      "Lazy refcounts only supported with compatibility level 1.1 and above (use version=v3 or greater)"
    ),
    ("preallocation=foo", "Parameter 'preallocation' does not accept value 'foo'"),
    (
      "extended_l2=on,cluster_size=8k",
      "Extended L2 entries are only supported with cluster sizes of at least 16384 bytes"
    ),
    (
      "extended_l2=on,compat=0.10",
      "Extended L2 entries are only supported with compatibility level 1.1 and above (use version=v3 or greater)"
    ),
    ("compression_type=lzo", "Parameter 'compression-type' does not accept value 'lzo'"),
    (
      "compression_type=zstd,compat=0.10",
      "Non-zlib compression type is only supported with compatibility level 1.1 and above (use version=v3 or greater)"
    ),
    ("data_file_raw=on", "data-file-raw requires data-file"),
    (
      "data_file=df,compat=0.10",
      "External data files are only supported with compatibility level 1.1 and above (use version=v3 or greater)"
    ),
    ("backing_fmt=raw", "Backing format cannot be used without backing file"),
    (
      "backing_file=a,backing_fmt=raw,data_file=df,data_file_raw=on",
      "Backing file and data-file-raw cannot be used at the same time"
    ),
    (
      "backing_file=a,backing_fmt=raw,preallocation=full",
      "Backing file and preallocation can only be used at the same time if extended_l2 is on"
    ),
    ("encryption=on", "Parameter 'encrypt.key-secret' is required for cipher"),
    ("encrypt.format=luks", "Parameter 'encrypt.key-secret' is required for cipher"),
  ]

  @Test("C-01 what cannot be made is refused in the peer's words", arguments: mistakes)
  func refusals(_ options: String, _ message: String) {
    let error = #expect(throws: BlockError.self) {
      try ImageSession.create(folder.file("out"), size: 1 << 20, options)
    }
    #expect(error?.message == message)
    #expect(Shell.run("ls", folder: folder.path).output == "")
  }

  @Test(
    "C-01 an image too large for its tables is refused",
    arguments: [(1 << 40, "cluster_size=512"), (3 << 60, "")] as [(UInt64, String)])
  func tooLarge(_ size: UInt64, _ options: String) {
    let error = #expect(throws: BlockError.self) {
      try ImageSession.create(folder.file("out"), size: size, options)
    }
    #expect(
      error?.message
        == "The image size is too large for file format 'qcow2' (try using a larger cluster size)")
  }
}
