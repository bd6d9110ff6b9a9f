// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Options
import RawFormat
import Support
import Testing

@testable import NBDProtocol

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
    let storage = try #require(try scene.open().child.file)
    for place in [0, 1 << 20] as [UInt64] {
      #expect(try storage.extent(at: place, length: 1 << 20).kind == .data)
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
      case .status: _ = try edge.child.file?.extent(at: 0, length: 65536)
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

  @Test("requests that a lost connection leaves without an answer are sent again over another one")
  func reconnecting() throws {
    let scene = try ExportScene {
      $0.deathAt = 1 << 20
      $0.deaths = 2
    }
    let edge = try scene.open(["reconnect-delay": 20])
    let isRight = try edge.array(at: 2 << 20, count: 4096) == [UInt8](repeating: 1, count: 4096)
    #expect(isRight)
    #expect(scene.export.clients == 3)
    try edge.writeZeroes(at: 2 << 20, length: 4096)
    try edge.flush()
    #expect(scene.export.content[2 << 20] == 0)
    #expect(scene.export.clients == 3)
  }

  @Test("a server that goes each time is waited for no longer than was said, by all requests together")
  func reconnectingInVain() throws {
    let scene = try ExportScene { $0.deathAt = 1 << 20 }
    let edge = try scene.open(["reconnect-delay": 1])
    let start = Clock.now
    for _ in 0..<2 {
      let error = #expect(throws: BlockError.self) { _ = try edge.read(at: 2 << 20, count: 512) }
      #expect(error?.message == "Input/output error")
    }
    #expect(Clock.now - start < 30)
    #expect(scene.export.clients > 1)
  }

  @Test(
    "an export that is another one after a loss is not gone on with",
    arguments: [
      (NBDFacts.usual, true), (.usual.with { $0.length += 512 }, false), (.usual.with { $0.unit = 1 }, true),
      (.usual.with { $0.unit = 4096 }, false), (.usual.with { $0.largestRequest -= 1 }, false),
      (.usual.with { $0.isReadOnly = true }, false), (.usual.with { $0.canFlush = false }, false),
    ])
  func otherExport(_ facts: NBDFacts, _ keeps: Bool) {
    #expect(facts.keep(.usual) == keeps)
  }

  @Test(
    "what makes no sense in a number of seconds is refused", arguments: ["reconnect-delay", "open-timeout"])
  func seconds(_ option: String) throws {
    let scene = try ExportScene()
    let error = #expect(throws: BlockError.self) { try scene.open([option: "1k"]) }
    #expect(error?.message.hasSuffix("Parameter '\(option)' expects a number") == true)
    #expect(scene.export.clients == 0)
  }

  @Test("an option that nobody knows is named before anything connects")
  func unknownOption() throws {
    let scene = try ExportScene()
    let error = #expect(throws: BlockError.self) { try scene.open(["zz": "1"]) }
    #expect(error?.message.hasSuffix("Block protocol 'nbd' doesn't support the option 'zz'") == true)
    #expect(scene.export.clients == 0)
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

extension NBDFacts {
  fileprivate static let usual = NBDFacts(
    length: 1 << 20, unit: 512, largestRequest: 1 << 20, isReadOnly: false, canFlush: true)

  fileprivate func with(_ change: (inout NBDFacts) -> Void) -> NBDFacts {
    var copy = self
    change(&copy)
    return copy
  }
}
