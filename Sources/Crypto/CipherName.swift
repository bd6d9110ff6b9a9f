// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// A sector cipher's name in a header, taken apart; whether there is such a cipher is not asked.
///
/// Two ways of writing are in use: `aes` with `cbc-essiv:sha256`, and the kernel's own, `capi:cbc(aes)` with
/// `essiv:sha256`.
package struct CipherName: Sendable, Equatable {
  /// The block cipher, such as `aes`.
  package var algorithm: String
  /// How the blocks of a sector are chained, such as `cbc`.
  package var mode: String
  /// How a sector's IV follows from its number, such as `essiv`; empty where no IV is used.
  package var generator: String
  /// The hash function that the IV generator is told, used or not.
  package var generatorHash: String?

  /// Takes a name of two parts apart, as headers of version 1 have it.
  ///
  /// - Throws: kind `unsupported`, in `qemu-img`'s words, where it is no such name.
  package init(cipher: String, mode text: String) throws(BlockError) {
    if cipher.hasPrefix(CipherName.kernelPrefix) {
      self = try CipherName(kernel: cipher, text)
      return
    }
    algorithm = cipher
    // The only mode without an IV is written alone.
    if text == CipherSpec.Mode.ecb.rawValue {
      mode = text
      generator = ""
      return
    }
    guard let dash = text.firstIndex(of: "-") else {
      throw BlockError(.unsupported, "Unexpected cipher mode string format '\(text)'")
    }
    mode = String(text[..<dash])
    let written = CipherName.generator(text[text.index(after: dash)...])
    generator = written.name
    generatorHash = written.hash
  }

  static let kernelPrefix = "capi:"

  /// Divides a name of one part, as headers of version 2 have it, in two.
  package static func divide(_ encryption: String) -> (cipher: String, mode: String) {
    // Names inside the kernel's parentheses may have dashes, too.
    let start =
      encryption.hasPrefix(kernelPrefix)
      ? encryption.lastIndex(of: ")") ?? encryption.startIndex : encryption.startIndex
    guard let dash = encryption[start...].firstIndex(of: "-") else { return (encryption, "") }
    return (String(encryption[..<dash]), String(encryption[encryption.index(after: dash)...]))
  }

  private static func generator(_ text: Substring) -> (name: String, hash: String?) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(parts.first ?? ""), parts.count > 1 ? String(parts[1]) : nil)
  }

  /// `capi:MODE(ALGORITHM)` or `capi:essiv(MODE(ALGORITHM),HASH)`, and the IV generator.
  private init(kernel cipher: String, _ generatorText: String) throws(BlockError) {
    let unknown = BlockError(.unsupported, "Unexpected cipher string format '\(cipher)'")
    var name = cipher.dropFirst(CipherName.kernelPrefix.count)
    var hash: String?
    if name.hasPrefix("essiv("), name.hasSuffix(")"), let comma = name.lastIndex(of: ",") {
      hash = String(name[name.index(after: comma)...].dropLast())
      name = name[..<comma].dropFirst("essiv(".count)
    }
    guard let open = name.firstIndex(of: "("), name.hasSuffix(")") else { throw unknown }
    mode = String(name[..<open])
    algorithm = String(name[name.index(after: open)...].dropLast())
    let written = CipherName.generator(generatorText[...])
    generator = written.name
    generatorHash = written.hash
    guard let hash else { return }
    // There the kernel's ESSIV is given the plain number.
    guard generator == "plain64" else { throw unknown }
    generator = "essiv"
    generatorHash = hash
  }
}
