// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Bytes of a disk or a file, compared and hashed as a whole: debug builds take an array of them one by one.
package struct Content: Hashable, Sendable {
  package let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package static func == (one: Content, other: Content) -> Bool {
    one.bytes == other.bytes
  }

  package func hash(into hasher: inout Hasher) {
    unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
  }
}
