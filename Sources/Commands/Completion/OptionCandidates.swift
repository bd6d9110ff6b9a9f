// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Filters
internal import Jobs
internal import Options
internal import Secrets

/// Completes what stands behind `-o` and `--object`: lists of `key=value` with commas between.
enum OptionCandidates {
  /// The names of all formats that files can have.
  static var formats: [String] {
    var names: [String] = []
    for kind in Drivers.all where !kind.isProtocol && !kind.isFilter { names.append(kind.name) }
    return names.sorted()
  }

  /// The options of a format, or the values of one, after the `text` that is written; `objects` are the
  /// definitions that the line has.
  static func options(of format: String, _ text: String, amends: Bool, _ objects: [String])
    -> Candidates
  {
    guard let kind = Drivers.all.first(where: { $0.name == format && !$0.isProtocol && $0.makesImages })
    else { return .none }
    let list = amends ? kind.amendOptions : Drivers.all.creationOptions(of: kind)
    let (before, last) = split(text)
    var result: Candidates
    if let equal = last.firstIndex(of: "="), let spec = list[String(last[..<equal])] {
      let isSecret = spec.name.hasSuffix("key-secret") || spec.name.hasSuffix("new-secret")
      result = (isSecret ? .words(secrets(objects)) : values(of: spec)).prefixed(String(last[...equal]))
    } else {
      result = Candidates(
        entries: list.specs.map { Candidates.Entry(word: $0.family ?? $0.name + "=", help: $0.help) })
      if before.isEmpty { result.entries.append(Candidates.Entry(word: "help", help: "List the options.")) }
    }
    result = result.starting(with: last)
    return result.prefixed(before)
  }

  /// The ids of the secrets among the definitions of objects.
  static func secrets(_ objects: [String]) -> [String] {
    var ids: [String] = []
    for object in objects {
      guard let list = try? KeyValueList(parsing: object, dialect: .short, impliedKey: "qom-type").tree(),
        let id = list["id"]?.string, !ids.contains(id)
      else { continue }
      ids.append(id)
    }
    return ids
  }

  /// The parts of the definition of an object; `objects` are those that the line has elsewhere.
  static func object(_ text: String, _ objects: [String]) -> Candidates {
    let (before, last) = split(text)
    let result: Candidates
    if before.isEmpty {
      result = .words(
        ["secret,id=", "throttle-group,id="] + CredentialsDefinition.Kind.usable.map { $0.rawValue + ",id=" })
    } else if before.hasPrefix("throttle-group,") {
      result = .words(["id="] + ThrottleGroup.properties.map { "x-\($0)=" })
    } else if let kind = CredentialsDefinition.Kind.usable.first(where: {
      before.hasPrefix($0.rawValue + ",")
    }) {
      result = credentials(kind, last)
    } else if last.hasPrefix("file=") {
      result = Candidates.files.prefixed("file=")
    } else if last.hasPrefix("keyid=") {
      result = Candidates.words(secrets(objects)).prefixed("keyid=")
    } else if last.hasPrefix("format=") {
      result = Candidates.words(["raw", "base64"]).prefixed("format=")
    } else {
      result = Candidates(entries: [
        .init(word: "id=", help: "How other options call the secret."),
        .init(word: "file=", help: "The file that holds it."),
        .init(word: "data=", help: "The secret itself; other users of the machine can see it."),
        .init(word: "format=", help: "How it is written: raw or base64."),
        .init(word: "keyid=", help: "The secret that this one is encrypted with."),
        .init(word: "iv=", help: "The initialization vector of that encryption."),
      ])
    }
    return result.starting(with: last).prefixed(before)
  }

  private static func credentials(_ kind: CredentialsDefinition.Kind, _ last: String) -> Candidates {
    switch last {
    case _ where last.hasPrefix("dir="): Candidates.files.prefixed("dir=")
    case _ where last.hasPrefix("endpoint="): Candidates.words(["client"]).prefixed("endpoint=")
    case _ where last.hasPrefix("verify-peer="): Candidates.words(["on", "off"]).prefixed("verify-peer=")
    default: .words(["id="] + CredentialsDefinition.properties(of: kind).map { $0 + "=" })
    }
  }

  /// The complete part, up to the last comma, and the part that is being written.
  private static func split(_ text: String) -> (before: String, last: String) {
    guard let comma = text.lastIndex(of: ",") else { return ("", text) }
    let next = text.index(after: comma)
    return (String(text[..<next]), String(text[next...]))
  }

  /// The values that an option can have, as far as there is a list.
  static func values(of spec: OptionSpec) -> Candidates {
    if spec.kind == .bool { return .words(["on", "off"]) }
    if !spec.values.isEmpty { return .words(spec.values) }
    switch spec.name {
    case "backing_fmt": return .words(formats)
    case "backing_file", "data_file": return .files
    default: return .words([])
    }
  }
}
