// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Options

/// A format some of whose creation options can be changed in an existing image.
///
/// A change is `prepareAmend`, `amend`, `cleanUpAmend`, in this order; the last one always.
package protocol AmendingDriver: BlockDriver {
  /// Takes the permissions that the change needs and nodes at rest do without. Graph API; all or nothing.
  func prepareAmend(of node: Node, in graph: Graph) throws(BlockError)

  /// Makes the change, or prepares it; the effect is what is left to do. Never touches a permission.
  func amend(_ request: AmendRequest, of node: Node, _ context: JobContext) throws(BlockError) -> AmendEffect?

  /// Gives back what `prepareAmend` took. Graph API; harmless without it, and when called again.
  func cleanUpAmend(of node: Node, in graph: Graph) throws(BlockError)
}

extension AmendingDriver {
  /// Needs nothing.
  package func prepareAmend(of node: Node, in graph: Graph) throws(BlockError) {}
  /// Has nothing to give back.
  package func cleanUpAmend(of node: Node, in graph: Graph) throws(BlockError) {}
}

/// A change that is ready, and that others see when it is committed.
package struct AmendEffect {
  /// Lets others see the change.
  package let commit: () throws(BlockError) -> Void
  /// Undoes it, also where `commit` threw or was never called.
  package let takeBack: () throws(BlockError) -> Void

  /// Makes an effect of its two directions.
  package init(
    commit: @escaping () throws(BlockError) -> Void, takeBack: @escaping () throws(BlockError) -> Void
  ) {
    self.commit = commit
    self.takeBack = takeBack
  }
}

/// The change to be made in an image.
package struct AmendRequest: Sendable {
  /// Checked options: every key is one of the format's `amendOptions`.
  package var options: OptionObject
  /// Whether a change that may lose data for good is made all the same.
  package var force: Bool
  /// Whether, without force, a key has to stay that the secrets at hand open; otherwise any key will do.
  package var keepsKnownKey = false
  /// Where the secrets come from that options name.
  package var secrets: any SecretSource

  /// Makes a request.
  package init(options: OptionObject, force: Bool = false, secrets: any SecretSource = NoSecrets()) {
    self.options = options
    self.force = force
    self.secrets = secrets
  }
}
