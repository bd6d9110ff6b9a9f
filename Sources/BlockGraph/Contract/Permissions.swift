// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// What a user may do with a node, or tolerates that others do.
public struct Permissions: OptionSet, Sendable, Hashable {
  /// The raw bits; they are also the offsets of the byte locks that other programs see.
  public let rawValue: UInt8
  /// Makes a set from raw bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Reading, and relying on what is read to be one consistent state of the disk.
  public static let consistentRead = Permissions(rawValue: 1)
  /// Changing the content that readers see.
  public static let write = Permissions(rawValue: 2)
  /// Writing without changing the content that readers see.
  public static let writeUnchanged = Permissions(rawValue: 4)
  /// Changing the length.
  public static let resize = Permissions(rawValue: 8)
  /// Changing which nodes stand below.
  public static let graphMod = Permissions(rawValue: 16)
  /// Everything.
  public static let all = Permissions(rawValue: 31)

  /// What filters pass through: everything but changing the graph.
  public static let passThrough: Permissions = [.consistentRead, .write, .writeUnchanged, .resize]

  /// Each single permission with its name, in the order of the bits.
  public static let named: [(permission: Permissions, name: String)] = [
    (.consistentRead, "consistent read"), (.write, "write"), (.writeUnchanged, "write unchanged"),
    (.resize, "resize"), (.graphMod, "change children"),
  ]

  /// The names of the permissions in the set, in the order of the bits.
  public var names: [String] {
    var names: [String] = []
    for (permission, name) in Permissions.named where contains(permission) { names.append(name) }
    return names
  }
}

/// What one user of a node holds, and what it tolerates from all others.
public struct PermissionRequest: Sendable, Hashable {
  /// The permissions held.
  public var held: Permissions
  /// The permissions that other users may hold at the same time.
  public var shared: Permissions

  /// Makes a claim.
  public init(held: Permissions, shared: Permissions) {
    self.held = held
    self.shared = shared
  }

  /// The claim of somebody who wants nothing and tolerates everything.
  public static let none = PermissionRequest(held: [], shared: .all)
}
