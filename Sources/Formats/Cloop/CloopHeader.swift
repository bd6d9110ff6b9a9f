// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The header of a cloop image, version 2: big-endian numbers behind a shell script of 128 bytes, and in front of a table
/// of offsets.
struct CloopHeader: Sendable {
  /// Bytes of the script's area and the numbers behind it: the table starts here.
  static let length = 136
  /// The script's first lines, which tell the version.
  static let preamble = "#!/bin/sh\n#V2.0 Format\n"
  /// Bytes of the script that every image has; what follows it is free.
  static let scriptLength = 83
  /// Bytes of a block, at most, as `qemu-img` has it.
  static let largestBlock: UInt32 = 64 << 20
  /// Blocks, at most, as `qemu-img` has it.
  static let mostBlocks: UInt32 = 536_870_911

  /// Bytes of a block as the guest has it: offset 128.
  let blockSize: UInt32
  /// How many there are: offset 132.
  let blockCount: UInt32

  /// Guest-visible length in bytes.
  var size: UInt64 { UInt64(blockSize) * UInt64(blockCount) }
  /// The end of the table, which has one entry more than there are blocks.
  var tableEnd: UInt64 { CloopHeader.offset(ofEntry: UInt64(blockCount) + 1) }

  /// The file offset of an entry.
  static func offset(ofEntry index: UInt64) -> UInt64 { UInt64(length) + index * 8 }

  /// Whether a file starts as images of this version do.
  static func hasPreamble(_ head: RawSpan) -> Bool {
    let preamble = Array(preamble.utf8)
    return head.byteCount >= preamble.count && head.bytes(0..<preamble.count) == preamble
  }

  /// The version that the script states, such as `3.0`; nil where there is no such script.
  private static func version(_ head: RawSpan) -> String? {
    let (start, end) = (Array("#!/bin/sh\n#V".utf8), Array(" Format".utf8))
    guard head.byteCount >= 64, head.bytes(0..<start.count) == start else { return nil }
    let rest = head.bytes(start.count..<start.count + 16)
    let version = rest.prefix { $0 == 0x2E || (0x30...0x39).contains($0) }
    guard !version.isEmpty, version.count + end.count <= rest.count,
      Array(rest[version.count..<version.count + end.count]) == end
    else { return nil }
    return String(decoding: version, as: UTF8.self)
  }

  /// Reads the fields from at least 136 bytes; bytes that the file lacks read as zeros. As `qemu-img` has it, what stands
  /// in place of the script does not matter to an image that is said to be one, unless it tells another version.
  ///
  /// - Throws: kind `unsupported`, `corrupt` or `tooLarge`, in `qemu-img`'s words where it has some.
  init(parsing bytes: RawSpan) throws(BlockError) {
    if let version = CloopHeader.version(bytes), version != "2.0" {
      throw BlockError(
        .unsupported, "cloop version \(version) is not supported",
        advice: "Version 2.0 is: 'extract_compressed_fs' of cloop-utils may know others.")
    }
    blockSize = bytes.big32(at: 128)
    blockCount = bytes.big32(at: 132)
    guard blockSize > 0 else { throw BlockError(.corrupt, "block_size cannot be zero") }
    guard blockSize % 512 == 0 else {
      throw BlockError(.corrupt, "block_size \(blockSize) must be a multiple of 512")
    }
    guard blockSize <= CloopHeader.largestBlock else {
      throw BlockError(.tooLarge, "block_size \(blockSize) must be 64 MB or less")
    }
    guard blockCount <= CloopHeader.mostBlocks else {
      throw BlockError(.tooLarge, "n_blocks \(blockCount) must be \(CloopHeader.mostBlocks) or less")
    }
  }

  /// The place of a block between two entries of the table.
  ///
  /// - Throws: kind `corrupt`, in `qemu-img`'s words, where it makes no sense.
  func place(of block: UInt64, _ start: UInt64, _ end: UInt64) throws(BlockError) -> Range<UInt64> {
    guard end >= start else {
      throw BlockError(
        .corrupt, "offsets not monotonically increasing at index \(block + 1), image file is corrupt")
    }
    guard end - start <= 2 * UInt64(blockSize), Int64(exactly: end) != nil else {
      throw BlockError(
        .corrupt, "invalid compressed block size at index \(block + 1), image file is corrupt")
    }
    return start..<end
  }
}
