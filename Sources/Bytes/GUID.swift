// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Sixteen bytes that name something, in the mixed byte order that Microsoft's structures and VirtualBox's have: three
/// little-endian numbers of 4, 2 and 2 bytes, then 8 bytes as they are.
package struct GUID: Hashable, Sendable {
  /// The first eight bytes, as a little-endian number.
  package var low: UInt64
  /// The last eight bytes, as a little-endian number.
  package var high: UInt64

  /// The one that names nothing.
  package static let none = GUID(low: 0, high: 0)

  /// Makes one of its bytes.
  package init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// Makes one of the four groups of digits in which it is spelled; the last has 16 digits.
  package init(_ first: UInt32, _ second: UInt16, _ third: UInt16, _ last: UInt64) {
    low = UInt64(first) | UInt64(second) << 32 | UInt64(third) << 48
    high = last.byteSwapped
  }

  /// Reads one from 16 bytes at an offset.
  package init(parsing bytes: RawSpan, at offset: Int) {
    low = bytes.little64(at: offset)
    high = bytes.little64(at: offset + 8)
  }

  /// A random one, as version 4 has it.
  package static func random() -> GUID {
    let low = UInt64.random(in: .min ... .max) & 0x0fff_ffff_ffff_ffff | 0x4000_0000_0000_0000
    let high = UInt64.random(in: .min ... .max) & ~0xc0 | 0x80
    return GUID(low: low, high: high)
  }

  /// Puts it into 16 bytes at an offset.
  package func write(to bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeLittle(low, at: offset)
    bytes.storeLittle(high, at: offset + 8)
  }
}

extension GUID: CustomStringConvertible {
  /// The digits in groups, without braces, such as `2dc27766-f623-4200-9d64-115e9bfd4a08`.
  package var description: String {
    let last = high.byteSwapped
    return [
      (low & 0xffff_ffff, 8), (low >> 32 & 0xffff, 4), (low >> 48, 4), (last >> 48, 4),
      (last & 0xffff_ffff_ffff, 12),
    ].map { number, width in
      let digits = String(number, radix: 16)
      return String(repeating: "0", count: width - digits.count) + digits
    }.joined(separator: "-")
  }

  /// Reads the digits, with or without braces, of either case; nil where there are others.
  package init?(_ text: String) {
    var digits = text[...]
    if digits.hasPrefix("{"), digits.hasSuffix("}") { digits = digits.dropFirst().dropLast() }
    let groups = digits.split(separator: "-", omittingEmptySubsequences: false)
    guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12],
      let first = UInt32(groups[0], radix: 16), let second = UInt16(groups[1], radix: 16),
      let third = UInt16(groups[2], radix: 16), let last = UInt64(groups[3] + groups[4], radix: 16)
    else { return nil }
    self.init(first, second, third, last)
  }
}
