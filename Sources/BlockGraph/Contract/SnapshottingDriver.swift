// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// A format whose images hold internal snapshots: earlier states of the disk that share what did not change.
///
/// No other request runs during any of these. When one throws, the image reads as before or as after, and space
/// may be left unaccounted for where the storage failed for good.
package protocol SnapshottingDriver: FormatDriver {
  /// Keeps the present state under a name; several snapshots may have the same.
  ///
  /// - Parameters:
  ///   - seconds: the time to note, since 1970.
  ///   - nanoseconds: its part below a second.
  func createSnapshot(_ name: String, seconds: UInt32, nanoseconds: UInt32, of node: Node) throws(BlockError)

  /// Makes the present state that of a snapshot, which stays. The length may change.
  ///
  /// - Throws: kind `notFound` where there is no such snapshot.
  func applySnapshot(_ selector: SnapshotSelector, of node: Node) throws(BlockError)

  /// Forgets a snapshot.
  ///
  /// - Throws: kind `notFound` where there is no such snapshot.
  func deleteSnapshot(_ selector: SnapshotSelector, of node: Node) throws(BlockError)
}
