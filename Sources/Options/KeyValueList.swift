// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// The keys and values of an option string such as `driver=raw,file.filename=a,,b`, in the order given.
///
/// A comma ends a value, two commas are one comma of the value.
package struct KeyValueList: Sendable, Equatable {
  /// One key with its value.
  package struct Item: Sendable, Equatable {
    /// The key.
    package var key: String
    /// The value; `on` or `off` where none was written.
    package var value: String
    /// Whether no value was written (`key` for on, `nokey` for off).
    package var isShort: Bool

    /// Makes an item that was written in full.
    package init(key: String, value: String, isShort: Bool = false) {
      self.key = key
      self.value = value
      self.isShort = isShort
    }
  }

  /// The two dialects of option strings.
  package enum Dialect: Sendable {
    /// `-o` and `--image-opts`: `key` means on and `nokey` off; any text is a key.
    case short
    /// `--object`: every key needs a value and must be a name.
    case strict
  }

  /// All items, oldest first; a key may occur more than once.
  package var items: [Item]
  /// Whether the user asks what there is, by a bare `help` or `?`.
  package private(set) var asksForHelp = false

  /// Makes a list of known items.
  package init(_ items: [Item] = []) { self.items = items }

  /// Reads an option string.
  ///
  /// - Parameter impliedKey: the key of a first value that is written without one (`secret,id=x`).
  /// - Throws: `invalidArgument` naming the key that is wrong; never in the short dialect.
  package init(parsing text: String, dialect: Dialect, impliedKey: String? = nil) throws(BlockError) {
    items = []
    var scanner = Scanner(rest: text.utf8[...])
    var impliedKey = impliedKey
    while !scanner.rest.isEmpty {
      let key = scanner.key()
      let hasValue = scanner.skipEqualSign()
      if let implied = impliedKey, !hasValue, dialect == .short || !key.isEmpty {
        let value = dialect == .short ? key + scanner.value() : key
        scanner.skipComma()
        items.append(Item(key: implied, value: value))
      } else if hasValue {
        if dialect == .strict { try KeyValueList.checkName(key) }
        items.append(Item(key: key, value: scanner.value()))
        scanner.skipComma()
      } else {
        scanner.skipComma()
        try append(bare: key, dialect)
      }
      impliedKey = nil
    }
  }

  /// Reads the argument of `-o`, which may not be empty nor begin or end with a comma.
  package init(creationOptions text: String) throws(BlockError) {
    let commas = text.utf8.reversed().prefix { $0 == UInt8(ascii: ",") }.count
    guard !text.isEmpty, !text.hasPrefix(","), commas % 2 == 0 else {
      throw BlockError(.invalidArgument, "Invalid option list: \(text)")
    }
    try self.init(parsing: text, dialect: .short)
  }

  /// Adds the items of another list behind those of this one, as a second `-o` does.
  package mutating func append(_ other: KeyValueList) {
    items += other.items
    asksForHelp = asksForHelp || other.asksForHelp
  }

  /// The value of `key`; of several the last.
  package subscript(key: String) -> String? { items.last { $0.key == key }?.value }

  /// The last value of each key, at the place where the key first occurred, as text.
  package var object: OptionObject {
    var object = OptionObject()
    for item in items { object[item.key] = .string(item.value) }
    return object
  }

  /// The last value of each key, put where keys with dots lead (`file.driver=file`).
  ///
  /// - Throws: as `OptionObject.nested`.
  package func tree() throws(BlockError) -> OptionObject { try object.normalized() }

  private mutating func append(bare key: String, _ dialect: Dialect) throws(BlockError) {
    if key == "help" || key == "?" {
      asksForHelp = true
      if dialect == .strict { return }
    }
    if dialect == .strict {
      try KeyValueList.checkName(key)
      throw BlockError(.invalidArgument, "Expected '=' after parameter '\(key)'")
    }
    let isOff = key.hasPrefix("no")
    items.append(
      Item(key: isOff ? String(key.dropFirst(2)) : key, value: isOff ? "off" : "on", isShort: true))
  }

  /// A name is parts with dots between them; each begins with a letter, parts after the first may be numbers.
  private static func checkName(_ key: String) throws(BlockError) {
    for (index, part) in key.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .enumerated()
    {
      let isNumber = index > 0 && !part.isEmpty && part.allSatisfy { (0x30...0x39).contains($0) }
      let isWord =
        part.first.map { (0x61...0x7A).contains($0 | 0x20) } == true
        && part.allSatisfy {
          (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F
        }
      guard isNumber || isWord else { throw BlockError(.invalidArgument, "Invalid parameter '\(key)'") }
    }
  }

  /// Cuts an option string.
  private struct Scanner {
    var rest: Substring.UTF8View

    /// Reads up to the next equal sign or comma.
    mutating func key() -> String {
      let end = rest.firstIndex { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ",") } ?? rest.endIndex
      defer { rest = rest[end...] }
      return String(Substring(rest[..<end]))
    }

    mutating func skipEqualSign() -> Bool {
      guard rest.first == UInt8(ascii: "=") else { return false }
      rest = rest.dropFirst()
      return true
    }

    mutating func skipComma() {
      if rest.first == UInt8(ascii: ",") { rest = rest.dropFirst() }
    }

    /// Reads up to the next single comma, turning double ones into one.
    mutating func value() -> String {
      var value = ""
      while true {
        let end = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.endIndex
        value += Substring(rest[..<end])
        rest = rest[end...]
        guard rest.dropFirst().first == UInt8(ascii: ",") else { return value }
        value += ","
        rest = rest.dropFirst(2)
      }
    }
  }
}
