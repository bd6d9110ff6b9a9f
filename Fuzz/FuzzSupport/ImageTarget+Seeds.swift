// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Support

extension ImageTarget {
  /// Images laid out by hand, and images that our own driver makes.
  package static func seeds() -> [(name: String, bytes: [UInt8])] {
    var result: [(name: String, bytes: [UInt8])] = []
    for shape in SampleQcow2.Shape.allCases { result.append(("sample-\(shape)", SampleQcow2(shape).bytes)) }
    let options = [
      "cluster_size=512", "cluster_size=512,refcount_bits=64", "cluster_size=512,compat=0.10",
      "cluster_size=512,refcount_bits=1", "cluster_size=4k,compression_type=zstd",
      "cluster_size=512,lazy_refcounts=on", "cluster_size=16k,extended_l2=on",
      "cluster_size=512,preallocation=metadata",
    ]
    for (index, text) in options.enumerated() {
      if let bytes = try? made(text) { result.append(("made-\(index)", bytes)) }
    }
    return result
  }

  /// An image with data, zeros, a snapshot and bitmaps, as far as its options allow them.
  private static func made(_ options: String) throws(BlockError) -> [UInt8] {
    let storage = BoundedStorage()
    try OpenImage.create(on: storage, size: 128 << 10, options)
    let image = try OpenImage(storage, flags: .writable)
    let node = image.edge.child
    try image.write(700, [UInt8](repeating: 7, count: 3000))
    if let driver = image.driver as? any SnapshottingDriver {
      try? driver.createSnapshot("one", seconds: 1, nanoseconds: 2, of: node)
    }
    if let driver = image.driver as? any BitmapDriver {
      try? driver.changeBitmap("bits", .add(granularity: 512), of: node)
      try? driver.changeBitmap("off", .add(granularity: 1024, isEnabled: false), of: node)
    }
    try image.write(40_000, [UInt8](repeating: 8, count: 9000))
    try image.edge.writeZeroes(at: 2048, length: 1024)
    try image.close()
    return storage.bytes
  }
}
