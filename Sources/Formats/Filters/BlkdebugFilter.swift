// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph
public import Errors
internal import Host
internal import Options

/// A filter above storage that lets requests fail as told: for trying out what programs make of broken disks.
public struct BlkdebugFilter: DriverKind {
  /// Makes the kind.
  public init() {}

  /// `blkdebug`.
  public var name: String { "blkdebug" }
  /// It is one.
  public var isFilter: Bool { true }
  /// The filter shows what the storage has.
  public var fileRole: EdgeRole { [.filtered, .primary] }
  /// `image`, as the peer calls it.
  public var fileAlias: String? { "image" }
  /// `blkdebug:CONFIG:FILE`; the name of the configuration may be empty.
  public var namePrefixes: [StoragePrefix] { [StoragePrefix(name, form: .configured)] }

  /// Stands above what the option `file` states. Its own are `config`, a file of rules, and `inject-error.N`, a rule.
  ///
  /// - Throws: what is wrong with a rule, by its name.
  public func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    var rules: [FaultRule] = []
    if let path = try request.options.takeString("config"), !path.isEmpty {
      let text = try inFile(path, "Could not read blkdebug config file") { () throws(BlockError) in
        try File(path: path, mode: []).readText(limit: FaultRule.largestFile)
      }
      rules += try inFile(path, "blkdebug config file") { () throws(BlockError) in
        try FaultRule.parse(text)
      }
    }
    switch request.options.remove("inject-error") {
    case nil: break
    case .some(.array(let elements)):
      for element in elements {
        guard let object = element.object else {
          throw BlockError(.invalidArgument, "Invalid parameter type for 'inject-error', expected: object")
        }
        rules.append(try FaultRule(object))
      }
    case .some:
      throw BlockError(.invalidArgument, "Invalid parameter type for 'inject-error', expected: array")
    }
    return OpenedDriver(BlkdebugDriver(rules), fileRole: fileRole)
  }
}
