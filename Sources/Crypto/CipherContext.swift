// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// One key in one direction, ready to work; used by one thread at a time. Its library wipes the key at the end.
protocol CipherContext: AnyObject {
  /// Works through `count` bytes in units that each start with their IV: the number of the unit, little-endian,
  /// or, with `ivs`, the block that stands there for it. `source` and `target` are the same or do not overlap.
  ///
  /// - Returns: false where the library failed.
  func run(
    _ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, count: Int, unit: Int,
    numbers: SectorNumbers, ivs: UnsafePointer<UInt8>?
  ) -> Bool

  /// Works through whole blocks without IVs.
  func runBlocks(_ bytes: UnsafeMutablePointer<UInt8>, count: Int) -> Bool
}

/// The numbers that IVs of successive sectors are made of.
struct SectorNumbers {
  var first: UInt64
  var step: UInt64
  /// The bits that count.
  var mask: UInt64
}
