// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import NBDProtocol
import Options
import RawFormat
import Support
import Testing

/// A server that behaves as told, and a graph to open its export in.
final class ExportScene {
  let folder = TemporaryFolder()
  let graph = Graph()
  let export: ScriptedExport
  private(set) var user: RootUser?

  init(_ change: (inout ScriptedExport.Behaviour) -> Void = { _ in }) throws {
    var behaviour = ScriptedExport.Behaviour()
    change(&behaviour)
    export = try #require(ScriptedExport(in: folder, behaviour))
  }

  /// An edge to the export as a raw disk, or as one whose format is to be found out.
  func open(
    _ options: OptionObject = [:], _ flags: NodeFlags = [.writable, .unmap], format: String? = "raw"
  ) throws(BlockError) -> Edge {
    var storage: OptionObject = ["driver": "nbd", "path": .string(export.path)]
    for entry in options.entries { storage[entry.key] = entry.value }
    let name = try ImageName(options: ["file": .object(storage)], text: export.uri)
    let held: Permissions = flags.contains(.writable) ? [.consistentRead, .write] : .consistentRead
    let user = graph.makeUser("the test", request: PermissionRequest(held: held, shared: []))
    self.user = user
    let opener = Opener(graph: graph, kinds: [RawFormat(), NBDStorage()])
    try opener.open(name, OpenSettings(format: format, flags: flags), for: user)
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    return edge
  }

  func close() throws(BlockError) { if let user { try graph.release(user) } }

  /// How often the server was asked for something.
  func count(_ command: ScriptedExport.Command) -> Int { export.requests.count { $0 == command } }
}

@Suite("Exports whose servers do not do all")
struct NBDDriverTests {
  /// ENOTSUP and EINVAL, as the protocol numbers them.
  static let refusals: [UInt32] = [95, 22]

  @Test("zeros are written where the server refuses the command that it offered, once", arguments: refusals)
  func zeroes(_ number: UInt32) throws {
    let scene = try ExportScene { $0.errors[.zero] = number }
    let edge = try scene.open()
    try edge.writeZeroes(at: 1 << 20, length: 1 << 20, mayUnmap: true)
    try edge.writeZeroes(at: 2 << 20, length: 1 << 20)
    #expect(scene.count(.zero) == 1)
    let zeroes = 1 << 20..<3 << 20
    let isRight = scene.export.content.indices.allSatisfy { index in
      scene.export.content[index] == (zeroes.contains(index) ? 0 : 1)
    }
    #expect(isRight)
  }

  @Test("what is discarded stays where the server refuses that, once", arguments: refusals)
  func discards(_ number: UInt32) throws {
    let scene = try ExportScene { $0.errors[.trim] = number }
    let edge = try scene.open()
    for place in [0, 2 << 20] as [UInt64] { try edge.discard(at: place, length: 1 << 20) }
    #expect(scene.count(.trim) == 1)
  }

  @Test("where the server tells nothing of the blocks, all are data", arguments: refusals)
  func status(_ number: UInt32) throws {
    let scene = try ExportScene { $0.errors[.status] = number }
    let edge = try scene.open()
    for place in [0, 1 << 20] as [UInt64] {
      #expect(try edge.extent(at: place, length: 1 << 20).kind == .data)
    }
    #expect(scene.count(.status) == 1)
  }

  @Test(
    "another failure is one",
    arguments: [ScriptedExport.Command.zero, .trim, .status, .flush, .write, .read])
  func failures(_ command: ScriptedExport.Command) throws {
    let scene = try ExportScene { $0.errors[command] = 5 }
    let edge = try scene.open()
    let error = #expect(throws: BlockError.self) {
      switch command {
      case .zero: try edge.writeZeroes(at: 0, length: 65536)
      case .trim: try edge.discard(at: 0, length: 65536)
      case .status: _ = try edge.extent(at: 0, length: 65536)
      case .write: try edge.write(at: 0, from: Buffer(count: 512).bytes)
      case .read: _ = try edge.read(at: 0, count: 512)
      case .flush, .disconnect: try edge.flush()
      }
    }
    #expect(error?.message.hasSuffix("Input/output error") == true, "\(String(describing: error?.message))")
    if command == .flush {
      #expect(error?.message == "Could not flush '\(edge.child.storage.fileName)': Input/output error")
    }
  }

  // MARK: Flushes

  @Test(
    "what was written is flushed once before the export is given up",
    arguments: [[], .noFlush] as [NodeFlags])
  func flushes(_ flags: NodeFlags) throws {
    let scene = try ExportScene()
    let edge = try scene.open([:], flags.union(.writable))
    try edge.write(at: 0, from: Buffer(count: 512).bytes)
    if !flags.contains(.noFlush) { try edge.flush() }
    try scene.close()
    #expect(scene.export.requests.filter { $0 != .read && $0 != .status } == [.write, .flush])
  }

  @Test("where nothing was written, or the server cannot, nothing is flushed", arguments: [false, true])
  func noFlushes(_ offersFlush: Bool) throws {
    let scene = try ExportScene { $0.offersFlush = offersFlush }
    let edge = try scene.open([:], [.writable, .noFlush])
    if offersFlush {
      _ = try edge.read(at: 0, count: 512)
    } else {
      try edge.writeZeroes(at: 0, length: 65536)
    }
    try scene.close()
    #expect(scene.count(.flush) == 0)
  }

  @Test("a failure of the last flush is told with the export's name")
  func lastFlush() throws {
    let scene = try ExportScene { $0.errors[.flush] = 5 }
    let edge = try scene.open([:], [.writable, .noFlush])
    let name = edge.child.storage.fileName
    try edge.write(at: 0, from: Buffer(count: 512).bytes)
    let error = #expect(throws: BlockError.self) { try scene.close() }
    #expect(error?.message == "Could not flush '\(name)': Input/output error")
  }

  // MARK: Lost connections

  @Test("a lost connection is told as what it is, each time, and once only")
  func loss() throws {
    let scene = try ExportScene { $0.deathAt = 1 << 20 }
    let edge = try scene.open()
    try edge.write(at: 0, from: Buffer(count: 512).bytes)
    for _ in 0..<3 {
      let error = #expect(throws: BlockError.self) { _ = try edge.read(at: 2 << 20, count: 512) }
      #expect(error?.message == "Input/output error")
      #expect(error?.advice == "The NBD server closed the connection.")
    }
    let error = #expect(throws: BlockError.self) { try edge.writeZeroes(at: 0, length: 65536) }
    #expect(error?.message == "Input/output error")
    try scene.close()
  }

  @Test("an image whose end cannot be read is not taken for a raw disk")
  func probing() throws {
    let scene = try ExportScene { $0.deathAt = 1 << 20 }
    let error = #expect(throws: BlockError.self) { try scene.open([:], [], format: nil) }
    #expect(
      error?.message.hasSuffix("Could not read image for determining its format: Input/output error") == true)
    #expect(error?.advice == "The NBD server closed the connection.")
    #expect(try scene.open([:], []).length == 4 << 20)
  }
}
