// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

extension Opener {
  /// The path on this machine that a target's name means, or the name itself where it leads elsewhere.
  ///
  /// - Throws: `Unknown protocol 'NAME'` for a prefix that leads nowhere.
  func targetPath(_ name: String) throws(BlockError) -> String {
    guard let prefix = ImageName.protocolPrefix(of: name), !isRemote(name) else { return name }
    guard prefix == "file" else {
      guard protocols.contains(where: { $0.text == prefix }) else {
        throw BlockError(.invalidArgument, "Unknown protocol '\(prefix)'")
      }
      throw BlockError(.unsupported, "Storage driver '\(prefix)' does not support image creation")
    }
    let path = String(name.dropFirst(prefix.count + 1))
    // The rest is a path, also where it looks like a name with a prefix.
    return ImageName.protocolPrefix(of: path) == nil ? path : "./" + path
  }

  /// Whether there is something at the place that a target's name means.
  func targetExists(_ name: String) throws(BlockError) -> Bool {
    if isRemote(name) { return true }
    return FilePaths.kind(of: try targetPath(name)) != nil
  }
}
