// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
package import Options
internal import Qcow2Format

/// An image in memory, as commands open one: its own graph, its storage, and no other file.
package struct OpenImage {
  /// Where the image's bytes are.
  package let storage: BoundedStorage
  private let graph: Graph
  /// The users, top first.
  private let users: [RootUser]
  /// The guest's view.
  package let edge: Edge

  /// Opens what `storage` holds.
  ///
  /// - Parameters:
  ///   - flags: with `writable`, a user that writes and resizes.
  ///   - kinds: the formats known, where that is not the image's own alone.
  package init(
    _ storage: BoundedStorage, _ kind: any DriverKind = Qcow2Format(), flags: NodeFlags,
    options: OptionObject = [:], kinds: [any DriverKind]? = nil
  ) throws(BlockError) {
    self.storage = storage
    let graph = Graph()
    self.graph = graph
    let (file, fileUser) = try OpenImage.adopt(storage, "memory", in: graph)
    let content = BoundedStorage([UInt8](repeating: 66, count: 1 << 18))
    let (data, dataUser) = try OpenImage.adopt(content, "data", in: graph)
    var options = options
    if kind.name == "qcow2", storage.hasDataFile { options["data-file"] = .string(data.name) }
    let request =
      flags.contains(.writable)
      ? PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead)
      : PermissionRequest(held: .consistentRead, shared: .all)
    let user = graph.makeUser("fuzz", request: request)
    users = [user, fileUser, dataUser]
    // Requests to discard are to do something.
    let flags = flags.contains(.writable) ? flags.union(.unmap) : flags
    do throws(BlockError) {
      let node = try Opener(graph: graph, kinds: kinds ?? [kind]).openFormat(
        kind, on: file, options, OpenSettings(flags: flags, followsBacking: false))
      edge = try graph.attach(user, to: node)
    } catch {
      for user in users { try? graph.release(user) }
      throw error
    }
  }

  private static func adopt(_ storage: BoundedStorage, _ name: String, in graph: Graph) throws(BlockError)
    -> (Node, RootUser)
  {
    let node = try graph.adopt(storage, fileName: name, flags: .writable)
    let user = graph.makeUser(name, request: .none)
    try graph.attach(user, to: node)
    return (node, user)
  }

  /// The image's driver.
  package var driver: any BlockDriver { edge.child.driver }

  /// Writes back and closes.
  package func close() throws(BlockError) {
    defer { for user in users.dropFirst() { try? graph.release(user) } }
    try graph.release(users[0])
  }

  /// Guest bytes.
  package func read(_ offset: UInt64, _ count: Int) throws(BlockError) -> [UInt8] {
    let buffer = try edge.read(at: offset, count: count)
    return buffer.bytes.array
  }

  /// Writes guest bytes.
  package func write(_ offset: UInt64, _ bytes: [UInt8]) throws(BlockError) {
    let buffer = Buffer(bytes)
    try edge.write(at: offset, from: buffer.bytes)
  }

  /// Fills an empty storage with an empty image.
  ///
  /// - Parameter options: creation options as text.
  package static func create(
    _ format: any DriverKind = Qcow2Format(), on storage: BoundedStorage, size: UInt64, _ options: String
  ) throws(BlockError) {
    let graph = Graph()
    let file = try graph.adopt(storage, fileName: "memory", flags: .writable)
    let user = graph.makeUser(
      "create", request: PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead))
    let edge = try graph.attach(user, to: file)
    let list = options.isEmpty ? KeyValueList() : try KeyValueList(creationOptions: options)
    let request = CreateRequest(file: edge, size: size, options: try format.creationOptions.parse(list))
    try format.create(request)
    try graph.release(user)
  }
}
