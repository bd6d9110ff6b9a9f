// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Host
internal import Jobs

/// The words of a command's line around the one that is being written.
struct CompletedLine {
  /// A place in the line where a word is being written.
  enum Place {
    /// The value of an option: `prefix` stands before it in the same word, `text` is its part that is written.
    case value(CommandDescription.Option, prefix: String, text: String)
    /// An option's name.
    case option
    /// The operand of this number.
    case operand(Int)
  }

  /// The command.
  let description: CommandDescription
  /// The place of the word that is being written.
  private(set) var place = Place.operand(0)
  /// The long names of the options that the line has elsewhere.
  private(set) var given: Set<String> = []
  /// The values that the line has elsewhere, by each long name.
  private var values: [String: String] = [:]
  /// The definitions of objects that the line has elsewhere.
  private(set) var objects: [String] = []
  /// The operands that the line has elsewhere.
  private var operands: [String] = []

  /// Reads `words` from `start` on; `position` is that of the word being written.
  init(_ description: CommandDescription, _ words: [String], from start: Int, at position: Int) {
    self.description = description
    var waiting: CommandDescription.Option?
    var endsOptions = false
    for index in start..<max(start, max(words.count, position + 1)) {
      let word = words.indices.contains(index) ? words[index] : ""
      if index == position {
        place = Self.place(word, waiting, endsOptions, operands.count, description)
        // A word that is not written yet takes the place of the value that is waited for.
        waiting = nil
      } else if let option = waiting {
        note(option, word)
        waiting = nil
      } else if endsOptions || !word.hasPrefix("-") || word == "-" {
        operands.append(word)
      } else if word == "--" {
        endsOptions = true
      } else if let (option, value) = Self.option(word, description) {
        note(option, value)
        if option.value != nil && value == nil { waiting = option }
      }
    }
  }

  private mutating func note(_ option: CommandDescription.Option, _ value: String?) {
    given.formUnion(option.long)
    guard let value else { return }
    for name in option.long { values[name] = value }
    if option.long.contains("object") { objects.append(value) }
  }

  private static func place(
    _ word: String, _ waiting: CommandDescription.Option?, _ endsOptions: Bool, _ operands: Int,
    _ description: CommandDescription
  ) -> Place {
    if let waiting { return .value(waiting, prefix: "", text: word) }
    guard !endsOptions, word.hasPrefix("-") else { return .operand(operands) }
    if let (option, value) = option(word, description), let value {
      return .value(option, prefix: String(word.dropLast(value.count)), text: value)
    }
    return .option
  }

  /// The option that a word states, and the value in the same word. Of several short ones, the last.
  private static func option(_ word: String, _ description: CommandDescription)
    -> (CommandDescription.Option, String?)?
  {
    if word.hasPrefix("--") {
      let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts.first.map(String.init) ?? ""
      guard let option = description.options.first(where: { $0.long.contains(name) }) else { return nil }
      return (option, parts.count > 1 ? String(parts[1]) : nil)
    }
    var letters = word.dropFirst()
    var last: CommandDescription.Option?
    while let letter = letters.popFirst() {
      guard let option = description.options.first(where: { $0.short.contains(String(letter)) }) else {
        break
      }
      last = option
      if option.value != nil { return (option, letters.isEmpty ? nil : String(letters)) }
    }
    return last.map { ($0, nil) }
  }

  // MARK: The rest of the line

  private func value(_ names: String...) -> String? {
    for name in names { if let value = values[name] { return value } }
    return nil
  }

  /// An image that the line names, with its stated format.
  struct Image {
    var path: String
    var format: String?
  }

  /// The image that the command works on: the first file among the operands.
  var image: Image? {
    operands.first { FilePaths.kind(of: $0) == .regular }
      .map { Image(path: $0, format: value("source-format", "a-format", "format")) }
  }

  /// The image that names are looked up in: the one that a source option names, or the one that the command works on.
  var sourceImage: Image? {
    guard let path = value("source-file") else { return image }
    return Image(path: path, format: value("source-format"))
  }

  /// The format whose options are being written.
  var targetFormat: String {
    if let format = value("target-format") { return format }
    let readsImage = description.options.contains { $0.long.contains("target-format") }
    return (readsImage ? nil : value("format"))
      ?? (description.name == "amend" ? "qcow2" : Drivers.unstatedFormat)
  }
}

extension CommandDescription {
  /// The words for operands in the usage, such as `FILE` and `SIZE` of `FILE [SIZE]`.
  var operandPlaces: [String] {
    var places: [String] = []
    var isInChoice = false
    var isValue = false
    for word in usage.split(separator: " ").dropFirst(2) where word != "[OPTIONS]" {
      // Words in [-a | -b NAME] and behind an option are no operands.
      if word.hasPrefix("[-") || word.hasPrefix("(-") { isInChoice = true }
      let wasValue = isValue
      isValue = word.hasPrefix("-")
      guard !isInChoice, !isValue, !wasValue else {
        if word.contains("]") || word.contains(")") { isInChoice = false }
        continue
      }
      if word == "[+-]SIZE" { places.append(String(word)) }
      let text = word.filter { !"…[]".contains($0) }
      let name = text.split(separator: "=").last ?? ""
      if !name.isEmpty, name.allSatisfy({ $0.isUppercase || $0.isNumber }) { places.append(text) }
    }
    return places
  }
}
