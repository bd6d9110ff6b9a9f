// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// A hash function for content, as OpenSSL provides it.
package struct ContentHash: Sendable, Equatable {
  /// The name that users write, such as `sha256`.
  package let name: String
  /// The length of a digest in bytes.
  package let size: Int
  private let library: LibCrypto
  /// OpenSSL's name of it.
  private let function: String

  /// The names that users may choose from, each with OpenSSL's name.
  private static let known: [(name: String, library: String)] = [
    ("sha256", "sha256"), ("sha512", "sha512"), ("sha384", "sha384"), ("sha224", "sha224"),
    ("sha3-256", "sha3-256"), ("sha3-512", "sha3-512"), ("blake2b", "blake2b512"), ("blake2s", "blake2s256"),
    ("sha1", "sha1"), ("md5", "md5"),
  ]

  /// The names that users may choose from, the usual one first.
  package static var names: [String] { known.map(\.name) }

  /// The hash function that users call `name`.
  ///
  /// - Throws: kind `unsupported`, with the names that there are as a hint.
  package init(_ name: String) throws(BlockError) {
    guard let entry = ContentHash.known.first(where: { $0.name == name }) else {
      throw BlockError(
        .unsupported, "Unknown hash algorithm '\(name)'",
        advice: "Known are: \(ContentHash.names.joined(separator: ", ")).")
    }
    library = try LibCrypto.shared()
    guard let size = library.digestSize(of: entry.library) else {
      throw BlockError(.unsupported, "Hash algorithm '\(name)' is not supported by OpenSSL on this system")
    }
    self.name = name
    self.size = size
    function = entry.library
  }

  /// Starts the digest of bytes that come piece by piece.
  package func begin() throws(BlockError) -> RunningHash {
    try RunningHash(function, size: size, library)
  }

  /// Whether both are the same function.
  package static func == (left: ContentHash, right: ContentHash) -> Bool { left.name == right.name }
}

/// A digest that grows with every piece of bytes, again and again; belongs to one thread at a time.
@safe
package final class RunningHash {
  private let library: LibCrypto
  private let context: OpaquePointer
  private let function: OpaquePointer
  private let size: Int

  fileprivate init(_ name: String, size: Int, _ library: LibCrypto) throws(BlockError) {
    self.library = library
    self.size = size
    guard let function = unsafe library.digestByName(name), let context = unsafe library.newDigestContext()
    else {
      throw BlockError(.unsupported, "Hash algorithm '\(name)' is not supported by OpenSSL on this system")
    }
    unsafe self.function = function
    unsafe self.context = context
    try start()
  }

  deinit { unsafe library.freeDigestContext(context) }

  private func start() throws(BlockError) {
    try RunningHash.require(unsafe library.startDigest(context, function, nil))
  }

  /// Adds bytes.
  package func update(_ bytes: RawSpan) throws(BlockError) {
    let result = unsafe bytes.withUnsafeBytes { source in
      unsafe library.updateDigest(context, source.baseAddress, source.count)
    }
    try RunningHash.require(result)
  }

  /// Adds bytes.
  package func update(_ bytes: [UInt8]) throws(BlockError) {
    unsafe try update(bytes.span.bytes)
  }

  /// The digest of everything added since the start, and a new start.
  package func finish() throws(BlockError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: LibCrypto.largestDigest)
    var count: UInt32 = 0
    let result = unsafe digest.withUnsafeMutableBufferPointer { target in
      unsafe library.finishDigest(context, target.baseAddress, &count)
    }
    try RunningHash.require(result)
    try start()
    return Array(digest.prefix(size))
  }

  private static func require(_ result: Int32) throws(BlockError) {
    guard result == 1 else { throw BlockError(.unsupported, "OpenSSL could not compute a digest") }
  }
}
