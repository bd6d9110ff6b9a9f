// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Errors

/// The existing image that a job works on.
package enum JobImage {
  /// One to be opened by name, for as long as the job takes.
  case named(ImageName, OpenSettings, Opener)
  /// One that is open already and stays so.
  case open(Node)

  /// The name to tell users.
  var text: String {
    switch self {
    case .named(let name, _, _): name.text
    case .open(let node): node.name
    }
  }

  /// Makes the image what `user` uses.
  func attach(_ user: RootUser, in graph: Graph) throws(BlockError) {
    switch self {
    case .named(let name, let settings, let opener): try opener.open(name, settings, for: user)
    case .open(let node): try graph.attach(user, to: node)
    }
  }
}
