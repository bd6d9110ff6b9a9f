// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Options

/// Reads a command line by the habits of C's `getopt_long` and rewrites it for the argument parser.
///
/// Options may follow names, short ones may be joined (`-qf raw`, `-fraw`), long ones may be abbreviated as long
/// as one option only is meant, a value may begin with a dash, and `--` ends the options.
struct Normalizer {
  /// One option as it was found.
  struct Found: Equatable {
    /// The spelling of the option.
    var spelling: Spelling
    /// Its value, where it takes one.
    var value: String?
  }

  /// All options understood.
  let spellings: [Spelling]
  /// Whether what abbreviates an option that scripts know is never the name of an added one.
  private let isStandIn: Bool
  /// The options found, in order.
  private(set) var options: [Found] = []
  /// Everything that is no option, in order.
  private(set) var operands: [String] = []

  /// Reads `words`.
  ///
  /// - Parameters:
  ///   - stopsAtOperand: whether everything from the first operand on is left as it is.
  ///   - isStandIn: whether the program is called by `qemu-img`'s name.
  /// - Throws: for the first word that is wrong.
  init(_ words: [String], spellings: [Spelling], stopsAtOperand: Bool = false, isStandIn: Bool = false)
    throws(UsageError)
  {
    self.spellings = spellings
    self.isStandIn = isStandIn
    var rest = words[...]
    // Nothing is read behind a request for help.
    while !contains(.help), let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        return
      }
      if word.hasPrefix("--") {
        try long(word, &rest)
      } else if word.hasPrefix("-"), word != "-" {
        try short(word, &rest)
      } else if stopsAtOperand {
        operands = [word] + rest
        return
      } else {
        operands.append(word)
      }
    }
  }

  /// Adds an operand behind those found.
  mutating func append(operand: String) { operands.append(operand) }

  /// Takes out all uses of an option; returns the last.
  mutating func take(_ spelling: Spelling) -> Found? {
    let last = options.last { $0.spelling == spelling }
    options.removeAll { $0.spelling == spelling }
    return last
  }

  /// Whether the option is among those found.
  func contains(_ spelling: Spelling) -> Bool { options.contains { $0.spelling == spelling } }

  /// The command line in the one form that the argument parser is given.
  var canonical: [String] {
    var words: [String] = []
    for found in options {
      let name = "--" + (found.spelling.long.first ?? "")
      guard found.spelling.takesValue else {
        words.append(name)
        continue
      }
      switch found.value {
      case nil: words.append(name)
      // Behind an equal sign the argument parser does not take an empty value, apart it does not take one
      // that begins with a dash.
      case "": words += [name, ""]
      case .some(let value): words.append(name + "=" + value)
      }
    }
    return words + ["--"] + operands
  }

  private mutating func long(_ word: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
    let body = word.dropFirst(2)
    let equal = body.firstIndex(of: "=")
    let name = equal.map { String(body[..<$0]) } ?? String(body)
    let stated = equal.map { String(body[body.index(after: $0)...]) }
    guard let spelling = spelling(abbreviated: name),
      spelling.takesValue || spelling.mayHaveValue || stated == nil
    else {
      throw UsageError("unrecognized option '\(word)'", hint: suggestion(for: name))
    }
    guard spelling.takesValue else {
      options.append(Found(spelling: spelling, value: stated))
      return
    }
    guard let value = stated ?? rest.popFirst() else {
      throw UsageError("missing argument for option '\(word)'")
    }
    options.append(Found(spelling: spelling, value: value))
  }

  private mutating func short(_ word: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      guard let spelling = spellings.first(where: { $0.short.contains(letter) }) else {
        throw UsageError("unrecognized option '\(word)'")
      }
      guard spelling.takesValue else {
        options.append(Found(spelling: spelling))
        if spelling == .help { return }
        continue
      }
      guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
        throw UsageError("missing argument for option '\(word)'")
      }
      options.append(Found(spelling: spelling, value: value))
      return
    }
  }

  /// The option called `name`, or the only one with a name that starts so.
  private func spelling(abbreviated name: String) -> Spelling? {
    let exact = spellings.first { $0.long.contains(name) }
    if let exact, !isStandIn || !exact.isAddition { return exact }
    let candidates = spellings.filter { $0.long.contains { long in long.hasPrefix(name) } }
    let own = candidates.filter { !$0.isAddition }
    if let exact, own.isEmpty { return exact }
    let meant = own.isEmpty ? candidates : own
    return meant.count == 1 ? meant.first : nil
  }

  /// The advice about a long option that there is not.
  private func suggestion(for name: String) -> String? {
    let names = spellings.flatMap(\.long)
    let starting = names.filter { !name.isEmpty && $0.hasPrefix(name) }
    if starting.count > 1 {
      return "It could mean " + starting.map { "'--\($0)'" }.joined(separator: " or ") + "."
    }
    return Nearest.name(to: name, among: names).map { "Did you mean '--\($0)'?" }
  }
}
