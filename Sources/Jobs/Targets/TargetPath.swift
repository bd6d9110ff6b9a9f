// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

extension Opener {
  /// The path on this machine that a target's name means.
  ///
  /// - Throws: `Unknown protocol 'NAME'` for a prefix that leads elsewhere.
  func targetPath(_ name: String) throws(BlockError) -> String {
    guard let prefix = ImageName.protocolPrefix(of: name) else { return name }
    guard prefix == "file" else {
      throw BlockError(.invalidArgument, "Unknown protocol '\(prefix)'")
    }
    return String(name.dropFirst(prefix.count + 1))
  }

  /// Whether there is something at the path that a target's name means.
  func targetExists(_ name: String) throws(BlockError) -> Bool {
    FilePaths.kind(of: try targetPath(name)) != nil
  }
}
