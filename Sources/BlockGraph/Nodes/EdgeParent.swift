// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The upper end of an edge: another node or a user of the graph. A child knows no more of it than this.
package protocol EdgeParent: AnyObject, Sendable {
  /// The name of the parent in messages: a node's name, a command and its file, a job and its id.
  var parentDescription: String { get }
  /// Stops new requests from above and returns when none is in flight.
  func drainBegin()
  /// Lets requests from above pass again.
  func drainEnd()
  /// The child has another length now.
  func childResized()
  /// The child became active (`true`) or inactive.
  func childActivated(_ active: Bool)
}

extension EdgeParent {
  /// Does nothing.
  package func childResized() {}
  /// Does nothing.
  package func childActivated(_ active: Bool) {}
}
