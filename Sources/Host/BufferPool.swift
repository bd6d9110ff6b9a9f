// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Buffers that are used again and again, by any thread that needs one: taking new memory from the system for each
/// segment costs as much as a copy.
package final class BufferPool: @unchecked Sendable {
  // Sendable because the list is guarded by the lock and a buffer has one user at a time.
  private let lock = ConditionLock()
  private var free: [Buffer] = []

  /// An empty pool.
  package init() {}

  /// A buffer of at least `count` bytes, with whatever is in it; one that was given back and is smaller goes.
  package func take(_ count: Int) -> Buffer {
    let buffer = lock.withLock { free.popLast() }
    if let buffer, buffer.count >= count { return buffer }
    return Buffer(count: count)
  }

  /// Gives a buffer back.
  package func put(_ buffer: Buffer) { lock.withLock { free.append(buffer) } }
}
