// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph

/// What the value of an option is, so that it can be completed.
enum ValueKind: Equatable {
  /// A name of a format.
  case format
  /// Any file.
  case file
  /// One of these words.
  case words([String])
  /// Options of a format, `key=value` with commas between.
  case formatOptions
  /// An internal snapshot of the image that the line names.
  case snapshot
  /// A persistent bitmap of the image that the line names.
  case bitmap
  /// The definition of an object.
  case object
  /// Something that only the user knows: a size, a count, a new name.
  case free

  /// The kind of an option's value, by what the declaration calls the value and the option; nil where the name
  /// of the value is not known here.
  init?(_ value: String, of option: [String], in command: String) {
    switch value {
    case "format": self = .format
    case "file": self = .file
    case "options": self = .formatOptions
    case "snapshot": self = .snapshot
    case "bitmap": self = .bitmap
    case "definition": self = .object
    case "form": self = .words(ValueKind.forms(of: command))
    case "what": self = .words(["leaks", "all"])
    case "mode": self = .words(ValueKind.modes(option))
    case "method": self = .words(["threads", "native", "io_uring"])
    case "size", "offset", "length", "rate", "count", "name", "event", "seconds", "byte", "number", "depth",
      "id", "pattern", "bytes", "granularity", "text", "value":
      self = .free
    case "algorithm": self = .words(["sha256", "sha1", "md5", "sha512", "blake2b"])
    default: return nil
    }
  }

  private static func forms(of command: String) -> [String] {
    let type = Program.commands.first { $0.name == command }
    return type?.outputForms ?? ["human", "json"]
  }

  private static func modes(_ option: [String]) -> [String] {
    if option.contains(where: { $0.hasSuffix("cache") }) { return CacheMode.allCases.map(\.rawValue) }
    return Preallocation.allCases.map(\.rawValue)
  }
}
