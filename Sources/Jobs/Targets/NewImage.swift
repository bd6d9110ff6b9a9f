// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
internal import Errors
internal import Host
package import Options

/// The properties of an image to be made, checked.
package struct ImageRecipe: Sendable {
  /// The path of the image.
  package var path: String
  /// Its format.
  package var format: String
  /// Guest-visible length in bytes.
  package var size: UInt64
  /// Creation options, without `size`.
  package var options: OptionObject
  /// The identity of the backing file, where it has been opened and its format has one.
  package var backing: ImageIdentity?

  /// Makes a recipe.
  package init(
    path: String, format: String, size: UInt64, options: OptionObject, backing: ImageIdentity? = nil
  ) {
    self.backing = backing
    self.path = path
    self.format = format
    self.size = size
    self.options = options
  }

  /// Throws where nobody knows the format that the image is to state for its backing file.
  func refuseUnknownBackingFormat(_ opener: Opener) throws(BlockError) {
    guard let format = options["backing_fmt"]?.string, opener.kind(named: format) == nil,
      !Signature.imageFormats.contains(format)
    else { return }
    throw BlockError(.invalidArgument, "Parameter 'backing-fmt' does not accept value '\(format)'")
  }
}

/// A new image: its files, filled with an empty image of its format. Graph API.
final class NewImage: ImageFiles {
  private let graph: Graph
  private let opener: Opener
  private let files: TargetFiles
  private let recipe: ImageRecipe
  private let flags: NodeFlags
  private var fileUser: RootUser?
  /// The users of the image's further files, in the order made.
  private var furtherUsers: [(slot: EdgeSlot, format: String?, user: RootUser)] = []
  private var attributes = FileAttributes()
  private var isComplete = false

  /// Makes the files and fills them; they have no names yet.
  ///
  /// - Parameter isOrdered: whether the image's content is going to be written from start to end, so that a pipe takes it
  ///   where its format does.
  init(
    _ recipe: ImageRecipe, flags: NodeFlags, isOrdered: Bool = false, graph: Graph, opener: Opener
  ) throws(BlockError) {
    self.recipe = recipe
    self.flags = flags.union(.writable)
    self.graph = graph
    self.opener = opener
    let kind = opener.kind(named: recipe.format)
    let isOrdered = isOrdered && kind?.isWrittenInOrder(recipe.options) == true
    files = TargetFiles(graph: graph, opener: opener, isOrdered: isOrdered) { length in
      kind?.tellingRanges(inFileOf: length) ?? [0..<WithheldRanges.head]
    }
    do throws(BlockError) {
      try create()
    } catch {
      let failure = files.explain(opener.explain(error, optionsOfNew: recipe.format, recipe.options))
      discard()
      throw failure
    }
  }

  /// Says of an error in filling the image what helps against it.
  func explain(_ error: BlockError) -> BlockError { files.explain(error) }

  private func create() throws(BlockError) {
    try recipe.refuseUnknownBackingFormat(opener)
    let kind = try opener.creatableFormat(recipe.format)
    var options = recipe.options
    if let name = options["data_file"]?.string { options["data_file"] = .string(try opener.targetPath(name)) }
    attributes = try FileAttributes(takingFrom: &options)
    let file = makeUser(recipe.path)
    fileUser = file
    try files.make(recipe.path, flags: flags, attributes, for: file)
    guard let edge = file.edge,
      let size = try kind.diskLength(recipe.size, options: options).roundedUp(to: 512)
    else {
      throw BlockError(.tooLarge, "Image size must be less than 8 EiB!")
    }
    let request = CreateRequest(
      file: edge, size: size, options: options, secrets: opener.secrets, files: self,
      backing: recipe.backing)
    try kind.create(request)
    // So that the format node can be opened on the file, which then has that node as its only writer.
    try graph.setPermissions(.none, of: file)
    for (_, _, user) in furtherUsers { try graph.setPermissions(.none, of: user) }
  }

  private func makeUser(_ path: String) -> RootUser {
    graph.makeUser(
      "creation of '\(path)'",
      request: PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead))
  }

  /// Makes a file whose name is relative to the image's folder.
  func add(_ name: String, as slot: EdgeSlot, format: String?) throws(BlockError) -> Edge {
    let path = ImageName.resolve(name, relativeTo: recipe.path)
    for other in [recipe.path] + furtherUsers.compactMap({ $0.user.edge?.child.fileName }) {
      let identity = FilePaths.identity(of: path)
      guard FilePaths.resolvingLinks(path) != FilePaths.resolvingLinks(other),
        identity == nil || identity != FilePaths.identity(of: other)
      else {
        let what = other == recipe.path ? "the image itself" : "another file of the image"
        throw BlockError(.invalidArgument, "The \(slot.fileWords) '\(name)' is \(what)")
      }
    }
    let user = makeUser(path)
    furtherUsers.append((slot, format, user))
    try files.make(path, flags: flags, attributes, for: user)
    guard let edge = user.edge else {
      throw BlockError(.notFound, "\(slot.fileWords) '\(name)' has no node")
    }
    return edge
  }

  /// Whether an untouched image reads as zero everywhere (where it has no backing file).
  var readsZero: Bool {
    guard let edge = fileUser?.edge, let kind = opener.kind(named: recipe.format) else { return false }
    return kind.readsZeroWhenNew(recipe.options, storageReadsZero: files.readsZero(edge.child))
  }

  /// Opens the image for `user`, on `backing` where that is open already; with `isReadOnly`, as somebody would who only
  /// looks at it.
  func open(for user: RootUser, on backing: Node? = nil, isReadOnly: Bool = false) throws(BlockError) {
    guard let file = fileUser?.edge?.child else { return }
    let kind = try opener.knownFormat(recipe.format)
    var options = kind.openOptions(forNew: recipe.options)
    for (slot, format, user) in furtherUsers {
      guard let name = user.edge?.child.name else { continue }
      options[slot.rawValue] =
        if let format { ["driver": .string(format), "file": .string(name)] } else { .string(name) }
    }
    if let backing { options["backing"] = .string(backing.name) }
    options = try options.normalized()
    let settings = OpenSettings(flags: isReadOnly ? flags.subtracting(.writable) : flags)
    let node = try opener.openFormat(kind, on: file, options, settings)
    try graph.attach(user, toUnused: node)
    files.begin()
  }

  /// Makes sure that all that was written is there; the image's users must have been released.
  func complete() throws(BlockError) {
    guard !isComplete else { return }
    do throws(BlockError) {
      if let fileUser, let edge = fileUser.edge { try edge.flush() }
      for (_, _, user) in furtherUsers { try user.edge?.flush() }
      try files.complete()
    } catch {
      throw explain(error)
    }
    isComplete = true
  }

  /// Lets the image appear under its name; it can be taken back with `withdraw`, unless that `isFinal`.
  func publish(isFinal: Bool = true) throws(BlockError) {
    try complete()
    do throws(BlockError) {
      try files.publish(isFinal: isFinal)
    } catch {
      throw explain(error)
    }
  }

  /// Takes the image away again, where it has appeared.
  func withdraw() { files.withdraw() }

  /// Closes the files; those that were not published are gone.
  func discard() {
    for user in [fileUser] + furtherUsers.map(\.user) {
      // Data that could not be written back is not going to be looked at, or has been flushed before.
      if let user { try? graph.release(user) }
    }
    fileUser = nil
    furtherUsers = []
    files.close()
  }
}
