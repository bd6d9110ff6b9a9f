// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockTables
internal import Bytes
internal import Errors

/// The header of an entry of the log ([MS-VHDX] 2.3.1): 64 bytes; descriptors of 32 bytes and then sectors with data follow.
struct VhdxLogEntry: Equatable {
  /// Bytes of a sector, the unit of everything in the log.
  static let sector = 4096
  /// Descriptors that find room beside the header in its sector.
  static let descriptorsInFirst = (sector - length) / 32
  private static let length = 64
  /// `loge`.
  private static let mark: UInt32 = 0x6567_6f6c
  /// `desc`.
  private static let dataMark: UInt32 = 0x6373_6564
  /// `zero`.
  private static let zeroMark: UInt32 = 0x6f72_657a
  /// `data`.
  private static let sectorMark: UInt32 = 0x6174_6164

  /// Bytes of the entry, with descriptors and data: offset 8.
  var entryLength: UInt32
  /// The offset in the log of the oldest entry that is needed: offset 12.
  var tail: UInt32
  /// One more than that of the entry before: offset 16.
  var sequence: UInt64
  /// Offset 24.
  var descriptorCount: UInt32
  /// The id that the image's header states: offset 32.
  var logID: GUID
  /// Bytes that the file had, safe, when the entry was written: offset 48.
  var flushedFileLength: UInt64
  /// Bytes that the file has once the entry counts: offset 56.
  var fileLength: UInt64
}

extension VhdxLogEntry {
  /// Sectors that header and descriptors take.
  private var headSectors: Int {
    (VhdxLogEntry.length + Int(descriptorCount) * 32 + VhdxLogEntry.sector - 1) / VhdxLogEntry.sector
  }

  /// Reads the fields from 64 bytes; nil for what can be no entry of a log of so many bytes with that id.
  init?(parsing bytes: RawSpan, logID wanted: GUID, logLength: UInt64) {
    entryLength = bytes.little32(at: 8)
    tail = bytes.little32(at: 12)
    sequence = bytes.little64(at: 16)
    descriptorCount = bytes.little32(at: 24)
    logID = GUID(parsing: bytes, at: 32)
    flushedFileLength = bytes.little64(at: 48)
    fileLength = bytes.little64(at: 56)
    let unit = UInt32(VhdxLogEntry.sector)
    guard bytes.little32(at: 0) == VhdxLogEntry.mark, logID == wanted, sequence > 0,
      entryLength > 0, entryLength % unit == 0, UInt64(entryLength) <= logLength,
      tail % unit == 0, UInt64(tail) < logLength, descriptorCount <= entryLength / 32,
      headSectors * VhdxLogEntry.sector <= Int(entryLength)
    else { return nil }
  }

  /// The changes that the entry asks for; nil where its bytes are not all there.
  ///
  /// - Parameter entry: all bytes of the entry.
  /// - Throws: kind `corrupt` for a change where none can be.
  func steps(in entry: RawSpan, log: Range<UInt64>) throws(BlockError) -> [VhdxLogStep]? {
    guard entry.hasRightChecksum else { return nil }
    var steps: [VhdxLogStep] = []
    var data = headSectors * VhdxLogEntry.sector
    for index in 0..<Int(descriptorCount) {
      let place = VhdxLogEntry.length + index * 32
      let offset = entry.little64(at: place + 16)
      guard entry.little64(at: place + 24) == sequence else { return nil }
      switch entry.little32(at: place) {
      case VhdxLogEntry.dataMark:
        guard data + VhdxLogEntry.sector <= Int(entryLength),
          entry.little32(at: data) == VhdxLogEntry.sectorMark,
          entry.little32(at: data + 4) == UInt32(truncatingIfNeeded: sequence >> 32),
          entry.little32(at: data + 4092) == UInt32(truncatingIfNeeded: sequence)
        else { return nil }
        let sector = Buffer(count: VhdxLogEntry.sector)
        var bytes = sector.mutableBytes
        bytes.storeLittle(entry.little64(at: place + 8), at: 0)
        bytes.copy(entry.slice(data + 8..<data + 4092), at: 8)
        bytes.storeLittle(entry.little32(at: place + 4), at: 4092)
        steps.append(VhdxLogStep(range: offset..<(offset.plus(4096) ?? .max), sector: sector))
        data += VhdxLogEntry.sector
      case VhdxLogEntry.zeroMark:
        let length = entry.little64(at: place + 8)
        steps.append(VhdxLogStep(range: offset..<(offset.plus(length) ?? .max), sector: nil))
      default: return nil
      }
    }
    for step in steps {
      guard step.range.lowerBound >= VhdxHeader.section, step.range.lowerBound % 4096 == 0,
        step.range.upperBound % 4096 == 0, Int64(exactly: step.range.upperBound) != nil,
        !step.range.overlaps(log)
      else {
        throw BlockError(
          .corrupt,
          "the VHDX log changes \(step.range.upperBound - step.range.lowerBound) bytes at offset "
            + "\(step.range.lowerBound), where it must not")
      }
    }
    return steps
  }

  /// The bytes of an entry that writes parts, each of a sector. Of the fields only tail, sequence, id and file lengths need
  /// be right.
  func bytes(_ parts: [TablePart]) -> Buffer {
    var entry = self
    entry.descriptorCount = UInt32(parts.count)
    let head = entry.headSectors * VhdxLogEntry.sector
    entry.entryLength = UInt32(head + parts.count * VhdxLogEntry.sector)
    let buffer = Buffer(count: Int(entry.entryLength))
    var bytes = buffer.mutableBytes
    bytes.storeLittle(VhdxLogEntry.mark, at: 0)
    bytes.storeLittle(entry.entryLength, at: 8)
    bytes.storeLittle(tail, at: 12)
    bytes.storeLittle(sequence, at: 16)
    bytes.storeLittle(entry.descriptorCount, at: 24)
    logID.write(to: &bytes, at: 32)
    bytes.storeLittle(flushedFileLength, at: 48)
    bytes.storeLittle(fileLength, at: 56)
    for (index, part) in parts.enumerated() {
      let place = VhdxLogEntry.length + index * 32
      let data = head + index * VhdxLogEntry.sector
      part.withBytes { sector in
        bytes.storeLittle(VhdxLogEntry.dataMark, at: place)
        bytes.storeLittle(sector.little32(at: 4092), at: place + 4)
        bytes.storeLittle(sector.little64(at: 0), at: place + 8)
        bytes.copy(sector.slice(8..<4092), at: data + 8)
      }
      bytes.storeLittle(part.offset, at: place + 16)
      bytes.storeLittle(sequence, at: place + 24)
      bytes.storeLittle(VhdxLogEntry.sectorMark, at: data)
      bytes.storeLittle(UInt32(truncatingIfNeeded: sequence >> 32), at: data + 4)
      bytes.storeLittle(UInt32(truncatingIfNeeded: sequence), at: data + 4092)
    }
    bytes.storeChecksum()
    return buffer
  }
}

/// One change that the log asks for.
struct VhdxLogStep {
  /// The bytes of the file that change.
  let range: Range<UInt64>
  /// The bytes that come there; nil for zeros.
  let sector: Buffer?
}
