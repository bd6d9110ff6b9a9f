// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// The limits that a node pretends to have; 0 for those of the node below.
struct BlkdebugLimits {
  private(set) var alignment: UInt64 = 0
  private var largestTransfer: UInt64 = 0
  private var bestZero: UInt64 = 0
  private(set) var largestZero: UInt64 = 0
  private var bestDiscard: UInt64 = 0
  private(set) var largestDiscard: UInt64 = 0

  /// The least that is no limit any more, since `qemu-img` counts in 31 bits.
  private static let end: UInt64 = (1 << 31) - 1

  /// - Parameter least: the alignment that the node below asks for in any case.
  /// - Throws: kind `invalidArgument` for values that contradict each other.
  init(takingFrom options: inout OptionObject, least: UInt64) throws(BlockError) {
    func take(_ name: String, unit: UInt64, fits: (UInt64) -> Bool = { _ in true }) throws(BlockError)
      -> UInt64
    {
      let value = try options.takeSize(name) ?? 0
      guard value == 0 || (value < BlkdebugLimits.end && value.isMultiple(of: unit) && fits(value))
      else {
        throw BlockError(.invalidArgument, "Cannot meet constraints with \(name) \(value)")
      }
      return value
    }
    alignment = try take("align", unit: 1) { $0 & ($0 - 1) == 0 }
    let unit = max(alignment, least, 1)
    largestTransfer = try take("max-transfer", unit: unit)
    bestZero = try take("opt-write-zero", unit: unit)
    largestZero = try take("max-write-zero", unit: max(bestZero, unit))
    bestDiscard = try take("opt-discard", unit: unit)
    largestDiscard = try take("max-discard", unit: max(bestDiscard, unit))
  }

  /// These limits, with those below where there are none.
  func applied(to below: Limits) -> Limits {
    var limits = below
    if alignment > 0 { limits.requestAlignment = alignment }
    if largestTransfer > 0 { limits.maximumTransfer = min(largestTransfer, limits.maximumTransfer) }
    return limits
  }

  /// Zeroed ranges have to be multiples of this, in bytes.
  var zeroUnit: UInt64 { max(bestZero, 1) }

  /// The whole units inside a range that are discarded; the last one may end with the disk, at `end`.
  func wholeUnits(in range: Range<UInt64>, end: UInt64) -> Range<UInt64>? {
    let unit = max(bestDiscard, 1)
    guard let start = range.lowerBound.dividedUp(by: unit).times(unit) else { return nil }
    let stop = range.upperBound == end ? end : range.upperBound / unit * unit
    return start < stop ? start..<stop : nil
  }

  /// Calls `body` with pieces of a range, each at most `largest` bytes, without a limit where that is 0.
  func eachPiece(
    of range: Range<UInt64>, atMost largest: UInt64, _ body: (Range<UInt64>) throws(BlockError) -> Void
  ) throws(BlockError) {
    var start = range.lowerBound
    while start < range.upperBound {
      let end = largest == 0 ? range.upperBound : min(start + largest, range.upperBound)
      try body(start..<end)
      start = end
    }
  }
}

/// The permissions that a node holds or does not share below, beyond those that it needs.
struct BlkdebugPermissions {
  private(set) var taken: Permissions = []
  private(set) var unshared: Permissions = []

  /// - Throws: kind `invalidArgument` for a permission that there is not.
  init(takingFrom options: inout OptionObject) throws(BlockError) {
    taken = try BlkdebugPermissions.take("take-child-perms", from: &options)
    unshared = try BlkdebugPermissions.take("unshare-child-perms", from: &options)
  }

  private static func take(_ name: String, from options: inout OptionObject) throws(BlockError) -> Permissions
  {
    guard case .array(let elements) = options[name] else { return [] }
    options[name] = nil
    var result: Permissions = []
    for element in elements {
      switch element.string {
      case "consistent-read": result.insert(.consistentRead)
      case "write": result.insert(.write)
      case "write-unchanged": result.insert(.writeUnchanged)
      case "resize": result.insert(.resize)
      case let other:
        throw BlockError(
          .invalidArgument, "Parameter '\(name)' does not accept value '\(other ?? "null")'")
      }
    }
    return result
  }
}
