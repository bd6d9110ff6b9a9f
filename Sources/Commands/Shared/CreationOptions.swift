// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Options

/// The options of an image to be made, as one or several `-o` state them.
struct CreationOptions {
  /// Keys and values, in order.
  let list: KeyValueList

  /// Reads the arguments of `-o` in order.
  ///
  /// - Throws: for the first argument that is no option list.
  init(_ arguments: [String]) throws(BlockError) {
    var list = KeyValueList()
    for argument in arguments { list.append(try KeyValueList(creationOptions: argument)) }
    self.list = list
  }

  /// The text of `-o help`: the options of a format and, where a target is named, those of its storage.
  ///
  /// - Parameter isStandIn: whether only what `qemu-img` has is listed.
  static func help(format: String, target: String?, isStandIn: Bool, opener: Opener) throws(BlockError)
    -> String
  {
    guard let kind = opener.kind(named: format) else {
      throw opener.unknownFormat(format)
    }
    try kind.requireCreation()
    let options = isStandIn ? kind.creationOptions : kind.statedOptions
    guard let target else {
      let text = options.help
      return "Supported \(format) options:" + text.drop { $0 != "\n" } + "\n"
        + "The protocol level may support further options.\n"
        + "Specify the target filename to include those options.\n"
    }
    if kind is any BundlingKind { return opener.kinds.creationOptions(of: kind).help }
    let name = ImageName.protocolPrefix(of: target) ?? "file"
    guard let storage = opener.kind(named: name), storage.isProtocol else {
      throw BlockError(.invalidArgument, "Unknown protocol '\(name)'")
    }
    return options.adding(storage.creationOptions).help
  }
}
