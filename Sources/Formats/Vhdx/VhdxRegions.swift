// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The region table ([MS-VHDX] 2.2.3): where block map and metadata stand. Two copies of 64 KiB, which are the same.
struct VhdxRegions: Equatable {
  /// One region.
  struct Region: Equatable {
    var id: GUID
    /// The offset in the file, in bytes.
    var offset: UInt64
    /// Bytes.
    var length: UInt32
    /// Whether a reader must know the region.
    var isRequired: Bool

    /// The region's bytes in the file.
    var range: Range<UInt64> { offset..<offset + UInt64(length) }
  }

  /// Bytes of a copy.
  static let length = 64 << 10
  /// The places of the copies.
  static let offsets: [UInt64] = [192 << 10, 256 << 10]
  /// The most regions that a table has.
  static let mostRegions = 2047
  /// The id of the block map.
  static let blockMap = GUID(0x2dc2_7766, 0xf623, 0x4200, 0x9d64_115e_9bfd_4a08)
  /// The id of the metadata.
  static let metadata = GUID(0x8b7c_a206, 0x4790, 0x4b9a, 0xb8fe_575f_050f_886e)
  /// `regi`.
  private static let mark: UInt32 = 0x6967_6572

  var regions: [Region]
}

extension VhdxRegions {
  /// Reads a copy from 64 KiB; nil where it is not valid.
  init?(parsing bytes: RawSpan) {
    let count = Int(bytes.little32(at: 8))
    guard bytes.little32(at: 0) == VhdxRegions.mark, bytes.hasRightChecksum, count <= VhdxRegions.mostRegions
    else { return nil }
    regions = (0..<count).map { index in
      let place = 16 + index * 32
      return Region(
        id: GUID(parsing: bytes, at: place), offset: bytes.little64(at: place + 16),
        length: bytes.little32(at: place + 24), isRequired: bytes.little32(at: place + 28) & 1 != 0)
    }
  }

  /// Puts a copy into 64 KiB of zeros.
  func write(to bytes: inout MutableRawSpan) {
    bytes.storeLittle(VhdxRegions.mark, at: 0)
    bytes.storeLittle(UInt32(clamping: regions.count), at: 8)
    for (index, region) in regions.enumerated() {
      let place = 16 + index * 32
      region.id.write(to: &bytes, at: place)
      bytes.storeLittle(region.offset, at: place + 16)
      bytes.storeLittle(region.length, at: place + 24)
      bytes.storeLittle((region.isRequired ? 1 : 0) as UInt32, at: place + 28)
    }
    bytes.storeChecksum()
  }

  /// Writes a copy.
  func write(to file: Edge, copy: Int) throws(BlockError) {
    let buffer = Buffer(count: VhdxRegions.length)
    var bytes = buffer.mutableBytes
    write(to: &bytes)
    try file.write(at: VhdxRegions.offsets[copy], from: buffer.bytes)
  }

  /// The region with an id.
  ///
  /// - Throws: kind `corrupt` where there is none.
  func region(_ id: GUID, _ name: String) throws(BlockError) -> Region {
    guard let found = regions.first(where: { $0.id == id }) else {
      throw BlockError(.corrupt, "the VHDX region table names no \(name)")
    }
    return found
  }

  /// Holds the regions against each other and the log.
  ///
  /// - Throws: kind `unsupported` for a region that a reader must know; kind `corrupt` for one where none can be.
  func validate(log: Range<UInt64>) throws(BlockError) {
    var taken = [(name: "log", range: log)]
    for region in regions {
      let name = "region \(region.id)"
      if region.isRequired, ![VhdxRegions.blockMap, VhdxRegions.metadata].contains(region.id) {
        throw BlockError(.unsupported, "the VHDX \(name) is not known, and cannot be ignored")
      }
      guard region.offset >= VhdxHeader.section, region.offset % VhdxHeader.section == 0,
        let end = region.offset.plus(UInt64(region.length)), Int64(exactly: end) != nil
      else {
        throw BlockError(
          .corrupt, "the VHDX \(name) (offset \(region.offset), \(region.length) bytes) is where none can be")
      }
      for other in taken where other.range.overlaps(region.range) {
        throw BlockError(
          .corrupt,
          "VHDX region \(region.range.lowerBound)-\(region.range.upperBound) overlaps with region "
            + "\(other.range.lowerBound)-\(other.range.upperBound)")
      }
      taken.append((name, region.range))
    }
  }
}
