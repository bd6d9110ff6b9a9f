// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Host
internal import Secrets

/// Where the keys of a LUKS image come from.
struct LuksKeyOptions: ParsableArguments {
  @Option(
    name: option("key-file"),
    help: ArgumentHelp("A file whose bytes are a key that opens the image.", valueName: "file"))
  var keyFile: String?

  @Option(
    name: option("key-fd"),
    help: ArgumentHelp("A descriptor to read that key from.", valueName: "number"))
  var keyDescriptor: String?

  @Option(
    name: option("key-secret"), help: ArgumentHelp("The id of a secret that is that key.", valueName: "id"))
  var keySecret: String?

  @Option(
    name: option("new-key-file"),
    help: ArgumentHelp("A file whose bytes are the new key.", valueName: "file"))
  var newKeyFile: String?

  @Option(
    name: option("new-key-fd"), help: ArgumentHelp("A descriptor to read it from.", valueName: "number"))
  var newKeyDescriptor: String?

  @Option(
    name: option("new-key-secret"),
    help: ArgumentHelp("The id of a secret that is the new key.", valueName: "id"))
  var newKeySecret: String?

  @Option(
    name: option("old-key-file"),
    help: ArgumentHelp("A file whose bytes are the key to erase.", valueName: "file"))
  var oldKeyFile: String?

  @Option(
    name: option("old-key-fd"), help: ArgumentHelp("A descriptor to read it from.", valueName: "number"))
  var oldKeyDescriptor: String?

  @Option(
    name: option("old-key-secret"),
    help: ArgumentHelp("The id of a secret that is the key to erase.", valueName: "id"))
  var oldKeySecret: String?

  /// The key that opens the image.
  func key(_ secrets: any SecretSource) throws(BlockError) -> Secret {
    if let secret = try find("key", keyFile, keyDescriptor, keySecret, secrets) { return secret }
    return try Passphrase.ask(for: "passphrase of the image", orElse: LuksKeyOptions.advice("key"))
  }

  /// The keys that may open an image, without asking for one.
  func atHand(_ secrets: any SecretSource) throws(BlockError) -> [Secret] {
    guard let stated = try find("key", keyFile, keyDescriptor, keySecret, secrets) else { return secrets.all }
    return [stated]
  }

  /// The key to add; one that is typed is asked for twice.
  func newKey(_ secrets: any SecretSource) throws(BlockError) -> Secret {
    if let secret = try find("new-key", newKeyFile, newKeyDescriptor, newKeySecret, secrets) { return secret }
    let advice = LuksKeyOptions.advice("new-key")
    let first = try Passphrase.ask(for: "new passphrase", orElse: advice)
    guard try Passphrase.ask(for: "new passphrase again", orElse: advice).hasSameBytes(as: first.bytes) else {
      throw BlockError(.invalidArgument, "The passphrases are not the same")
    }
    return first
  }

  /// The key to erase.
  func oldKey(_ secrets: any SecretSource) throws(BlockError) -> Secret {
    if let secret = try find("old-key", oldKeyFile, oldKeyDescriptor, oldKeySecret, secrets) { return secret }
    return try Passphrase.ask(
      for: "passphrase to erase",
      orElse: LuksKeyOptions.advice("old-key") + " --key-slot erases what is in a slot.")
  }

  /// How a key is given without a terminal, where the options for it begin with `name`.
  private static func advice(_ name: String) -> Advice {
    "One of --\(name)-file, --\(name)-fd and --\(name)-secret gives it."
  }

  private func find(
    _ name: String, _ file: String?, _ descriptor: String?, _ id: String?, _ secrets: any SecretSource
  ) throws(BlockError) -> Secret? {
    let stated = [file, descriptor, id].filter { $0 != nil }
    guard stated.count <= 1 else {
      throw BlockError(
        .invalidArgument, "Only one of --\(name)-file, --\(name)-fd and --\(name)-secret can be given")
    }
    if let id { return try secrets.secret(named: id) }
    if let file {
      return try inContext("Could not read key") { () throws(BlockError) in
        try Secret.read(path: file, limit: SecretStore.maximumLength)
      }
    }
    guard let descriptor else { return nil }
    guard let number = Int32(descriptor), number >= 0 else {
      throw BlockError(.invalidArgument, "Invalid descriptor for --\(name)-fd: \(descriptor)")
    }
    return try inContext("Could not read key from descriptor \(number)") { () throws(BlockError) in
      try Secret.read(descriptor: number, limit: SecretStore.maximumLength)
    }
  }
}

/// Secrets of a command's own beside those that the command line defines.
struct NamedSecrets: SecretSource {
  var base: any SecretSource
  /// By names with a space, which no user can choose.
  var own: [String: Secret]

  var all: [Secret] { base.all + own.values }

  func secret(named id: String) throws(BlockError) -> Secret {
    if let secret = own[id] { return secret }
    return try base.secret(named: id)
  }

  /// Keys that the command was given are taken as they are.
  func newKey(named id: String) throws(BlockError) -> Secret {
    if let secret = own[id] { return secret }
    return try base.newKey(named: id)
  }
}
