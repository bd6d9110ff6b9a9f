// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The role of a child for its parent.
package struct EdgeRole: OptionSet, Sendable, Hashable {
  /// The raw bits.
  package let rawValue: UInt8
  /// Makes a set from raw bits.
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Guest data lies in the child.
  package static let data = EdgeRole(rawValue: 1)
  /// The parent's own tables lie in the child.
  package static let metadata = EdgeRole(rawValue: 2)
  /// The parent shows exactly what the child holds.
  package static let filtered = EdgeRole(rawValue: 4)
  /// The child shows through where the parent has nothing (a backing file).
  package static let cow = EdgeRole(rawValue: 8)
  /// The child that stands for the parent's own storage.
  package static let primary = EdgeRole(rawValue: 16)
  /// A format's file: data, metadata and primary.
  package static let image: EdgeRole = [.data, .metadata, .primary]
  /// The role of a user's edge to the top of its graph.
  package static let root: EdgeRole = [.filtered, .primary]

  /// Whether the set makes sense for one edge: at least one of the first four, and `filtered` and `cow` alone among them.
  package var isValid: Bool {
    let kinds = intersection([.data, .metadata, .filtered, .cow])
    if kinds.isEmpty { return false }
    if kinds.contains(.filtered) || kinds.contains(.cow) { return kinds.rawValue.nonzeroBitCount == 1 }
    return true
  }

  /// The names of the bits, in their order.
  package var names: [String] {
    var names: [String] = []
    let all: [(EdgeRole, String)] = [
      (.data, "data"), (.metadata, "metadata"), (.filtered, "filtered"), (.cow, "cow"), (.primary, "primary"),
    ]
    for (role, name) in all where contains(role) { names.append(name) }
    return names
  }
}

/// The place that an edge takes among a parent's children: `file`, `backing`, `data-file`, or a driver's own.
package struct EdgeSlot: RawRepresentable, Hashable, Sendable {
  /// The name as users see it.
  package let rawValue: String
  /// Makes a slot from its name.
  package init(rawValue: String) { self.rawValue = rawValue }
  // Every request asks for its child: the generic comparison of raw values, which would serve, costs a tenth of a walk.
  package static func == (one: EdgeSlot, other: EdgeSlot) -> Bool { one.rawValue == other.rawValue }

  /// Where a format keeps itself.
  package static var file: EdgeSlot { EdgeSlot(rawValue: "file") }
  /// The image that shows through where this one has nothing.
  package static var backing: EdgeSlot { EdgeSlot(rawValue: "backing") }
  /// Where a format keeps guest data apart from its tables.
  package static var dataFile: EdgeSlot { EdgeSlot(rawValue: "data-file") }
  /// The edge of a user to the top of its graph.
  package static var root: EdgeSlot { EdgeSlot(rawValue: "root") }

  /// The slot of one element of a list: `extents.3`.
  package func element(_ index: Int) -> EdgeSlot { EdgeSlot(rawValue: "\(rawValue).\(index)") }

  /// The words for the place: `backing`, `data file`.
  package var words: String { rawValue.replacing("-", with: " ") }
  /// The words for a file that stands there: `backing file`, `data file`.
  package var fileWords: String { self == .dataFile ? words : words + " file" }
}
