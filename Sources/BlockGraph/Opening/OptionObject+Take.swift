// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Options

// Drivers take the options they understand out of an object; the rest is refused by name in the end.
extension OptionObject {
  /// Takes a text out; numbers and truth values from JSON count as text, its null as nothing.
  package mutating func takeString(_ key: String) throws(BlockError) -> String? {
    guard let value = remove(key) else { return nil }
    switch value {
    case .null: return nil
    case .string(let text): return text
    case .bool(let flag): return flag ? "on" : "off"
    case .integer(let number): return String(number)
    case .unsigned(let number): return String(number)
    case .real(let number) where UInt64(exactly: number) != nil: return String(UInt64(number))
    default: throw BlockError(.invalidArgument, "Invalid parameter type for '\(key)', expected: string")
    }
  }

  /// Takes a truth value out: `on` or `off`, or JSON's own.
  package mutating func takeBool(_ key: String, shownAs name: String? = nil) throws(BlockError) -> Bool? {
    guard let text = try takeString(key) else { return nil }
    switch text {
    case "on", "yes", "true", "y": return true
    case "off", "no", "false", "n": return false
    default: throw BlockError(.invalidArgument, "Parameter '\(name ?? key)' expects 'on' or 'off'")
    }
  }

  /// The truth value under a key, which stays.
  func bool(_ key: String) throws(BlockError) -> Bool? {
    var copy = self
    return try copy.takeBool(key)
  }

  /// Takes a number of bytes out, with an optional suffix.
  package mutating func takeSize(_ key: String) throws(BlockError) -> UInt64? {
    guard let text = try takeText(ofNumber: key, "a non-negative number below 2^64") else { return nil }
    return try ValueText.size(text, option: key)
  }

  /// Takes a whole number out, as `ValueText.number` reads it; one above the largest signed number is negative.
  package mutating func takeNumber(_ key: String) throws(BlockError) -> Int64? {
    guard let text = try takeText(ofNumber: key, "a number") else { return nil }
    return Int64(bitPattern: try ValueText.number(text, option: key))
  }

  /// Takes a number's text out. JSON has values that are none, and numbers that are no whole ones or too large.
  private mutating func takeText(ofNumber key: String, _ expected: String) throws(BlockError) -> String? {
    do throws(BlockError) {
      return try takeString(key)
    } catch {
      throw BlockError(.invalidArgument, "Parameter '\(key)' expects \(expected)")
    }
  }

  /// Takes out, by its dotted names, all that belongs to one of `groups` or is one of `plain`.
  package mutating func takeFlat(groups: [String], plain: [String] = []) -> OptionObject {
    var mine = OptionObject()
    var rest = OptionObject()
    for entry in entries {
      let isMine =
        plain.contains(entry.key) || groups.contains { entry.key == $0 || entry.key.hasPrefix($0 + ".") }
      if isMine { mine[entry.key] = entry.value } else { rest[entry.key] = entry.value }
    }
    self = rest
    var flat = OptionObject()
    for entry in mine.flattened() { flat[entry.key] = entry.value }
    return flat
  }

  /// Refuses by name what is left where a driver called `name` has taken its own.
  package func refuseRest(of name: String) throws(BlockError) {
    guard let left = flattened().first?.key else { return }
    throw BlockError(.invalidArgument, "Block format '\(name)' does not support the option '\(left)'")
  }

  /// Takes a preallocation mode out of `preallocation`.
  package mutating func takePreallocation() throws(BlockError) -> Preallocation? {
    guard let text = try takeString("preallocation") else { return nil }
    guard let mode = Preallocation(rawValue: text) else {
      throw BlockError(.invalidArgument, "invalid parameter value: \(text)")
    }
    return mode
  }
}
