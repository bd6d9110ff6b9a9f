// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Host

/// Counts a node's requests in flight and keeps new ones out while the node is drained.
///
/// No lock is held while a request runs, nor while draining waits for requests to end.
final class RequestGate: @unchecked Sendable {
  private let lock = ConditionLock()
  private var inFlight = 0
  private var drained = 0
  private var owner: UInt = 0

  /// Waits until the node takes requests, then counts one. The thread that drained the node may pass: jobs
  /// flush and read tables in the middle of a change.
  func enter() {
    lock.lock()
    while drained > 0 && owner != Threads.current { lock.wait() }
    inFlight += 1
    lock.unlock()
  }

  func leave() {
    lock.lock()
    inFlight -= 1
    if inFlight == 0 && drained > 0 { lock.notifyAll() }
    lock.unlock()
  }

  /// Keeps new requests out and waits for those in flight; nests.
  func drainBegin() {
    lock.lock()
    drained += 1
    owner = Threads.current
    while inFlight > 0 { lock.wait() }
    lock.unlock()
  }

  func drainEnd() {
    lock.lock()
    precondition(drained > 0, "drained section ended twice")
    drained -= 1
    if drained == 0 { lock.notifyAll() }
    lock.unlock()
  }

  var isDrained: Bool { lock.withLock { drained > 0 } }
  var requestsInFlight: Int { lock.withLock { inFlight } }
}
