// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph
internal import Bytes
public import Errors
public import Options
internal import Qcow2Format

/// A qcow2 image in memory, as commands open one: its own graph, its storage, and no other file.
public struct OpenImage {
  /// Where the image's bytes are.
  public let storage: BoundedStorage
  private let graph: Graph
  private let file: Node
  private let user: RootUser
  private let fileUser: RootUser
  /// The guest's view.
  public let edge: Edge

  /// Opens what `storage` holds.
  ///
  /// - Parameter flags: with `writable`, a user that writes and resizes.
  public init(_ storage: BoundedStorage, flags: NodeFlags, options: OptionObject = [:]) throws(BlockError) {
    self.storage = storage
    graph = Graph()
    file = try graph.adopt(storage, fileName: "memory", flags: .writable)
    fileUser = graph.makeUser("file", claim: .none)
    try graph.attach(fileUser, to: file)
    let data = try graph.adopt(
      BoundedStorage([UInt8](repeating: 66, count: 1 << 18)), fileName: "data", flags: .writable)
    let dataUser = graph.makeUser("data", claim: .none)
    try graph.attach(dataUser, to: data)
    var options = options
    let bytes = storage.bytes
    if bytes.count > 80, bytes[79] & 4 != 0 { options["data-file"] = .string(data.name) }
    let opener = Opener(graph: graph, kinds: [Qcow2Format()])
    let node = try opener.openFormat(
      Qcow2Format(), on: file, options, OpenSettings(flags: flags, followsBacking: false))
    let claim =
      flags.contains(.writable)
      ? Claim(held: [.consistentRead, .write, .resize], shared: .consistentRead)
      : Claim(held: .consistentRead, shared: .all)
    user = graph.makeUser("fuzz", claim: claim)
    edge = try graph.attach(user, to: node)
  }

  /// The image's driver.
  public var driver: any BlockDriver { edge.child.driver }

  /// Writes back and closes.
  public func close() throws(BlockError) { try graph.release(user) }

  /// Guest bytes.
  public func read(_ offset: UInt64, _ count: Int) throws(BlockError) -> [UInt8] {
    let buffer = try edge.read(at: offset, count: count)
    return buffer.bytes.array
  }

  /// Writes guest bytes.
  public func write(_ offset: UInt64, _ bytes: [UInt8]) throws(BlockError) {
    let buffer = Buffer(bytes)
    try edge.write(at: offset, from: buffer.bytes)
  }

  /// Fills an empty storage with an empty image.
  ///
  /// - Parameter options: creation options as text.
  public static func create(on storage: BoundedStorage, size: UInt64, _ options: String) throws(BlockError) {
    let graph = Graph()
    let file = try graph.adopt(storage, fileName: "memory", flags: .writable)
    let user = graph.makeUser(
      "create", claim: Claim(held: [.consistentRead, .write, .resize], shared: .consistentRead))
    let edge = try graph.attach(user, to: file)
    let format = Qcow2Format()
    let list = options.isEmpty ? KeyValueList() : try KeyValueList(creationOptions: options)
    let request = CreateRequest(file: edge, size: size, options: try format.creationOptions.parse(list)) {
      (_: String) throws(BlockError) -> Edge in
      throw BlockError(.unsupported, "no data files here")
    }
    try format.create(request)
    try graph.release(user)
  }
}
