// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import FileProtocol
internal import Host
internal import Options

/// What a new file asks of its file system.
struct FileAttributes: Sendable {
  /// Whether blocks are not to be copied on write.
  var avoidsCopyOnWrite = false
  /// The unit of allocation in bytes, where it is not the file system's own.
  var extentSize: UInt32?

  /// Takes the options out that are meant for storage.
  init(takingFrom options: inout OptionObject) throws(BlockError) {
    avoidsCopyOnWrite = try options.takeBool("nocow") ?? false
    extentSize = try options.takeSize("extent_size_hint").map { UInt32(clamping: $0) }
  }
}

/// The files of an image that is being made: a regular file appears under its name only when all are complete,
/// a device or an export of a server is written in place, its header last. Graph API.
final class TargetFiles {
  private let graph: Graph
  private let opener: Opener
  private var staged: [StagedFile] = []
  private var headers: [HeaderLastDriver] = []
  private var guards: [RootUser] = []

  init(graph: Graph, opener: Opener) {
    self.graph = graph
    self.opener = opener
  }

  /// Makes an empty file that will stand at `path`; nobody uses its node yet.
  ///
  /// - Throws: kind `conflict` where something already in use stands at the path; the system's reason otherwise.
  func make(_ path: String, flags: NodeFlags, _ attributes: FileAttributes) throws(BlockError) -> Node {
    if opener.isRemote(path) { return try openRemote(path, flags) }
    let driver: any StorageDriver
    switch FilePaths.kind(of: path) {
    case nil:
      driver = try stage(path, flags, attributes)
    case .regular:
      try guardExisting(path)
      driver = try stage(path, flags, attributes)
    case .blockDevice, .characterDevice:
      driver = try openInPlace(path, flags)
    case .directory:
      throw BlockError(.invalidArgument, "Could not create '\(path)': Is a directory")
    case .other:
      throw BlockError(.invalidArgument, "Could not create '\(path)': not a regular file or device")
    }
    return try graph.adopt(driver, fileName: path, flags: flags.union(.writable))
  }

  /// Whether the file at `path` was empty, and so reads as zero, when it was made.
  func readsZero(_ node: Node) -> Bool { !(node.driver is HeaderLastDriver) }

  /// Lets everything appear under its name: files named by an image before the image that names them.
  func publish() throws(BlockError) {
    for header in headers { try header.writeHeader() }
    for file in staged.reversed() {
      try inContext("Could not create '\(file.path)'") { () throws(BlockError) in try file.publish() }
    }
    staged = []
  }

  /// Gives up what was not published, and the claims on what stood at the paths.
  func close() {
    for user in guards { try? graph.release(user) }
    guards = []
    staged = []
  }

  private func stage(_ path: String, _ flags: NodeFlags, _ attributes: FileAttributes) throws(BlockError)
    -> any StorageDriver
  {
    let file = try inContext("Could not create '\(path)'") { () throws(BlockError) in
      let file = try StagedFile(path: path)
      if flags.contains(.direct) { try file.file.setDirect(true) }
      return file
    }
    if attributes.avoidsCopyOnWrite { file.file.avoidCopyOnWrite() }
    if let bytes = attributes.extentSize, bytes > 0 { file.file.hintExtentSize(bytes) }
    staged.append(file)
    return FileDriver(file.file, path: path)
  }

  /// An existing file is replaced in the end; nobody else may be using it, and nobody may start to meanwhile.
  private func guardExisting(_ path: String) throws(BlockError) {
    for node in graph.nodes {
      guard let used = node.driver as? FileDriver,
        FilePaths.identity(of: used.path) == FilePaths.identity(of: path)
      else { continue }
      throw BlockError(lock: "\"write\"", of: path, heldBy: .this, mayBeForced: false)
    }
    let file = try inContext("Could not create '\(path)'") { () throws(BlockError) in
      try File(path: path, mode: .writable)
    }
    let node = try graph.adopt(FileDriver(file, path: path), fileName: path, flags: .writable)
    let user = graph.makeUser(
      "file to be replaced '\(path)'",
      claim: Claim(held: [.write, .resize], shared: Permissions.all.subtracting(.resize)))
    do throws(BlockError) {
      try graph.attach(user, to: node)
    } catch {
      graph.dispose(ofUnused: node)
      graph.detach(user)
      throw error
    }
    guards.append(user)
  }

  private func openInPlace(_ path: String, _ flags: NodeFlags) throws(BlockError) -> any StorageDriver {
    let file = try inContext("Could not create '\(path)'") { () throws(BlockError) in
      try File(path: path, mode: flags.contains(.direct) ? [.writable, .direct] : .writable)
    }
    let header = try HeaderLastDriver(FileDriver(file, path: path, name: "host_device"))
    headers.append(header)
    return header
  }

  private func openRemote(_ name: String, _ flags: NodeFlags) throws(BlockError) -> Node {
    let image = try ImageName(name, protocols: opener.protocols)
    return try inContext("Could not create '\(name)'") { () throws(BlockError) in
      try opener.openStorage(image, flags.union(.writable)) { (storage) throws(BlockError) in
        guard let storage = storage as? any InPlaceStorage else {
          throw BlockError(.unsupported, "'\(storage.name)' does not support image creation")
        }
        let header = try HeaderLastDriver(storage)
        headers.append(header)
        return header
      }
    }
  }
}
