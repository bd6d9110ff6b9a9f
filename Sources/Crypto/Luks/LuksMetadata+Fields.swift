// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Options

/// An object of LUKS2 metadata, whose values have the types that the specification gives them.
struct LuksMetadataObject {
  let values: OptionObject
  /// The object's name in messages.
  let name: String

  init(_ value: OptionTree?, _ name: String) throws(BlockError) {
    guard let object = value?.object else { throw BlockError(.corrupt, "\(name) is not an object") }
    self.values = object
    self.name = name
  }

  private func lacks(_ kind: String, _ key: String) -> BlockError {
    BlockError(.corrupt, "\(name) has no \(kind) '\(key)'")
  }

  /// An object inside.
  func object(_ key: String) throws(BlockError) -> LuksMetadataObject {
    guard values[key]?.object != nil else { throw lacks("object", key) }
    return try LuksMetadataObject(values[key], "\(name) \(key)")
  }

  /// Text, of which there is some.
  func text(_ key: String) throws(BlockError) -> String {
    guard let text = values[key]?.string, !text.isEmpty else { throw lacks("text", key) }
    return text
  }

  /// Text that is a word: it goes into messages and to libraries.
  func word(_ key: String) throws(BlockError) -> String {
    let text = try text(key)
    try LuksLimits.check(name: text, field: "\(key) of \(name.replacing("LUKS ", with: ""))")
    return text
  }

  /// A whole number, written as one.
  func integer(_ key: String) throws(BlockError) -> Int64 {
    switch values[key] {
    case .integer(let number): return number
    case .unsigned: return .max
    default: throw lacks("number", key)
    }
  }

  /// A whole number of 64 bits, written as decimal text.
  func decimal(_ key: String) throws(BlockError) -> UInt64 {
    guard let text = values[key]?.string, !text.isEmpty,
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { throw lacks("number as text", key) }
    guard let number = UInt64(text) else {
      throw BlockError(.corrupt, "\(name) '\(key)' is not possible")
    }
    return number
  }

  /// An array of texts.
  func texts(_ key: String) throws(BlockError) -> [String] {
    guard let elements = values[key]?.array else { throw lacks("array", key) }
    var texts: [String] = []
    for element in elements {
      guard let text = element.string else {
        throw BlockError(.corrupt, "\(name) '\(key)' has an element that is no text")
      }
      texts.append(text)
    }
    return texts
  }

  /// An array of texts that may not be there.
  func optionalTexts(_ key: String) throws(BlockError) -> [String] {
    values[key] == nil ? [] : try texts(key)
  }

  /// Bytes, written as base64, of which there are some.
  func bytes(_ key: String) throws(BlockError) -> [UInt8] {
    guard let bytes = Base64.bytes(try text(key)), !bytes.isEmpty else { throw lacks("base64", key) }
    return bytes
  }

  /// The objects inside, by the numbers that are their keys, from 0 to `limit`.
  func numbered(_ kind: String, below limit: Int) throws(BlockError) -> [(Int, LuksMetadataObject)] {
    var found: [(Int, LuksMetadataObject)] = []
    for entry in values.entries {
      guard let number = Int(entry.key), (0..<limit).contains(number), String(number) == entry.key else {
        throw BlockError(.corrupt, "LUKS \(kind) is not an object with a number from 0 to \(limit - 1)")
      }
      found.append((number, try LuksMetadataObject(entry.value, "LUKS \(kind) \(number)")))
    }
    return found.sorted { $0.0 < $1.0 }
  }
}
