// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// Storage that is there before an image is made on it, such as a device, and is not replaced as most files are:
/// code that makes the image reaches it past the node, so that its header comes last.
package protocol InPlaceStorage: StorageDriver {
  /// Its length in bytes.
  var length: UInt64 { get }
  /// The number of bytes that offsets and lengths of its requests are multiples of.
  var requestUnit: UInt64 { get }
  /// Throws where it could not be made so long, with space for it as the preallocation says; stays as it is.
  func requireRoom(for length: UInt64, _ preallocation: Preallocation) throws(BlockError)
  /// Gives up what stands there, so that nothing looks like an image any more: a file becomes empty, of a device or
  /// an export the ranges become zero that are inside its length. Durable on return.
  func giveUpContent(_ ranges: [Range<UInt64>]) throws(BlockError)
  /// Writes; a file grows where the range passes its end.
  func writeInPlace(at offset: UInt64, from data: RawSpan) throws(BlockError)
  /// Makes everything written so far durable.
  func synchronize() throws(BlockError)
}
