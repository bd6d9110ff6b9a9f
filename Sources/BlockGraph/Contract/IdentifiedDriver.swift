// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// A format whose images carry an identity, by which images that stand on them know them again.
package protocol IdentifiedDriver: BlockDriver {
  /// What tells this image from others.
  var identity: ImageIdentity { get }

  /// The identity that `renewIdentity` would give the image now.
  var nextIdentity: ImageIdentity { get }

  /// The content is about to become another one: gives the image another identity at once, durably, where it follows the
  /// content.
  func renewIdentity(of node: Node) throws(BlockError)

  /// Notes in the image, durably, that its backing file is about to be `identity`, and that it may stand on either: opening
  /// the image then works also where only the backing file became another one. Where the image has no room for that, nothing
  /// is noted.
  func announceBacking(_ identity: ImageIdentity, of node: Node) throws(BlockError)

  /// Notes in the image, durably, that it stands on what its backing file is now, and on nothing else.
  func adoptBacking(of node: Node) throws(BlockError)
}

extension IdentifiedDriver {
  /// The present one.
  package var nextIdentity: ImageIdentity { identity }
  /// Nothing is noted.
  package func announceBacking(_ identity: ImageIdentity, of node: Node) throws(BlockError) {}
  /// It stays.
  package func renewIdentity(of node: Node) throws(BlockError) {}
  /// Nothing is noted.
  package func adoptBacking(of node: Node) throws(BlockError) {}
}

/// What tells an image from others.
package struct ImageIdentity: Sendable, Equatable {
  /// The name of its format.
  package let format: String
  /// The bytes that name it, as its format stores them.
  package let id: [UInt8]
  /// The time stamp that goes with them, as its format counts time; 0 where it has none.
  package let time: UInt32
  /// Bytes of the disk's sectors, which those that stand on it share; 0 where the format does not state them.
  package let sectorSize: UInt64

  /// Makes a description.
  package init(format: String, id: [UInt8], time: UInt32 = 0, sectorSize: UInt64 = 0) {
    self.format = format
    self.id = id
    self.time = time
    self.sectorSize = sectorSize
  }
}
