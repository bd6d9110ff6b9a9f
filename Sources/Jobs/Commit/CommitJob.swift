// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph
public import Errors
internal import Host

/// Writes what an image and the layers below it hold into a layer further down, and empties the image.
///
/// The base is written first and made durable; only then the image gives up what it holds. At any moment the image
/// reads the same. Layers in between change their content with the base and must not be used.
public final class CommitJob: Job {
  /// `commit`.
  public let kind = "commit"
  /// Whether the image could be opened.
  public private(set) var hasOpened = false
  private let options: CommitOptions
  private let opener: Opener?
  /// The user of the image: one of the job's own, or the one whose image it is.
  private var user: RootUser?
  private var stretch: CommitStretch?

  /// Opens the image, and closes it in the end.
  public init(_ options: CommitOptions, opener: Opener) {
    self.options = options
    self.opener = opener
  }

  /// Commits an image that `user` has open and goes on using.
  public init(_ options: CommitOptions, of user: RootUser) {
    self.options = options
    opener = nil
    self.user = user
  }

  private var keepsContent: Bool { options.keepsContent || options.base != nil }

  // MARK: Job

  /// Opens the image, finds the base and takes hold of the chain in between.
  public func prepare(in graph: Graph) throws(BlockError) {
    if let opener {
      let user = graph.makeUser(
        "commit: '\(options.image.text)'", claim: Claim(held: .consistentRead, shared: .all))
      self.user = user
      var settings = options.settings
      settings.flags.formUnion([.writable, .unmap])
      try opener.open(options.image, settings, for: user)
    }
    hasOpened = true
    guard let top = user?.edge?.child else { throw BlockError(.notFound, "there is no image to commit") }
    let base = try findBase(below: top)
    let stretch = CommitStretch(
      top: top, base: base, description: "commit of '\(options.image.text)'", graph: graph)
    self.stretch = stretch
    try stretch.take(emptying: !keepsContent)
  }

  /// Copies to the base, then empties the image.
  public func run(_ context: JobContext) throws(BlockError) {
    guard let stretch, let source = stretch.source?.edge, let target = stretch.target?.edge else { return }
    if target.length < source.length {
      try inContext("Could not resize '\(target.child.fileName)'") { () throws(BlockError) in
        try target.truncate(to: source.length, exact: false)
      }
    }
    let cluster = target.child.limits.clusterSize
    let shape = CopyTarget(
      edge: target, granule: cluster > 0 ? cluster : 4096, isSparse: true, readsZero: false, offloads: false,
      compressionUnit: nil)
    let pipeline = CopyPipeline(
      from: try ConvertSource([source], base: target.child, salvage: nil), to: shape,
      threads: options.threads ?? Threads.processors, rateLimit: options.rateLimit, context: context)
    try pipeline.run()
    try target.flush()
    guard !keepsContent else { return }
    try inContext("Could not empty '\(options.image.text)'") { () throws(BlockError) in
      try source.makeEmpty()
      try source.flush()
    }
  }

  /// Lets go of the chain; layers that were open for reading only are so again.
  public func clean(in graph: Graph, warnings: inout [String]) {
    stretch?.letGo(&warnings)
    stretch = nil
    guard opener != nil, let user else { return }
    do throws(BlockError) {
      try graph.release(user)
    } catch {
      warnings.append("could not close '\(options.image.text)': \(error.message)")
    }
    self.user = nil
  }

  // MARK: The base

  private func findBase(below top: Node) throws(BlockError) -> Node {
    guard let name = options.base else {
      guard let backing = top.backing?.child else {
        throw BlockError(.invalidArgument, "Image does not have a backing file")
      }
      return backing
    }
    var upper = top
    while let layer = upper.backing?.child {
      if isNamed(layer, name, by: upper) { return layer }
      upper = layer
    }
    let isTop = FilePaths.identity(of: name).map { $0 == FilePaths.identity(of: top.fileName) } ?? false
    throw BlockError(
      isTop ? .conflict : .notFound,
      "Did not find '\(name)' in the backing chain of '\(options.image.text)'"
        + (isTop ? ": it is the same node" : ""))
  }

  /// Whether a layer is meant by `name`: as the image above it says, or as a path leads to it.
  private func isNamed(_ layer: Node, _ name: String, by upper: Node) -> Bool {
    if layer.name == name || layer.fileName == name { return true }
    if upper.driver.formatInformation(of: upper)?.backing?.name == name { return true }
    guard !name.isEmpty, let identity = FilePaths.identity(of: layer.fileName) else { return false }
    return identity == FilePaths.identity(of: name)
      || identity == FilePaths.identity(of: ImageName.resolve(name, relativeTo: upper.fileName))
  }
}
