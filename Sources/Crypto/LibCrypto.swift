// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CCrypto
internal import Errors
internal import Host

/// The functions of OpenSSL's libcrypto, loaded when the first cipher or digest is made.
@safe
struct LibCrypto: @unchecked Sendable {
  // Sendable because the functions never change and each works on objects of its caller.
  let newContext: strata_cipher_ctx_new
  let freeContext: strata_cipher_ctx_free
  let setPadding: strata_cipher_ctx_set_padding
  let cipherByName: strata_cipher_by_name
  let digestByName: strata_digest_by_name
  let initialize: strata_cipher_init
  let cipher: strata_cipher
  let digest: strata_digest
  let newDigestContext: strata_digest_ctx_new
  let freeDigestContext: strata_digest_ctx_free
  let startDigest: strata_digest_init
  let updateDigest: strata_digest_update
  let finishDigest: strata_digest_final
  private let digestSize: strata_digest_size
  let pbkdf2: strata_pbkdf2

  private static let loaded = LoadedLibrary(.crypto) { library throws(BlockError) in try LibCrypto(library) }

  /// The longest digest there is, in bytes.
  static let largestDigest = 64

  /// The length in bytes of the digests of the function that OpenSSL calls `name`; nil where it has none.
  func digestSize(of name: String) -> Int? {
    guard let function = unsafe digestByName(name) else { return nil }
    let bytes = Int(unsafe digestSize(function))
    return (1...LibCrypto.largestDigest).contains(bytes) ? bytes : nil
  }

  /// The library.
  ///
  /// - Throws: kind `unsupported` where the system lacks it.
  static func shared() throws(BlockError) -> LibCrypto { try loaded.functions() }

  private init(_ library: DynamicLibrary) throws(BlockError) {
    unsafe newContext = try library.function("EVP_CIPHER_CTX_new", as: strata_cipher_ctx_new.self)
    unsafe freeContext = try library.function("EVP_CIPHER_CTX_free", as: strata_cipher_ctx_free.self)
    unsafe setPadding = try library.function(
      "EVP_CIPHER_CTX_set_padding", as: strata_cipher_ctx_set_padding.self)
    unsafe cipherByName = try library.function("EVP_get_cipherbyname", as: strata_cipher_by_name.self)
    unsafe digestByName = try library.function("EVP_get_digestbyname", as: strata_digest_by_name.self)
    unsafe initialize = try library.function("EVP_CipherInit_ex", as: strata_cipher_init.self)
    unsafe cipher = try library.function("EVP_Cipher", as: strata_cipher.self)
    unsafe digest = try library.function("EVP_Digest", as: strata_digest.self)
    unsafe newDigestContext = try library.function("EVP_MD_CTX_new", as: strata_digest_ctx_new.self)
    unsafe freeDigestContext = try library.function("EVP_MD_CTX_free", as: strata_digest_ctx_free.self)
    unsafe startDigest = try library.function("EVP_DigestInit_ex", as: strata_digest_init.self)
    unsafe updateDigest = try library.function("EVP_DigestUpdate", as: strata_digest_update.self)
    unsafe finishDigest = try library.function("EVP_DigestFinal_ex", as: strata_digest_final.self)
    unsafe digestSize = try library.function("EVP_MD_get_size", as: strata_digest_size.self)
    unsafe pbkdf2 = try library.function("PKCS5_PBKDF2_HMAC", as: strata_pbkdf2.self)
  }
}
