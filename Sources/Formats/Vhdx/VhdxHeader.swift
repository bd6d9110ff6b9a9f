// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Compression
internal import Errors

/// The header of a VHDX image ([MS-VHDX] 2.2.2): two copies of 4096 bytes, of which the valid one with the larger
/// sequence number counts.
struct VhdxHeader: Equatable {
  /// `vhdxfile`, at the start of the file.
  static let signature: UInt64 = 0x656c_6966_7864_6876
  /// Bytes of a copy.
  static let length = 4096
  /// The places of the copies.
  static let offsets: [UInt64] = [64 << 10, 128 << 10]
  /// Bytes at the start of the file for identifier, headers and region tables; all else starts at a multiple of it.
  static let section: UInt64 = 1 << 20
  /// `head`.
  private static let mark: UInt32 = 0x6461_6568

  /// Grows with each change of the header: offset 8.
  var sequence: UInt64
  /// Another one whenever anything in the file is going to change: offset 16.
  var fileWriteID: GUID
  /// Another one whenever the disk's content is going to change: offset 32.
  var dataWriteID: GUID
  /// The id of the log's entries that have to be replayed, or none: offset 48.
  var logID: GUID
  /// The log's version: offset 64.
  var logVersion: UInt16 = 0
  /// Bytes of the log: offset 68.
  var logLength: UInt32
  /// The file offset of the log: offset 72.
  var logOffset: UInt64
}

extension VhdxHeader {
  /// Whether a file that starts with these bytes is such an image.
  static func hasSignature(_ head: RawSpan) -> Bool {
    head.byteCount >= 8 && head.little64(at: 0) == signature
  }

  /// Reads a copy from 4096 bytes; nil where it is not valid.
  init?(parsing bytes: RawSpan) {
    guard bytes.little32(at: 0) == VhdxHeader.mark, bytes.hasRightChecksum, bytes.little16(at: 66) == 1 else {
      return nil
    }
    sequence = bytes.little64(at: 8)
    fileWriteID = GUID(parsing: bytes, at: 16)
    dataWriteID = GUID(parsing: bytes, at: 32)
    logID = GUID(parsing: bytes, at: 48)
    logVersion = bytes.little16(at: 64)
    logLength = bytes.little32(at: 68)
    logOffset = bytes.little64(at: 72)
  }

  /// Puts a copy into 4096 zero bytes.
  func write(to bytes: inout MutableRawSpan) {
    bytes.storeLittle(VhdxHeader.mark, at: 0)
    bytes.storeLittle(sequence, at: 8)
    fileWriteID.write(to: &bytes, at: 16)
    dataWriteID.write(to: &bytes, at: 32)
    logID.write(to: &bytes, at: 48)
    bytes.storeLittle(UInt32(logVersion) | 1 << 16, at: 64)
    bytes.storeLittle(logLength, at: 68)
    bytes.storeLittle(logOffset, at: 72)
    bytes.storeChecksum()
  }

  /// Writes a copy.
  func write(to file: Edge, copy: Int) throws(BlockError) {
    let buffer = Buffer(count: VhdxHeader.length)
    var bytes = buffer.mutableBytes
    write(to: &bytes)
    try file.write(at: VhdxHeader.offsets[copy], from: buffer.bytes)
  }

  /// The range of the log in the file.
  ///
  /// - Throws: kind `unsupported` for a version that is not known; kind `corrupt` for a place where it cannot be.
  func logRange() throws(BlockError) -> Range<UInt64> {
    guard logVersion == 0 else {
      throw BlockError(.unsupported, "the VHDX log has version \(logVersion), which is not known")
    }
    guard logOffset >= VhdxHeader.section, logOffset % VhdxHeader.section == 0,
      let end = logOffset.plus(UInt64(logLength)), Int64(exactly: end) != nil
    else {
      throw BlockError(
        .corrupt, "the VHDX log (offset \(logOffset), \(logLength) bytes) is where none can be")
    }
    return logOffset..<end
  }
}

extension RawSpan {
  /// The CRC-32C of all bytes, with zeros in place of the four at offset 4.
  private var checksum: UInt32 {
    var checksum = CRC32C()
    checksum.add(slice(0..<4))
    checksum.add(Buffer(count: 4).bytes)
    checksum.add(slice(8..<byteCount))
    return checksum.value
  }

  /// Whether the bytes have their checksum at offset 4.
  var hasRightChecksum: Bool { little32(at: 4) == checksum }

  fileprivate var newChecksum: UInt32 { checksum }
}

extension MutableRawSpan {
  /// Puts the checksum of all other bytes at offset 4.
  mutating func storeChecksum() {
    let checksum = bytes.newChecksum
    storeLittle(checksum, at: 4)
  }
}

/// Gives bytes of a file, zeros past its end.
typealias VhdxReader = (UInt64, Int) throws(BlockError) -> Buffer
