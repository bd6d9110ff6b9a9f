// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CCrypto
public import Errors
internal import Host

/// A hash function by name, and keys derived with it.
public struct Digest: Sendable, Equatable {
  /// The name as headers write it, such as `sha256`.
  public let name: String

  /// The hash function that headers call `name`.
  ///
  /// - Throws: kind `unsupported` where OpenSSL lacks it, naming it.
  public init(_ name: String) throws(BlockError) {
    let library = try LibCrypto.shared()
    guard Digest.names.contains(name), unsafe library.digestByName(name) != nil else {
      throw BlockError(.unsupported, "Hash algorithm '\(name)' not supported")
    }
    self.name = name
  }

  private init(known name: String) { self.name = name }

  static let sha256 = Digest(known: "sha256")

  /// What LUKS uses: at least 160 bits.
  private static let names: Set<String> = [
    "sha1", "sha224", "sha256", "sha384", "sha512", "ripemd160", "whirlpool", "sm3", "sha3-256", "sha3-384",
    "sha3-512", "blake2b-512", "blake2s-256",
  ]

  /// The hash of `bytes`.
  func hash(_ bytes: RawSpan) throws(BlockError) -> Secret {
    let library = try LibCrypto.shared()
    var count: UInt32 = 0
    let whole = Buffer(count: LibCrypto.largestDigest)
    var target = whole.mutableBytes
    let done = unsafe bytes.withUnsafeBytes { source in
      unsafe target.withUnsafeMutableBytes { result in
        unsafe library.digest(
          source.baseAddress, source.count, result.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
          library.digestByName(name), nil)
      }
    }
    guard done == 1, Int(count) <= whole.count else {
      throw BlockError(.unsupported, "Hash algorithm '\(name)' not supported")
    }
    defer { target.fill() }
    return Secret(copying: target.bytes.slice(0..<Int(count)))
  }

  /// How many iterations of PBKDF2 take `milliseconds` of this machine's time for a key of so many bytes.
  ///
  /// Measured in about a twentieth of a second, whatever the answer.
  public func iterations(taking milliseconds: UInt64, keyBytes: Int) throws(BlockError) -> UInt64 {
    let library = try LibCrypto.shared()
    var tried: Int32 = 4096
    while true {
      let start = Clock.now
      let key = Buffer(count: max(keyBytes, 1))
      var bytes = key.mutableBytes
      let rounds = tried
      let done = unsafe bytes.withUnsafeMutableBytes { raw in
        unsafe library.pbkdf2(
          "password", 8, "sixteen of salt.", 16, rounds, library.digestByName(name), Int32(raw.count),
          raw.baseAddress?.assumingMemoryBound(to: UInt8.self))
      }
      guard done == 1 else { throw BlockError(.unsupported, "Hash algorithm '\(name)' not supported") }
      let seconds = Clock.now - start
      if seconds > 0.03 || tried > 1 << 24 {
        let wanted = Double(tried) / max(seconds, 1e-6) * Double(min(milliseconds, 1 << 40)) / 1000
        return UInt64(min(wanted, 1e15))
      }
      tried *= 2
    }
  }
}
