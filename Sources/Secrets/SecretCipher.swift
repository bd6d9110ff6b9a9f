// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Crypto
internal import Errors
internal import Host

/// How secrets are encrypted with another secret: AES with 256 bits in CBC mode, padded as PKCS #7 says.
enum SecretCipher {
  /// Bytes of the key.
  static let keyLength = 32
  /// Bytes of a block, and of what the first block is mixed with.
  static let blockLength = 16

  /// Decrypts whole blocks and takes the padding off.
  ///
  /// - Throws: where there are no whole blocks, or no padding as it should be, as with a wrong key.
  static func decrypt(_ bytes: Secret, key: Secret, vector: Secret) throws(BlockError) -> Secret {
    guard bytes.count % blockLength == 0 else {
      throw BlockError(
        .invalidArgument, "Length \(bytes.count) must be a multiple of block size \(blockLength)")
    }
    guard bytes.count > 0 else { return bytes }
    let plain = try CBC.decrypt(bytes, key: key, vector: vector)
    let last = plain.bytes.byte(at: plain.count - 1)
    let padding = Int(last)
    guard (1...blockLength).contains(padding) else { throw badPadding(last) }
    for index in plain.count - padding..<plain.count where plain.bytes.byte(at: index) != last {
      throw badPadding(last)
    }
    return Secret(copying: plain.bytes.slice(0..<plain.count - padding))
  }

  private static func badPadding(_ count: UInt8) -> BlockError {
    BlockError(
      .accessDenied, "Incorrect number of padding bytes (\(count)) found on decrypted data",
      advice: "The secret was encrypted with another key.")
  }
}
