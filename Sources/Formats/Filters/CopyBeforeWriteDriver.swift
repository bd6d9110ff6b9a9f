// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Lets each unit of the disk be copied before its first change.
final class CopyBeforeWriteDriver: FilterDriver, @unchecked Sendable {
  /// Bytes that are copied together where the target has no larger unit.
  static let leastUnit: UInt64 = 65536

  let name = "copy-before-write"
  /// The disk that is kept ends here.
  private let length: UInt64
  private let unit: UInt64
  private let rules: CopyBeforeWriteRules
  private let lock = ConditionLock()
  /// The units that the target has: 64 to a word, and words only where there are any.
  private var copied: [UInt64: UInt64] = [:]
  private var isBroken = false
  /// Copying keeps changes of the same units out.
  private let busy = BusyRanges()

  init(length: UInt64, unit: UInt64, _ rules: CopyBeforeWriteRules) {
    self.length = length
    self.unit = unit
    self.rules = rules
  }

  /// The image is read for copying, and nobody else changes it; the target is written by nobody else.
  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    guard !flags.contains(.inactive) else { return PermissionRequest(held: [], shared: .all) }
    guard slot != .target else {
      return PermissionRequest(held: .write, shared: [.consistentRead, .writeUnchanged, .graphMod])
    }
    var request = parents.derived(for: role, flags: flags)
    request.held.insert(.consistentRead)
    request.shared.subtract([.write, .resize])
    return request
  }

  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    if request.isChange { try copy(request.range.clamped(to: 0..<length), of: node) }
    try handOn()
  }

  /// Copies what the target does not have of a range, unit by unit.
  private func copy(_ range: Range<UInt64>, of node: Node) throws(BlockError) {
    guard !range.isEmpty else { return }
    let start = Clock.now
    for number in range.lowerBound / unit...(range.upperBound - 1) / unit {
      guard rules.marked?.contains(number) ?? true else { continue }
      let offset = number * unit
      try busy.run(offset..<min(offset + unit, length), alone: true) { () throws(BlockError) in
        guard lock.withLock({ !isBroken && copied[number / 64, default: 0] >> (number % 64) & 1 == 0 })
        else {
          return
        }
        do throws(BlockError) {
          try copyUnit(at: offset, length: min(unit, length - offset), of: node)
          lock.withLock { copied[number / 64, default: 0] |= 1 << (number % 64) }
          if rules.timeout > 0, Clock.now - start > Double(rules.timeout) { throw BlockError.timedOut }
        } catch {
          guard rules.failure == .breakSnapshot else { throw error }
          lock.withLock { isBroken = true }
        }
      }
    }
  }

  private func copyUnit(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard let image = node.filtered, let target = node.edge(.target) else {
      throw BlockError(.notFound, "node '\(node.name)' lacks a child")
    }
    let buffer = try image.read(at: offset, count: Int(length))
    if buffer.bytes.isZero {
      try target.writeZeroes(at: offset, length: length)
    } else {
      try target.write(at: offset, from: buffer.bytes)
    }
  }
}
