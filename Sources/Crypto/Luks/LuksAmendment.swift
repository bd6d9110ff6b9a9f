// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Host
package import Options

/// A change of keys, read from the options of `amend`.
package struct LuksAmendment {
  /// A change of keys.
  package enum Change {
    /// A new key, in this slot or the first free one.
    case add(Secret, slot: Int?, iterationTime: UInt64)
    /// Keys with this secret, or the one in this slot, or that if it has the secret, go.
    case erase(matching: Secret?, slot: Int?)
  }

  /// The change that the options ask for.
  package var change: Change

  /// Reads and checks the options.
  ///
  /// - Parameters:
  ///   - secret: gives the secret with an id; told whether it is to become a key.
  ///   - slots: how many slots there are.
  ///   - prefix: the text before each name where another format carries the header.
  /// - Throws: the defect of the options, or the reason why there is no such secret.
  package init(
    _ options: OptionObject, slots: Int, prefix: String = "",
    secret: (String, _ isNew: Bool) throws(BlockError) -> Secret
  ) throws(BlockError) {
    var reader = OptionReader(options)
    let state = try reader.string(prefix + "state")
    let newName = try reader.string(prefix + "new-secret")
    let oldName = try reader.string(prefix + "old-secret")
    let keyslot = try reader.number(prefix + "keyslot")
    let time = try reader.number(prefix + "iter-time")
    guard let state else { throw BlockError(.invalidArgument, "Parameter 'state' is missing") }
    guard ["active", "inactive"].contains(state) else {
      throw BlockError(.invalidArgument, "Parameter 'state' does not accept value '\(state)'")
    }
    if let keyslot, keyslot >= UInt64(slots) {
      throw BlockError(
        .invalidArgument,
        "Invalid keyslot \(Int64(bitPattern: keyslot)) specified, must be between 0 and \(slots - 1)")
    }
    let slot = keyslot.map { Int($0) }
    if state == "active" {
      guard let newName else {
        throw BlockError(.invalidArgument, "'new-secret' is required to activate a keyslot")
      }
      guard oldName == nil else {
        throw BlockError(.invalidArgument, "'old-secret' must not be given when activating keyslots")
      }
      change = .add(
        try secret(newName, true), slot: slot,
        iterationTime: time ?? LuksRecipe.defaultIterationTime)
    } else {
      guard newName == nil else {
        throw BlockError(.invalidArgument, "'new-secret' must not be given when erasing keyslots")
      }
      guard time == nil else {
        throw BlockError(.invalidArgument, "'iter-time' must not be given when erasing keyslots")
      }
      guard oldName != nil || slot != nil else {
        throw BlockError(
          .invalidArgument,
          "To erase keyslot(s), either explicit keyslot index or the password currently contained in them "
            + "must be given")
      }
      var old: Secret?
      if let oldName { old = try secret(oldName, false) }
      change = .erase(matching: old, slot: slot)
    }
  }

  /// The options that `amend` accepts.
  package static let list: OptionList = [
    OptionSpec(
      "state", .string, "Select new state of affected keyslots (active/inactive)",
      values: ["active", "inactive"]),
    OptionSpec("keyslot", .number, "Select a single keyslot to modify explicitly"),
    OptionSpec("old-secret", .string, "Select all keyslots that match this password"),
    OptionSpec("new-secret", .string, "New secret to set in the matching keyslots. Empty string to erase"),
    OptionSpec("iter-time", .number, "Time to spend in PBKDF in milliseconds"),
  ]
}
