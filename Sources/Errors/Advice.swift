// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The next step that the user can take. Where commands are shown, `\(.file)` stands for the image that the error is
/// about, whose name is often known only further up.
package struct Advice: Sendable, Equatable, ExpressibleByStringInterpolation {
  /// The things that a part of the text can stand for.
  package enum Placeholder: Sendable {
    /// The image or file that went wrong.
    case file
  }

  fileprivate enum Part: Sendable, Equatable {
    case text(String)
    case file
    case ifOption(String, text: String)
  }

  private var parts: [Part]

  /// Advice that shows no command, or one with all its names.
  package init(_ text: String) { parts = [.text(text)] }

  /// The same from a literal.
  package init(stringLiteral text: String) { self.init(text) }

  /// The same from a literal with values in it.
  package init(stringInterpolation: StringInterpolation) { parts = stringInterpolation.parts }

  /// Gathers what stands in a literal.
  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var parts: [Part] = []

    /// Begins with nothing.
    package init(literalCapacity: Int, interpolationCount: Int) {}

    /// Adds words.
    package mutating func appendLiteral(_ text: String) { parts.append(.text(text)) }

    /// Adds a value.
    package mutating func appendInterpolation(_ value: some CustomStringConvertible) {
      parts.append(.text(value.description))
    }

    /// Adds what becomes known later.
    package mutating func appendInterpolation(_ placeholder: Placeholder) {
      switch placeholder {
      case .file: parts.append(.file)
      }
    }

    /// Adds words that hold only where the command has an option of this long name.
    package mutating func appendInterpolation(ifOption name: String, _ words: String) {
      parts.append(.ifOption(name, text: words))
    }
  }

  /// One after the other.
  package static func + (first: Advice, second: Advice) -> Advice {
    var both = first
    both.parts += second.parts
    return both
  }

  /// The same for a command that has the `options`, by their long names.
  package func given(options: [String]) -> Advice {
    var advice = self
    advice.parts = parts.compactMap { part in
      guard case .ifOption(let name, let words) = part else { return part }
      return options.contains(name) ? .text(words) : nil
    }
    return advice
  }

  /// The words, for an error about `file`; `FILE` where that is not known. What depends on an option is left out.
  package func text(about file: String?) -> String {
    var text = ""
    for part in parts {
      switch part {
      case .text(let words): text += words
      case .file: text += file ?? "FILE"
      case .ifOption: break
      }
    }
    return text
  }

  /// Two are equal that say the same.
  package static func == (first: Advice, second: Advice) -> Bool {
    first.merged == second.merged
  }

  /// The parts, without boundaries that nobody sees.
  private var merged: [Part] {
    var merged: [Part] = []
    for part in parts {
      if case .text(let words) = part, case .text(let before)? = merged.last {
        merged[merged.count - 1] = .text(before + words)
      } else {
        merged.append(part)
      }
    }
    return merged
  }
}
