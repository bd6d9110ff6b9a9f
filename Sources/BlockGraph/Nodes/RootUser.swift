// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Somebody outside the graph who uses a node: a command, a job, a server's client.
///
/// Its description appears in messages. Its `PermissionRequest` is kept also while it has no node.
package final class RootUser: @unchecked Sendable, EdgeParent {
  /// The name of the user in messages, such as `convert: target 'x.qcow2'`.
  package let parentDescription: String
  /// The permissions that it asks for of the node it has, or will have. At an inactive node its edge asks for none.
  package internal(set) var request: PermissionRequest
  /// The edge to its node, nil while it has none.
  package internal(set) var edge: Edge?
  /// How often the node's length changed.
  package var resizes: Int { resizeCount.load(ordering: .relaxed) }
  private let resizeCount = Atomic(0)
  /// How often the node became active or inactive.
  package var activations: Int { activationCount.load(ordering: .relaxed) }
  private let activationCount = Atomic(0)

  init(description: String, request: PermissionRequest) {
    parentDescription = description
    self.request = request
  }

  /// Nothing to stop: a user's requests wait at the node's own gate.
  package func drainBegin() {}
  /// Nothing to let go.
  package func drainEnd() {}
  /// Counts the change.
  package func childResized() { resizeCount.wrappingAdd(1, ordering: .relaxed) }
  /// Counts the change.
  package func childActivated(_ active: Bool) { activationCount.wrappingAdd(1, ordering: .relaxed) }
}
