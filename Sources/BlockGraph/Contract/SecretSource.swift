// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors
public import Host

/// Where drivers get the secrets that options name by id.
public protocol SecretSource: Sendable {
  /// The secret called `id`.
  ///
  /// - Throws: kind `notFound` where there is none of this id.
  func secret(named id: String) throws(BlockError) -> Secret

  /// Every secret that there is, in no order: what the user knows.
  var all: [Secret] { get }

  /// The secret called `id`, to become the key of an image. Other programs take text alone.
  ///
  /// - Throws: kind `notFound` where there is none of this id, `invalidArgument` where it is not UTF-8.
  func newKey(named id: String) throws(BlockError) -> Secret
}

extension SecretSource {
  /// The secret, where it is text.
  public func newKey(named id: String) throws(BlockError) -> Secret {
    let secret = try secret(named: id)
    guard secret.isText else {
      throw BlockError(
        .invalidArgument, "Data from secret \(id) is not valid UTF-8",
        advice: "Use text, such as the secret in base64. 'luks add-key --new-key-file' takes any bytes.")
    }
    return secret
  }
}

/// No secret at all.
public struct NoSecrets: SecretSource {
  /// Makes the source.
  public init() {}
  /// None.
  public var all: [Secret] { [] }
  /// Refuses.
  public func secret(named id: String) throws(BlockError) -> Secret {
    throw BlockError(
      .notFound, "No secret with id '\(id)'", advice: "Define it with --object secret,id=\(id),file=PATH.")
  }
}
