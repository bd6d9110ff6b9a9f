// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CIsal

/// The checksum at the end of a zlib stream (RFC 1950, 8.2), by ISA-L.
package enum Adler32 {
  /// The checksum of bytes.
  package static func of(_ bytes: RawSpan) -> UInt32 {
    unsafe bytes.withUnsafeBytes { source in
      let start = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return unsafe isal_adler32(1, start, UInt64(source.count))
    }
  }
}
