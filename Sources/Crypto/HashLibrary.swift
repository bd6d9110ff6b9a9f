// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Host

/// The hash functions of OpenSSL's libcrypto, loaded when the first digest is asked for: loading takes longer than
/// everything else that most commands do.
///
/// The function types are those that `openssl/evp.h` documents.
@safe
struct HashLibrary: @unchecked Sendable {
  // Sendable because the functions never change and each works on objects of its caller.
  let newContext: @convention(c) () -> OpaquePointer?
  let freeContext: @convention(c) (OpaquePointer?) -> Void
  let byName: @convention(c) (UnsafePointer<CChar>?) -> OpaquePointer?
  let start: @convention(c) (OpaquePointer?, OpaquePointer?, OpaquePointer?) -> Int32
  let update: @convention(c) (OpaquePointer?, UnsafeRawPointer?, Int) -> Int32
  let finish:
    @convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt32>?) -> Int32
  private let size: @convention(c) (OpaquePointer?) -> Int32

  /// The longest digest there is, in bytes.
  static let largest = 64

  private static let loaded: Result<HashLibrary, BlockError> = {
    do throws(BlockError) {
      return .success(try HashLibrary(DynamicLibrary("libcrypto.so.3", package: "libssl3")))
    } catch {
      return .failure(error)
    }
  }()

  /// The library.
  ///
  /// - Throws: kind `unsupported` where the system lacks it.
  static func shared() throws(BlockError) -> HashLibrary { try loaded.get() }

  private init(_ library: DynamicLibrary) throws(BlockError) {
    unsafe newContext = try library.function(
      "EVP_MD_CTX_new", as: (@convention(c) () -> OpaquePointer?).self)
    unsafe freeContext = try library.function(
      "EVP_MD_CTX_free", as: (@convention(c) (OpaquePointer?) -> Void).self)
    unsafe byName = try library.function(
      "EVP_get_digestbyname", as: (@convention(c) (UnsafePointer<CChar>?) -> OpaquePointer?).self)
    unsafe start = try library.function(
      "EVP_DigestInit_ex",
      as: (@convention(c) (OpaquePointer?, OpaquePointer?, OpaquePointer?) -> Int32).self)
    unsafe update = try library.function(
      "EVP_DigestUpdate", as: (@convention(c) (OpaquePointer?, UnsafeRawPointer?, Int) -> Int32).self)
    unsafe finish = try library.function(
      "EVP_DigestFinal_ex",
      as: (@convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt32>?) ->
        Int32).self)
    unsafe size = try library.function(
      "EVP_MD_get_size", as: (@convention(c) (OpaquePointer?) -> Int32).self)
  }

  /// The length in bytes of the digests of the function that OpenSSL calls `name`; nil where it has none.
  func digestSize(_ name: String) -> Int? {
    guard let function = unsafe byName(name) else { return nil }
    let bytes = Int(unsafe size(function))
    return (1...HashLibrary.largest).contains(bytes) ? bytes : nil
  }
}
