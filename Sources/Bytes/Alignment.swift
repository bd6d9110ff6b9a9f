// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

extension RawSpan {
  /// Whether the memory starts at a multiple of `unit` bytes.
  package func isAligned(to unit: UInt64) -> Bool {
    unsafe withUnsafeBytes { bytes in
      unsafe bytes.baseAddress.map { UInt64(UInt(bitPattern: $0)) % unit == 0 } ?? true
    }
  }
}

extension MutableRawSpan {
  /// Whether the memory starts at a multiple of `unit` bytes.
  package func isAligned(to unit: UInt64) -> Bool { bytes.isAligned(to: unit) }
}
