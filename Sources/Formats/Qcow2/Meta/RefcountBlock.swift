// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// How refcounts stand in the bytes of a refcount block, for every width.
///
/// Counts narrower than a byte fill each byte from its lowest bits; wider ones are big-endian.
package enum RefcountBlock {
  /// The count number `index`, of 2^`order` bits.
  @inlinable
  package static func count(_ bytes: RawSpan, at index: Int, order: UInt64) -> UInt64 {
    switch order {
    case 4: return UInt64(bytes.big16(at: index * 2))
    case 3: return UInt64(bytes.byte(at: index))
    case 5: return UInt64(bytes.big32(at: index * 4))
    case 6: return bytes.big64(at: index * 8)
    default:
      let bit = index << Int(order)
      let mask = (1 << (1 << order)) - 1
      return UInt64((Int(bytes.byte(at: bit >> 3)) >> (bit & 7)) & mask)
    }
  }

  /// Sets the count number `index`, of 2^`order` bits; `count` must fit them.
  @inlinable
  package static func set(_ count: UInt64, _ bytes: inout MutableRawSpan, at index: Int, order: UInt64) {
    switch order {
    case 4: bytes.storeBig(UInt16(truncatingIfNeeded: count), at: index * 2)
    case 3: bytes.store(UInt8(truncatingIfNeeded: count), at: index)
    case 5: bytes.storeBig(UInt32(truncatingIfNeeded: count), at: index * 4)
    case 6: bytes.storeBig(count, at: index * 8)
    default:
      let bit = index << Int(order)
      let mask = UInt8((1 << (1 << order)) - 1) << UInt8(bit & 7)
      let value = UInt8(truncatingIfNeeded: count) << UInt8(bit & 7)
      bytes.store(bytes.bytes.byte(at: bit >> 3) & ~mask | value & mask, at: bit >> 3)
    }
  }
}
