// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The things that a user may do with a node, or tolerates that others do.
package struct Permissions: OptionSet, Sendable, Hashable {
  /// The raw bits; they are also the offsets of the byte locks that other programs see.
  package let rawValue: UInt8
  /// Makes a set from raw bits.
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Reading, and relying on what is read to be one consistent state of the disk.
  package static let consistentRead = Permissions(rawValue: 1)
  /// Changing the content that readers see.
  package static let write = Permissions(rawValue: 2)
  /// Writing without changing the content that readers see.
  package static let writeUnchanged = Permissions(rawValue: 4)
  /// Changing the length.
  package static let resize = Permissions(rawValue: 8)
  /// Changing which nodes stand below.
  package static let graphMod = Permissions(rawValue: 16)
  /// Everything.
  package static let all = Permissions(rawValue: 31)

  /// The permissions that filters pass through: everything but changing the graph.
  package static let passThrough: Permissions = [.consistentRead, .write, .writeUnchanged, .resize]

  /// Each single permission with its name, in the order of the bits.
  package static let named: [(permission: Permissions, name: String)] = [
    (.consistentRead, "consistent read"), (.write, "write"), (.writeUnchanged, "write unchanged"),
    (.resize, "resize"), (.graphMod, "change children"),
  ]

  /// The names of the permissions in the set, in the order of the bits.
  package var names: [String] {
    var names: [String] = []
    for (permission, name) in Permissions.named where contains(permission) { names.append(name) }
    return names
  }
}

/// The permissions that one user of a node holds, and those that it tolerates for all others.
package struct PermissionRequest: Sendable, Hashable {
  /// The permissions held.
  package var held: Permissions
  /// The permissions that other users may hold at the same time.
  package var shared: Permissions

  /// Makes a request.
  package init(held: Permissions, shared: Permissions) {
    self.held = held
    self.shared = shared
  }

  /// The request of a user that wants nothing and tolerates everything.
  package static let none = PermissionRequest(held: [], shared: .all)
}
