// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import XML

/// A range of the disk and how it is stored.
struct DmgChunk: Sendable {
  /// The ways in which chunks are stored.
  enum Kind: Sendable, Hashable {
    case zero
    case raw
    /// Nothing that means anything: it reads as zeros.
    case ignored
    case adc
    case zlib
    case bzip2
    case lzfse
    case xz
    /// One that nobody knows.
    case unknown(UInt32)

    init?(_ type: UInt32) {
      switch type {
      case 0: self = .zero
      case 1: self = .raw
      case 2: self = .ignored
      case 0x8000_0004: self = .adc
      case 0x8000_0005: self = .zlib
      case 0x8000_0006: self = .bzip2
      case 0x8000_0007: self = .lzfse
      case 0x8000_0008: self = .xz
      // A comment, and the end of the table.
      case 0x7FFF_FFFE, 0xFFFF_FFFF: return nil
      default: self = .unknown(type)
      }
    }

    /// Whether it reads as zeros.
    var isZero: Bool { self == .zero || self == .ignored }
    /// Whether it is decoded as a whole.
    var isCompressed: Bool { !isZero && self != .raw }
  }

  let kind: Kind
  /// The sectors of the disk.
  let sectors: Range<UInt64>
  /// Where it is stored in the file.
  let place: Range<UInt64>

  /// Bytes that it makes.
  var size: UInt64 { UInt64(sectors.count) * 512 }
}

/// A table of chunks ("mish"): big-endian numbers, 204 bytes in front of 40 for each chunk.
struct DmgTable: Sendable {
  /// Bytes in front of the entries.
  static let headerLength = 204
  /// Bytes of an entry.
  static let entryLength = 40

  /// Its chunks, by their numbers among all.
  let chunks: Range<Int>
  /// The CRC-32 of what they make; nil where there is none: offset 64.
  let checksum: UInt32?

  /// Reads a table, whose chunks are added to those that there are.
  ///
  /// - Parameter data: the offset of the data fork in the file.
  /// - Throws: kind `corrupt` or `tooLarge`, naming the chunk and the field.
  init(parsing table: Buffer, data: UInt64, into chunks: inout [DmgChunk], _ limits: DmgLimits)
    throws(BlockError)
  {
    let bytes = table.bytes
    let first = chunks.count
    guard bytes.byteCount >= DmgTable.headerLength else {
      throw BlockError(.corrupt, "a table of chunks is only \(bytes.byteCount) bytes long")
    }
    let start = bytes.big64(at: 8)
    let count = UInt64(bytes.big32(at: 200))
    let room = UInt64(bytes.byteCount - DmgTable.headerLength) / UInt64(DmgTable.entryLength)
    guard count <= room else {
      throw BlockError(.corrupt, "a table of chunks says that it has \(count) entries, and has \(room)")
    }
    guard let base = data.plus(bytes.big64(at: 24)) else {
      throw BlockError(.corrupt, "the data of a table of chunks (offset \(bytes.big64(at: 24))) lies nowhere")
    }
    for entry in 0..<Int(count) {
      let offset = DmgTable.headerLength + entry * DmgTable.entryLength
      guard let kind = DmgChunk.Kind(bytes.big32(at: offset)) else {
        // Nothing follows the end.
        if bytes.big32(at: offset) == UInt32.max { break }
        continue
      }
      let number = chunks.count
      let (sector, sectors) = (bytes.big64(at: offset + 8), bytes.big64(at: offset + 16))
      let (place, length) = (bytes.big64(at: offset + 24), bytes.big64(at: offset + 32))
      guard let from = start.plus(sector), let to = from.plus(sectors), to <= UInt64(Int64.max) / 512 else {
        throw BlockError(
          .corrupt,
          "chunk \(number) (\(sectors) sectors from sector \(sector)) goes on past the end of every disk")
      }
      guard sectors > 0 else { continue }
      var range: Range<UInt64> = 0..<0
      if !kind.isZero {
        guard let from = base.plus(place), let to = from.plus(length), Int64(exactly: to) != nil else {
          throw BlockError(
            .corrupt, "chunk \(number) (offset \(place), length \(length)) lies outside every file")
        }
        range = from..<to
      }
      chunks.append(DmgChunk(kind: kind, sectors: from..<to, place: range))
      try limits.check(chunks[number], number)
    }
    self.chunks = first..<chunks.count
    checksum = DmgChecksum.crc(bytes, at: 64)
  }
}

/// The limits that chunks are held to.
struct DmgLimits: Sendable {
  /// Bytes of a compressed chunk, before and after, where the user says nothing: as `qemu-img` has it.
  static let usualChunk: UInt64 = 64 << 20
  /// Bytes of one, whatever the user says.
  static let largestChunk: UInt64 = 1 << 30
  /// Chunks that an image can have.
  static let mostChunks = 4 << 20

  /// Bytes of a property list or a resource fork, at most: tables of a disk of some hundred gigabytes.
  var resources = UInt64(XMLLimits.propertyList.bytes)
  /// Bytes of a compressed chunk, before and after, at most.
  var chunk = DmgLimits.usualChunk

  /// - Throws: kind `corrupt` or `tooLarge`, in `qemu-img`'s words where it has some.
  func check(_ chunk: DmgChunk, _ number: Int) throws(BlockError) {
    guard number < DmgLimits.mostChunks else {
      throw BlockError(.tooLarge, "the image has more than \(DmgLimits.mostChunks) chunks")
    }
    let length = UInt64(chunk.place.count)
    if chunk.kind == .raw, length != chunk.size {
      throw BlockError(
        .corrupt, "chunk \(number) is raw and stores \(length) bytes for \(chunk.sectors.count) sectors")
    }
    guard chunk.kind.isCompressed else { return }
    guard length <= self.chunk else {
      throw tooLarge("length \(length) for chunk \(number) is larger than max (\(self.chunk))")
    }
    guard chunk.size <= self.chunk else {
      throw tooLarge(
        "sector count \(chunk.sectors.count) for chunk \(number) is larger than max (\(self.chunk / 512))")
    }
  }

  private func tooLarge(_ message: String) -> BlockError {
    BlockError(
      .tooLarge, message,
      advice:
        "--image-opts driver=dmg,max-chunk=SIZE,file.filename=FILE reads such images; SIZE takes memory.")
  }
}
