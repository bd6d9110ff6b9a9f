// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Host

/// Writes what an image and the layers below it hold into a layer further down, and empties the image.
///
/// The base is written first and made durable; only then the image gives up what it holds. At any moment the image
/// reads the same. Layers in between change their content with the base and must not be used.
package final class CommitJob: Job {
  /// `commit`.
  package let kind = "commit"
  /// The error with which closing the image failed.
  package private(set) var closeFailure: BlockError?
  /// Whether the image could be opened.
  package private(set) var hasOpened = false
  private let options: CommitOptions
  private let opener: Opener?
  /// The user of the image: one of the job's own, or the one whose image it is.
  private var user: RootUser?
  private var stretch: CommitChain?

  /// Opens the image, and closes it in the end.
  package init(_ options: CommitOptions, opener: Opener) {
    self.options = options
    self.opener = opener
  }

  /// Commits an image that `user` has open and goes on using.
  package init(_ options: CommitOptions, of user: RootUser) {
    self.options = options
    opener = nil
    self.user = user
  }

  private var keepsContent: Bool { options.keepsContent || options.base != nil }

  // MARK: Job

  /// Opens the image, finds the base and takes hold of the chain in between.
  package func prepare(in graph: Graph) throws(BlockError) {
    if let opener {
      let user = graph.makeUser(
        "commit: '\(options.image.text)'", request: PermissionRequest(held: .consistentRead, shared: .all))
      self.user = user
      try opener.openForChange(options.image, options.settings, for: user)
    }
    hasOpened = true
    guard let image = user?.edge?.child else { throw BlockError(.notFound, "there is no image to commit") }
    let base = try findBase(below: image.unfiltered)
    let stretch = CommitChain(
      image: image, base: base, description: "commit of '\(options.image.text)'", graph: graph)
    self.stretch = stretch
    try stretch.take(emptying: !keepsContent)
  }

  /// Copies to the base.
  package func run(_ context: JobContext) throws(BlockError) {
    guard let stretch else { return }
    let pace = CommitPace(threads: options.threads, rateLimit: options.rateLimit)
    try stretch.copy(pace, context)
  }

  /// Empties the image, which goes on reading the same.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    guard !keepsContent, let source = stretch?.source?.edge else { return }
    try inFile(options.image.text, "Could not empty") { () throws(BlockError) in
      try source.makeEmpty()
      try source.flush()
    }
  }

  /// Lets go of the chain; layers that were open for reading only are so again.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    stretch?.letGo(&warnings)
    stretch = nil
    guard opener != nil else { return }
    closeFailure = graph.close(user, named: options.image.text)
    user = nil
  }

  // MARK: The base

  private func findBase(below top: Node) throws(BlockError) -> Node {
    guard let name = options.base else {
      guard let backing = top.backing?.child else {
        throw BlockError(.invalidArgument, "Image does not have a backing file")
      }
      return backing
    }
    if let found = ChainLayer(named: name, below: top) { return found.node }
    let isTop = FilePaths.identity(of: name).map { $0 == FilePaths.identity(of: top.fileName) } ?? false
    throw BlockError(
      isTop ? .conflict : .notFound,
      "Did not find '\(name)' in the backing chain of '\(options.image.text)'", naming: options.image.text,
      advice: isTop
        ? "That is the image itself; a base lies below it."
        : "'info --backing-chain \(.file)' lists the layers.")
  }
}
