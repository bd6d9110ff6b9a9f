// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Jobs
import LuksFormat
import Options
import Support

/// Secrets by name, for tests.
struct TestSecrets: SecretSource {
  var values: [String: String] = ["a": "alpha", "b": "beta", "c": "gamma"]

  /// Those that the user is taken to know besides the one that opens the disk, by name.
  var known: [String] = []
  var all: [Secret] { known.compactMap { try? secret(named: $0) } }

  func secret(named id: String) throws(BlockError) -> Secret {
    guard let value = values[id] else { throw BlockError(.notFound, "No secret with id '\(id)'") }
    return Secret(copying: Buffer(Array(value.utf8)).bytes)
  }
}

/// An encrypted disk that is open through the whole engine, its file and its format each as a node of their own.
struct LuksSession {
  let graph: Graph
  let opener: Opener
  let user: RootUser
  /// The file's node.
  let file: Node
  /// The disk's node.
  let node: Node

  static let readPermissions = PermissionRequest(held: .consistentRead, shared: .all)
  static let writePermissions = PermissionRequest(held: [.consistentRead, .write, .resize], shared: .all)

  /// Opens the disk; the file may be open for writing while the disk is not.
  init(
    _ path: String, secret: String? = "a", writable: Bool = false, fileWritable: Bool = true,
    kinds: [any DriverKind] = Drivers.all, flags: NodeFlags = []
  ) throws(BlockError) {
    graph = Graph()
    var opener = Opener(graph: graph, kinds: kinds)
    opener.secrets = TestSecrets()
    self.opener = opener
    file = try opener.openUnused(
      ImageName(options: ["driver": "file", "filename": .string(path)], text: path),
      OpenSettings(flags: fileWritable ? .writable : []))
    var options = OptionObject()
    if let secret { options["key-secret"] = .string(secret) }
    user = graph.makeUser(
      "disk of '\(path)'", request: writable ? LuksSession.writePermissions : LuksSession.readPermissions)
    do throws(BlockError) {
      node = try opener.openFormat(
        LuksFormat(), on: file, options,
        OpenSettings(flags: writable ? flags.union(.writable) : flags))
      try graph.attach(user, to: node)
    } catch {
      graph.dispose(ofUnused: file)
      throw error
    }
  }

  /// Closes everything.
  func close() throws(BlockError) { try graph.release(user) }

  /// The claim on the file.
  var filePermissions: PermissionRequest? { node.file?.request }

  var driver: any AmendingDriver {
    get throws {
      guard let driver = node.driver as? any AmendingDriver else {
        throw BlockError(.unsupported, "does not support option amendment")
      }
      return driver
    }
  }

  static func request(
    _ options: OptionObject, force: Bool = false, known: [String] = [], keepsKnownKey: Bool = true
  ) -> AmendRequest {
    var options = options
    if options["state"]?.string == "active" { options["iter-time"] = 1 }
    var request = AmendRequest(options: options, force: force, secrets: TestSecrets(known: known))
    request.keepsKnownKey = keepsKnownKey
    return request
  }

  /// The three steps of a change, in line. `inside` is called between the first and the second.
  func amend(
    _ options: OptionObject, force: Bool = false, known: [String] = [], keepsKnownKey: Bool = true,
    inside: () -> Void = {}
  ) throws {
    let driver = try driver
    try driver.prepareAmend(of: node, in: graph)
    inside()
    do {
      let request = LuksSession.request(options, force: force, known: known, keepsKnownKey: keepsKnownKey)
      try driver.amend(request, of: node, JobContext())?.commit()
    } catch {
      try driver.cleanUpAmend(of: node, in: graph)
      throw error
    }
    try driver.cleanUpAmend(of: node, in: graph)
  }

  /// Makes a disk, or one with the content of a raw file.
  static func make(_ path: String, _ options: String = "", from raw: String? = nil, size: UInt64 = 1 << 20)
    throws(BlockError)
  {
    let graph = Graph()
    var opener = Opener(graph: graph, kinds: Drivers.all)
    opener.secrets = TestSecrets()
    var runner = JobRunner(graph: graph)
    let list = try KeyValueList(
      creationOptions: "key-secret=a,iter-time=1" + (options.isEmpty ? "" : "," + options))
    guard let raw else {
      var request = CreateOptions(path: path, format: "luks")
      request.size = size
      request.options = list
      return try runner.run(try CreateJob(request, graph: graph, opener: opener))
    }
    var request = ConvertOptions(
      sources: [ImageName(path: raw)], target: ImageName(path: path))
    request.targetFormat = "luks"
    request.sourceSettings.format = "raw"
    request.creationOptions = list
    try runner.run(try ConvertJob(request, opener: opener))
  }

  /// Writes what a disk holds to a raw file.
  static func extract(_ path: String, secret: String = "a", to raw: String) throws(BlockError) {
    let graph = Graph()
    var opener = Opener(graph: graph, kinds: Drivers.all)
    opener.secrets = TestSecrets()
    var runner = JobRunner(graph: graph)
    let name = try ImageName(
      options: [
        "driver": "luks", "key-secret": .string(secret),
        "file": ["driver": "file", "filename": .string(path)],
      ], text: path)
    var request = ConvertOptions(sources: [name], target: ImageName(path: raw))
    request.targetFormat = "raw"
    request.sourceSettings.format = nil
    try runner.run(try ConvertJob(request, opener: opener))
  }
}
