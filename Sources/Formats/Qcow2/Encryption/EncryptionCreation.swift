// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Crypto
internal import Errors
internal import Host
internal import Options

/// How the guest data of a new image is to be encrypted.
struct EncryptionCreation {
  /// `aes` or `luks`.
  let method: CryptMethod
  /// The encryption header to be; nil where there is none.
  let recipe: LuksRecipe?
  /// The id of the secret that is to open it.
  let secretName: String?

  /// The options that `method` has besides the format.
  private static let prefix = "encrypt."

  /// Reads and checks the options.
  ///
  /// - Returns: nil where no encryption is asked for.
  init?(_ options: OptionObject) throws(BlockError) {
    var reader = OptionReader(options)
    let isOld = try reader.bool("encryption") ?? false
    let format = try reader.string("encrypt.format")
    guard !isOld || format == nil else {
      throw BlockError(
        .invalidArgument, "'encrypt.format' and its alias 'encryption' can't be used at the same time")
    }
    let given = options.keys.filter { $0.hasPrefix(EncryptionCreation.prefix) && $0 != "encrypt.format" }
    switch isOld ? "aes" : format {
    case nil:
      guard given.isEmpty else {
        throw BlockError(.invalidArgument, "Parameter 'encrypt.format' is missing")
      }
      return nil
    case "aes":
      for name in given.sorted() where name != "encrypt.key-secret" {
        throw BlockError(.invalidArgument, "Parameter '\(name)' is unexpected")
      }
      method = .aes
      recipe = nil
      secretName = try reader.string("encrypt.key-secret")
    case "luks":
      let creation = try LuksCreation(
        options, prefix: EncryptionCreation.prefix, requireSecret: EncryptionCreation.requireSecret)
      method = .luks
      recipe = creation.recipe
      secretName = creation.secretName
    case .some(let other):
      throw BlockError(.invalidArgument, "Parameter 'format' does not accept value '\(other)'")
    }
    try EncryptionCreation.requireSecret(secretName)
  }

  private static func requireSecret(_ name: String?) throws(BlockError) {
    guard name == nil else { return }
    throw .noSecret("encrypt.key-secret", of: "qcow2", isNew: true)
  }

  /// Bytes of the encryption header.
  var headerLength: UInt64 { recipe?.payloadOffset ?? 0 }

  /// The secret of the first key; also where there is no header, it has to be there.
  func passphrase(_ secrets: any SecretSource) throws(BlockError) -> Secret {
    try ClusterEncryption.passphrase(secretName, secrets, isNew: true)
  }

  /// Writes the encryption header to its place.
  func write(to place: EncryptionPlace, in file: Edge, _ passphrase: Secret) throws(BlockError) {
    guard let recipe else { return }
    _ = try LuksHeader.create(recipe, passphrase: passphrase, in: EncryptionArea(edge: file, place: place))
  }
}
