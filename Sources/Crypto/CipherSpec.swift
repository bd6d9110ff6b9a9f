// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors

/// A sector cipher as disk encryption headers name it: algorithm, mode, IV generator and key length.
public struct CipherSpec: Sendable, Equatable {
  /// How the blocks of a sector are chained.
  public enum Mode: String, Sendable, CaseIterable {
    /// Each block tweaked by its position; the key is two keys.
    case xts
    /// Each block mixed into the next.
    case cbc
  }

  /// How a sector's IV follows from its number.
  public enum IVGenerator: String, Sendable, CaseIterable {
    /// The number's low 32 bits.
    case plain
    /// The number.
    case plain64
    /// The number, encrypted with the key's SHA-256.
    case essiv
  }

  /// How the blocks of a sector are chained.
  public let mode: Mode
  /// How a sector's IV follows from its number.
  public let ivGenerator: IVGenerator
  /// Bytes of the volume key: for XTS twice those of the AES key.
  public let keyBytes: Int

  /// AES in this mode with a key of so many bytes.
  ///
  /// - Throws: kind `unsupported` where AES has no such key.
  public init(_ mode: Mode, _ ivGenerator: IVGenerator, keyBytes: Int) throws(BlockError) {
    self.mode = mode
    self.ivGenerator = ivGenerator
    self.keyBytes = keyBytes
    if mode == .xts, keyBytes % 2 != 0 {
      throw BlockError(.unsupported, "XTS cipher key length should be a multiple of 2")
    }
    let aes = mode == .xts ? keyBytes / 2 : keyBytes
    // OpenSSL has no XTS with keys of 192 bits.
    guard [16, 32].contains(aes) || (aes == 24 && mode == .cbc) else {
      throw CipherSpec.lacking("aes", keyBytes: aes, mode: mode.rawValue)
    }
  }

  /// The cipher that a header names, such as `aes` in mode `xts-plain64`.
  ///
  /// - Throws: kind `unsupported`, naming the part that is not known here.
  public init(cipher: String, mode text: String, keyBytes: Int) throws(BlockError) {
    guard let dash = text.firstIndex(of: "-") else {
      throw BlockError(.unsupported, "Unexpected cipher mode string format '\(text)'")
    }
    let modeName = String(text[..<dash])
    let generator = text[text.index(after: dash)...].split(
      separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let mode = Mode(rawValue: modeName) else {
      throw BlockError(.unsupported, "Algorithm '\(cipher)' in mode '\(modeName)' not supported")
    }
    guard cipher == "aes" else {
      throw CipherSpec.lacking(
        cipher, keyBytes: mode == .xts ? keyBytes / 2 : keyBytes, mode: modeName)
    }
    let name = generator.first.map(String.init) ?? ""
    guard let ivGenerator = IVGenerator(rawValue: name) else {
      throw BlockError(.unsupported, "IV generator '\(name)' not supported")
    }
    if ivGenerator == .essiv {
      let hash = generator.count > 1 ? String(generator[1]) : ""
      guard hash == "sha256" else {
        throw BlockError(.unsupported, "Hash algorithm '\(hash)' not supported for the IV generator essiv")
      }
    }
    try self.init(mode, ivGenerator, keyBytes: keyBytes)
  }

  private static func lacking(_ cipher: String, keyBytes: Int, mode: String) -> BlockError {
    BlockError(
      .unsupported, "Algorithm '\(cipher)' with key size \(keyBytes) bytes in mode '\(mode)' not supported")
  }

  /// The mode as headers name it, such as `cbc-essiv:sha256`.
  public var modeName: String {
    mode.rawValue + "-" + ivGenerator.rawValue + (ivGenerator == .essiv ? ":sha256" : "")
  }

  /// Bytes of the key of the block cipher itself: 16, 24 or 32.
  var aesBytes: Int { mode == .xts ? keyBytes / 2 : keyBytes }

  /// OpenSSL's name of the cipher.
  var libraryName: String { "AES-\(aesBytes * 8)-\(mode == .xts ? "XTS" : "CBC")" }
}
