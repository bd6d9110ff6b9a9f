// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Filters
internal import Options
internal import Secrets

/// The objects that `--object` defined.
final class ObjectDefinitions {
  /// The secrets.
  let secrets = SecretStore()
  /// All others.
  private(set) var others = DefinedObjects()

  private static let throttleGroup = "throttle-group"

  /// Adds the object that one definition describes.
  ///
  /// - Parameter warn: told what a user may not have meant.
  func add(_ text: String, warn: (String) -> Void) throws(BlockError) {
    var properties = try SecretDefinition.properties(text)
    let type = properties["qom-type"]?.string
    if type == ObjectDefinitions.throttleGroup {
      properties["qom-type"] = nil
      try addGroup(&properties)
    } else if let kind = type.flatMap(CredentialsDefinition.Kind.init) {
      properties["qom-type"] = nil
      let definition = try CredentialsDefinition(kind, reading: properties)
      try refuseKnown(definition.id)
      others.credentials[definition.id] = try definition.credentials(secrets)
    } else {
      let definition = try SecretDefinition(reading: properties)
      try refuseKnown(definition.id)
      try secrets.add(definition, warn: warn)
    }
  }

  private func addGroup(_ properties: inout OptionObject) throws(BlockError) {
    guard let id = try properties.takeString("id") else {
      throw BlockError(.invalidArgument, "Parameter 'id' is missing")
    }
    try ValueText.refuse(identifier: id, option: "id")
    try refuseKnown(id)
    let group = try ThrottleGroup(takingFrom: &properties)
    if let left = properties.keys.first {
      throw BlockError(.invalidArgument, "Parameter '\(left)' is unexpected")
    }
    others.rateLimiters[id] = group
  }

  private func refuseKnown(_ id: String) throws(BlockError) {
    guard others.contains(id) || (try? secrets.secret(named: id)) != nil else { return }
    throw BlockError(
      .alreadyExists, "attempt to add duplicate property '\(id)' to object (type 'container')")
  }

  /// The text of `--object help` and `--object TYPE,help`, or nil where `text` asks for neither.
  static func help(for text: String) -> String? {
    switch text {
    case "help", "?":
      var lines = "List of user creatable objects:\n"
      for type in ["secret", throttleGroup] + CredentialsDefinition.Kind.usable.map(\.rawValue) {
        lines += "  \(type)\n"
      }
      return lines
    case throttleGroup + ",help", throttleGroup + ",?":
      var lines = "\(throttleGroup) options:\n  limits=<ThrottleLimits>\n"
      for property in ThrottleGroup.properties { lines += "  x-\(property)=<int>\n" }
      return lines
    default: return SecretDefinition.help(for: text) ?? CredentialsDefinition.help(for: text)
    }
  }
}
