// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
package import Options

/// An open image in memory, on storage that fails and forgets.
package struct MemoryImage<Kind: DriverKind> {
  package let graph = Graph()
  package let memory: MemoryStorage
  package let fault: FaultStorage
  package let file: Node
  package let node: Node
  package let edge: Edge
  private let user: RootUser

  /// Opens an image, on `below` where there is something.
  package init(
    _ kind: Kind, _ bytes: [UInt8], below: [UInt8]? = nil, flags: NodeFlags = [.writable, .unmap],
    isPart: Bool = false
  ) throws(BlockError) {
    memory = MemoryStorage(bytes)
    fault = FaultStorage(memory)
    file = try graph.makeNode(fault, "file")
    let opener = Opener(graph: graph, kinds: [kind])
    var settings = OpenSettings(flags: flags, followsBacking: false)
    settings.isPart = isPart
    node = try opener.openFormat(kind, on: file, [:], settings)
    if let below {
      try graph.attach(try graph.makeNode(MemoryStorage(below), "base"), to: node, .backing, .cow)
    }
    let held: Permissions =
      flags.contains(.writable) ? [.consistentRead, .write, .resize, .graphMod] : [.consistentRead]
    user = try graph.use(node, "the guest", held: held, shared: [])
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    self.edge = edge
  }

  /// The bytes of a new image.
  package static func bytes(_ kind: Kind, size: UInt64, _ options: OptionObject) throws(BlockError) -> [UInt8]
  {
    let graph = Graph()
    let memory = MemoryStorage()
    let file = try graph.makeNode(memory, "file")
    let user = try graph.use(file, "the maker", held: [.consistentRead, .write, .resize], shared: [])
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    try kind.create(CreateRequest(file: edge, size: size, options: options))
    try graph.release(user)
    return memory.bytes
  }

  package func close() throws(BlockError) { try graph.release(user) }

  /// What a check of the image counts, and the findings it reports.
  package func check() throws(BlockError) -> (result: CheckResult, lines: [String]) {
    var lines: [String] = []
    let result = try checkingDriver().check(node, JobContext()) { lines.append($0) }
    return (result, lines)
  }

  package func repair(_ what: CheckRepair) throws(BlockError) -> CheckResult {
    try checkingDriver().repair(what, node, JobContext()) { _ in }
  }

  private func checkingDriver() throws(BlockError) -> any CheckingDriver {
    guard let driver = node.driver as? any CheckingDriver else { throw BlockError(.unsupported, "no check") }
    return driver
  }
}

/// A kind without parameters.
package protocol PlainKind: DriverKind {
  init()
}

extension MemoryImage where Kind: PlainKind {
  /// Makes an image and opens it.
  package init(size: UInt64, _ options: OptionObject = [:]) throws(BlockError) {
    try self.init(try MemoryImage.bytes(size: size, options))
  }

  /// Opens an image.
  package init(
    _ bytes: [UInt8], below: [UInt8]? = nil, flags: NodeFlags = [.writable, .unmap], isPart: Bool = false
  ) throws(BlockError) {
    try self.init(Kind(), bytes, below: below, flags: flags, isPart: isPart)
  }

  /// The bytes of a new image.
  package static func bytes(size: UInt64, _ options: OptionObject = [:]) throws(BlockError) -> [UInt8] {
    try bytes(Kind(), size: size, options)
  }
}
