// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Options

/// The properties of a new encrypted disk, read from the creation options.
package struct LuksCreation {
  /// The header to be.
  package var recipe: LuksRecipe
  /// The id of the secret that is to open it.
  package var secretName: String?

  /// Reads and checks the options; those that are not about encryption are left alone.
  ///
  /// - Parameters:
  ///   - prefix: the text before each name where another format carries the header.
  ///   - requireSecret: called with the id of the secret, once every option has a value that there is: values that
  ///     nothing here can work with are told after a secret that is missing.
  /// - Throws: kind `invalidArgument` or `unsupported`, naming the option or what it asks for.
  package init(
    _ options: OptionObject, prefix: String = "", requireSecret: (String?) throws(BlockError) -> Void
  ) throws(BlockError) {
    var reader = OptionReader(options)
    secretName = try reader.string(prefix + "key-secret")
    let cipher = try Cipher(&reader, prefix)
    let hash = try reader.value(prefix, "hash-alg", of: LuksCreation.hashes)
    try requireSecret(secretName)
    recipe = LuksRecipe(cipher: try cipher.spec)
    if let hash { recipe.hash = try Digest(hash).name }
    if let time = try reader.number(prefix + "iter-time") {
      guard time > 0 else { throw BlockError(.invalidArgument, "iter-time must be at least 1") }
      recipe.iterationTime = time
    }
    switch try reader.number(prefix + "version") {
    case nil, 1: recipe.version = 1
    case 2: recipe.version = 2
    case .some(let other):
      throw BlockError(.invalidArgument, "Parameter 'version' does not accept value '\(other)'")
    }
    recipe.derivation = recipe.version == 1 ? .pbkdf2 : .argon2id
    let derivation = try reader.choice(prefix + "pbkdf", as: LuksDerivation.self)
    let sector = try reader.size(prefix + "sector-size")
    if let sector, ![512, 1024, 2048, 4096].contains(sector) {
      throw BlockError(.invalidArgument, "Sector size must be a power of two between 512 and 4096")
    }
    if recipe.version == 1, derivation ?? .pbkdf2 != .pbkdf2 || sector ?? 512 != 512 {
      throw BlockError(
        .invalidArgument,
        "Argon2 and sectors larger than 512 bytes need a header of version 2 (use version=2)")
    }
    if let derivation { recipe.derivation = derivation }
    if let sector { recipe.sectorSize = Int(sector) }
    recipe.isDetached = try reader.bool(prefix + "detached-header") ?? false
  }

  private static let algorithms = [
    "aes-128", "aes-192", "aes-256", "des", "3des", "cast5-128", "serpent-128", "serpent-192", "serpent-256",
    "twofish-128", "twofish-192", "twofish-256", "sm4",
  ]

  /// The cipher as the options call it: each value is one that there is, whatever can be done with it.
  private struct Cipher {
    let algorithm: String
    let mode: String
    let generator: String
    let ivHash: String?

    init(_ reader: inout OptionReader, _ prefix: String) throws(BlockError) {
      algorithm = try reader.value(prefix, "cipher-alg", of: algorithms) ?? "aes-256"
      mode = try reader.value(prefix, "cipher-mode", of: modes) ?? "xts"
      generator = try reader.value(prefix, "ivgen-alg", of: generators) ?? "plain64"
      ivHash = try reader.value(prefix, "ivgen-hash-alg", of: hashes)
    }

    /// The cipher.
    ///
    /// - Throws: kind `unsupported`, naming what is not there.
    var spec: CipherSpec {
      get throws(BlockError) {
        guard let (known, keyBytes) = LuksCreation.cipher(named: algorithm) else {
          throw BlockError(.unsupported, "Algorithm '\(algorithm)' not supported")
        }
        guard let mode = CipherSpec.Mode(rawValue: mode) else {
          throw BlockError(.unsupported, "Cipher mode '\(mode)' not supported")
        }
        guard let ivGenerator = CipherSpec.IVGenerator(rawValue: generator) else {
          throw BlockError(.unsupported, "IV generator '\(generator)' not supported")
        }
        return try CipherSpec(
          algorithm: known, mode, ivGenerator, ivHash: ivHash, keyBytes: keyBytes * (mode == .xts ? 2 : 1))
      }
    }
  }

  /// A block cipher that something here has, and the bytes of its key.
  private static func cipher(named name: String) -> (CipherSpec.Algorithm, keyBytes: Int)? {
    let parts = name.split(separator: "-").map(String.init)
    guard parts.count == 2, let known = CipherSpec.Algorithm(rawValue: parts[0]), let bits = Int(parts[1])
    else { return nil }
    return (known, bits / 8)
  }

  private static let modes = ["ecb", "cbc", "xts", "ctr"]
  private static let generators = ["plain", "plain64", "essiv"]
  private static let hashes = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "ripemd160"]

  /// The options that `create` accepts, in the order in which its summary shows them.
  package static let list = OptionList(
    [
      OptionSpec("size", .size, "Virtual disk size"),
      OptionSpec("key-secret", .string, "ID of the secret that provides the keyslot passphrase"),
    ] + cipherOptions("") + [
      OptionSpec("detached-header", .bool, "Make the header alone; the encrypted data lies in another file"),
      OptionSpec("version", .number, "Version of the header (1 or 2)", values: ["1", "2"]),
      OptionSpec(
        "pbkdf", .string, "Key derivation (pbkdf2; with version 2 also argon2i and argon2id)",
        values: LuksDerivation.allCases.map(\.rawValue)),
      OptionSpec(
        "sector-size", .size, "Bytes encrypted as one (512 to 4096; with version 2)",
        values: ["512", "1k", "2k", "4k"]),
    ])

  /// The options about the cipher and what its key costs, with the values that something here can work with; `prefix`
  /// stands before each name.
  package static func cipherOptions(_ prefix: String) -> [OptionSpec] {
    let ciphers = algorithms.filter { name in
      cipher(named: name).map { $0.0.keySizes.contains($0.keyBytes) } == true
    }
    return [
      OptionSpec(prefix + "cipher-alg", .string, "Name of encryption cipher algorithm", values: ciphers),
      OptionSpec(prefix + "cipher-mode", .string, "Name of encryption cipher mode", values: modes),
      OptionSpec(prefix + "ivgen-alg", .string, "Name of IV generator algorithm", values: generators),
      OptionSpec(prefix + "ivgen-hash-alg", .string, "Name of IV generator hash algorithm", values: hashes),
      OptionSpec(prefix + "hash-alg", .string, "Name of encryption hash algorithm", values: hashes),
      OptionSpec(prefix + "iter-time", .number, "Time to spend in PBKDF in milliseconds"),
    ]
  }
}

extension OptionReader {
  /// Takes one of the `choices`; a refusal names the option without its prefix.
  fileprivate mutating func value(_ prefix: String, _ name: String, of choices: [String]) throws(BlockError)
    -> String?
  {
    guard let text = try string(prefix + name) else { return nil }
    guard choices.contains(text) else {
      throw BlockError(.invalidArgument, "Parameter '\(name)' does not accept value '\(text)'")
    }
    return text
  }
}
