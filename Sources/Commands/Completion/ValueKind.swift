// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Crypto
internal import Jobs

/// The kind of an option's value, so that it can be completed.
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
  /// A disk of the appliance that the line names.
  case disk
  /// A persistent bitmap of the image that the line names.
  case bitmap
  /// The id of a secret that the line defines.
  case secret
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
    case "bitmap", "source": self = .bitmap
    case "disk": self = .disk
    case "id": self = .secret
    case "definition": self = .object
    case "form": self = .words(ValueKind.forms(of: command))
    case "policy": self = .words(ReferencePolicy.allCases.map(\.rawValue))
    case "what": self = .words(["leaks", "all"])
    case "mode": self = .words(ValueKind.modes(option))
    case "method": self = .words(["threads", "native", "io_uring"])
    case "size", "offset", "length", "rate", "count", "name", "event", "seconds", "byte", "number", "depth",
      "time":
      self = .free
    case "algorithm": self = .words(ContentHash.names)
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
