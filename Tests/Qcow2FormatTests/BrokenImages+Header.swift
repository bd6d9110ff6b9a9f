// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support

extension BrokenImage {
  /// Fields of the header.
  static let header: [BrokenImage] = [
    BrokenImage("magic", .refused("Image is not in qcow2 format")) { $0.set32(0, 0x5146_4900) },
    BrokenImage("version 0", .refused("Unsupported qcow2 version 0")) { $0.set32(4, 0) },
    BrokenImage("version 4", .refused("Unsupported qcow2 version 4")) { $0.set32(4, 4) },
    BrokenImage("backing name offset behind the first cluster", .refused("Invalid backing file offset")) {
      $0.set64(8, 0x1_0000)
      $0.set32(16, 4)
    },
    BrokenImage("backing name offset beyond anything", .refused("Invalid backing file offset")) {
      $0.set64(8, .max)
      $0.set32(16, 4)
    },
    BrokenImage("backing name too long", .refused("Backing file name too long")) {
      $0.setBacking("base")
      $0.set32(16, 1024)
    },
    BrokenImage("backing name of 4 GiB", .refused("Backing file name too long")) {
      $0.setBacking("base")
      $0.set32(16, .max)
    },
    BrokenImage("backing name across the first cluster's end", .refused("Backing file name too long")) {
      $0.set64(8, 4090)
      $0.set32(16, 100)
    },
    BrokenImage("clusters too small", .refused("Unsupported cluster size: 2^8")) { $0.set32(20, 8) },
    BrokenImage("clusters too large", .refused("Unsupported cluster size: 2^22")) { $0.set32(20, 22) },
    BrokenImage("cluster size absurd", .refused("Unsupported cluster size: 2^4294967295")) {
      $0.set32(20, .max)
    },
    BrokenImage("size negative", .refused("Image is too big")) { $0.set64(24, .max) },
    BrokenImage("size too large for the L1 table", .refused("L1 table is too small")) {
      $0.set64(24, 1 << 40)
    },
    BrokenImage("encryption method", .refused("Unsupported encryption method 3")) { $0.set32(32, 3) },
    BrokenImage("L1 table too large", .refused("Active L1 table too large")) { $0.set32(36, .max) },
    BrokenImage("L1 table without entries", .refused("L1 table is too small")) { $0.set32(36, 0) },
    BrokenImage("L1 table not aligned", .refused("Active L1 table offset invalid")) { $0.set64(40, 0x3200) },
    BrokenImage("L1 table at a negative offset", .refused("Active L1 table offset invalid")) {
      $0.set64(40, 1 << 63)
    },
    BrokenImage("L1 table past any file", .refused("Could not read L1 table: Input/output error")) {
      $0.set64(40, 0x7fff_ffff_c000_0000)
    },
    BrokenImage(
      "L1 table past the end",
      .opened(
        check: 2, finding: "exceeding the end of the file by one cluster or more: offset 0x1000000 size 0x8",
        map: "L1 table lies past the end", convert: "L1 table lies past the end")
    ) { $0.set64(40, 0x100_0000) },
    BrokenImage("refcount table not aligned", .refused("Reference count table offset invalid")) {
      $0.set64(48, 0x1200)
    },
    BrokenImage(
      "refcount table past the end",
      .opened(
        check: 2,
        finding: "exceeding the end of the file by one cluster or more: offset 0x1000000 size 0x1000",
        map: "reference count table lies past the end", convert: "reference count table lies past the end")
    ) { $0.set64(48, 0x100_0000) },
    BrokenImage("refcount table of no clusters", .refused("Image does not contain a reference count table")) {
      $0.set32(56, 0)
    },
    BrokenImage("refcount table too large", .refused("Reference count table too large")) {
      $0.set32(56, .max)
    },
    BrokenImage("snapshots too many", .refused("Snapshot table too large")) { $0.set32(60, 65537) },
    BrokenImage("snapshot table not aligned", .refused("Snapshot table offset invalid")) {
      $0.set32(60, 1)
      $0.set64(64, 0x3200)
    },
    BrokenImage(
      "refcounts too wide", .refused("Reference count entry width too large; may not exceed 64 bits")
    ) { $0.set32(96, 7) },
    BrokenImage("header length 0", .refused("qcow2 header too short")) { $0.set32(100, 0) },
    BrokenImage("header longer than a cluster", .refused("qcow2 header exceeds cluster size")) {
      $0.set32(100, 4097)
    },
    BrokenImage("header of 4 GiB", .refused("qcow2 header exceeds cluster size")) { $0.set32(100, .max) },
    BrokenImage("compression type", .refused("qcow2: unknown compression type: 2")) {
      $0.set32(100, 112)
      $0.set(104, [2])
    },
    BrokenImage(
      "compression type without its feature",
      .refused("qcow2: Compression type incompatible feature bit must be set")
    ) {
      $0.set32(100, 112)
      $0.set(104, [1])
    },
    BrokenImage(
      "compression feature without a type",
      .refused("qcow2: Compression type incompatible feature bit must not be set")
    ) { $0.set64(72, 8) },
  ]

  /// Feature bits.
  static let features: [BrokenImage] = [
    BrokenImage(
      "unknown feature", .refused("Unsupported qcow2 feature(s): Unknown incompatible feature: 20")
    ) { $0.set64(72, 0x20) },
    BrokenImage(
      "unknown feature with names that are garbage",
      .refused("Unsupported qcow2 feature(s): Unknown incompatible feature: 20")
    ) {
      $0.set64(72, 0x20)
      $0.set32($0.extensions, 0x6803_f857)
      $0.set32($0.extensions + 4, 77)
      $0.set($0.extensions + 8, [UInt8](repeating: 255, count: 77))
    },
    BrokenImage(
      "all features", .refused("Unsupported qcow2 feature(s): Unknown incompatible feature: ffffffffffffffe0")
    ) { $0.set64(72, .max) },
    BrokenImage("dirty", .opened(check: 0)) { $0.set64(72, 1) },
    BrokenImage("marked corrupt", .opened(check: 0)) { $0.set64(72, 2) },
    BrokenImage("subclusters too small", .refused("Unsupported subcluster size: 128")) { $0.set64(72, 16) },
  ]

  /// Header extensions.
  static let extensions: [BrokenImage] = [
    BrokenImage("extension of 4 GiB", .refused("Header extension too large")) {
      $0.set32($0.extensions, 0x1234_5678)
      $0.set32($0.extensions + 4, .max)
    },
    BrokenImage("extension across the first cluster's end", .refused("Header extension too large")) {
      $0.set32($0.extensions, 0x1234_5678)
      $0.set32($0.extensions + 4, 4096 - 104 - 7)
    },
    BrokenImage("extension across the backing name", .refused("Header extension too large")) {
      $0.setBacking("base")
      $0.set32($0.extensions + 4, 2000)
    },
    BrokenImage(
      "backing format too long", .refused("ERROR: ext_backing_format: len=16 too large (>=16)")
    ) { $0.setBacking("base", format: "qcow2qcow2qcow2q") },
    BrokenImage(
      "encryption header without encryption",
      .refused("CRYPTO header extension only expected with LUKS encryption method")
    ) {
      $0.set32($0.extensions, 0x0537_be77)
      $0.set32($0.extensions + 4, 16)
    },
    BrokenImage("bitmaps of garbage", .refused("bitmaps_ext: Reserved field is not zero")) {
      $0.set64(88, 1)
      $0.set32($0.extensions, 0x2385_2875)
      $0.set32($0.extensions + 4, 24)
      $0.set($0.extensions + 8, [UInt8](repeating: 255, count: 24))
    },
  ]
}
