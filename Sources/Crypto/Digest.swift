// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CCrypto
package import Errors
internal import Host

/// A hash function by name, and keys derived with it.
package struct Digest: Sendable, Equatable {
  /// The name as headers write it, such as `sha256`.
  package let name: String

  /// The hash function that headers call `name`.
  ///
  /// - Throws: kind `unsupported` where OpenSSL lacks it, naming it.
  package init(_ name: String) throws(BlockError) {
    let library = try LibCrypto.shared()
    guard Digest.names.contains(name), unsafe library.digestByName(name) != nil else {
      throw BlockError(.unsupported, "Hash algorithm '\(name)' not supported")
    }
    self.name = name
  }

  private init(known name: String) { self.name = name }

  static let sha256 = Digest(known: "sha256")

  /// The hash functions of LUKS headers. MD5 is in some that `qemu-img` made.
  private static let names: Set<String> = [
    "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "ripemd160", "whirlpool", "sm3", "sha3-256",
    "sha3-384",
    "sha3-512", "blake2b-512", "blake2s-256",
  ]

  /// Bytes of a hash.
  func size() throws(BlockError) -> Int {
    guard let size = try LibCrypto.shared().digestSize(of: name) else {
      throw BlockError(.unsupported, "Hash algorithm '\(name)' not supported")
    }
    return size
  }

  /// A key of `count` bytes by PBKDF2.
  func derive(_ passphrase: Secret, salt: [UInt8], iterations: UInt64, count: Int) throws(BlockError)
    -> Secret
  {
    guard let rounds = Int32(exactly: iterations), let length = Int32(exactly: count),
      let textLength = Int32(exactly: passphrase.count)
    else { throw BlockError(.tooLarge, "PBKDF2 of \(iterations) iterations is not possible") }
    let library = try LibCrypto.shared()
    return try Secret(count: count) { (target: inout MutableRawSpan) throws(BlockError) in
      let done = unsafe target.withUnsafeMutableBytes { raw in
        unsafe passphrase.bytes.withUnsafeBytes { text in
          unsafe library.pbkdf2(
            text.baseAddress?.assumingMemoryBound(to: CChar.self), textLength, salt, Int32(salt.count),
            rounds,
            library.digestByName(name), length, raw.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
      }
      guard done == 1 else { throw BlockError(.unsupported, "Hash algorithm '\(name)' not supported") }
    }
  }

  /// The hash of `bytes`.
  func hash(_ bytes: RawSpan) throws(BlockError) -> Secret {
    let count = bytes.byteCount
    let work = try Secret(count: count + LibCrypto.largestDigest) {
      (work: inout MutableRawSpan) throws(BlockError) in
      work.copy(bytes)
      try hash(0..<count, of: &work, to: count)
    }
    return Secret(copying: work.bytes.slice(count..<count + (try size())))
  }

  /// Hashes a range of `bytes` and stores the hash elsewhere in them.
  func hash(_ range: Range<Int>, of bytes: inout MutableRawSpan, to offset: Int) throws(BlockError) {
    let size = try size()
    precondition(
      offset + size <= bytes.byteCount && range.upperBound <= bytes.byteCount, "no room for a hash")
    let library = try LibCrypto.shared()
    var count: UInt32 = 0
    let done = unsafe bytes.withUnsafeMutableBytes { raw in
      guard let base = raw.baseAddress else { return Int32(0) }
      return unsafe library.digest(
        base + range.lowerBound, range.count, (base + offset).assumingMemoryBound(to: UInt8.self), &count,
        library.digestByName(name), nil)
    }
    guard done == 1 else { throw BlockError(.unsupported, "Hash algorithm '\(name)' not supported") }
  }

  /// How many iterations of PBKDF2 take a processor `milliseconds` for a key of so many bytes.
  ///
  /// Measured in about a twentieth of a second of its time, whatever the answer and whatever else it does meanwhile.
  package func iterations(taking milliseconds: UInt64, keyBytes: Int) throws(BlockError) -> UInt64 {
    let library = try LibCrypto.shared()
    var tried: Int32 = 4096
    while true {
      let start = Clock.ofThread
      let key = Buffer(count: max(keyBytes, 1))
      var bytes = key.mutableBytes
      let rounds = tried
      let done = unsafe bytes.withUnsafeMutableBytes { raw in
        unsafe library.pbkdf2(
          "password", 8, "sixteen of salt.", 16, rounds, library.digestByName(name), Int32(raw.count),
          raw.baseAddress?.assumingMemoryBound(to: UInt8.self))
      }
      guard done == 1 else { throw BlockError(.unsupported, "Hash algorithm '\(name)' not supported") }
      let seconds = Clock.ofThread - start
      if seconds > 0.03 || tried > 1 << 24 {
        let wanted = Double(tried) / max(seconds, 1e-6) * Double(min(milliseconds, 1 << 40)) / 1000
        return UInt64(min(wanted, 1e15))
      }
      tried *= 2
    }
  }
}
