// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// The place of a LUKS header and its key material: the start of a file, or a part of another image.
///
/// Offsets are in bytes from the start of the header.
package protocol LuksArea {
  /// Bytes from the start of the header to the end of what may belong to it, encrypted data included.
  var length: UInt64 { get }
  /// The name of the file that the area is the start of; nil where it is something else.
  var fileName: String? { get }
  /// Fills `buffer`; bytes past the end read as zero.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError)
  /// Writes bytes inside the area.
  func write(at offset: UInt64, from data: RawSpan) throws(BlockError)
  /// Makes everything written so far durable.
  func flush() throws(BlockError)
}

extension LuksArea {
  /// None.
  package var fileName: String? { nil }
}
