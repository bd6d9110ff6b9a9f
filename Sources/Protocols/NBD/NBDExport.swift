// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host
internal import Synchronization

/// How long to try again where there is no connection.
struct NBDPatience: Sendable {
  /// Seconds that opening waits for a server; 0 for one attempt.
  var opening: Double = 0
  /// Seconds that requests wait for another connection where one is lost; 0 for none.
  var reconnecting: Double = 0
}

/// An export of a server, over one connection after the other: what a lost connection leaves without an answer is sent
/// again over the next one, where the user is willing to wait for that. All that is sent may come twice: it says what
/// shall be, not what shall change.
final class NBDExport: Sendable {
  /// What holds for the first connection, and for all that follow.
  let facts: NBDFacts
  private let target: NBDTarget
  private let patience: NBDPatience
  private let current: Mutex<Link>
  /// Held while a lost connection is replaced.
  private let replacing = ConditionLock()

  private struct Link: Sendable {
    var connection: NBDConnection
    /// Once it is lost: when nobody waits for another one any more.
    var deadline: Double?
  }

  /// Connects to the server.
  ///
  /// - Throws: as `NBDConnection` does, of the last attempt.
  init(_ target: NBDTarget, _ patience: NBDPatience) throws(BlockError) {
    let connection = try NBDExport.connect(target, NBDPauses(until: Clock.now + patience.opening))
    facts = connection.facts
    self.target = target
    self.patience = patience
    current = Mutex(Link(connection: connection))
  }

  private static func connect(_ target: NBDTarget, _ pauses: NBDPauses) throws(BlockError) -> NBDConnection {
    var pauses = pauses
    // Without the library, waiting is in vain.
    _ = try LibNBD.shared()
    while true {
      do throws(BlockError) {
        return try NBDConnection(target)
      } catch {
        guard pauses.wait() else { throw error }
      }
    }
  }

  private var connection: NBDConnection { current.withLock { $0.connection } }

  /// Whether the server makes ranges read as zero, as far as is known.
  var canZero: Bool { connection.canZero }
  /// Whether the server tells where there is data, as far as is known.
  var knowsStatus: Bool { connection.knowsStatus }

  /// Whether the connection has ended, and nobody waits for another one.
  var isLost: Bool {
    let link = current.withLock { $0 }
    guard link.connection.isLost else { return false }
    return patience.reconnecting == 0 || link.deadline.map { $0 <= Clock.now } == true
  }

  // MARK: Commands

  /// As the connection's, and all that follow.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    var (connection, deadline) = (connection, Double?.none)
    while true {
      do throws(BlockError) {
        return try connection.read(at: offset, into: &buffer)
      } catch {
        connection = try replacement(for: connection, lostBy: error, &deadline)
      }
    }
  }

  func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    var (connection, deadline) = (connection, Double?.none)
    while true {
      do throws(BlockError) {
        return try connection.write(at: offset, from: data)
      } catch {
        connection = try replacement(for: connection, lostBy: error, &deadline)
      }
    }
  }

  func flush() throws(BlockError) {
    try send { (connection) throws(BlockError) in try connection.flush() }
  }

  func zero(at offset: UInt64, length: UInt64, keepsSpace: Bool) throws(BlockError) -> Bool {
    try send { (connection) throws(BlockError) in
      try connection.zero(at: offset, length: length, keepsSpace: keepsSpace)
    }
  }

  func trim(at offset: UInt64, length: UInt64) throws(BlockError) -> Bool {
    try send { (connection) throws(BlockError) in try connection.trim(at: offset, length: length) }
  }

  func status(at offset: UInt64, length: UInt64) throws(BlockError) -> [NBDStretch]? {
    try send { (connection) throws(BlockError) in try connection.status(at: offset, length: length) }
  }

  private func send<Answer>(_ command: (NBDConnection) throws(BlockError) -> Answer) throws(BlockError)
    -> Answer
  {
    var (connection, deadline) = (connection, Double?.none)
    while true {
      do throws(BlockError) {
        return try command(connection)
      } catch {
        connection = try replacement(for: connection, lostBy: error, &deadline)
      }
    }
  }

  // MARK: Reconnecting

  /// The connection to send a request over that failed with `error`.
  ///
  /// - Parameter deadline: when the request waits no longer, once it has been lost.
  /// - Throws: the error, where it is the server's answer or there is no other connection in time.
  private func replacement(for lost: NBDConnection, lostBy error: BlockError, _ deadline: inout Double?)
    throws(BlockError) -> NBDConnection
  {
    guard patience.reconnecting > 0, lost.isLost else { throw error }
    let limit = deadline ?? Clock.now + patience.reconnecting
    deadline = limit
    guard let next = replacing.withLock({ replace(lost, until: limit) }) else { throw error }
    return next
  }

  /// Connects anew, unless another request has done so already; nil where that does not come about in time.
  private func replace(_ lost: NBDConnection, until limit: Double) -> NBDConnection? {
    let link = current.withLock { $0 }
    guard link.connection === lost else { return link.connection }
    let end = min(limit, link.deadline ?? limit)
    current.withLock { $0.deadline = end }
    var pauses = NBDPauses(until: end)
    // Waiting comes first: a server that goes at each request is not to be asked all the time.
    while pauses.wait() {
      guard let next = try? NBDConnection(target), next.facts.keep(facts) else { continue }
      current.withLock { $0 = Link(connection: next) }
      return next
    }
    return nil
  }
}

/// The pauses between attempts, which become longer, up to some moment.
private struct NBDPauses {
  private let end: Double
  private var next = 0.1

  init(until end: Double) { self.end = end }

  /// Waits until it is time for another attempt; false where there shall be none any more.
  mutating func wait() -> Bool {
    let rest = end - Clock.now
    guard rest > 0, Signals.terminating == nil else { return false }
    Clock.sleep(seconds: min(next, rest))
    next = min(2 * next, 1)
    return Signals.terminating == nil
  }
}
