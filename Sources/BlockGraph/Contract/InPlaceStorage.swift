// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors

/// Storage that is there before an image is made on it, such as a device, and cannot be replaced as a file can:
/// whoever makes the image reaches it past the node, so that its header comes last.
public protocol InPlaceStorage: StorageDriver {
  /// Its length in bytes.
  var length: UInt64 { get }
  /// Writes inside the length.
  func writeInPlace(at offset: UInt64, from data: RawSpan) throws(BlockError)
  /// Makes everything written so far durable.
  func synchronize() throws(BlockError)
}
