// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Host

/// Puts an overlay on another backing file, or on none, without changing what it reads as.
///
/// Content that the new backing file does not show is written to the overlay first; when that is durable, the name in
/// the image changes. At any moment before, the image is whole over the old backing file, and after it over the new
/// one.
package final class RebaseJob: Job {
  /// `rebase`.
  package let kind = "rebase"
  /// The error with which closing the image failed.
  package private(set) var closeFailure: BlockError?
  private let options: RebaseOptions
  private let opener: Opener
  private var graph: Graph?
  private var overlay: RootUser?
  private var base: RootUser?
  /// The links that are frozen.
  private var frozen: [Edge] = []
  /// The use of the overlay itself, where it was opened with filters in front.
  private var unfiltered: RootUser?
  /// The backing file that the image named before, where it names another one now and that may be taken back.
  private var replaced: ReplacedBacking?
  private var restoreFailure: BlockError?

  /// Opens nothing.
  package init(_ options: RebaseOptions, opener: Opener) {
    self.options = options
    self.opener = opener
  }

  /// The new backing file's name, nil for none.
  private var backing: String? { options.backing.flatMap { $0.isEmpty ? nil : $0 } }

  // MARK: Job

  /// Opens the overlay and, unless only the name is to change, both backing files.
  package func prepare(in graph: Graph) throws(BlockError) {
    self.graph = graph
    try refuseUnusableName()
    let user = graph.makeUser(
      "rebase: overlay '\(options.image.text)'",
      request: PermissionRequest(
        held: options.isUnsafe ? .graphMod : [.consistentRead, .writeUnchanged, .graphMod],
        shared: .consistentRead))
    overlay = user
    try openOverlay(user)
    guard let opened = user.edge?.child else { return }
    let node = opened.unfiltered
    if node !== opened {
      let image = graph.makeUser(
        "rebase: overlay '\(options.image.text)'", request: PermissionRequest(held: .graphMod, shared: .all))
      unfiltered = image
      try graph.change(draining: [node]) { (edit: GraphEdit) throws(BlockError) in
        _ = try edit.attach(image, to: node, staysAtNode: true)
      }
    }
    try refuseFormatName()
    if options.compresses, !options.isUnsafe { _ = try user.edge?.makeCompressor() }
    if options.isUnsafe {
      // Where the image names it already, the wish is to go on with the backing file as it is now.
      if namesBacking(node) { try? openBase(below: node, graph, isOnlyNamed: true) }
    } else {
      try openBase(below: node, graph)
      if let old = node.backing?.child {
        frozen = try graph.freezeChain(from: node, to: old, for: "rebase of '\(options.image.text)'")
      }
    }
    try inContext(changing) { () throws(BlockError) in
      guard backing == nil || options.backingFormat != nil else {
        throw BlockError(
          .invalidArgument, "backing format must be specified",
          advice: "State the format of the backing file with -F.")
      }
      guard opener.kind(named: node.driver.name)?.supportsBacking == true else {
        throw BlockError(
          .unsupported, "Operation not supported",
          advice: """
            Images of the format \(node.driver.name) stand on no other; 'convert -O qcow2 -B BASE -F FORMAT \(.file) NEW' \
            makes one that does.
            """)
      }
    }
  }

  /// Copies what differs.
  package func run(_ context: JobContext) throws(BlockError) {
    guard let edge = overlay?.edge, !options.isUnsafe else { return }
    try copy(to: edge, context)
  }

  /// Changes the name.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    guard let edge = naming else { return }
    let before = ReplacedBacking(of: edge.child)
    try changeBacking(of: edge, in: graph)
    replaced = isFinal ? nil : before
  }

  /// Puts the name back; the content that was copied shows the same over the old backing file.
  package func abort(in graph: Graph) {
    guard let replaced, let edge = naming else { return }
    do throws(BlockError) {
      try replaced.restore(to: edge)
    } catch {
      restoreFailure = error
    }
  }

  /// Closes everything that is open.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    thaw(graph)
    if let restoreFailure {
      warnings.append(
        restoreFailure.prefixed(
          "'\(options.image.text)' keeps its new backing file", naming: options.image.text))
    }
    if let unfiltered { graph.detach(unfiltered) }
    unfiltered = nil
    closeFailure = graph.close(overlay, named: options.image.text)
    overlay = nil
    // Nothing was written there.
    if let base { try? graph.release(base) }
    base = nil
  }

  /// What the overlay's backing file is changed through.
  private var naming: Edge? { (unfiltered ?? overlay)?.edge }

  private func thaw(_ graph: Graph) {
    graph.thaw(frozen)
    frozen = []
  }

  // MARK: Opening

  private func openOverlay(_ user: RootUser) throws(BlockError) {
    var settings = options.settings
    // Where the image stood on nothing, what it does not hold must go on reading as zero.
    if backing != nil { settings.flags.insert(.storesZeroes) }
    settings.followsBacking = !options.isUnsafe
    do throws(BlockError) {
      try opener.openForChange(options.image, settings, for: user)
    } catch {
      throw withAdvice(error, settings)
    }
  }

  /// Where the image alone could be opened, its name can be changed.
  private func withAdvice(_ error: BlockError, _ settings: OpenSettings) -> BlockError {
    // A name that is refused has advice of its own.
    guard settings.followsBacking, error.hint == nil, ![.refused, .readOnly].contains(error.kind), let graph
    else {
      return error
    }
    let alone = OpenSettings(format: settings.format, flags: .noIO, followsBacking: false)
    guard let node = try? opener.openUnused(options.image, alone) else { return error }
    let hasBacking = opener.kind(named: node.driver.name)?.supportsBacking == true
    graph.dispose(ofUnused: node)
    guard hasBacking else { return error }
    var error = error
    error.advice = "To change the backing file's name without looking at what the old one holds, use -u."
    return error
  }

  /// Whether the image knows its backing file by an identity, and has the name that is asked for.
  private func namesBacking(_ node: Node) -> Bool {
    guard let backing, node.driver is any IdentifiedDriver else { return false }
    return node.driver.formatInformation(of: node)?.backing?.names.contains(backing) == true
  }

  /// Opens the new backing file; only for what it is known by, where it `isOnlyNamed` and not read.
  private func openBase(below node: Node, _ graph: Graph, isOnlyNamed: Bool = false) throws(BlockError) {
    guard let backing else { return }
    try inFile(backing, "Could not open new backing file") { () throws(BlockError) in
      let name = try ImageName(
        ImageName.resolve(backing, relativeTo: node.fileName), protocols: opener.protocols)
      let settings = OpenSettings(
        format: options.backingFormat, flags: options.backingFlags.union(isOnlyNamed ? .noIO : []),
        followsBacking: !isOnlyNamed)
      let new = try openUnused(name, settings, below: node)
      let user = graph.makeUser(
        "rebase: new backing file '\(backing)'",
        request: isOnlyNamed
          ? PermissionRequest(held: [], shared: .all)
          : PermissionRequest(
            held: .consistentRead, shared: Permissions.all.subtracting([.write, .resize])))
      base = user
      try graph.attach(user, toUnused: new)
    }
  }

  private func openUnused(_ name: ImageName, _ settings: OpenSettings, below node: Node) throws(BlockError)
    -> Node
  {
    do throws(BlockError) {
      return try opener.openUnused(name, settings, below: node)
    } catch {
      guard error.kind == .notFound else { throw error }
      throw error.advising("The name is relative to the folder of the image, not to the working folder.")
    }
  }

  /// A name that would not be followed when it is found in the image must not get there.
  private func refuseUnusableName() throws(BlockError) {
    guard opener.references != .any, let backing, let prefix = ImageName.protocolPrefix(of: backing),
      prefix != "file"
    else { return }
    throw BlockError(
      .refused, "\(changing): only local files may be named in an image",
      advice:
        "A path with a colon in front of any slash is written './\(prefix):…'; --references=any allows every name."
    )
  }

  private func refuseFormatName() throws(BlockError) {
    guard let format = options.backingFormat, opener.kind(named: format) == nil,
      !Signature.imageFormats.contains(format)
    else { return }
    throw BlockError(.invalidArgument, "Invalid format name: '\(format)'")
  }

  // MARK: Changing

  private func copy(to edge: Edge, _ context: JobContext) throws(BlockError) {
    let granule = CopyTarget.granule(changing: edge, compresses: options.compresses)
    let target = CopyTarget(
      edge: edge, granule: granule, isSparse: true, readsZero: false,
      compressionUnit: options.compresses ? Int(granule) : nil, isUnchanged: true)
    let copy = ContentCopy(
      from: RebaseSource(overlay: edge, new: base?.edge), to: target,
      threads: options.threads ?? Threads.processors, rateLimit: nil, context: context)
    try copy.run()
    try edge.flush(named: options.image.text)
  }

  private var changing: String { "Could not change the backing file to '\(options.backing ?? "")'" }

  /// Changes the graph first, which can be undone, and then the name.
  private func changeBacking(of edge: Edge, in graph: Graph) throws(BlockError) {
    let node = edge.child
    let old = node.backing?.child
    thaw(graph)
    let changesGraph = !options.isUnsafe || base != nil
    if changesGraph { try setBacking(of: node, to: base?.edge?.child, in: graph) }
    do throws(BlockError) {
      try inContext(changing) { () throws(BlockError) in
        try edge.setBackingFile(backing, format: options.backingFormat.map(opener.ownName(ofFormat:)))
      }
    } catch {
      // Both chains read the same, so that failing here does no harm; all nodes go as soon as the job ends.
      if changesGraph { try? setBacking(of: node, to: old, in: graph) }
      throw error
    }
    if let old { graph.dispose(ofUnused: old) }
  }

  private func setBacking(of node: Node, to new: Node?, in graph: Graph) throws(BlockError) {
    var drained = [node]
    for other in [node.backing?.child, new] { if let other { drained.append(other) } }
    try graph.change(draining: drained) { (edit: GraphEdit) throws(BlockError) in
      try edit.setBacking(of: node, to: new)
    }
  }
}
