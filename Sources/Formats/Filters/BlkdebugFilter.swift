// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Options

/// A filter that lets requests fail as told: for trying out what programs make of broken disks.
package struct BlkdebugFilter: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `blkdebug`.
  package var name: String { "blkdebug" }
  /// It is one.
  package var isFilter: Bool { true }
  /// The filter shows what lies below.
  package var fileRole: EdgeRole { [.filtered, .primary] }
  /// `image`, as `qemu-img` calls it.
  package var fileOption: String? { "image" }
  /// `blkdebug:CONFIG:FILE`; the name of the configuration may be empty.
  package var namePrefixes: [StoragePrefix] {
    [
      StoragePrefix(
        name,
        form: .pair(
          .init(
            first: .path("config"), second: "image", isProbed: false,
            missing: "blkdebug requires both config file and image path")))
    ]
  }

  /// Stands above what the option `image` states. Rules are in the file `config` and in the lists `inject-error` and
  /// `set-state`; `align`, `max-transfer`, `opt-write-zero`, `max-write-zero`, `opt-discard` and `max-discard` are limits,
  /// `take-child-perms` and `unshare-child-perms` lists of permissions.
  ///
  /// - Throws: the defect of a rule or a limit, by its name.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    var rules: [BlkdebugRule] = []
    if let path = try request.options.takeString("config") {
      rules += try BlkdebugConfig.read(path)
    }
    for section in BlkdebugRule.Section.allCases {
      for rule in try takeRules(section, from: &request.options) {
        rules.append(try BlkdebugRule(section, rule))
      }
    }
    let least = request.node.file?.child.limits.requestAlignment ?? 1
    let limits = try BlkdebugLimits(takingFrom: &request.options, least: least)
    let permissions = try BlkdebugPermissions(takingFrom: &request.options)
    return OpenedDriver(BlkdebugDriver(rules, limits, permissions), fileRole: fileRole)
  }

  /// The rules of one list, or one rule alone. A value that is neither stays among the options.
  private func takeRules(_ section: BlkdebugRule.Section, from options: inout OptionObject) throws(BlockError)
    -> [OptionObject]
  {
    switch options[section.rawValue] {
    case .object(let rule) where !rule.isEmpty:
      options[section.rawValue] = nil
      // Elements from 0 on are a list; what is left of one that goes on elsewhere is named.
      var (rest, index) = (rule, 0)
      while rest.remove(String(index)) != nil { index += 1 }
      for entry in rest.flattened() where section.options[entry.key] == nil {
        throw BlockError(.invalidArgument, "Unused option '\(entry.key)' for [\(section.rawValue)]")
      }
      return [rule]
    case .array(let elements) where !elements.isEmpty:
      options[section.rawValue] = nil
      var rules: [OptionObject] = []
      for (index, element) in elements.enumerated() {
        guard let rule = element.object else {
          throw BlockError(
            .invalidArgument, "[\(section.rawValue)] section (index \(index)) does not consist of keys")
        }
        rules.append(rule)
      }
      return rules
    default: return []
    }
  }
}
