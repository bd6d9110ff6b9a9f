// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// A format whose images need further files where their disks become longer, and fewer where they become shorter. Graph
/// API.
///
/// A disk is made longer so: `makeFiles`, `truncate` to what the present files can have, and once the new files have
/// their names, `nameFiles`. It is made shorter so: `truncate`, and what were the `filesBehind` are removed.
package protocol ExtendingDriver: FormatDriver {
  /// Bytes of the disk up to which `truncate` makes it longer; nil where files have no such limit.
  func lengthWithoutFiles(of node: Node) -> UInt64?

  /// Makes the files that a disk of `length` bytes needs besides those that the image has.
  ///
  /// - Throws: kind `unsupported` where the image cannot have more.
  func makeFiles(
    for length: UInt64, _ preallocation: Preallocation, _ files: any ImageFiles, of node: Node
  ) throws(BlockError)

  /// Lets the image name the files that a disk of `length` bytes needs, with one write. The node goes on with the disk as it
  /// was: it has that length once it is opened anew. With the present length, it names those that it had.
  func nameFiles(for length: UInt64, of node: Node) throws(BlockError)

  /// The files, by their paths, that hold nothing of the first `length` bytes of the disk and that `truncate` leaves
  /// without a name: the last one first. They are the image's own.
  func filesBehind(_ length: UInt64, of node: Node) -> [String]
}
