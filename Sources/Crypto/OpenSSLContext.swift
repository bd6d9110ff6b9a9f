// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CCrypto
internal import Errors

/// A key in one of OpenSSL's ciphers.
@safe
final class OpenSSLContext: CipherContext {
  private let library: LibCrypto
  private let context: OpaquePointer

  /// - Parameter name: OpenSSL's name of the cipher.
  /// - Throws: kind `unsupported` where OpenSSL lacks the cipher; `invalidArgument` where it refuses the key.
  init(_ name: String, key: RawSpan, encrypts: Bool) throws(BlockError) {
    library = try LibCrypto.shared()
    guard let cipher = unsafe library.cipherByName(name) else {
      throw BlockError(.unsupported, "Cipher '\(name)' is not supported by OpenSSL")
    }
    guard let context = unsafe library.newContext() else {
      throw BlockError(.tooLarge, "Cannot allocate memory for a cipher")
    }
    unsafe self.context = context
    let done = unsafe key.withUnsafeBytes { bytes in
      unsafe library.initialize(
        context, cipher, nil, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, encrypts ? 1 : 0)
    }
    // OpenSSL refuses an XTS key whose halves are equal, as it does not protect.
    guard done == 1 else {
      throw BlockError(.invalidArgument, "Key is not suitable for cipher '\(name)'")
    }
    _ = unsafe library.setPadding(context, 0)
  }

  deinit { unsafe library.freeContext(context) }

  /// Every cipher that is asked of OpenSSL has blocks of this length.
  var blockBytes: Int { 16 }

  func start(_ iv: UnsafePointer<UInt8>) -> Bool {
    unsafe library.initialize(context, nil, nil, nil, iv, -1) == 1
  }

  func work(_ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, count: Int) -> Bool {
    unsafe library.cipher(context, target, source, UInt32(count)) > 0
  }
}
