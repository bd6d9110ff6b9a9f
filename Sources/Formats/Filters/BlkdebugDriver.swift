// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host
internal import Synchronization

/// Hands every request on to what lies below, unless a rule lets it fail.
final class BlkdebugDriver: FilterDriver {
  let name = "blkdebug"
  private let rules: Mutex<BlkdebugRules>
  private let asked: BlkdebugLimits
  private let permissions: BlkdebugPermissions

  init(_ rules: [BlkdebugRule], _ limits: BlkdebugLimits, _ permissions: BlkdebugPermissions) {
    self.rules = Mutex(BlkdebugRules(rules))
    asked = limits
    self.permissions = permissions
    note(.none)
  }

  func note(_ event: BlockEvent) { rules.withLock { $0.note(event) } }

  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    if let number = rules.withLock({ $0.failure(of: request) }) { throw BlockError(system: number) }
    try handOn()
  }

  /// Nobody is told what broken storage takes.
  func allocatedLength(of node: Node) -> UInt64? { nil }

  // MARK: Limits and permissions

  func limits(of node: Node) -> Limits { asked.applied(to: node.filtered?.child.limits ?? Limits()) }

  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    var request = parents.derived(for: role, flags: flags)
    guard !flags.contains(.inactive) else { return request }
    // A write that is padded past the end takes `resize`: the padding is cut off again.
    if asked.alignment > 1, request.held.contains(.write) { request.held.insert(.resize) }
    request.held.formUnion(permissions.taken)
    request.shared.subtract(permissions.unshared)
    return request
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    // Zeros that are not whole units are written as data.
    let unit = asked.zeroUnit
    guard offset.isMultiple(of: unit), length.isMultiple(of: unit) || offset + length == node.length else {
      return false
    }
    try asked.eachPiece(of: offset..<offset + length, atMost: asked.largestZero) {
      (piece) throws(BlockError) in
      let request = FilteredRequest(.writeZeroes, at: piece.lowerBound, length: UInt64(piece.count))
      try run(request, of: node) { () throws(BlockError) in
        _ = try below(node).zero(
          at: piece.lowerBound, length: UInt64(piece.count), mayUnmap: mayUnmap, unchanged: unchanged)
      }
    }
    return true
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    // A part of a unit is not discarded.
    guard let range = asked.wholeUnits(in: offset..<offset + length, end: node.length) else { return }
    try asked.eachPiece(of: range, atMost: asked.largestDiscard) { (piece) throws(BlockError) in
      let request = FilteredRequest(.discard, at: piece.lowerBound, length: UInt64(piece.count))
      try run(request, of: node) { () throws(BlockError) in
        try below(node).discard(at: piece.lowerBound, length: UInt64(piece.count))
      }
    }
  }
}
