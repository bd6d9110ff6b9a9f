// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// A value with structure: what `json:` names and `--image-opts` say, and what JSON output is made of.
///
/// Values from `key=value` lists are strings; values from JSON have the type they were written with.
package indirect enum OptionTree: Sendable {
  /// JSON's null.
  case null
  /// True or false.
  case bool(Bool)
  /// A whole number that fits 64 bits with a sign.
  case integer(Int64)
  /// A whole number that only fits 64 bits without a sign.
  case unsigned(UInt64)
  /// Any other number; finite.
  case real(Double)
  /// Text.
  case string(String)
  /// Values in order.
  case array([OptionTree])
  /// Values in order that are made when they are asked for; as good as an array of them.
  case list(TreeList)
  /// Named values in order.
  case object(OptionObject)

  /// A whole number in the case that the parser would give it.
  package init(_ number: UInt64) {
    if let small = Int64(exactly: number) { self = .integer(small) } else { self = .unsigned(number) }
  }

  /// The text, where the value is text.
  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The truth value, where the value is one.
  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The number, where the value is a whole number from 0 to 2^64 - 1.
  package var unsigned: UInt64? {
    switch self {
    case .integer(let value): UInt64(exactly: value)
    case .unsigned(let value): value
    default: nil
    }
  }

  /// The elements, where the value is an array.
  package var array: [OptionTree]? {
    switch self {
    case .array(let value): value
    case .list(let list): list.array
    default: nil
    }
  }

  /// The named values, where the value is an object.
  package var object: OptionObject? {
    if case .object(let value) = self { value } else { nil }
  }
}

extension OptionTree: Equatable {
  /// Whether two values are the same; a list is the array that it makes.
  package static func == (one: OptionTree, other: OptionTree) -> Bool {
    switch (one, other) {
    case (.null, .null): true
    case (.bool(let one), .bool(let other)): one == other
    case (.integer(let one), .integer(let other)): one == other
    case (.unsigned(let one), .unsigned(let other)): one == other
    case (.real(let one), .real(let other)): one == other
    case (.string(let one), .string(let other)): one == other
    case (.object(let one), .object(let other)): one == other
    case (.array, .array), (.array, .list), (.list, .array), (.list, .list): one.array == other.array
    default: false
    }
  }
}

extension OptionTree: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// Makes text.
  package init(stringLiteral value: String) { self = .string(value) }
  /// Makes a truth value.
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  /// Makes a whole number.
  package init(integerLiteral value: Int64) { self = .integer(value) }
  /// Makes an array.
  package init(arrayLiteral elements: OptionTree...) { self = .array(elements) }
  /// Makes an object; of equal keys the last one counts.
  package init(dictionaryLiteral elements: (String, OptionTree)...) {
    var object = OptionObject()
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
}
