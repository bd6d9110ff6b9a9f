// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors

/// A count of units in a header, by which other programs place the next block.
///
/// At every moment it is no less than what entries in the file name, and no more than the file has: who places a block by it
/// lets none be where another is.
package protocol TableCount: Sendable {
  /// The count as the file has it.
  var units: UInt64 { get }

  /// Writes another count. Called with the table's lock held.
  func set(_ units: UInt64, in file: Edge) throws(BlockError)
}
