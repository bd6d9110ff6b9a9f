// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// One option that a format or protocol understands, as data.
package struct OptionSpec: Sendable, Equatable {
  /// The kinds of values that options take.
  package enum Kind: Sendable, Equatable {
    /// On or off.
    case bool
    /// A whole number; decimal, or `0x` hexadecimal, or `0` octal.
    case number
    /// A size in bytes, with the suffixes of `SizeText`.
    case size
    /// Any text.
    case string
  }

  /// The numbers that an option takes, where they are more than are counted.
  package struct Bounds: Sendable, Equatable {
    /// The least and the most.
    package let range: ClosedRange<UInt64>
    /// The unit to which a number is rounded up; 1 where none is.
    package let unit: UInt64

    /// Numbers of a range, as they are or rounded up.
    package init(_ range: ClosedRange<UInt64>, roundedUpTo unit: UInt64 = 1) {
      self.range = range
      self.unit = unit
    }
  }

  /// The name on the command line; one that ends with an asterisk stands for all that begin so.
  package let name: String
  /// The kind of value that the option takes.
  package let kind: Kind
  /// The effect of the option, in one line.
  package let help: String
  /// The value that holds where the user states none, if that is to be shown when an image is created.
  package let defaultValue: OptionTree?
  /// The values that there are, of texts all; none where they are not counted. Checked when the option is read, not when it
  /// is given.
  package let values: [String]
  /// The numbers that there are; nil where `values` counts them, or where only the disk's length or the file limits them.
  /// Checked when the option is read, too.
  package let bounds: Bounds?

  /// Makes a description from its parts.
  package init(
    _ name: String, _ kind: Kind, _ help: String, default defaultValue: OptionTree? = nil,
    values: [String] = [], bounds: Bounds? = nil
  ) {
    self.bounds = bounds
    self.name = name
    self.kind = kind
    self.help = help
    self.defaultValue = defaultValue
    self.values = values
  }

  /// The value that `text` stands for.
  ///
  /// - Throws: what the option expects, naming it.
  package func parse(_ text: String) throws(BlockError) -> OptionTree {
    switch kind {
    case .bool: .bool(try ValueText.bool(text, option: name))
    case .number: OptionTree(try ValueText.number(text, option: name))
    case .size: OptionTree(try ValueText.size(text, option: name))
    case .string: .string(text)
    }
  }

  /// The values that there are, in a few words; nil where anything goes that is of its kind.
  package var valuesText: String? {
    if !values.isEmpty { return values.joined(separator: ", ") }
    guard let bounds else { return nil }
    let text = { (number: UInt64) in self.kind == .size ? SizeText.exact(number) : String(number) }
    let range = "\(text(bounds.range.lowerBound)) to \(text(bounds.range.upperBound))"
    return bounds.unit == 1 ? range : "\(range), rounded up to multiples of \(text(bounds.unit))"
  }

  /// The start of all names that this one stands for, where it stands for several.
  package var family: String? { name.hasSuffix("*") ? String(name.dropLast()) : nil }

  /// How the list of options shows the values.
  var placeholder: String {
    switch kind {
    case .bool: "<bool (on/off)>"
    case .number: "<num>"
    case .size: "<size>"
    case .string: "<str>"
    }
  }
}

/// The options that can be given when an image is created, in the order in which its summary shows them.
package struct OptionList: Sendable, Equatable, ExpressibleByArrayLiteral {
  /// The descriptions; every name occurs once.
  package private(set) var specs: [OptionSpec]

  /// Makes a list; of equal names the first counts.
  package init(_ specs: [OptionSpec]) {
    self.specs = []
    for spec in specs where self[spec.name] == nil { self.specs.append(spec) }
  }

  /// Makes a list; of equal names the first counts.
  package init(arrayLiteral elements: OptionSpec...) { self.init(elements) }

  /// The description of the option `name`.
  package subscript(name: String) -> OptionSpec? {
    if let spec = specs.first(where: { $0.name == name }) { return spec }
    return specs.first { spec in spec.family.map { name.hasPrefix($0) && name != $0 } == true }
  }

  /// This list with the options of another behind it, as a format adds those of its protocol.
  package func adding(_ other: OptionList) -> OptionList { OptionList(specs + other.specs) }

  /// The values that the user gave, each of its option's type; of a repeated option the last counts.
  ///
  /// - Throws: the first mistake in the order given: `Invalid parameter 'x'` for an unknown name, or what
  ///   the option expects.
  package func parse(_ list: KeyValueList) throws(BlockError) -> OptionObject {
    var values = OptionObject()
    for item in list.items {
      guard let spec = self[item.key] else {
        let meant = Nearest.name(to: item.key, among: specs.map(\.name)).map { "Did you mean '\($0)'? " }
        throw BlockError(
          .invalidArgument, "Invalid parameter '\(item.key)'",
          advice: "\(meant ?? "")'-o help' lists the options of the format.")
      }
      values[item.key] = try spec.parse(item.value)
    }
    return values
  }

  /// The same error, telling what values an option has, where one that was given has another and may be why.
  package func explain(_ error: BlockError, _ given: OptionObject) -> BlockError {
    guard [.invalidArgument, .unsupported, .notFound].contains(error.kind) else { return error }
    for spec in specs where spec.kind == .string && !spec.values.isEmpty {
      guard let value = given[spec.name]?.string, !spec.values.contains(value) else { continue }
      return error.advising("'\(spec.name)' is one of \(spec.values.joined(separator: ", ")).")
    }
    return error
  }

  /// The text of `-o help`, with a final line feed: a line for each option, by name.
  package var help: String { "Supported options:\n" + lines(withValues: false) }

  /// A line for each option, by name; with values, what values each has, too, and which one without it.
  package func lines(withValues: Bool) -> String {
    var text = ""
    for spec in specs.sorted(by: { $0.name < $1.name }) {
      let form = spec.name + "=" + spec.placeholder
      let padding = String(repeating: " ", count: max(0, 22 - form.unicodeScalars.count))
      text += "  \(form)\(padding) - \(spec.help)\n"
      guard withValues else { continue }
      if let values = spec.valuesText { text += "      values: \(values)\n" }
      if let value = spec.defaultValue {
        let isSize = spec.kind == .size && value != 0
        let shown = isSize ? value.unsigned.map(SizeText.exact) : nil
        text += "      default: \(shown ?? OptionList.text(of: value))\n"
      }
    }
    return text
  }

  /// The values given, or else the defaults, as ` name=value` each: the tail of the line that `create` prints.
  ///
  /// Truth values stand there as they were `written`, numbers as they are stored, with a sign.
  package func summary(of values: OptionObject, written: KeyValueList = KeyValueList()) -> String {
    var text = ""
    for spec in specs {
      guard let value = values[spec.name] ?? spec.defaultValue else { continue }
      text += " \(spec.name)="
      switch (spec.kind, value) {
      case (.bool, _): text += written[spec.name] ?? OptionList.text(of: value)
      case (.number, .unsigned(let number)): text += String(Int64(bitPattern: number))
      default: text += OptionList.text(of: value)
      }
    }
    return text
  }

  private static func text(of value: OptionTree) -> String {
    switch value {
    case .bool(let flag): return flag ? "on" : "off"
    case .string(let text):
      var doubled = ""
      for scalar in text.unicodeScalars {
        if scalar == "," { doubled += "," }
        doubled.unicodeScalars.append(scalar)
      }
      return doubled
    default: return JSONWriter.compact(value)
    }
  }
}
