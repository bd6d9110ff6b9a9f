// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
package import Host

/// AES in CBC mode over one run of bytes, for what is no sector of a disk.
package enum CBC {
  /// Decrypts whole blocks of 16 bytes; padding stays.
  ///
  /// - Parameters:
  ///   - key: 16, 24 or 32 bytes.
  ///   - vector: the 16 bytes that the first block is mixed with.
  package static func decrypt(_ bytes: Secret, key: Secret, vector: Secret) throws(BlockError) -> Secret {
    precondition(bytes.count % 16 == 0 && vector.count == 16, "CBC works on whole blocks")
    let context = try OpenSSLContext("AES-\(key.count * 8)-CBC", key: key.bytes, encrypts: false)
    return try Secret(count: bytes.count) { (target: inout MutableRawSpan) throws(BlockError) in
      let source = bytes.bytes
      let start = vector.bytes
      let done = unsafe target.withUnsafeMutableBytes { target in
        unsafe source.withUnsafeBytes { source in
          unsafe start.withUnsafeBytes { start in
            guard let from = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self),
              let to = unsafe target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return true }
            return unsafe context.run(
              from, to, count: source.count, unit: source.count,
              numbers: SectorNumbers(first: 0, step: 0, mask: 0),
              ivs: start.baseAddress?.assumingMemoryBound(to: UInt8.self))
          }
        }
      }
      guard done else { throw BlockError(.unsupported, "OpenSSL could not decrypt") }
    }
  }
}
