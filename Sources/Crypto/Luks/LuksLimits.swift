// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The costs that a header may ask for: its numbers are not trusted, since the maker of the image chose them.
package struct LuksLimits: Sendable, Equatable {
  /// Iterations of PBKDF2 for one key.
  package var iterations: UInt64
  /// KiB of memory of Argon2.
  package var argonMemory: UInt64
  /// Passes times KiB of Argon2 for one key.
  package var argonWork: UInt64
  /// How many keys of the highest cost may be derived, one after the other, to find the one that a passphrase opens.
  package var keys: UInt64

  /// For images that their owner opens: two minutes for PBKDF2 on a processor of today, as much memory as cryptsetup
  /// takes, and 16 passes over all of it, about half a minute.
  package static let usual = LuksLimits(
    iterations: 200_000_000, argonMemory: 4 << 20, argonWork: 64 << 20, keys: 32)
  /// For images that nobody vouches for: the costs that tools choose by themselves, with room for slower machines than
  /// theirs; seconds for a key.
  package static let untrusted = LuksLimits(
    iterations: 20_000_000, argonMemory: 1 << 20, argonWork: 16 << 20, keys: 2)

  /// Bytes of the longest volume key: XTS with two keys of 256 bits, twice over for what is to come.
  package static let keyBytes = 128
  /// Threads of Argon2, as cryptsetup has it.
  package static let argonThreads: UInt64 = 4
  /// Bytes of the longest key material area: the longest key in the usual number of stripes, in whole blocks.
  package static let slotArea: UInt64 = 1 << 20
  /// Key material is split into so many stripes.
  package static let stripes: UInt64 = 4000
  /// Bytes of JSON text: thirty times what 32 keys take.
  static let metadataText = 1 << 20

  func check(iterations: UInt64, of owner: String) throws(BlockError) {
    guard iterations > 0 else { throw BlockError(.corrupt, "\(owner) iteration count is zero") }
    guard iterations <= self.iterations else {
      throw BlockError(
        .refused, "\(owner) iteration count \(iterations) is larger than the limit of \(self.iterations)")
    }
  }

  func checkArgon2(passes: UInt64, kibibytes: UInt64, threads: UInt64, of owner: String) throws(BlockError) {
    guard passes > 0, kibibytes > 0, threads > 0 else {
      throw BlockError(.corrupt, "\(owner) Argon2 cost is zero")
    }
    guard kibibytes <= argonMemory else {
      throw BlockError(
        .refused, "\(owner) Argon2 memory of \(kibibytes) KiB is larger than the limit of \(argonMemory) KiB")
    }
    guard passes <= argonWork / kibibytes else {
      throw BlockError(
        .refused,
        "\(owner) Argon2 work of \(passes) passes over \(kibibytes) KiB is larger than the limit of "
          + "\(argonWork) KiB")
    }
    guard threads <= LuksLimits.argonThreads else {
      throw BlockError(
        .refused,
        "\(owner) Argon2 thread count \(threads) is larger than the limit of \(LuksLimits.argonThreads)")
    }
  }

  /// Finds what is wrong with active slots that would make the whole search longer than it may be.
  func refuseExcess(in slots: inout [LuksKeySlot]) {
    var iterationsLeft = iterations.times(keys) ?? .max
    var workLeft = argonWork.times(keys) ?? .max
    for index in slots.indices where slots[index].isUsable {
      let slot = slots[index]
      var isWithin = true
      switch slot.derivation {
      case .pbkdf2(_, let iterations):
        isWithin = iterations <= iterationsLeft
        if isWithin { iterationsLeft -= iterations }
      case .argon2(_, let passes, let kibibytes, _):
        let work = passes.times(kibibytes) ?? .max
        isWithin = work <= workLeft
        if isWithin { workLeft -= work }
      case .other: break
      }
      if !isWithin {
        slots[index].flaw = BlockError(
          .refused, "Keyslot \(slot.number) would make the search for a key cost more than the limit")
      }
    }
  }

  /// Names in headers end up in messages and in the library: they are words.
  static func check(name: String, field: String) throws(BlockError) {
    let isWord =
      !name.isEmpty
      && name.utf8.allSatisfy {
        (0x30...0x3A).contains($0) || (0x61...0x7A).contains($0 | 0x20)
          || [0x28, 0x29, 0x2D, 0x2E, 0x5F].contains($0)
      }
    guard isWord else { throw BlockError(.corrupt, "LUKS \(field) is not a name") }
  }
}
