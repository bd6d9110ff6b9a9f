// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Support

/// Making, opening and converting qcow2 images whose guest data is encrypted.
enum EncryptedQcow2 {
  /// The creation options of an image that the secret `a` opens.
  static func creation(_ method: String = "luks", _ options: String = "") -> String {
    "encrypt.format=\(method),encrypt.key-secret=a" + (method == "luks" ? ",encrypt.iter-time=1" : "")
      + (options.isEmpty ? "" : "," + options)
  }

  /// The image at a path, opened with a secret.
  static func image(_ path: String, _ secret: String? = "a") throws(BlockError) -> ImageName {
    var options: OptionObject = ["driver": "qcow2", "file": ["driver": "file", "filename": .string(path)]]
    if let secret { options["encrypt.key-secret"] = .string(secret) }
    return try ImageName(options: options, text: path)
  }

  /// The encrypted disk at a path.
  static func luks(_ path: String, _ secret: String = "a") throws(BlockError) -> ImageName {
    try ImageName(
      options: [
        "driver": "luks", "key-secret": .string(secret),
        "file": ["driver": "file", "filename": .string(path)],
      ], text: path)
  }

  static func opener(_ graph: Graph, _ kinds: [any DriverKind] = Drivers.all) -> Opener {
    var opener = Opener(graph: graph, kinds: kinds)
    opener.secrets = TestSecrets()
    return opener
  }

  /// Makes an empty image.
  static func make(_ path: String, size: UInt64, _ options: String) throws {
    let graph = Graph()
    var runner = JobRunner(graph: graph)
    var request = CreateOptions(path: path, format: "qcow2")
    request.size = size
    request.options = try KeyValueList(creationOptions: options)
    try runner.run(try CreateJob(request, graph: graph, opener: opener(graph)))
  }

  /// Converts; a source without a format has it in its name.
  static func convert(
    _ source: ImageName, format: String? = nil, to path: String, as target: String, _ options: String? = nil
  ) throws {
    let graph = Graph()
    var runner = JobRunner(graph: graph)
    var request = ConvertOptions(sources: [source], target: ImageName(path: path))
    request.targetFormat = target
    request.sourceSettings.format = format
    if let options { request.creationOptions = try KeyValueList(creationOptions: options) }
    try runner.run(try ConvertJob(request, opener: opener(graph)))
  }
}

/// An encrypted image that is open for writing.
struct EncryptedSession {
  let graph: Graph
  let user: RootUser
  let node: Node

  init(_ path: String, secret: String? = "a", kinds: [any DriverKind] = Drivers.all, writable: Bool = true)
    throws(BlockError)
  {
    graph = Graph()
    user = graph.makeUser(
      "image '\(path)'", request: writable ? LuksSession.writePermissions : LuksSession.readPermissions)
    try EncryptedQcow2.opener(graph, kinds).open(
      EncryptedQcow2.image(path, secret), OpenSettings(flags: writable ? .writable : []), for: user)
    guard let node = user.edge?.child else { throw BlockError(.notFound, "no node") }
    self.node = node
  }

  func edge() throws(BlockError) -> Edge {
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    return edge
  }

  /// Changes keys, in line.
  func amend(_ options: OptionObject, force: Bool = false) throws(BlockError) {
    guard let driver = node.driver as? any AmendingDriver else {
      throw BlockError(.unsupported, "does not support option amendment")
    }
    var options = options
    if options["encrypt.state"]?.string == "active" { options["encrypt.iter-time"] = 1 }
    try driver.prepareAmend(of: node, in: graph)
    try driver.amend(
      AmendRequest(options: options, force: force, secrets: TestSecrets()), of: node, JobContext())?.commit()
    try driver.cleanUpAmend(of: node, in: graph)
  }

  func close() throws(BlockError) { try graph.release(user) }
}
