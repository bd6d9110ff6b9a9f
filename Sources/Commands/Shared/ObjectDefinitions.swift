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
  /// The groups by which requests are slowed down.
  private(set) var rateLimiters: [String: any RateLimiter] = [:]

  private static let throttleGroup = "throttle-group"

  /// Adds the object that one definition describes.
  ///
  /// - Parameter warn: told what a user may not have meant.
  func add(_ text: String, warn: (String) -> Void) throws(BlockError) {
    var properties = try SecretDefinition.properties(text)
    guard properties["qom-type"]?.string == ObjectDefinitions.throttleGroup else {
      let definition = try SecretDefinition(reading: properties)
      try refuseKnown(definition.id)
      return try secrets.add(definition, warn: warn)
    }
    properties["qom-type"] = nil
    guard let id = try properties.takeString("id") else {
      throw BlockError(.invalidArgument, "Parameter 'id' is missing")
    }
    try ValueText.refuse(identifier: id, option: "id")
    try refuseKnown(id)
    let group = try ThrottleGroup(takingFrom: &properties)
    if let left = properties.keys.first {
      throw BlockError(.invalidArgument, "Parameter '\(left)' is unexpected")
    }
    rateLimiters[id] = group
  }

  private func refuseKnown(_ id: String) throws(BlockError) {
    guard rateLimiters[id] != nil || (try? secrets.secret(named: id)) != nil else { return }
    throw BlockError(
      .alreadyExists, "attempt to add duplicate property '\(id)' to object (type 'container')")
  }

  /// The text of `--object help` and `--object TYPE,help`, or nil where `text` asks for neither.
  static func help(for text: String) -> String? {
    switch text {
    case "help", "?": return "List of user creatable objects:\n  secret\n  \(throttleGroup)\n"
    case throttleGroup + ",help", throttleGroup + ",?":
      var lines = "\(throttleGroup) options:\n  limits=<ThrottleLimits>\n"
      for property in ThrottleGroup.properties { lines += "  x-\(property)=<int>\n" }
      return lines
    default: return SecretDefinition.help(for: text)
    }
  }
}
