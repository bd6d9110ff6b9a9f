// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// A child that users name in an option of its own, besides or instead of the file.
package struct ChildOption: Sendable {
  /// The option, which is the child's slot, too. Of a list, slots are `children.0`, `children.1` and so on.
  package var slot: EdgeSlot
  /// The role of the child for the node.
  package var role: EdgeRole
  /// Whether the node cannot do without.
  package var isRequired: Bool
  /// Whether storage is meant where no driver is stated. Where not, a driver or a file has to be stated.
  package var isStorage: Bool
  /// Whether there may be any number of it.
  package var isList: Bool
  /// The first words of messages when it cannot be opened.
  package var failure: String?

  /// Makes an option for storage that may be left out.
  package init(
    _ slot: EdgeSlot, role: EdgeRole, isRequired: Bool = false, isStorage: Bool = true, isList: Bool = false,
    failure: String? = nil
  ) {
    self.slot = slot
    self.role = role
    self.isRequired = isRequired
    self.isStorage = isStorage
    self.isList = isList
    self.failure = failure
  }
}
