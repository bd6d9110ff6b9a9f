// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CGcrypt
internal import Errors

/// A key in one of libgcrypt's ciphers.
@safe
final class GcryptContext: CipherContext {
  private let library: LibGcrypt
  private let handle: OpaquePointer
  private let setIV: strata_gcry_cipher_setiv?
  private let crypt: strata_gcry_cipher_crypt
  let blockBytes: Int

  /// - Throws: kind `unsupported` where the library lacks the cipher; `invalidArgument` where it refuses the key.
  init(_ spec: CipherSpec, _ mode: CipherSpec.Mode, key: RawSpan, encrypts: Bool) throws(BlockError) {
    library = try LibGcrypt.shared()
    let keyBytes = mode == .xts ? key.byteCount / 2 : key.byteCount
    guard let algorithm = GcryptContext.algorithm(spec.algorithm, keyBytes: keyBytes) else {
      throw CipherSpec.lacking(spec.algorithm.rawValue, keyBytes: keyBytes, mode: mode.rawValue)
    }
    var handle: OpaquePointer?
    let opened = unsafe library.open(&handle, algorithm, GcryptContext.number(of: mode), 0)
    guard opened == 0, let handle = unsafe handle else {
      throw CipherSpec.lacking(spec.algorithm.rawValue, keyBytes: keyBytes, mode: mode.rawValue)
    }
    unsafe self.handle = handle
    unsafe crypt = encrypts ? library.encrypt : library.decrypt
    switch mode {
    case .xts, .cbc: unsafe setIV = library.setIV
    case .ctr: unsafe setIV = library.setCounter
    case .ecb: unsafe setIV = nil
    }
    blockBytes = spec.algorithm.blockBytes
    let accepted = unsafe key.withUnsafeBytes { unsafe library.setKey(handle, $0.baseAddress, $0.count) }
    guard accepted == 0 else {
      throw BlockError(
        .invalidArgument, "Key is not suitable for cipher '\(spec.algorithm.rawValue)-\(mode.rawValue)'")
    }
  }

  deinit { unsafe library.close(handle) }

  private static func algorithm(_ name: CipherSpec.Algorithm, keyBytes: Int) -> Int32? {
    switch (name, keyBytes) {
    case (.aes, 24): STRATA_GCRY_AES192
    case (.cast5, 16): STRATA_GCRY_CAST5
    case (.serpent, 16): STRATA_GCRY_SERPENT128
    case (.serpent, 24): STRATA_GCRY_SERPENT192
    case (.serpent, 32): STRATA_GCRY_SERPENT256
    case (.twofish, 16): STRATA_GCRY_TWOFISH128
    case (.twofish, 32): STRATA_GCRY_TWOFISH256
    case (.camellia, 16): STRATA_GCRY_CAMELLIA128
    case (.camellia, 24): STRATA_GCRY_CAMELLIA192
    case (.camellia, 32): STRATA_GCRY_CAMELLIA256
    default: nil
    }
  }

  private static func number(of mode: CipherSpec.Mode) -> Int32 {
    switch mode {
    case .xts: STRATA_GCRY_XTS
    case .cbc: STRATA_GCRY_CBC
    case .ctr: STRATA_GCRY_CTR
    case .ecb: STRATA_GCRY_ECB
    }
  }

  func start(_ iv: UnsafePointer<UInt8>) -> Bool {
    guard let setIV = unsafe setIV else { return true }
    return unsafe setIV(handle, iv, blockBytes) == 0
  }

  func work(_ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, count: Int) -> Bool {
    // Without a source the library works in place.
    let from: UnsafePointer<UInt8>? = unsafe source == UnsafePointer(target) ? nil : source
    return unsafe crypt(handle, target, count, from, from == nil ? 0 : count) == 0
  }
}
