// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Host
internal import Jobs
internal import Options

/// Finds what may stand at one place of a command line, from the declarations of the commands and, for names
/// inside images, from the images.
struct Completer {
  private let words: [String]
  private let position: Int
  /// The word that is being written.
  private let current: String

  /// A command line as far as it is written, the program's name first; `position` counts from there.
  init(_ words: [String], at position: Int) {
    self.words = words
    self.position = position
    current = words.indices.contains(position) ? words[position] : ""
  }

  /// The words that may stand there.
  var candidates: Candidates {
    let name = words.first.map(FilePaths.name) ?? ""
    if let implied = Invocation([name]).command { return candidates(of: implied, from: 1) }
    var index = 1
    while index < min(position, words.count), words[index].hasPrefix("-") {
      index += words[index] == "-T" || words[index] == "--trace" ? 2 : 1
    }
    guard index < position, words.indices.contains(index) else { return programCandidates }
    if words[index] == "help" { return commandNames.starting(with: current) }
    return candidates(of: words[index], from: index + 1)
  }

  // MARK: The program

  private var commandNames: Candidates {
    Candidates(
      entries: Program.commands.map { Candidates.Entry(word: $0.name, help: $0.configuration.abstract) })
  }

  private var programCandidates: Candidates {
    guard current.hasPrefix("-") else { return commandNames.starting(with: current) }
    return options(CommandDescription(of: StrataCommand.self), besides: []).starting(with: current)
  }

  // MARK: A command

  private func candidates(of name: String, from start: Int) -> Candidates {
    guard let type = Program.commands.first(where: { $0.name == name }) else { return .none }
    let line = CompletedLine(CommandDescription(of: type), words, from: start, at: position)
    switch line.place {
    case .value(let option, let prefix, let text):
      return values(of: option, line, text).prefixed(prefix).starting(with: current)
    case .option:
      return options(line.description, besides: line.given).starting(with: current)
    case .operand(let index):
      return operand(index, line).starting(with: current)
    }
  }

  private func options(_ description: CommandDescription, besides given: Set<String>) -> Candidates {
    var result = Candidates()
    for option in description.options {
      let isUsed = option.long.contains(where: given.contains)
      guard !isUsed || option.isRepeating || option.long.contains("options") else { continue }
      for spelling in option.spellings
      where current.hasPrefix("--") == spelling.hasPrefix("--") || current == "-" {
        result.entries.append(Candidates.Entry(word: spelling, help: option.help))
      }
    }
    return result
  }

  private func operand(_ index: Int, _ line: CompletedLine) -> Candidates {
    let places = line.description.operandPlaces
    // Words such as if=FILE have a name of their own.
    if places.contains(where: { $0.contains("=") }) { return namedOperand(places) }
    switch places.isEmpty ? "FILE" : places[min(index, places.count - 1)] {
    case "ACTION": return .words(LuksCommand.Action.allCases.map(\.rawValue))
    case "BITMAP": return .words(line.image.map(ImageNames.bitmaps) ?? [])
    case "FORMAT": return .words(OptionCandidates.formats)
    case "SHELL": return .words(CompletionScript.Shell.allCases.map(\.rawValue))
    case "[+-]SIZE", "SIZE": return .none
    case "COMMAND": return commandNames
    default: return .files
    }
  }

  private func namedOperand(_ places: [String]) -> Candidates {
    guard let equal = current.firstIndex(of: "=") else {
      return .words(places.compactMap { $0.split(separator: "=").first.map { $0 + "=" } })
    }
    let key = current[...equal]
    switch places.first(where: { $0.hasPrefix(key) })?.split(separator: "=").last {
    case "FILE": return Candidates.files.prefixed(String(key))
    case "WORD": return Candidates.words(DdOperands.words(of: String(key.dropLast()))).prefixed(String(key))
    default: return .none
    }
  }

  // MARK: Values

  /// `text` is what is written of the value so far.
  private func values(of option: CommandDescription.Option, _ line: CompletedLine, _ text: String)
    -> Candidates
  {
    if option.mayHaveValue { return .words(["line", "bar", "json", "json:"]) }
    let name = line.description.name
    switch ValueKind(option.value ?? "", of: option.long, in: name) {
    case nil, .free: return .none
    case .file: return .files
    case .words(let words): return .words(words)
    case .format: return .words(OptionCandidates.formats)
    case .object: return OptionCandidates.object(text, line.objects)
    case .formatOptions:
      return OptionCandidates.options(of: line.targetFormat, text, amends: name == "amend", line.objects)
    case .snapshot: return .words(line.sourceImage.map(ImageNames.snapshots) ?? [])
    case .disk: return .words(line.sourceImage.map(ImageNames.disks) ?? [])
    case .bitmap: return .words(line.sourceImage.map(ImageNames.bitmaps) ?? [])
    case .secret: return .words(OptionCandidates.secrets(line.objects))
    }
  }
}
