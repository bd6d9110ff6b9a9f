// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A lock with a condition to wait for, from the C library: several times faster than the standard library's
/// mutex, which has no condition either.
@safe
package final class ConditionLock: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  /// Makes a lock that nobody holds.
  package init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Runs `body` with the lock held.
  @inline(__always)
  package func withLock<Result: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> Result)
    throws(Failure)
    -> Result
  {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Takes the lock; prefer `withLock`.
  package func lock() { unsafe pthread_mutex_lock(mutex) }

  /// Releases the lock.
  package func unlock() { unsafe pthread_mutex_unlock(mutex) }

  /// With the lock held: lets others run until somebody calls `notifyAll`. May return early.
  package func wait() { unsafe pthread_cond_wait(condition, mutex) }

  /// Wakes one of those who wait, if there are any.
  package func notify() { unsafe pthread_cond_signal(condition) }

  /// Wakes everyone who waits.
  package func notifyAll() { unsafe pthread_cond_broadcast(condition) }
}
