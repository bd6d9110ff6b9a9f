// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CIsal

/// The checksum of Ethernet's polynomial, as gzip (RFC 1952) and Apple's disk images have it, by ISA-L.
package struct CRC32: Sendable {
  /// The polynomial, the bit of the highest power in front of the least significant one.
  private static let polynomial: UInt32 = 0xEDB8_8320

  /// The checksum of all bytes so far.
  package private(set) var value: UInt32 = 0

  /// Of no bytes.
  package init() {}

  /// Goes on with more bytes.
  package mutating func add(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { source in
      let start = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
      value = unsafe crc32_gzip_refl(value, start, UInt64(source.count))
    }
  }

  /// Goes on with so many zero bytes, in as many steps as the number has bits.
  package mutating func addZeroes(_ count: UInt64) {
    // A byte of zeros multiplies by the eighth power of x; the polynomials are reflected: the top bit is 1.
    var power: UInt32 = 0x0080_0000
    var factor: UInt32 = 0x8000_0000
    var rest = count
    while rest > 0 {
      if rest & 1 == 1 { factor = CRC32.product(factor, power) }
      power = CRC32.product(power, power)
      rest >>= 1
    }
    value = ~CRC32.product(~value, factor)
  }

  /// The product of two polynomials, modulo that of the checksum.
  private static func product(_ first: UInt32, _ second: UInt32) -> UInt32 {
    var result: UInt32 = 0
    var term = second
    for bit in (0..<32).reversed() {
      if first >> UInt32(bit) & 1 == 1 { result ^= term }
      term = term & 1 == 1 ? term >> 1 ^ polynomial : term >> 1
    }
    return result
  }
}
