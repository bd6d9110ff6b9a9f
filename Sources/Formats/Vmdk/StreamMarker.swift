// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The bytes before a compressed grain (Virtual Disk Format 5.0, "Stream-Optimized Compressed Sparse Extents").
struct GrainMarker {
  /// Bytes of a marker.
  static let length = 12

  /// Bytes of compressed data behind the marker.
  let size: Int

  /// Bytes of the marker and the data behind it.
  var byteCount: UInt64 { UInt64(GrainMarker.length + size) }
  /// Sectors of the file that both take.
  var sectors: UInt64 { byteCount.dividedUp(by: 512) }

  /// The marker of a grain that was compressed to so many bytes.
  init(size: Int) { self.size = size }

  /// The marker of the grain at a guest offset.
  func bytes(of offset: UInt64) -> Buffer {
    let marker = Buffer(count: GrainMarker.length)
    var bytes = marker.mutableBytes
    bytes.storeLittle(offset / 512, at: 0)
    bytes.storeLittle(UInt32(clamping: size), at: 8)
    return marker
  }

  /// Reads a marker, which must be that of the grain at a guest offset.
  ///
  /// - Throws: kind `corrupt` for one of another grain, or of one longer than twice a grain.
  init(parsing bytes: RawSpan, of offset: UInt64, grain: UInt64) throws(BlockError) {
    let sector = bytes.little64(at: 0)
    let size = bytes.little32(at: 8)
    guard sector == offset / 512 else {
      throw BlockError(
        .corrupt, "the compressed grain of sector \(offset / 512) says that it is of sector \(sector)")
    }
    guard size > 0, UInt64(size) <= 2 * grain else {
      throw BlockError(
        .corrupt, "the compressed grain of sector \(sector) has an impossible size (\(size))")
    }
    self.size = Int(size)
  }
}

/// The markers of what is no grain: a sector each.
enum StreamMarker: UInt32 {
  case end = 0
  case table = 1
  case directory = 2
  case footer = 3

  /// Whether a sector is the marker before so many sectors, and nothing else.
  func isMarker(_ bytes: RawSpan, before sectors: UInt64) -> Bool {
    bytes.little64(at: 0) == sectors && bytes.little32(at: 8) == 0 && bytes.little32(at: 12) == rawValue
      && bytes.slice(16..<512).isZero
  }

  /// The marker before so many sectors.
  func sector(followedBy sectors: UInt64) -> Buffer {
    let sector = Buffer(count: 512)
    var bytes = sector.mutableBytes
    bytes.storeLittle(sectors, at: 0)
    bytes.storeLittle(rawValue, at: 12)
    return sector
  }
}
