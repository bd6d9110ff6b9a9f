// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Glibc
import Jobs
import Options
import Support

/// An image that is open through the whole engine, as commands open it.
struct ImageSession {
  let graph: Graph
  let user: RootUser
  let edge: Edge

  static let readPermissions = PermissionRequest(held: .consistentRead, shared: .all)
  static let writePermissions = PermissionRequest(
    held: [.consistentRead, .write, .resize], shared: .consistentRead)

  init(_ path: String, writable: Bool = true, options: OptionObject = [:], flags: NodeFlags = .unmap)
    throws(BlockError)
  {
    graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    user = graph.makeUser(
      "test", request: writable ? ImageSession.writePermissions : ImageSession.readPermissions)
    var name = options
    name["driver"] = "qcow2"
    name["file"] = .object(["driver": "file", "filename": .string(path)])
    let flags = writable ? flags.union(.writable) : flags
    try opener.open(ImageName(options: name, text: path), OpenSettings(flags: flags), for: user)
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    self.edge = edge
  }

  /// Closes the image.
  func close() throws(BlockError) { try graph.release(user) }

  func read(_ offset: UInt64, _ count: Int) throws(BlockError) -> [UInt8] {
    try edge.read(at: offset, count: count).array
  }

  func write(_ offset: UInt64, _ bytes: [UInt8]) throws(BlockError) {
    let buffer = Buffer(bytes)
    try edge.write(at: offset, from: buffer.bytes)
  }

  /// Makes an image with our own creation job.
  static func create(_ path: String, size: UInt64, _ options: String = "") throws(BlockError) {
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    var request = CreateOptions(path: path, format: "qcow2")
    request.size = size
    request.backingUnsafe = true
    if !options.isEmpty { request.options = try KeyValueList(creationOptions: options) }
    var runner = JobRunner(graph: graph)
    try runner.run(try CreateJob(request, graph: graph, opener: opener))
  }
}

extension Shell {
  /// Whether the peer finds nothing wrong with an image; what it says otherwise.
  static func complaints(_ name: String, in folder: TemporaryFolder) -> String {
    let outcome = run("qemu-img check -f qcow2 \"$1\" 2>&1", name, folder: folder.path)
    return outcome.status == 0 ? "" : outcome.output
  }
}

extension Shell {
  /// Writes a file as a whole.
  static func writeFile(_ path: String, _ bytes: [UInt8]) -> Bool {
    guard let file = unsafe fopen(path, "wb") else { return false }
    defer { unsafe fclose(file) }
    return unsafe fwrite(bytes, 1, bytes.count, file) == bytes.count
  }

  /// Reads a file as a whole.
  static func readFile(_ path: String) -> [UInt8] {
    guard let file = unsafe fopen(path, "rb") else { return [] }
    defer { unsafe fclose(file) }
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, file)
      if count == 0 { return result }
      result += chunk[..<count]
    }
  }
}
