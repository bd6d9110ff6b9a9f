// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// Takes values out of an object by name and type, so that at the end what nobody knows is left.
///
/// Values may have JSON's types or be text as on the command line; null counts as not given, except to `tree`.
package struct OptionReader: Sendable {
  /// The values that have not been taken yet.
  package private(set) var rest: OptionObject

  /// Makes a reader of all values of `object`.
  package init(_ object: OptionObject) { rest = object }

  /// Takes the value of `name` as it is.
  package mutating func tree(_ name: String) -> OptionTree? { rest.remove(name) }

  /// Takes a truth value.
  package mutating func bool(_ name: String) throws(BlockError) -> Bool? {
    switch rest.remove(name) {
    case nil, .null: return nil
    case .bool(let value): return value
    case .string(let text): return try ValueText.bool(text, option: name)
    default: throw BlockError(.invalidArgument, "Parameter '\(name)' expects 'on' or 'off'")
    }
  }

  /// Takes a size in bytes.
  package mutating func size(_ name: String) throws(BlockError) -> UInt64? {
    switch rest.remove(name) {
    case nil, .null: return nil
    case .string(let text): return try ValueText.size(text, option: name)
    case .some(let value):
      guard let size = OptionReader.whole(value) else {
        throw SizeText.Failure.invalid.error(option: name, text: "")
      }
      return size
    }
  }

  /// Takes a whole number.
  package mutating func number(_ name: String) throws(BlockError) -> UInt64? {
    switch rest.remove(name) {
    case nil, .null: return nil
    case .string(let text): return try ValueText.number(text, option: name)
    case .integer(let value): return UInt64(bitPattern: value)
    case .some(let value):
      guard let number = OptionReader.whole(value) else {
        throw BlockError(.invalidArgument, "Parameter '\(name)' expects a number")
      }
      return number
    }
  }

  /// Takes a text.
  package mutating func string(_ name: String) throws(BlockError) -> String? {
    switch rest.remove(name) {
    case nil, .null: return nil
    case .string(let text): return text
    default: throw BlockError(.invalidArgument, "Invalid parameter type for '\(name)', expected: string")
    }
  }

  /// Takes one of the `choices`.
  package mutating func choice(_ name: String, of choices: [String]) throws(BlockError) -> String? {
    guard let text = try string(name) else { return nil }
    guard choices.contains(text) else {
      throw BlockError(.invalidArgument, "Parameter '\(name)' does not accept value '\(text)'")
    }
    return text
  }

  /// Takes one of the raw values of `type`, which stand for its cases.
  package mutating func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, as type: Choice.Type)
    throws(BlockError) -> Choice? where Choice.RawValue == String
  {
    guard let text = try choice(name, of: type.allCases.map(\.rawValue)) else { return nil }
    return type.init(rawValue: text)
  }

  /// Takes an object with everything in it.
  package mutating func object(_ name: String) throws(BlockError) -> OptionObject? {
    switch rest.remove(name) {
    case nil, .null: return nil
    case .object(let object): return object
    default: throw BlockError(.invalidArgument, "Invalid parameter type for '\(name)', expected: object")
    }
  }

  /// The names that nobody took, those inside objects with their path.
  package var unread: [String] { rest.flattened().map(\.key) }

  /// Ends the reading.
  ///
  /// - Throws: `Invalid parameter 'x'` for the first name that nobody took.
  package func finish() throws(BlockError) {
    guard let name = unread.first else { return }
    throw BlockError(.invalidArgument, "Invalid parameter '\(name)'")
  }

  /// The value as a whole number below 2^64; JSON may write one with an exponent.
  private static func whole(_ value: OptionTree) -> UInt64? {
    if case .real(let real) = value { return UInt64(exactly: real) }
    return value.unsigned
  }
}
