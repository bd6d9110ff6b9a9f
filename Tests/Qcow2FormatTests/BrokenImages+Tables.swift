// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support

extension BrokenImage {
  /// The L1 table.
  static let l1: [BrokenImage] = [
    BrokenImage(
      "L2 table not aligned",
      .opened(
        check: 2, finding: "ERROR l2_offset=4200: Table is not cluster aligned",
        map: "L2 table offset 0x4200 unaligned (L1 index: 0)", convert: "L2 table offset 0x4200 unaligned")
    ) { $0.set64($0.l1, 1 << 63 | 0x4200) },
    BrokenImage("L2 table past the end", .opened(check: 2, finding: "offset 0x10000000 size 0x1000")) {
      $0.set64($0.l1, 1 << 63 | 0x1000_0000)
    },
    BrokenImage("L2 table past any file", .opened(check: 2, finding: "offset 0xfffffffffff000 size 0x1000")) {
      $0.set64($0.l1, 1 << 63 | 0xff_ffff_ffff_f000)
    },
    BrokenImage(
      "L2 table on the L1 table", .opened(check: 2, finding: "ERROR cluster 3 refcount=1 reference=3")
    ) {
      $0.set64($0.l1, 1 << 63 | UInt64($0.l1))
    },
    BrokenImage(
      "L2 table on the header", .opened(check: 2, finding: "ERROR found L1 entry with reserved bits")
    ) {
      $0.set64($0.l1, 1)
    },
    BrokenImage(
      "reserved bits in the L1 table",
      .opened(check: 2, finding: "ERROR found L1 entry with reserved bits set: ")
    ) { $0.set64($0.l1, UInt64($0.l2) | 0x8000_0000_0000_0001) },
    BrokenImage(
      "L2 table not marked as single", .opened(check: 2, finding: "ERROR OFLAG_COPIED L2 cluster: l1_index=0")
    ) {
      $0.set64($0.l1, UInt64($0.l2))
    },
  ]

  /// L2 tables.
  static let l2: [BrokenImage] = [
    BrokenImage(
      "reserved bits in an L2 table", .opened(check: 2, finding: "ERROR found l2 entry with reserved bits")
    ) {
      $0.set64($0.l2, UInt64($0.data) | 0x8000_0000_0000_0002)
    },
    BrokenImage(
      "data cluster not aligned",
      .opened(
        check: 2, finding: "ERROR offset=5200: Data cluster is not properly aligned; L2 entry corrupted.",
        map: "Cluster allocation offset 0x5200 unaligned (L2 offset: 0x4000, L2 index: 0)",
        convert: "Cluster allocation offset 0x5200 unaligned")
    ) { $0.set64($0.l2, 1 << 63 | 0x5200) },
    BrokenImage("data cluster past the end", .opened(check: 2, finding: "offset 0x10000000 size 0x1000")) {
      $0.set64($0.l2, 1 << 63 | 0x1000_0000)
    },
    BrokenImage(
      "data cluster past any file", .opened(check: 2, finding: "offset 0xfffffffffff000 size 0x1000")
    ) {
      $0.set64($0.l2, 1 << 63 | 0xff_ffff_ffff_f000)
    },
    BrokenImage(
      "data cluster on the L2 table", .opened(check: 2, finding: "ERROR cluster 4 refcount=1 reference=2")
    ) {
      $0.set64($0.l2, 1 << 63 | UInt64($0.l2))
    },
    BrokenImage("data cluster on the header", .opened(check: 3, finding: "Leaked cluster 5")) {
      $0.set64($0.l2, 1 << 63)
    },
    BrokenImage("one cluster twice", .opened(check: 2, finding: "ERROR cluster 5 refcount=1 reference=2")) {
      $0.set64($0.l2 + 8, 1 << 63 | UInt64($0.data))
    },
    BrokenImage(
      "data cluster not marked as single", .opened(check: 2, finding: "ERROR OFLAG_COPIED data cluster")
    ) {
      $0.set64($0.l2, UInt64($0.data))
    },
    BrokenImage(
      "zero cluster in version 2", .version2,
      .opened(
        check: 2, finding: "ERROR found l2 entry with reserved bits set: 8000000000005001",
        map: "Zero cluster entry found in pre-v3 image", convert: "Zero cluster entry found")
    ) { $0.set64($0.l2, UInt64($0.data) | 0x8000_0000_0000_0001) },
    BrokenImage(
      "zeros without a cluster in version 2", .version2,
      .opened(
        check: 2, finding: "ERROR found l2 entry with reserved bits set: 1",
        map: "Zero cluster entry found in pre-v3 image", convert: "Zero cluster entry found")
    ) { $0.set64($0.l2 + 80, 1) },
    BrokenImage(
      "zero flag beside bitmaps of subclusters", .extended,
      .opened(check: 2, finding: "ERROR found l2 entry with reserved bits set: 80000000000")
    ) { $0.set64($0.l2, UInt64($0.data) | 0x8000_0000_0000_0001) },
    BrokenImage(
      "compressed cluster past the end", .compressed,
      .opened(check: 2, finding: "offset 0x10000000 size 0x200", convert: "lies past the end of the file")
    ) { $0.set64($0.l2 + 24, 1 << 62 | 0x1000_0000) },
    BrokenImage(
      "compressed cluster past any file", .compressed,
      .opened(check: 2, finding: "offset 0x3ffffffffffffff size", convert: "lies past the end of the file")
    ) { $0.set64($0.l2 + 24, 0x7fff_ffff_ffff_ffff) },
    BrokenImage(
      "compressed cluster of garbage", .compressed,
      .opened(check: 0, convert: "error while reading at byte 12288")
    ) { $0.set($0.compressedData, [UInt8](repeating: 255, count: 200)) },
    BrokenImage(
      "compressed cluster of zeros", .compressed,
      .opened(check: 0, convert: "error while reading at byte 12288")
    ) { $0.set($0.compressedData, [UInt8](repeating: 0, count: 200)) },
    BrokenImage(
      "compressed cluster with too many sectors", .compressed,
      .opened(check: 2, finding: "offset 0x812c size")
    ) {
      $0.set64($0.l2 + 24, 0x7c00_0000_0000_0000 | UInt64($0.compressedData))
    },
    BrokenImage(
      "compressed cluster marked as single", .compressed,
      .opened(check: 2, finding: "copied flag must never be set for compressed clusters")
    ) { $0.set64($0.l2 + 24, 3 << 62 | UInt64($0.compressedData)) },
    BrokenImage(
      "compressed cluster with a data file", .dataFile,
      .opened(
        check: 2, finding: "ERROR compressed cluster 0 with data file", map: "Compressed cluster entry found",
        convert: "Compressed cluster entry found")
    ) { $0.set64($0.l2, 1 << 62 | 0x4000) },
    BrokenImage(
      "subclusters both allocated and zero", .extended,
      .opened(
        check: 2, finding: "Allocated cluster has corrupted subcluster allocation bitmap",
        map: "Invalid cluster entry found", convert: "Invalid cluster entry found")
    ) { $0.set64($0.l2 + 8, 0x1_ffff_ffff) },
    BrokenImage(
      "subclusters without a cluster", .extended,
      .opened(
        check: 2, finding: "ERROR: Unallocated cluster has non-zero subcluster allocation map",
        map: "Invalid cluster entry found", convert: "Invalid cluster entry found")
    ) { $0.set64($0.l2, 0) },
    BrokenImage(
      "subclusters of a compressed cluster", .extended,
      .opened(
        check: 2, finding: "with non-zero subcluster allocation bitmap",
        convert: "error while reading at byte 0")
    ) { $0.set64($0.l2, 1 << 62 | UInt64($0.data)) },
  ]

  /// Refcounts.
  static let refcounts: [BrokenImage] = [
    BrokenImage(
      "refcount block not aligned",
      .opened(check: 1, finding: "ERROR refcount block 0 is not cluster aligned")
    ) { $0.set64($0.refcountTable, 0x2200) },
    BrokenImage(
      "refcount block past the end", .opened(check: 2, finding: "ERROR refcount block 0 is outside image")
    ) {
      $0.set64($0.refcountTable, 0x1000_0000)
    },
    BrokenImage(
      "refcount block past any file", .opened(check: 1, finding: "ERROR refcount block 0 is outside image")
    ) {
      $0.set64($0.refcountTable, 0xffff_ffff_ffff_f000)
    },
    BrokenImage(
      "reserved bits in the refcount table",
      .opened(check: 2, finding: "ERROR refcount table entry 0 has reserved bits set")
    ) { $0.set64($0.refcountTable, UInt64($0.refcountBlock) | 1) },
    BrokenImage("one refcount block twice", .opened(check: 2, finding: "ERROR refcount block 1 refcount=2")) {
      $0.set64($0.refcountTable + 8, UInt64($0.refcountBlock))
    },
    BrokenImage(
      "refcount block on the L2 table", .opened(check: 2, finding: "ERROR refcount block 0 refcount=2")
    ) {
      $0.set64($0.refcountTable, UInt64($0.l2))
    },
    BrokenImage("no refcount block", .opened(check: 2, finding: "ERROR cluster 0 refcount=0 reference=1")) {
      $0.set64($0.refcountTable, 0)
    },
    BrokenImage(
      "refcount 0 of a cluster in use", .opened(check: 2, finding: "ERROR cluster 5 refcount=0 reference=1")
    ) {
      $0.set16($0.refcountBlock + 10, 0)
    },
    BrokenImage("refcount too large", .opened(check: 2, finding: "Leaked cluster 5 refcount=3 reference=1")) {
      $0.set16($0.refcountBlock + 10, 3)
    },
    BrokenImage("leaked cluster", .opened(check: 3, finding: "Leaked cluster 9 refcount=1 reference=0")) {
      $0.set(9 << 12, [UInt8](repeating: 1, count: 4096))
      $0.set16($0.refcountBlock + 18, 1)
    },
  ]
}
