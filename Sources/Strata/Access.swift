// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host
internal import Jobs

/// The trust that images are given, and the secrets that open them.
public struct Access: Sendable {
  /// How far names are followed that are found inside images.
  public enum References: String, Sendable, CaseIterable {
    /// No name is.
    case none
    /// Names of files on this machine are.
    case local
    /// Every name is that a user could write.
    case any
  }

  /// How far names are followed that are found inside images.
  public var references: References
  /// Whether nobody vouches for the images: tables are held to tight budgets, and no content is guessed to be raw.
  public var isUntrusted: Bool
  /// Passphrases and keys, by the ids with which options such as `key-secret` name them.
  public var secrets: [String: [UInt8]] = [:]

  /// The user's own images: local names are followed.
  public static let trusted = Access(references: .local, isUntrusted: false)
  /// Images from strangers: no name is followed.
  public static let untrusted = Access(references: .none, isUntrusted: true)

  /// Makes an access.
  public init(references: References, isUntrusted: Bool, secrets: [String: [UInt8]] = [:]) {
    self.references = references
    self.isUntrusted = isUntrusted
    self.secrets = secrets
  }
}

extension Access {
  func opener(for graph: Graph) -> Opener {
    let policy = ReferencePolicy(rawValue: references.rawValue) ?? .none
    var opener = Opener(graph: graph, kinds: Drivers.all, references: policy)
    if isUntrusted { opener.distrust() }
    opener.secrets = NamedSecrets(secrets: secrets)
    return opener
  }
}

private struct NamedSecrets: SecretSource {
  let secrets: [String: [UInt8]]

  var all: [Secret] { secrets.values.map(NamedSecrets.secret) }

  func secret(named id: String) throws(BlockError) -> Secret {
    guard let bytes = secrets[id] else { throw BlockError(.notFound, "No secret with id '\(id)'") }
    return NamedSecrets.secret(bytes)
  }

  private static func secret(_ bytes: [UInt8]) -> Secret {
    let buffer = Buffer(bytes)
    return Secret(copying: buffer.bytes)
  }
}
