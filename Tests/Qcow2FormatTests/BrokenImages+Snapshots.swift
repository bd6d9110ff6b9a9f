// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support

extension BrokenImage {
  /// Snapshots.
  static let snapshots: [BrokenImage] = [
    BrokenImage(
      "snapshot table past the end", .snapshot,
      .opened(
        check: 2, finding: "ERROR snapshot table entry 0 is incomplete",
        map: "Snapshot table lies past the end",
        convert: "Snapshot table lies past the end")
    ) { $0.set64(64, 0x1000_0000) },
    BrokenImage(
      "snapshots more than the table holds", .snapshot,
      .opened(
        check: 2, finding: "ERROR snapshot table entry 1 is incomplete",
        map: "Snapshot table lies past the end",
        convert: "Snapshot table lies past the end")
    ) { $0.set32(60, 200) },
    BrokenImage(
      "snapshot table cut short", .snapshot,
      .opened(
        check: 2, finding: "ERROR snapshot table entry 0 is incomplete",
        map: "Snapshot table lies past the end",
        convert: "Snapshot table lies past the end")
    ) { $0.cut(at: $0.snapshotTable + 20) },
    BrokenImage(
      "snapshot name longer than the file", .snapshot,
      .opened(
        check: 2, finding: "offset 0xa000 size", map: "Snapshot table entry is cut short",
        convert: "Snapshot table entry is cut short")
    ) { $0.set16($0.snapshotTable + 14, .max) },
    BrokenImage(
      "snapshot id longer than the file", .snapshot,
      .opened(
        check: 2, finding: "offset 0xa000 size", map: "Snapshot table entry is cut short",
        convert: "Snapshot table entry is cut short")
    ) { $0.set16($0.snapshotTable + 12, .max) },
    BrokenImage(
      "snapshot with extra data of 4 GiB", .snapshot,
      .opened(
        check: 1, finding: "Too much extra metadata in snapshot table entry",
        map: "Too much extra metadata in snapshot table entry", convert: "Too much extra metadata")
    ) { $0.set32($0.snapshotTable + 36, .max) },
    BrokenImage(
      "snapshot without the fields it must have", .snapshot,
      .opened(check: 2, finding: "ERROR snapshot table entry 0 is incomplete")
    ) { $0.set32($0.snapshotTable + 36, 0) },
    BrokenImage(
      "L1 table of a snapshot not aligned", .snapshot,
      .opened(check: 2, finding: "ERROR snapshot 1 (one) l1_offset=0x9200: L1 table is not cluster aligned")
    ) { $0.set64($0.snapshotTable, 0x9200) },
    BrokenImage(
      "L1 table of a snapshot too large", .snapshot,
      .opened(check: 2, finding: "ERROR snapshot 1 (one) l1_size=0xffffffff: L1 table is too large")
    ) { $0.set32($0.snapshotTable + 8, .max) },
    BrokenImage(
      "L1 table of a snapshot past the end", .snapshot,
      .opened(check: 2, finding: "offset 0x10000000 size 0x8")
    ) { $0.set64($0.snapshotTable, 0x1000_0000) },
    BrokenImage(
      "L1 table of a snapshot past any file", .snapshot,
      .opened(check: 2, finding: "offset 0xfffffffffffff000 size 0x8")
    ) { $0.set64($0.snapshotTable, 0xffff_ffff_ffff_f000) },
    BrokenImage(
      "snapshots with one id", .snapshot, .opened(check: 2, finding: "ERROR cluster 9 refcount=1 reference=2")
    ) {
      $0.set32(60, 2)
      let first = Array($0.bytes[$0.snapshotTable..<$0.snapshotTable + 64])
      $0.set($0.snapshotTable + 64, first)
    },
  ]

  /// Files that an image names.
  static let otherFiles: [BrokenImage] = [
    BrokenImage(
      "X-03 names itself as its backing file",
      .described("Backing file 'sample.qcow2' creates an infinite loop")
    ) { $0.setBacking("sample.qcow2") },
    BrokenImage(
      "backing file missing", .described("Could not open 'missing.qcow2': No such file or directory")
    ) { $0.setBacking("missing.qcow2") },
    BrokenImage("backing format unknown", .described("Unknown driver 'frob'")) {
      $0.setBacking("other.qcow2", format: "frob")
    },
    BrokenImage("backing file is a folder", .described("driver requires '.' to be a regular file")) {
      $0.setBacking(".")
    },
    BrokenImage("backing file behind a protocol", .described("nbd")) { $0.setBacking("nbd://localhost/x") },
    BrokenImage("backing file as JSON", .described("json:")) { $0.setBacking("json:{\"driver\":\"raw\"}") },
    BrokenImage("data file missing", .dataFile, .described("missing.dat")) {
      $0.set($0.extensions + 8, Array("missing.dat".utf8))
    },
    BrokenImage(
      "data file that is the image itself", .dataFile, .described("names itself in slot 'data-file'")
    ) {
      $0.set32($0.extensions + 4, 12)
      $0.set($0.extensions + 8, Array("sample.qcow2".utf8))
    },
    BrokenImage("data file without a name", .dataFile, .described("requires a file name")) {
      $0.set32($0.extensions, 0)
    },
  ]

  /// Files that end too early.
  static let cut: [BrokenImage] = [
    BrokenImage("empty file", .refused("Image is not in qcow2 format")) { $0.cut(at: 0) },
    BrokenImage("cut in the magic", .refused("Image is not in qcow2 format")) { $0.cut(at: 3) },
    BrokenImage("cut in the header", .refused("qcow2 header too short")) { $0.cut(at: 100) },
    BrokenImage(
      "cut before the refcount table",
      .opened(
        check: 2, finding: "offset 0x1000 size 0x1000", map: "lies past the end of the file",
        convert: "lies past the end of the file")
    ) { $0.cut(at: $0.refcountTable) },
    BrokenImage(
      "cut before the refcount block",
      .opened(
        check: 2, finding: "ERROR refcount block 0 is outside image", map: "lies past the end of the file",
        convert: "lies past the end of the file")
    ) { $0.cut(at: $0.refcountBlock) },
    BrokenImage(
      "cut before the L1 table",
      .opened(
        check: 0, map: "lies past the end of the file",
        convert: "lies past the end of the file")
    ) { $0.cut(at: $0.l1) },
    BrokenImage("cut before the L2 table", .opened(check: 2, finding: "offset 0x4000 size 0x1000")) {
      $0.cut(at: $0.l2)
    },
    BrokenImage("cut in an L2 table", .opened(check: 2, finding: "offset 0x6000 size 0x1000")) {
      $0.cut(at: $0.l2 + 20)
    },
    BrokenImage("cut before the data", .opened(check: 2, finding: "offset 0x6000 size 0x1000")) {
      $0.cut(at: $0.data)
    },
    BrokenImage("cut in the data", .opened(check: 2, finding: "offset 0x8000 size 0x1000")) {
      $0.cut(at: $0.data + 5000)
    },
    BrokenImage(
      "cut in a compressed cluster", .compressed,
      .opened(check: 0, convert: "error while reading at byte 12288")
    ) {
      $0.cut(at: $0.compressedData + 5)
    },
  ]
}
