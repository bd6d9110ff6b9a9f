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
