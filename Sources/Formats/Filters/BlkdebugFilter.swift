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
    case .object(let rule):
      options[section.rawValue] = nil
      return [rule]
    case .array(let elements):
      options[section.rawValue] = nil
      var rules: [OptionObject] = []
      for element in elements {
        guard let rule = element.object else {
          throw BlockError(
            .invalidArgument, "Invalid parameter type for '\(section.rawValue)', expected: object")
        }
        rules.append(rule)
      }
      return rules
    default: return []
    }
  }
}
