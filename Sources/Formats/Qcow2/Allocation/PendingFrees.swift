// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Host clusters whose references are to be counted down, in the order noted.
struct PendingFrees {
  /// Why space is given back; decides whether the storage hears of it.
  enum Reason: Sendable, Equatable {
    /// The guest said so.
    case request
    /// The disk does not reach there any more.
    case cut
    /// A write failed whose place it was to be: the tables may need the room.
    case failedWrite
    /// A state of the disk is gone.
    case snapshot
    /// Anything else.
    case other
    /// The header still points to tables that use it: the storage must not hear of it before that changes.
    case later
  }

  /// Neighbouring clusters with fewer references.
  struct Entry {
    var clusters: Range<UInt64>
    var reason: Reason
    /// How many references less.
    var count: UInt64
  }

  /// The first `done` of them have been taken.
  private var entries: [Entry] = []
  private var done = 0
  /// More than this many are worked off before more are noted.
  static let limit = 4096

  var isEmpty: Bool { done == entries.count }
  var isFull: Bool { entries.count - done >= PendingFrees.limit }

  /// Notes a run of clusters.
  mutating func add(_ clusters: Range<UInt64>, _ reason: Reason, count: UInt64 = 1) {
    if !isEmpty, let last = entries.last, last.reason == reason, last.count == count,
      last.clusters.upperBound == clusters.lowerBound
    {
      entries[entries.count - 1].clusters = last.clusters.lowerBound..<clusters.upperBound
    } else {
      entries.append(Entry(clusters: clusters, reason: reason, count: count))
    }
  }

  /// Takes what was noted first.
  mutating func takeFirst() -> Entry? {
    guard !isEmpty else {
      self = PendingFrees()
      return nil
    }
    defer { done += 1 }
    return entries[done]
  }

  /// Puts back what is left of the entry that was just taken.
  mutating func putBack(_ entry: Entry) {
    done -= 1
    entries[done] = entry
  }
}
