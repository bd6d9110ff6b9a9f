// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Errors
internal import Glibc

/// Locks of single bytes, owned by the open file: they end with its last descriptor, also after SIGKILL.
extension File {
  /// Takes a shared lock of the byte at `offset`; false when another open file holds it exclusively.
  package func lockShared(byte offset: UInt64) throws(BlockError) -> Bool {
    let position = try File.position(offset, 0)
    while linux_lock(descriptor, position, 1, 0) != 0 {
      if errno == EAGAIN || errno == EACCES { return false }
      if errno != EINTR { throw BlockError(system: errno) }
    }
    return true
  }

  /// Releases the lock of the byte at `offset`.
  package func unlock(byte offset: UInt64) throws(BlockError) {
    let position = try File.position(offset, 0)
    guard linux_unlock(descriptor, position, 1) == 0 else { throw BlockError(system: errno) }
  }

  /// The holder of a lock that stands in the way of an exclusive lock of the byte at `offset`: nil when there is none.
  package func lockHolder(byte offset: UInt64) throws(BlockError) -> LockHolder? {
    let position = try File.position(offset, 0)
    var process: Int64 = -1
    let answer = unsafe linux_lock_test(descriptor, position, 1, 1, &process)
    guard answer >= 0 else { throw BlockError(system: errno) }
    return answer == 0 ? nil : LockHolder(process: process > 0 ? process : nil)
  }
}

/// Another open file that holds a lock.
package struct LockHolder: Sendable, Equatable {
  /// The process that took the lock, where the kernel tells: not of locks that belong to an open file. Those are
  /// looked for with `processLocking`.
  package let process: Int64?
}
