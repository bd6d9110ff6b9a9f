// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The trailer of Apple's disk images (UDIF), by which they are known: big-endian numbers in 512 bytes near the end of a file.
/// A guest's last sector may look like it.
package enum AppleTrailer {
  /// Bytes of the trailer.
  package static let length = 512
  /// `koly`, version 4, and the trailer's length.
  private static let magic: [UInt8] = Array("koly".utf8) + [0, 0, 0, 4, 0, 0, 2, 0]
  /// Offsets of the ranges that a trailer names: the data, the resource fork, the property list.
  private static let ranges = [24, 40, 216]
  /// The most files that one image is made of.
  private static let mostSegments: UInt32 = 65535

  /// The offset of the trailer among the last bytes of a file, at most 1 KiB of which are looked at. Other programs add
  /// some bytes behind it.
  package static func offset(in tail: RawSpan) -> Int? {
    guard tail.byteCount >= length else { return nil }
    let last = tail.byteCount - length
    for offset in (max(0, tail.byteCount - 2 * length)...last).reversed()
    where tail.byte(at: offset) == magic[0] && tail.bytes(offset..<offset + magic.count) == magic {
      return offset
    }
    return nil
  }

  /// Whether the last sector of a file begins as a trailer of any version does.
  package static func hasSign(in tail: RawSpan) -> Bool {
    let start = tail.byteCount - length
    return start >= 0 && tail.bytes(start..<start + 4) == Array(magic[..<4])
  }

  /// Whether there is a trailer among the last bytes of a file of so many bytes that may be one of that file: what it names
  /// is in the file, and there is something that tells of chunks.
  package static func isConsistent(in tail: RawSpan, fileLength: UInt64) -> Bool {
    guard let offset = offset(in: tail) else { return false }
    let trailer = tail.slice(offset..<offset + length)
    for range in ranges {
      let (start, count) = (trailer.big64(at: range), trailer.big64(at: range + 8))
      guard count == 0 || start.plus(count) ?? .max <= fileLength else { return false }
    }
    let (segment, segments) = (trailer.big32(at: 56), trailer.big32(at: 60))
    let tells = trailer.big64(at: 48) > 0 || trailer.big64(at: 224) > 0
    return tells && segment <= max(segments, 1) && segments <= mostSegments
      && trailer.big64(at: 492) <= UInt64(Int64.max) / 512
  }
}
