// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Host
package import Options

/// What jobs are told of images that they are to make: names of files and formats.
extension Opener {
  /// The path on this machine that a target's name means, or the name itself where it leads elsewhere.
  ///
  /// - Throws: `Unknown protocol 'NAME'` for a prefix that leads nowhere.
  package func targetPath(_ name: String) throws(BlockError) -> String {
    guard let prefix = ImageName.protocolPrefix(of: name), !isRemote(name) else { return name }
    guard prefix == "file" else {
      guard protocols.contains(where: { $0.text == prefix }) else {
        throw BlockError(.invalidArgument, "Unknown protocol '\(prefix)'")
      }
      throw BlockError(.unsupported, "Protocol driver '\(prefix)' does not support image creation")
    }
    let path = String(name.dropFirst(prefix.count + 1))
    // The rest is a path, also where it looks like a name with a prefix.
    return ImageName.protocolPrefix(of: path) == nil ? path : "./" + path
  }

  /// Whether there is something at the place that a target's name means.
  package func targetExists(_ name: String) throws(BlockError) -> Bool {
    if isRemote(name) { return true }
    return FilePaths.kind(of: try targetPath(name)) != nil
  }

  /// The same error, telling what values a creation option has, where one has another.
  package func explain(_ error: BlockError, optionsOfNew format: String, _ options: OptionObject)
    -> BlockError
  {
    guard let kind = kind(named: format) else { return error }
    return kinds.creationOptions(of: kind).explain(error, options)
  }

  /// The format called `name`.
  ///
  /// - Throws: `Unknown file format 'NAME'`.
  package func knownFormat(_ name: String) throws(BlockError) -> any DriverKind {
    guard let kind = kind(named: name), !kind.isProtocol else { throw unknownFormat(name) }
    return kind
  }

  /// The format called `name`, images of which are to be made.
  ///
  /// - Throws: `Unknown file format 'NAME'`; kind `unsupported` for one whose images are only read.
  package func creatableFormat(_ name: String) throws(BlockError) -> any DriverKind {
    let kind = try knownFormat(name)
    try kind.requireCreation(alone: true)
    return kind
  }
}
