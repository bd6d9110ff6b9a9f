// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
package import Errors
internal import Host
package import Options

/// Limits of rates that all disks of a group share, as leaky buckets: requests fill them, the allowed rate leaks out,
/// and while a bucket is too full, requests wait.
package final class ThrottleGroup: RateLimiter, @unchecked Sendable {
  /// A quantity that is counted, such as `bps-read`.
  private struct Kind {
    var unit: String
    var direction: String
    var name: String { "\(unit)-\(direction)" }
  }

  private static let kinds = ["bps", "iops"].flatMap { unit in
    ["total", "read", "write"].map { Kind(unit: unit, direction: $0) }
  }

  /// The largest rate that there is.
  private static let largestRate: Int64 = 1_000_000_000_000_000

  private let lock = ConditionLock()
  private var buckets: [(kind: Kind, bucket: Bucket)] = []
  /// Bytes that count as one operation; 0 where an operation is one of any length.
  private let operationSize: UInt64

  /// The properties that a definition can have, without the prefix `x-`.
  package static let properties: [String] =
    (kinds.flatMap { [$0.name, $0.name + "-max", $0.name + "-max-length"] } + ["iops-size"])
    .sorted { $0 + "=" < $1 + "=" }

  /// Reads limits out of the properties `x-bps-total` and the like, or `limits.bps-total`; the reader keeps what is
  /// none.
  ///
  /// - Throws: kind `invalidArgument` for limits that make no sense.
  package init(takingFrom properties: inout OptionObject) throws(BlockError) {
    var values: [String: Int64] = [:]
    var limits = properties.remove("limits")?.object
    for name in ThrottleGroup.properties {
      let value = try ThrottleGroup.take("x-" + name, shownAs: "x-" + name, from: &properties)
      let inner = try limits.takeInteger(name)
      values[name] = value ?? inner
    }
    if let left = limits?.keys.first {
      throw BlockError(.invalidArgument, "Parameter 'limits.\(left)' is unexpected")
    }
    for kind in ThrottleGroup.kinds {
      let burst = values[kind.name + "-max-length"]
      let bucket = Bucket(
        rate: Double(values[kind.name] ?? 0), burst: Double(values[kind.name + "-max"] ?? 0),
        length: Double(burst ?? 1))
      try ThrottleGroup.refuse(bucket, hasLength: burst != nil)
      buckets.append((kind, bucket))
    }
    operationSize = UInt64(values["iops-size"] ?? 0)
    try refuseContradictions()
    buckets.removeAll { $0.bucket.rate == 0 }
  }

  private static func take(_ key: String, shownAs name: String, from object: inout OptionObject)
    throws(BlockError) -> Int64?
  {
    guard let text = try object.takeString(key) else { return nil }
    guard let value = Int64(text) else {
      throw BlockError(.invalidArgument, "Parameter '\(name)' expects integer")
    }
    if name.hasSuffix("-max-length") {
      guard (0...Int64(UInt32.max)).contains(value) else {
        throw BlockError(
          .invalidArgument, "\(name) value must be in therange [0, \(UInt32.max)]")
      }
    }
    guard value >= 0 else { throw BlockError(.invalidArgument, "Property values cannot be negative") }
    return value
  }

  private static func refuse(_ bucket: Bucket, hasLength: Bool) throws(BlockError) {
    let problem: String? =
      if bucket.rate > Double(largestRate) || bucket.burst > Double(largestRate) {
        "bps/iops/max values must be within [0, \(largestRate)]"
      } else if bucket.length == 0 {
        "the burst length cannot be 0"
      } else if bucket.length > 1, bucket.burst == 0 {
        "burst length set without burst rate"
      } else if bucket.burst > 0, bucket.rate == 0 {
        "bps_max/iops_max require corresponding bps/iops values"
      } else if bucket.burst > 0, bucket.burst < bucket.rate {
        "bps_max/iops_max cannot be lower than bps/iops"
      } else if bucket.burst * bucket.length > Double(largestRate) {
        "burst length too high for this burst rate"
      } else {
        nil
      }
    if let problem { throw BlockError(.invalidArgument, problem) }
  }

  private func refuseContradictions() throws(BlockError) {
    for unit in ["bps", "iops"] {
      let rates = buckets.filter { $0.kind.unit == unit }
      let isTotal = rates.contains { $0.kind.direction == "total" && $0.bucket.rate > 0 }
      if isTotal, rates.contains(where: { $0.kind.direction != "total" && $0.bucket.rate > 0 }) {
        throw BlockError(
          .invalidArgument,
          "bps/iops/max total values and read/write values cannot be used at the same time")
      }
    }
    if operationSize > 0, !buckets.contains(where: { $0.kind.unit == "iops" && $0.bucket.rate > 0 }) {
      throw BlockError(.invalidArgument, "iops size requires an iops value to be set")
    }
  }

  // MARK: Waiting

  /// Returns when one more request is due, or when the program is told to end.
  package func wait(length: UInt64, isWrite: Bool) {
    while let seconds = enter(length: length, isWrite: isWrite), Signals.terminating == nil {
      // A signal wakes one thread only.
      Clock.sleep(seconds: min(seconds, 0.1))
    }
  }

  /// Counts a request, or says how long it has to wait.
  private func enter(length: UInt64, isWrite: Bool) -> Double? {
    lock.withLock {
      let now = Clock.now
      let direction = isWrite ? "write" : "read"
      let counted = buckets.indices.filter {
        buckets[$0].kind.direction == "total" || buckets[$0].kind.direction == direction
      }
      var wait = 0.0
      for index in counted {
        buckets[index].bucket.leak(until: now)
        wait = max(wait, buckets[index].bucket.wait)
      }
      guard wait <= 0 else { return wait }
      for index in counted {
        buckets[index].bucket.add(buckets[index].kind.unit == "bps" ? Double(length) : operations(length))
      }
      return nil
    }
  }

  private func operations(_ length: UInt64) -> Double {
    operationSize == 0 ? 1 : max(1, Double(length) / Double(operationSize))
  }
}

/// A bucket that leaks at a rate.
private struct Bucket {
  /// The amount that leaks out in a second; 0 for a bucket that is never full.
  var rate: Double
  /// The amount that may go in in a second for a while; 0 for no more than the rate.
  var burst: Double
  /// How many seconds that may go on.
  var length: Double

  private var level = 0.0
  private var burstLevel = 0.0
  private var time = Clock.now

  init(rate: Double, burst: Double, length: Double) {
    (self.rate, self.burst, self.length) = (rate, burst, length)
  }

  mutating func leak(until now: Double) {
    level = max(0, level - rate * (now - time))
    burstLevel = max(0, burstLevel - burst * (now - time))
    time = now
  }

  mutating func add(_ amount: Double) {
    level += amount
    burstLevel += amount
  }

  /// Seconds until there is room: a tenth of a second's worth more than the bucket holds may be in it.
  var wait: Double {
    guard rate > 0 else { return 0 }
    let excess = level - (burst > 0 ? burst * length : rate / 10)
    if excess > 0 { return excess / rate }
    guard burst > 0, length > 1 else { return 0 }
    return max(0, (burstLevel - burst / 10) / burst)
  }
}

extension Optional where Wrapped == OptionObject {
  /// Takes a whole number out of the group `limits`.
  fileprivate mutating func takeInteger(_ name: String) throws(BlockError) -> Int64? {
    guard let text = try self?.takeString(name) else { return nil }
    guard let value = Int64(text) else {
      throw BlockError(.invalidArgument, "Parameter 'limits.\(name)' expects integer")
    }
    guard value >= 0 else { throw BlockError(.invalidArgument, "Property values cannot be negative") }
    return value
  }
}
