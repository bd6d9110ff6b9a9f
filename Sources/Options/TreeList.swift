// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Values in order that are made one at a time when they are asked for: what an image lists may be more than memory
/// should hold as trees.
package struct TreeList: Sendable {
  /// How many values there are.
  package let count: Int
  private let value: @Sendable (Int) -> OptionTree

  /// A value for each element of `elements`, which stay as they are.
  package init<Element: Sendable>(
    _ elements: [Element], _ value: @escaping @Sendable (Element) -> OptionTree
  ) {
    count = elements.count
    self.value = { value(elements[$0]) }
  }

  /// The value at an index, made anew.
  package subscript(index: Int) -> OptionTree { value(index) }

  /// All values, made at once.
  package var array: [OptionTree] { (0..<count).map { value($0) } }
}
