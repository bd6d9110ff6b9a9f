// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// What reached a storage, in order, so that it can be looked at as a crash would leave it at any moment.
package struct StorageHistory: Sendable {
  /// One thing that happened.
  enum Event: Sendable {
    /// Bytes came to stand at an offset.
    case bytes(offset: UInt64, [UInt8])
    /// The length was set.
    case length(UInt64)
    /// Everything so far is safe.
    case flush
  }

  /// Which changes a crash keeps of those since the last flush.
  package enum Loss: Sendable, CaseIterable {
    /// All: the program was killed, the machine goes on.
    case nothing
    /// None.
    case everything
    /// Some, each as a whole.
    case someChanges
    /// Some sectors of some.
    case someSectors
  }

  /// What was there at first.
  let start: [UInt8]
  private(set) var events: [Event] = []

  init(_ start: [UInt8]) { self.start = start }

  /// Moments at which a crash may come.
  package var count: Int { events.count }

  mutating func add(_ event: Event) { events.append(event) }

  /// Calls `body` with what a crash leaves at each moment, with each kind of loss.
  package func forEachLoss(
    seed: UInt64, _ body: (_ moment: Int, _ loss: Loss, _ bytes: [UInt8]) throws -> Void
  )
    rethrows
  {
    var numbers = SeededNumbers(seed: seed)
    for moment in 0...count {
      for loss in Loss.allCases { try body(moment, loss, bytes(after: moment, losing: loss, &numbers)) }
    }
  }

  /// The bytes that a crash leaves behind the first `moment` events.
  package func bytes(after moment: Int, losing loss: Loss, _ random: inout SeededNumbers) -> [UInt8] {
    let past = events.prefix(moment)
    let flushed =
      past.lastIndex {
        if case .flush = $0 { return true }
        return false
      } ?? 0
    var disk = Disk(bytes: start)
    for event in past[..<flushed] { disk.take(event) }
    for event in past[flushed...] {
      switch loss {
      case .nothing: disk.take(event)
      case .everything: break
      case .someChanges: if Bool.random(using: &random) { disk.take(event) }
      case .someSectors: disk.takeSectors(of: event, &random)
      }
    }
    return disk.bytes
  }

  /// One change, and what it may rely on.
  package struct Step: Sendable {
    /// Its place in the order of what happened.
    package let number: Int
    /// The bytes that are safe when it comes.
    package let safe: [UInt8]
    /// The safe bytes with nothing changed but by this.
    package let alone: [UInt8]
    /// The bytes after it and all that came before.
    package let after: [UInt8]
  }

  /// Calls `body` with each change in order.
  package func forEachStep(_ body: (Step) throws -> Void) rethrows {
    var all = Disk(bytes: start)
    var safe = start
    for (number, event) in events.enumerated() {
      if case .flush = event {
        safe = all.bytes
        continue
      }
      all.take(event)
      var alone = Disk(bytes: safe)
      alone.take(event)
      try body(Step(number: number, safe: safe, alone: alone.bytes, after: all.bytes))
    }
  }

  private struct Disk {
    var bytes: [UInt8]

    mutating func take(_ event: Event) {
      switch event {
      case .bytes(let offset, let new): put(new[...], at: Int(offset))
      case .length(let length): setLength(Int(length))
      case .flush: break
      }
    }

    /// Writes reach a disk in pieces.
    mutating func takeSectors(of event: Event, _ random: inout SeededNumbers) {
      guard case .bytes(let offset, let new) = event else {
        if Bool.random(using: &random) { take(event) }
        return
      }
      var start = 0
      while start < new.count {
        let place = Int(offset) + start
        let end = min(start + 512 - place % 512, new.count)
        if Bool.random(using: &random) { put(new[start..<end], at: place) }
        start = end
      }
    }

    private mutating func setLength(_ length: Int) {
      if length < bytes.count {
        bytes.removeLast(bytes.count - length)
      } else {
        bytes += [UInt8](repeating: 0, count: length - bytes.count)
      }
    }

    private mutating func put(_ new: ArraySlice<UInt8>, at offset: Int) {
      if offset + new.count > bytes.count { setLength(offset + new.count) }
      bytes.put(Array(new), at: offset)
    }
  }
}
