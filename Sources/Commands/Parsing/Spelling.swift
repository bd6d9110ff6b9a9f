// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// How one option is written on the command line.
struct Spelling: Equatable {
  /// The characters that mean it behind a single dash.
  var short: [Character] = []
  /// The names that mean it behind two dashes; the first is the one that parsing goes on with.
  var long: [String] = []
  /// Whether a value belongs to it.
  var takesValue: Bool
  /// Whether a value may follow the long name behind an equal sign all the same.
  var mayHaveValue = false
  /// Whether it is added to what scripts know: abbreviations mean the others first.
  var isAddition = false

  /// The same names for the argument parser.
  fileprivate var names: NameSpecification {
    NameSpecification(short.map { .customShort($0) } + long.map { .customLong($0) })
  }

  fileprivate init(_ names: [String], takesValue: Bool) {
    self.takesValue = takesValue
    for name in names {
      if name.count == 1 { short += name } else { long.append(name) }
    }
    precondition(!long.isEmpty, "an option needs a long name")
  }
}

// A command's options are declared once, as properties. Making an instance evaluates the declarations, and
// `declared(by:)` listens meanwhile; so there is no second list that could differ.

/// The names of an option with a value, for `@Option(name:)`: one character or a long name each.
func option(_ names: String...) -> NameSpecification { declare(Spelling(names, takesValue: true)) }

/// The names of an option without a value, for `@Flag(name:)`: one character or a long name each.
func flag(_ names: String...) -> NameSpecification { declare(Spelling(names, takesValue: false)) }

/// The names of a flag that may also be given a form, as in `--progress=json`.
func flagWithForm(_ names: String...) -> NameSpecification {
  var spelling = Spelling(names, takesValue: false)
  spelling.mayHaveValue = true
  return declare(spelling)
}

/// The names of a flag that `qemu-img`'s command has not.
func addedFlag(_ names: String...) -> NameSpecification {
  var spelling = Spelling(names, takesValue: false)
  spelling.isAddition = true
  return declare(spelling)
}

/// The names of an option with a value that `qemu-img`'s command has not.
func addedOption(_ names: String...) -> NameSpecification {
  var spelling = Spelling(names, takesValue: true)
  spelling.isAddition = true
  return declare(spelling)
}

/// A group of options that several commands have, for `@OptionGroup(title:)`.
func group<Group: ParsableArguments>(_ type: Group.Type, _ title: String = "") -> String {
  if SpellingListener.current != nil { _ = Group() }
  return title
}

private func declare(_ spelling: Spelling) -> NameSpecification {
  SpellingListener.current?.spellings.append(spelling)
  return spelling.names
}

/// Hears every spelling that is declared while it is the current one.
private final class SpellingListener: @unchecked Sendable {
  @TaskLocal static var current: SpellingListener?
  var spellings: [Spelling] = []
}

extension Spelling {
  /// The option that every command understands besides its own.
  static let help = Spelling(["h", "help"], takesValue: false)

  /// The spellings of all options that `arguments` declares, its groups' included, in order.
  static func declared(by arguments: (some ParsableArguments).Type) -> [Spelling] {
    let listener = SpellingListener()
    SpellingListener.$current.withValue(listener) { _ = arguments.init() }
    return listener.spellings + [help]
  }
}
