// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Host

/// Where drivers get the secrets that options name by id.
package protocol SecretSource: Sendable {
  /// The secret called `id`.
  ///
  /// - Throws: kind `notFound` where there is none of this id.
  func secret(named id: String) throws(BlockError) -> Secret

  /// Every secret that the user has stated, in no order.
  var all: [Secret] { get }

  /// The secret called `id`, to become the key of an image. Other programs take text alone.
  ///
  /// - Throws: kind `notFound` where there is none of this id, `invalidArgument` where it is not UTF-8.
  func newKey(named id: String) throws(BlockError) -> Secret
}

extension SecretSource {
  /// The secret, where it is text.
  package func newKey(named id: String) throws(BlockError) -> Secret {
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
package struct NoSecrets: SecretSource {
  /// Makes the source.
  package init() {}
  /// None.
  package var all: [Secret] { [] }
  /// Refuses.
  package func secret(named id: String) throws(BlockError) -> Secret {
    throw BlockError(
      .notFound, "No secret with id '\(id)'", advice: "Define it with --object secret,id=\(id),file=PATH.")
  }
}

extension BlockError {
  /// The error of an encrypted image of a format for which no secret is named, by the option that names one.
  package static func noSecret(_ option: String, of format: String, isNew: Bool) -> BlockError {
    BlockError(
      .invalidArgument, "Parameter '\(option)' is required for cipher",
      advice: "Define a secret with --object secret,id=ID,file=PATH and name it: "
        + (isNew ? "-o \(option)=ID." : "--image-opts driver=\(format),file.filename=\(.file),\(option)=ID."))
  }
}
