// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Host

/// How secrets are encrypted with another secret: AES with 256 bits in CBC mode, padded as PKCS #7 says.
enum SecretCipher {
  /// Bytes of the key.
  static let keyLength = 32
  /// Bytes of a block, and of what the first block is mixed with.
  static let blockLength = 16

  /// Decrypts whole blocks and takes the padding off.
  static func decrypt(_ bytes: Secret, key: Secret, vector: Secret) throws(BlockError) -> Secret {
    throw BlockError(.unsupported, "encrypted secrets are not supported")
  }
}
