// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// A driver that may store guest data encrypted. Requests are made whole sectors above it.
package protocol EncryptingDriver: BlockDriver {
  /// Bytes that are encrypted as one, or nil where data is stored as it is.
  var encryptionUnit: UInt64? { get }

  /// Encrypts whole sectors in place, on any thread.
  ///
  /// - Parameters:
  ///   - guestOffset: where the guest has them, in bytes.
  ///   - hostOffset: where they will lie in the child, in bytes; the guest offset for storage.
  func encrypt(_ bytes: inout MutableRawSpan, guestOffset: UInt64, hostOffset: UInt64) throws(BlockError)
}

/// Storage that takes sectors which are encrypted already.
package protocol EncryptingStorage: EncryptingDriver, StorageDriver {
  /// Writes whole sectors that `encrypt` made.
  func writeEncrypted(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node)
    throws(BlockError)
}
