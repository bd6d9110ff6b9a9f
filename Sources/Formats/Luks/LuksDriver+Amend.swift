// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Crypto
internal import Errors
internal import Host

extension LuksDriver: AmendingDriver {
  /// Claims writing of the file. The state comes first, since the claim follows from it.
  func prepareAmend(of node: Node, in graph: Graph) throws(BlockError) {
    keyUpdate = .updating
    do throws(BlockError) {
      try graph.refreshPermissions(of: node)
    } catch {
      keyUpdate = .none
      throw error
    }
  }

  func amend(_ request: AmendRequest, of node: Node, _ context: JobContext) throws(BlockError) {
    guard let file = node.file else { return }
    context.expect(1)
    let before = header
    let amendment = try LuksAmendment(
      request.options, secrets: request.secrets, slots: before.slotCount)
    guard let unlocked else {
      throw BlockError(.invalidArgument, "Parameter 'key-secret' is required for cipher")
    }
    let routine = LuksKeyRoutine(
      area: EdgeArea(edge: file), key: unlocked.key, passphrase: unlocked.passphrase, force: request.force)
    do throws(BlockError) {
      header = try routine.apply(amendment.change, to: before)
    } catch {
      // Part of the change may have arrived.
      if let present = try? LuksHeader(in: EdgeArea(edge: file)) { header = present }
      throw error
    }
    context.finish()
  }

  /// Gives the claim back; tries again where the graph did not follow the last time.
  func cleanUpAmend(of node: Node, in graph: Graph) throws(BlockError) {
    guard keyUpdate != .none else { return }
    keyUpdate = .releasing
    try graph.refreshPermissions(of: node)
    keyUpdate = .none
  }
}

/// Changes the keys of a header, wherever it lies. Does I/O alone: whoever calls it holds what that takes.
struct LuksKeyRoutine<Area: LuksArea> {
  let area: Area
  let key: LuksVolumeKey
  /// The secret that the disk was opened with.
  let passphrase: Secret
  /// Whether keys may go without which nobody here can open the disk.
  let force: Bool

  /// Makes a change; the header afterwards.
  func apply(_ change: LuksAmendment.Change, to header: LuksHeader) throws(BlockError) -> LuksHeader {
    switch change {
    case .add(let secret, let slot, let time):
      if let slot, force, header.activeSlots.contains(slot) {
        return try replace(slot, by: secret, time, in: header)
      }
      return try header.adding(secret, for: key, slot: slot, iterationTime: time, in: area)
    case .erase(let secret, let slot):
      let slots = try slotsToErase(secret, slot, header)
      if !force { try refuseLockout(slots, isBySecret: slot == nil, header) }
      return try header.erasing(slots, in: area)
    }
  }

  /// Puts another secret into an active slot. Where no other key is left meanwhile, the new one stands in a free
  /// slot first.
  private func replace(_ slot: Int, by secret: Secret, _ time: UInt64, in header: LuksHeader)
    throws(BlockError) -> LuksHeader
  {
    var present = header
    var bridge: Int?
    if header.activeSlots.count == 1 {
      let free = try header.firstFreeSlot()
      present = try present.adding(secret, for: key, slot: free, iterationTime: time, in: area)
      bridge = free
    }
    present = try present.erasing([slot], in: area)
    present = try present.adding(secret, for: key, slot: slot, iterationTime: time, in: area)
    if let bridge { present = try present.erasing([bridge], in: area) }
    return present
  }

  private func slotsToErase(_ secret: Secret?, _ slot: Int?, _ header: LuksHeader) throws(BlockError) -> [Int]
  {
    if let slot {
      guard header.activeSlots.contains(slot) else {
        throw BlockError(.notFound, "Given keyslot \(slot) is already erased (inactive) ")
      }
      if let secret, try header.slots(matching: secret, among: [slot], in: area).isEmpty {
        throw BlockError(
          .accessDenied,
          "Given keyslot \(slot) doesn't contain the given old password for erase operation")
      }
      return [slot]
    }
    guard let secret else { return [] }
    let matching = try header.slots(matching: secret, among: header.activeSlots, in: area)
    guard !matching.isEmpty else {
      throw BlockError(.accessDenied, "No keyslots match given (old) password for erase operation")
    }
    return matching
  }

  /// Refuses to erase the last key, or every key that the secret in hand opens.
  private func refuseLockout(_ slots: [Int], isBySecret: Bool, _ header: LuksHeader) throws(BlockError) {
    let hint = "Use --force to do it all the same."
    let left = header.activeSlots.filter { !slots.contains($0) }
    if left.isEmpty {
      let what =
        isBySecret
        ? "All the active keyslots match the (old) password that was given and erasing them"
        : "Attempt to erase the only active keyslot \(slots[0]) which"
      throw BlockError(
        .refused, "\(what) will erase all the data in the image irreversibly - refusing operation", hint: hint
      )
    }
    // The slot that opened the disk is the likeliest, and costs no key derivation.
    if left.contains(key.slot) { return }
    if try header.slots(matching: passphrase, among: left, in: area).isEmpty {
      throw BlockError(
        .refused,
        "Erasing keyslot \(slots.map(String.init).joined(separator: ", ")) would leave no key for the only "
          + "secret that is known here - refusing operation", hint: hint)
    }
  }
}
