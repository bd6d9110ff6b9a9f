// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
package import Host

/// Proof that an image's lock is held, which guards everything in memory that changes.
///
/// A function that needs the lock takes one of these; only `withHeld` makes them, and none can be kept.
@safe
package struct Held: ~Copyable, ~Escapable {
  // `withHeld` has both for longer than any of these lives. To retain them would take as long as the lock does, where
  // its caller is in another module.
  private unowned(unsafe) let owner: Node
  private unowned(unsafe) let lock: ConditionLock

  @_lifetime(borrow lock)
  fileprivate init(_ node: Node, _ lock: borrowing ConditionLock) {
    unsafe owner = node
    unsafe self.lock = copy lock
  }

  /// The node on whose behalf it is held.
  package var node: Node { unsafe owner }

  /// Lets others run until one of them calls `notifyAll`. May return early.
  package func wait() { unsafe lock.wait() }

  /// Wakes all who wait.
  package func notifyAll() { unsafe lock.notifyAll() }

  /// Runs `body` without the lock: for what takes it by itself. Nothing that was looked at before need be so after.
  package func released<Result>(_ body: () throws(BlockError) -> Result) throws(BlockError) -> Result {
    unsafe lock.unlock()
    defer { unsafe lock.lock() }
    return try body()
  }
}

extension ConditionLock {
  /// Runs `body` with the lock held for a node.
  @inline(__always)
  package func withHeld<Result>(_ node: Node, _ body: (borrowing Held) throws(BlockError) -> Result)
    throws(BlockError) -> Result
  {
    lock()
    defer { unlock() }
    let held = Held(node, self)
    return try body(held)
  }

  /// The same for what cannot fail.
  @inline(__always)
  package func withHeld<Result>(_ node: Node, _ body: (borrowing Held) -> Result) -> Result {
    lock()
    defer { unlock() }
    let held = Held(node, self)
    return body(held)
  }
}
