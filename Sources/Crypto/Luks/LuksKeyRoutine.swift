// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Host

/// Changes the keys of a header, wherever it lies. Does I/O alone: the caller holds the permissions for it.
package struct LuksKeyRoutine<Area: LuksArea> {
  private let area: Area
  private let key: LuksVolumeKey
  /// The secret that the disk was opened with.
  private let passphrase: Secret
  /// Others that the user has at hand; nil where it is enough that some key stays.
  private let others: [Secret]?
  /// Whether keys may go without which nobody here can open the disk.
  private let force: Bool

  /// - Parameters:
  ///   - key: the volume key, as the disk was opened with it.
  ///   - passphrase: the secret that the disk was opened with.
  ///   - others: secrets that the user has at hand besides, one of which has to open a key that stays; nil where it
  ///     is enough that some key stays.
  ///   - force: whether keys may go without which nobody here can open the disk.
  package init(area: Area, key: LuksVolumeKey, passphrase: Secret, others: [Secret]?, force: Bool) {
    self.area = area
    self.key = key
    self.passphrase = passphrase
    self.others = others
    self.force = force
  }

  /// Makes a change; the header afterwards.
  ///
  /// - Throws: kind `refused` where nothing but `force` would do; the advice says so.
  package func apply(_ change: LuksAmendment.Change, to header: LuksHeader) throws(BlockError) -> LuksHeader {
    switch change {
    case .add(let secret, let slot, let time):
      if let slot, force, header.activeSlots.contains(slot) {
        return try replace(slot, by: secret, time, in: header)
      }
      return try header.adding(secret, for: key, slot: slot, iterationTime: time, in: area)
    case .erase(let secret, let slot):
      let slots = try slotsToErase(secret, slot, header)
      if slots.isEmpty { return header }
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
        // By force, it is enough that the key is gone.
        if force { return [] }
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

  /// Refuses to erase the last key that can be used, or every key that the secrets at hand open.
  private func refuseLockout(_ slots: [Int], isBySecret: Bool, _ header: LuksHeader) throws(BlockError) {
    let advice: Advice = "Use --force to do it all the same."
    let left = header.usableSlots.filter { !slots.contains($0) }
    if left.isEmpty {
      let what =
        isBySecret
        ? "All the active keyslots match the (old) password that was given and erasing them"
        : "Attempt to erase the only active keyslot \(slots[0]) which"
      throw BlockError(
        .refused, "\(what) will erase all the data in the image irreversibly - refusing operation",
        advice: advice)
    }
    guard let others else { return }
    // The slot that opened the disk is the likeliest, and costs no key derivation.
    if left.contains(key.slot) { return }
    for secret in [passphrase] + others {
      if try !header.slots(matching: secret, among: left, in: area).isEmpty { return }
    }
    throw BlockError(
      .refused,
      "Erasing keyslot \(slots.map(String.init).joined(separator: ", ")) would leave no key for the only "
        + "secret that is known here - refusing operation", advice: advice)
  }
}
