// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Host

/// A sector cipher that there is: algorithm, mode, IV generator and key length.
package struct CipherSpec: Sendable, Equatable {
  /// The block cipher.
  package enum Algorithm: String, Sendable, CaseIterable {
    case aes
    case serpent
    case twofish
    case camellia
    case cast5

    /// Bytes of a block.
    var blockBytes: Int { self == .cast5 ? 8 : 16 }

    /// Bytes of the keys that there are. A Twofish with 24 is in none of the libraries.
    var keySizes: [Int] {
      switch self {
      case .aes, .serpent, .camellia: [16, 24, 32]
      case .twofish: [16, 32]
      case .cast5: [16]
      }
    }

    /// The name in messages.
    var title: String {
      self == .aes ? "AES" : rawValue.prefix(1).uppercased() + String(rawValue.dropFirst())
    }
  }

  /// How the blocks of a sector are chained.
  package enum Mode: String, Sendable, CaseIterable {
    /// Each block tweaked by its position; the key is two keys.
    case xts
    /// Each block mixed into the next.
    case cbc
    /// Blocks made from a counter, mixed with the data.
    case ctr
    /// Each block by itself; no IV.
    case ecb
  }

  /// How a sector's IV follows from its number.
  package enum IVGenerator: String, Sendable, CaseIterable {
    /// The number's low 32 bits.
    case plain
    /// The number.
    case plain64
    /// The number, big-endian at the end of the IV.
    case plain64be
    /// The count of blocks before the sector and one more, big-endian at the end of the IV.
    case benbi
    /// Zero for all.
    case null
    /// The number, encrypted with a hash of the key.
    case essiv
  }

  /// The block cipher.
  package let algorithm: Algorithm
  /// How the blocks of a sector are chained.
  package let mode: Mode
  /// How a sector's IV follows from its number.
  package let ivGenerator: IVGenerator
  /// The hash function that the IV generator is told; only ESSIV uses it.
  package let ivHash: String?
  /// Bytes of the volume key: for XTS twice those of the block cipher's key.
  package let keyBytes: Int

  /// A cipher with a key of so many bytes. ESSIV without a hash function has SHA-256.
  ///
  /// - Throws: kind `unsupported` where there is none, naming the part that is lacking.
  package init(
    algorithm: Algorithm = .aes, _ mode: Mode, _ ivGenerator: IVGenerator, ivHash: String? = nil,
    keyBytes: Int
  ) throws(BlockError) {
    self.algorithm = algorithm
    self.mode = mode
    self.ivGenerator = ivGenerator
    self.ivHash = ivHash ?? (ivGenerator == .essiv ? "sha256" : nil)
    self.keyBytes = keyBytes
    if mode == .xts, keyBytes % 2 != 0 {
      throw BlockError(.unsupported, "XTS cipher key length should be a multiple of 2")
    }
    guard algorithm.keySizes.contains(blockKeyBytes) else {
      throw CipherSpec.lacking(algorithm.rawValue, keyBytes: blockKeyBytes, mode: mode.rawValue)
    }
    if ivGenerator == .essiv { try checkVectorCipher() }
    if mode == .xts, algorithm.blockBytes != 16 {
      throw BlockError(.unsupported, "Unsupported cipher mode xts")
    }
  }

  /// The cipher that a header names, such as `aes` in mode `xts-plain64`.
  ///
  /// - Throws: kind `unsupported`, naming the part that is not known here.
  package init(cipher: String, mode text: String, keyBytes: Int) throws(BlockError) {
    let name = try CipherName(cipher: cipher, mode: text)
    guard let mode = Mode(rawValue: name.mode) else {
      throw BlockError(.unsupported, "Algorithm '\(name.algorithm)' in mode '\(name.mode)' not supported")
    }
    guard let algorithm = Algorithm(rawValue: name.algorithm) else {
      throw CipherSpec.lacking(
        name.algorithm, keyBytes: mode == .xts ? keyBytes / 2 : keyBytes, mode: name.mode)
    }
    let isWithout = name.generator.isEmpty && mode == .ecb
    guard let generator = IVGenerator(rawValue: isWithout ? "null" : name.generator) else {
      throw BlockError(.unsupported, "IV generator '\(name.generator)' not supported")
    }
    if generator == .essiv, name.generatorHash == nil {
      throw BlockError(.unsupported, "Missing IV generator hash specification")
    }
    if generator == .essiv, let hash = name.generatorHash { _ = try Digest(hash) }
    try self.init(algorithm: algorithm, mode, generator, ivHash: name.generatorHash, keyBytes: keyBytes)
  }

  static func lacking(_ cipher: String, keyBytes: Int, mode: String) -> BlockError {
    BlockError(
      .unsupported, "Algorithm '\(cipher)' with key size \(keyBytes) bytes in mode '\(mode)' not supported")
  }

  /// The mode as headers name it, such as `cbc-essiv:sha256`.
  package var modeName: String {
    mode.rawValue + "-" + ivGenerator.rawValue + (ivHash.map { ":" + $0 } ?? "")
  }

  /// The same without a hash function that the IV does not use, which cryptsetup would refuse.
  var plainModeName: String { ivGenerator == .essiv ? modeName : mode.rawValue + "-" + ivGenerator.rawValue }

  // MARK: Libraries

  /// Bytes of the key of the block cipher itself.
  var blockKeyBytes: Int { mode == .xts ? keyBytes / 2 : keyBytes }

  /// Whether OpenSSL has the cipher: only AES, and no XTS with keys of 192 bits.
  var isInOpenSSL: Bool { algorithm == .aes && !(mode == .xts && blockKeyBytes == 24) }

  /// Makes what encrypts or decrypts sectors with a key.
  func makeContext(_ key: RawSpan, encrypts: Bool) throws(BlockError) -> any CipherContext {
    guard isInOpenSSL else { return try GcryptContext(self, mode, key: key, encrypts: encrypts) }
    return try OpenSSLContext(
      "AES-\(blockKeyBytes * 8)-\(mode.rawValue.uppercased())", key: key, encrypts: encrypts)
  }

  /// Makes the context with which ESSIV encrypts numbers: the same block cipher, with a hash of the key.
  func makeVectorContext(_ key: RawSpan) throws(BlockError) -> (any CipherContext)? {
    guard ivGenerator == .essiv, let ivHash else { return nil }
    let hash = try Digest(ivHash).hash(key)
    guard algorithm == .aes else { return try GcryptContext(self, .ecb, key: hash.bytes, encrypts: true) }
    return try OpenSSLContext("AES-\(hash.count * 8)-ECB", key: hash.bytes, encrypts: true)
  }

  private func checkVectorCipher() throws(BlockError) {
    guard algorithm != .cast5 else {
      throw BlockError(.unsupported, "Cipher cast5-128 not supported with essiv")
    }
    let bytes = try Digest(ivHash ?? "").size()
    guard algorithm.keySizes.contains(bytes) else {
      throw BlockError(.unsupported, "No \(algorithm.title) cipher with key size \(bytes) available")
    }
  }
}
