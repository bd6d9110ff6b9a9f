// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Crypto
package import Errors
package import Host
internal import Synchronization

/// The secrets that a user defined, by name. Each is read and decoded when it is added, and wiped with the store.
package final class SecretStore: SecretSource {
  /// The longest secret that is read from a file, in bytes.
  package static let maximumLength = 8 << 20

  private struct Content {
    var secrets: [String: Secret] = [:]
    var readsStandardInput = false
  }

  private let content = Mutex(Content())

  /// A store without secrets.
  package init() {}

  /// The secret called `id`.
  package func secret(named id: String) throws(BlockError) -> Secret {
    guard let secret = content.withLock({ $0.secrets[id] }) else {
      throw BlockError(
        .notFound, "No secret with id '\(id)'", advice: "Define it with --object secret,id=\(id),file=PATH.")
    }
    return secret
  }

  /// Every secret that was added.
  package var all: [Secret] { content.withLock { Array($0.secrets.values) } }

  /// Adds a secret; those that it is encrypted with must have been added before.
  ///
  /// - Parameter warn: told what a user may not have meant.
  /// - Throws: where the name is taken, or the bytes cannot be read or decoded; never with any of the bytes.
  package func add(_ definition: SecretDefinition, warn: (String) -> Void = { _ in }) throws(BlockError) {
    let id = definition.id
    guard content.withLock({ $0.secrets[id] == nil }) else {
      throw BlockError(
        .alreadyExists, "attempt to add duplicate property '\(id)' to object (type 'container')")
    }
    let written = try read(definition.origin)
    let secret: Secret
    if definition.keyID != nil {
      secret = try decrypt(written, definition)
    } else {
      secret = try SecretStore.decode(written, definition.form) { warn("secret '\(id)': \($0)") }
    }
    content.withLock { $0.secrets[id] = secret }
  }

  private func read(_ origin: SecretDefinition.Origin) throws(BlockError) -> Secret {
    switch origin {
    case .data(let secret): return secret
    case .file(let path):
      if path == "-" {
        let isTaken = content.withLock { content in
          defer { content.readsStandardInput = true }
          return content.readsStandardInput
        }
        // It would be found empty.
        if isTaken { throw BlockError(.invalidArgument, "Only one secret can be read from standard input") }
      }
      return try inContext("Unable to read \(path)") { () throws(BlockError) in
        try Secret.read(path: path, limit: SecretStore.maximumLength)
      }
    }
  }

  static func decode(_ written: Secret, _ form: SecretDefinition.Form, warn: (String) -> Void)
    throws(BlockError) -> Secret
  {
    switch form {
    case .raw: return written
    case .base64: return try Base64.decode(written, warn: warn)
    }
  }

  // MARK: Encrypted secrets

  /// The bytes of a secret that is encrypted with another.
  private func decrypt(_ written: Secret, _ definition: SecretDefinition) throws(BlockError) -> Secret {
    guard let keyID = definition.keyID else { return written }
    guard keyID != definition.id else {
      throw BlockError(.invalidArgument, "Secret with id '\(keyID)' has no data")
    }
    let key = try secret(named: keyID)
    guard key.count == SecretCipher.keyLength else {
      throw BlockError(.invalidArgument, "Key should be \(SecretCipher.keyLength) bytes in length")
    }
    guard let text = definition.vector else {
      throw BlockError(.invalidArgument, "IV is required to decrypt secret")
    }
    let vector = try Base64.decode(Secret(text: text)) { _ in }
    guard vector.count == SecretCipher.blockLength else {
      throw BlockError(
        .invalidArgument, "IV should be \(SecretCipher.blockLength) bytes in length not \(vector.count)")
    }
    let bytes = try SecretStore.decode(written, definition.form) { _ in }
    return try SecretCipher.decrypt(bytes, key: key, vector: vector)
  }
}
