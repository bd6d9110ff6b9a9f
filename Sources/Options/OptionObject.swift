// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Named values in the order in which they were given; every name occurs once.
package struct OptionObject: Sendable {
  /// One named value.
  package struct Entry: Sendable, Equatable {
    /// The name.
    package var key: String
    /// The value.
    package var value: OptionTree

    /// Makes an entry from its parts.
    package init(key: String, value: OptionTree) {
      self.key = key
      self.value = value
    }
  }

  /// All entries, oldest first.
  package private(set) var entries: [Entry] = []
  /// Where each key stands; kept only for objects that are too large to search from the start.
  private var positions: [String: Int]?
  private static let searchable = 16

  /// Makes an object without entries.
  package init() {}

  /// How many entries there are.
  package var count: Int { entries.count }
  /// Whether there are no entries.
  package var isEmpty: Bool { entries.isEmpty }
  /// The names, in order.
  package var keys: [String] { entries.map(\.key) }

  /// The value of `key`; setting a new key appends it, setting nil removes it.
  package subscript(key: String) -> OptionTree? {
    get { position(of: key).map { entries[$0].value } }
    set {
      guard let newValue else {
        remove(key)
        return
      }
      if let position = position(of: key) {
        entries[position].value = newValue
      } else {
        entries.append(Entry(key: key, value: newValue))
        noteAppended(key)
      }
    }
  }

  /// Removes `key` and returns the value it had.
  @discardableResult
  package mutating func remove(_ key: String) -> OptionTree? {
    guard let position = position(of: key) else { return nil }
    let value = entries.remove(at: position).value
    positions = nil
    if entries.count > OptionObject.searchable { indexAll() }
    return value
  }

  private func position(of key: String) -> Int? {
    if let positions { return positions[key] }
    return entries.firstIndex { $0.key == key }
  }

  private mutating func noteAppended(_ key: String) {
    if positions != nil {
      positions?[key] = entries.count - 1
    } else if entries.count > OptionObject.searchable {
      indexAll()
    }
  }

  private mutating func indexAll() {
    var all: [String: Int] = [:]
    for (position, entry) in entries.enumerated() { all[entry.key] = position }
    positions = all
  }
}

extension OptionObject: Equatable {
  /// Whether both hold the same entries in the same order.
  package static func == (left: OptionObject, right: OptionObject) -> Bool { left.entries == right.entries }
}

extension OptionObject: ExpressibleByDictionaryLiteral {
  /// Makes an object from a literal; of equal keys the last one counts.
  package init(dictionaryLiteral elements: (String, OptionTree)...) {
    for (key, value) in elements { self[key] = value }
  }
}
