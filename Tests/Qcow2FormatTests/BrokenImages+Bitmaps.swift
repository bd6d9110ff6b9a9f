// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support

extension BrokenImage {
  /// Bitmaps that a repair takes away: no command opens most of these images.
  static let bitmaps: [BrokenImage] = bitmapEntries + bitmapTables + bitmapDirectories

  private static let constraints = "Bitmap 'one' doesn't satisfy the constraints"

  private static func entry(
    _ name: String, _ reason: String = constraints,
    change: @escaping @Sendable (inout SampleQcow2, Int) -> Void
  ) -> BrokenImage {
    BrokenImage(name, .bitmaps, .refused(reason)) { change(&$0, $0.bitmapDirectory) }
  }

  private static let bitmapEntries: [BrokenImage] = [
    entry("bitmap with a reserved flag") { $0.set32($1 + 12, 8 | 2) },
    entry("bitmap of no known type") { $0.set($1 + 16, [2]) },
    entry("bitmap with a granularity of 2^40") { $0.set($1 + 17, [40]) },
    entry("bitmap without a table") { $0.set32($1 + 8, 0) },
    entry("bitmap table not aligned") { $0.set64($1, 0xa200) },
    entry("bitmap table past any file") { $0.set64($1, 0xffff_ffff_ffff_f000) },
    entry("bitmap table of 32 GiB") { $0.set32($1 + 8, .max) },
    entry("bitmap table longer than the bitmap", "Could not read bitmap 'one' from image") {
      $0.set32($1 + 8, 2)
    },
    entry("bitmaps of one name", "Bitmap already exists: one") { $0.set($1 + 32 + 24, Array("one".utf8)) },
  ]

  private static let bitmapTables: [BrokenImage] = [
    BrokenImage(
      "reserved bits in a bitmap's table", .bitmaps,
      .refused("Could not read bitmap_table table from image for bitmap 'one'")
    ) { $0.set64($0.bitmapTable, 0xb100) },
    BrokenImage("bits past the end", .bitmaps, .opened(check: 2, finding: "offset 0x10000000 size 0x1000")) {
      $0.set64($0.bitmapTable, 0x1000_0000)
    },
    BrokenImage(
      "bits in guest data", .bitmaps, .opened(check: 2, finding: "ERROR cluster 5 refcount=1 reference=2")
    ) { $0.set64($0.bitmapTable, UInt64($0.data)) },
    BrokenImage(
      "bits in guest data that is counted twice", .bitmaps,
      .opened(check: 2, finding: "ERROR OFLAG_COPIED data cluster")
    ) {
      $0.set64($0.bitmapTable, UInt64($0.data))
      $0.set16($0.refcountBlock + 2 * 5, 2)
      $0.set16($0.refcountBlock + 2 * 11, 0)
    },
    BrokenImage(
      "bits in the L1 table", .bitmaps, .opened(check: 2, finding: "ERROR cluster 3 refcount=1 reference=2")
    ) { $0.set64($0.bitmapTable, UInt64($0.l1)) },
    BrokenImage(
      "bitmaps with one table", .bitmaps,
      .opened(check: 2, finding: "ERROR cluster 10 refcount=1 reference=2")
    ) { $0.set64($0.bitmapDirectory + 32, UInt64($0.bitmapTable)) },
  ]

  private static let bitmapDirectories: [BrokenImage] = [
    BrokenImage("more bitmaps announced than there are", .bitmaps, .refused("Less bitmaps found")) {
      $0.set32($0.extensions + 8, 3)
    },
    BrokenImage("fewer bitmaps announced than there are", .bitmaps, .refused("More bitmaps found")) {
      $0.set32($0.extensions + 8, 1)
    },
    BrokenImage("bitmap directory not aligned", .bitmaps, .refused("invalid bitmap directory offset")) {
      $0.set64($0.extensions + 24, 0x9200)
    },
    BrokenImage("bitmap directory past the end", .bitmaps, .refused("lies past the end of the file")) {
      $0.set64($0.extensions + 24, 0x1000_0000)
    },
    BrokenImage("bitmap directory in guest data", .bitmaps, .refused("Broken bitmap directory")) {
      $0.set64($0.extensions + 24, UInt64($0.data))
    },
    BrokenImage("bitmaps field that must be zero", .bitmaps, .refused("Reserved field is not zero")) {
      $0.set32($0.extensions + 12, 1)
    },
    BrokenImage("bitmap name longer than the directory", .bitmaps, .refused("Broken bitmap directory")) {
      $0.set16($0.bitmapDirectory + 32 + 18, 900)
    },
  ]
}
