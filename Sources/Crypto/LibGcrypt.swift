// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CGcrypt
internal import Errors
internal import Host

/// The functions of libgcrypt, loaded when a cipher is first needed that OpenSSL lacks.
@safe
struct LibGcrypt: @unchecked Sendable {
  // Sendable because the functions never change and each works on objects of its caller.
  let open: strata_gcry_cipher_open
  let close: strata_gcry_cipher_close
  let setKey: strata_gcry_cipher_setkey
  let setIV: strata_gcry_cipher_setiv
  let setCounter: strata_gcry_cipher_setctr
  let encrypt: strata_gcry_cipher_crypt
  let decrypt: strata_gcry_cipher_crypt
  private let library: DynamicLibrary

  private static let loaded = LoadedLibrary(.gcrypt) { library throws(BlockError) in try LibGcrypt(library) }

  /// The library.
  ///
  /// - Throws: kind `unsupported` where the system lacks it.
  static func shared() throws(BlockError) -> LibGcrypt { try loaded.functions() }

  private init(_ library: DynamicLibrary) throws(BlockError) {
    self.library = library
    unsafe open = try library.function("gcry_cipher_open", as: strata_gcry_cipher_open.self)
    unsafe close = try library.function("gcry_cipher_close", as: strata_gcry_cipher_close.self)
    unsafe setKey = try library.function("gcry_cipher_setkey", as: strata_gcry_cipher_setkey.self)
    unsafe setIV = try library.function("gcry_cipher_setiv", as: strata_gcry_cipher_setiv.self)
    unsafe setCounter = try library.function("gcry_cipher_setctr", as: strata_gcry_cipher_setctr.self)
    unsafe encrypt = try library.function("gcry_cipher_encrypt", as: strata_gcry_cipher_crypt.self)
    unsafe decrypt = try library.function("gcry_cipher_decrypt", as: strata_gcry_cipher_crypt.self)
    let version = unsafe try library.function("gcry_check_version", as: strata_gcry_check_version.self)
    let control = unsafe try library.function("gcry_control", as: UnsafeMutableRawPointer.self)
    // The library has to be told once, unless another library of the process did.
    guard unsafe strata_gcry_control(control, STRATA_GCRY_INITIALIZED_P) == 0 else { return }
    _ = unsafe version(nil)
    // Keys are in memory of our own; the library's would be of a fixed size.
    _ = unsafe strata_gcry_control(control, STRATA_GCRY_NO_SECURE_MEMORY)
    _ = unsafe strata_gcry_control(control, STRATA_GCRY_INITIALIZED)
  }

  /// A key of `count` bytes by Argon2, with one thread whatever the number of lanes.
  ///
  /// - Parameter name: `argon2i` or `argon2id`.
  /// - Throws: kind `unsupported` where the library is too old for it.
  func argon2(
    _ name: String, passes: UInt64, kibibytes: UInt64, lanes: UInt64, _ passphrase: Secret, salt: [UInt8],
    count: Int
  ) throws(BlockError) -> Secret {
    let start = unsafe try library.function("gcry_kdf_open", as: strata_gcry_kdf_open.self)
    let compute = unsafe try library.function("gcry_kdf_compute", as: strata_gcry_kdf_compute.self)
    let finish = unsafe try library.function("gcry_kdf_final", as: strata_gcry_kdf_final.self)
    let end = unsafe try library.function("gcry_kdf_close", as: strata_gcry_kdf_close.self)
    let kind = name == "argon2i" ? STRATA_GCRY_ARGON2I : STRATA_GCRY_ARGON2ID
    let costs = [UInt(count), UInt(passes), UInt(kibibytes), UInt(lanes)]
    var handle: OpaquePointer?
    let opened = unsafe passphrase.bytes.withUnsafeBytes { text in
      unsafe start(
        &handle, STRATA_GCRY_ARGON2, kind, costs, UInt32(costs.count), text.baseAddress, text.count, salt,
        salt.count, nil, 0, nil, 0)
    }
    guard opened == 0, let handle = unsafe handle else {
      throw BlockError(.unsupported, "Key derivation '\(name)' is not possible")
    }
    defer { unsafe end(handle) }
    guard unsafe compute(handle, nil) == 0 else {
      throw BlockError(.tooLarge, "Key derivation '\(name)' failed (it takes \(kibibytes) KiB of memory)")
    }
    return try Secret(count: count) { (target: inout MutableRawSpan) throws(BlockError) in
      let done = unsafe target.withUnsafeMutableBytes { raw in
        unsafe finish(handle, raw.count, raw.baseAddress)
      }
      guard done == 0 else { throw BlockError(.unsupported, "Key derivation '\(name)' failed") }
    }
  }
}
