// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// Proof that an image's monitor is held, which guards everything in memory that changes.
///
/// What needs the monitor takes one of these; only `withHeld` makes them, and none can be kept.
struct Held: ~Copyable, ~Escapable {
  /// The node on whose behalf it is held.
  let node: Node
  private let monitor: Monitor

  @_lifetime(borrow monitor)
  fileprivate init(_ node: Node, _ monitor: borrowing Monitor) {
    self.node = node
    self.monitor = copy monitor
  }

  /// Lets others run until one of them calls `notifyAll`. May return early.
  func wait() { monitor.wait() }

  /// Wakes all who wait.
  func notifyAll() { monitor.notifyAll() }

  /// Runs `body` without the monitor: for what takes it by itself. Nothing that was looked at before need be so after.
  func released<Result>(_ body: () throws(BlockError) -> Result) throws(BlockError) -> Result {
    monitor.unlock()
    defer { monitor.lock() }
    return try body()
  }
}

extension Monitor {
  /// Runs `body` with the monitor held for a node.
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
