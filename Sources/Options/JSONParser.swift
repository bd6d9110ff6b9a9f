// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// Reads JSON text: the standard's grammar, and strings in single quotes as in `json:{'driver':'raw'}`.
///
/// Nothing in the text is trusted: nesting and length are limited, a key may occur once in an object.
package struct JSONParser {
  /// The first mistake in a text, and where it is.
  package struct Failure: Error, Sendable, Equatable {
    /// A sentence without a full stop.
    package var reason: String
    /// Where, in bytes from the start of the text.
    package var offset: Int

    /// Makes a failure from its parts.
    package init(reason: String, offset: Int) {
      self.reason = reason
      self.offset = offset
    }

    /// The error to show to the user.
    package var error: BlockError {
      BlockError(.invalidArgument, reason, hint: "The text is wrong at byte \(offset)")
    }
  }

  /// How deep arrays and objects may stand in each other where the caller does not say.
  package static let maximumDepth = 128
  /// How many bytes a text may have where the caller does not say.
  package static let maximumLength = 1 << 20

  /// The single value that `text` holds.
  ///
  /// - Throws: what is wrong first, in the words of `qemu-img`.
  package static func parse(
    _ text: String, maximumDepth: Int = maximumDepth, maximumLength: Int = maximumLength
  )
    throws(Failure) -> OptionTree
  {
    guard text.spelledCount <= maximumLength else {
      throw Failure(reason: "JSON text is longer than \(maximumLength) bytes", offset: maximumLength)
    }
    var parser = JSONParser(lexer: JSONLexer(text), maximumDepth: maximumDepth)
    guard let first = try parser.lexer.next() else {
      throw Failure(reason: "Expecting a JSON value", offset: parser.lexer.position)
    }
    let value = try parser.value(first, depth: 0)
    if let more = try parser.lexer.next() {
      throw Failure(reason: "Expecting at most one JSON value", offset: more.offset)
    }
    return value
  }

  private var lexer: JSONLexer
  private let maximumDepth: Int

  /// The token that must follow: a text may not end inside a value.
  private mutating func next() throws(Failure) -> JSONLexer.Token {
    guard let token = try lexer.next() else { throw lexer.failure("premature EOI", at: lexer.position) }
    return token
  }

  private mutating func value(_ token: JSONLexer.Token, depth: Int) throws(Failure) -> OptionTree {
    switch token.kind {
    case .scalar(let value): return value
    case .mark("["): return .array(try elements(start: token.offset, depth: depth + 1))
    case .mark("{"): return .object(try members(start: token.offset, depth: depth + 1))
    case .mark: throw lexer.failure("expecting value", at: token.offset)
    }
  }

  private func checkDepth(_ depth: Int, at offset: Int) throws(Failure) {
    guard depth <= maximumDepth else {
      throw lexer.failure("values nest deeper than \(maximumDepth) levels", at: offset)
    }
  }

  private mutating func elements(start: Int, depth: Int) throws(Failure) -> [OptionTree] {
    try checkDepth(depth, at: start)
    var elements: [OptionTree] = []
    var token = try next()
    if token.kind == .mark("]") { return elements }
    while true {
      elements.append(try value(token, depth: depth))
      token = try next()
      if token.kind == .mark("]") { return elements }
      guard token.kind == .mark(",") else {
        throw lexer.failure("expected separator in list", at: token.offset)
      }
      token = try next()
    }
  }

  private mutating func members(start: Int, depth: Int) throws(Failure) -> OptionObject {
    try checkDepth(depth, at: start)
    var object = OptionObject()
    var token = try next()
    if token.kind == .mark("}") { return object }
    while true {
      guard case .string(let key) = try value(token, depth: depth) else {
        throw lexer.failure("key is not a string in object", at: token.offset)
      }
      guard object[key] == nil else { throw lexer.failure("duplicate key", at: token.offset) }
      token = try next()
      guard token.kind == .mark(":") else {
        throw lexer.failure("missing : in object pair", at: token.offset)
      }
      object[key] = try value(next(), depth: depth)
      token = try next()
      if token.kind == .mark("}") { return object }
      guard token.kind == .mark(",") else {
        throw lexer.failure("expected separator in dict", at: token.offset)
      }
      token = try next()
    }
  }
}
