// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CIsal

/// The checksum of Castagnoli's polynomial, as iSCSI and VHDX have it, by ISA-L.
package struct CRC32C: Sendable {
  private var state = UInt32.max

  /// Of no bytes.
  package init() {}

  /// The checksum of all bytes so far.
  package var value: UInt32 { ~state }

  /// Goes on with more bytes.
  package mutating func add(_ bytes: RawSpan) {
    var done = 0
    while done < bytes.byteCount {
      let part = bytes.slice(done..<done + min(bytes.byteCount - done, 1 << 30))
      unsafe part.withUnsafeBytes { source in
        // The library declares its input writable, but only reads it.
        let start = unsafe UnsafeMutablePointer(
          mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe state = crc32_iscsi(start, Int32(source.count), state)
      }
      done += part.byteCount
    }
  }
}
