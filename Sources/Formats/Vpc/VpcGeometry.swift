// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Cylinders, heads and sectors a track, by which old programs know how long a disk is.
struct VpcGeometry: Equatable {
  var cylinders: UInt16
  var heads: UInt8
  var sectorsPerTrack: UInt8

  /// The largest: it says nothing of the length.
  static let largest = VpcGeometry(cylinders: 65535, heads: 16, sectorsPerTrack: 255)

  /// Bytes of the disk that has this geometry.
  var length: UInt64 { UInt64(cylinders) * UInt64(heads) * UInt64(sectorsPerTrack) * 512 }
}

extension VpcGeometry {
  /// The geometry of a disk of so many sectors, as the specification computes it (appendix "CHS Calculation"): of no more
  /// sectors than the disk has.
  init(sectors: UInt64) {
    let total = min(sectors, 65535 * 16 * 255)
    guard total < 65535 * 16 * 63 else {
      self.init(cylinders: UInt16(total / (16 * 255)), heads: 16, sectorsPerTrack: 255)
      return
    }
    var (heads, track) = (max(4, (total / 17 + 1023) / 1024), 17 as UInt64)
    if total / track >= heads * 1024 || heads > 16 { (heads, track) = (16, 31) }
    if total / track >= heads * 1024 { (heads, track) = (16, 63) }
    self.init(
      cylinders: UInt16(clamping: total / track / heads), heads: UInt8(heads), sectorsPerTrack: UInt8(track))
  }

  /// The length in bytes of the smallest disk of at least `length` bytes that a geometry describes exactly; `length` in
  /// whole sectors where geometries end.
  static func roundedLength(_ length: UInt64) -> UInt64 {
    let wanted = length.dividedUp(by: 512)
    guard wanted < 65535 * 16 * 255 else { return wanted * 512 }
    var sectors = wanted
    while true {
      let geometry = VpcGeometry(sectors: sectors)
      if geometry.length / 512 >= wanted { return geometry.length }
      sectors += 1
    }
  }
}
