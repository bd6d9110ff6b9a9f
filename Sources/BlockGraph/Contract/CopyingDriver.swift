// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// Storage that may copy to other storage without the bytes passing through memory of ours.
package protocol CopyingDriver: StorageDriver {
  /// Copies a range that lies inside the length to storage of the same kind; false where that is not possible,
  /// now or at all. Part of the range may have been copied then.
  func copyRange(at offset: UInt64, length: UInt64, to target: any StorageDriver, at targetOffset: UInt64)
    throws(BlockError) -> Bool
}
