// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// Proof that an image's lock is held, which guards everything in memory that changes.
///
/// A function that needs the lock takes one of these; only `withHeld` makes them, and none can be kept.
struct Held: ~Copyable, ~Escapable {
  /// The node on whose behalf it is held.
  let node: Node
  private let lock: ConditionLock

  @_lifetime(borrow lock)
  fileprivate init(_ node: Node, _ lock: borrowing ConditionLock) {
    self.node = node
    self.lock = copy lock
  }

  /// Lets others run until one of them calls `notifyAll`. May return early.
  func wait() { lock.wait() }

  /// Wakes all who wait.
  func notifyAll() { lock.notifyAll() }

  /// Runs `body` without the lock: for what takes it by itself. Nothing that was looked at before need be so after.
  func released<Result>(_ body: () throws(BlockError) -> Result) throws(BlockError) -> Result {
    lock.unlock()
    defer { lock.lock() }
    return try body()
  }
}

extension ConditionLock {
  /// Runs `body` with the lock held for a node.
  @inline(__always)
  func withHeld<Result>(_ node: Node, _ body: (borrowing Held) throws(BlockError) -> Result)
    throws(BlockError) -> Result
  {
    lock()
    defer { unlock() }
    let held = Held(node, self)
    return try body(held)
  }

  /// The same for what cannot fail.
  @inline(__always)
  func withHeld<Result>(_ node: Node, _ body: (borrowing Held) -> Result) -> Result {
    lock()
    defer { unlock() }
    let held = Held(node, self)
    return body(held)
  }
}
