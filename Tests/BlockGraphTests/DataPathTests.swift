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

/// A stack of drivers to run the conformance check over.
struct Stack: Sendable, CustomTestStringConvertible {
  var alignment: UInt64 = 1
  var maximumTransfer: UInt64 = 1 << 30
  var zeroes = true
  /// The cluster size of a format on top, or 0 for none.
  var clusterSize: UInt64 = 0
  /// Whether the format stands on a base of the same kind that is shorter.
  var hasBacking = false
  /// The guest-visible length in bytes.
  var length: UInt64 = 120_000

  var testDescription: String {
    "alignment \(alignment), largest \(maximumTransfer), zeroes \(zeroes), clusters \(clusterSize), "
      + "backing \(hasBacking), length \(length)"
  }

  func storage(_ bytes: [UInt8]) -> MemoryStorage {
    MemoryStorage(bytes, alignment: alignment, maximumTransfer: maximumTransfer, zeroes: zeroes)
  }

  /// The top's edge, which holds everything.
  func edge(in graph: Graph, seed: UInt64) throws(BlockError) -> Edge {
    var numbers = SeededNumbers(seed: seed)
    let node: Node
    if clusterSize == 0 {
      node = try graph.makeNode(storage(SampleDisk.noise(Int(length), &numbers).bytes.array))
    } else {
      let opener = Opener(graph: graph, kinds: [FakeFormat(), RawFormat()])
      let file = try graph.makeNode(
        storage(FakeFormat.image(length: length, clusterSize: clusterSize)), "file")
      node = try opener.openFormat(FakeFormat(), on: file, [:], OpenSettings(flags: .writable))
      if hasBacking { try attachBase(to: node, opener, graph, &numbers) }
    }
    guard let edge = try graph.use(node, "the guest", held: .all, shared: []).edge else {
      throw BlockError(.notFound, "no edge")
    }
    return edge
  }

  private func attachBase(to node: Node, _ opener: Opener, _ graph: Graph, _ numbers: inout SeededNumbers)
    throws(BlockError)
  {
    let file = try graph.makeNode(
      storage(FakeFormat.image(length: length * 2 / 3, clusterSize: 2048)), "base-file")
    let base = try opener.openFormat(FakeFormat(), on: file, [:], OpenSettings(flags: .writable))
    let user = try graph.use(base, "the maker", held: .write)
    for index in 0..<20 {
      let offset = UInt64.random(in: 0..<base.length - 3000, using: &numbers)
      try user.edge?.write(at: offset, Array(repeating: UInt8(index + 1), count: 3000))
    }
    graph.detach(user)
    try graph.attach(base, to: node, .backing, .cow)
  }
}

@Suite("Data path")
struct DataPathTests {
  static let stacks: [Stack] = [
    Stack(), Stack(zeroes: false), Stack(maximumTransfer: 4096), Stack(alignment: 512),
    Stack(alignment: 4096, zeroes: false), Stack(alignment: 4096, maximumTransfer: 10000), Stack(length: 1),
    Stack(alignment: 4096, length: 1000), Stack(alignment: 512, maximumTransfer: 512, length: 20_001),
    Stack(clusterSize: 512), Stack(clusterSize: 4096), Stack(clusterSize: 65536, length: 130_001),
    Stack(alignment: 4096, clusterSize: 512), Stack(alignment: 512, maximumTransfer: 1024, clusterSize: 4096),
    Stack(clusterSize: 4096, hasBacking: true),
    Stack(alignment: 4096, zeroes: false, clusterSize: 1024, hasBacking: true),
    Stack(clusterSize: 32768, hasBacking: true, length: 119_999),
  ]

  @Test("drivers conform, whatever their limits", arguments: stacks, [1, 2] as [UInt64])
  func conformance(_ stack: Stack, _ seed: UInt64) throws {
    let edge = try stack.edge(in: Graph(), seed: seed)
    #expect(edge.length == stack.length)
    #expect(try DriverConformance.check(edge, seed: seed, operations: 100) == [])
    // The padding of the last block stays out of sight.
    #expect(edge.length == stack.length)
  }

  /// A checker that finds nothing wrong with a broken driver proves nothing.
  @Test("the conformance check finds what is broken", arguments: BrokenStorage.Fault.allCases)
  func selfTest(_ fault: BrokenStorage.Fault) throws {
    let graph = Graph()
    let node = try graph.makeNode(BrokenStorage(fault, length: 100_000))
    let edge = try #require(try graph.use(node, "the test", held: .all).edge)
    #expect(try DriverConformance.check(edge, seed: 1) != [])
  }

  @Test("reads past the end are zeros, at any alignment", arguments: [1, 512, 4096] as [UInt64])
  func pastEnd(_ alignment: UInt64) throws {
    let edge = try Stack(alignment: alignment, length: 5000).edge(in: Graph(), seed: 1)
    let inside = try edge.array(at: 4990, count: 10)
    #expect(try edge.array(at: 4990, count: 30) == inside + Array(repeating: 0, count: 20))
    #expect(try edge.array(at: .max - 5, count: 5) == [0, 0, 0, 0, 0])
  }

  @Test(
    "writing to storage past its end grows it to the last byte written",
    arguments: [1, 512, 4096] as [UInt64])
  func growth(_ alignment: UInt64) throws {
    let storage = MemoryStorage(Array(repeating: 5, count: 100), alignment: alignment)
    let graph = Graph()
    let edge = try #require(try graph.use(graph.makeNode(storage), "the test", held: .all).edge)
    try edge.write(at: 6000, [1, 2, 3])
    #expect(edge.length == 6003)
    #expect(storage.bytes.count == 6003)
    #expect(try edge.array(at: 98, count: 4) == [5, 5, 0, 0])
    #expect(try edge.array(at: 5999, count: 5) == [0, 1, 2, 3, 0])
    try edge.writeZeroes(at: 6001, length: 1000)
    #expect(edge.length == 7001)
    let error = #expect(throws: BlockError.self) { try edge.write(at: .max - 1, [1, 2, 3]) }
    #expect(error?.kind == .tooLarge)
    #expect(throws: BlockError.self) { try edge.writeZeroes(at: .max - 1, length: 3) }
  }

  @Test("a format's length is its own: writing past it is an error and changes nothing")
  func pastFormatEnd() throws {
    let edge = try Stack(clusterSize: 4096, length: 10_000).edge(in: Graph(), seed: 1)
    #expect(throws: BlockError.self) { try edge.write(at: 9_999, [1, 2]) }
    #expect(throws: BlockError.self) { try edge.writeZeroes(at: 9_000, length: 2000) }
    #expect(try edge.array(at: 9_999, count: 1) == [0])
  }

  /// Each writes its own bytes of every block; none may be lost to a neighbour's reading, merging and writing.
  @Test("S-04 neighbours in one block do not undo each other's writes", arguments: [512, 4096] as [UInt64])
  func neighbours(_ alignment: UInt64) throws {
    let length = 16 * 4096 - 77
    let storage = MemoryStorage(Array(repeating: 0, count: length), alignment: alignment, delay: 0.0001)
    let graph = Graph()
    let edge = try #require(try graph.use(graph.makeNode(storage), "the test", held: .all).edge)
    let workers = 4
    let piece = 200
    try Threads.run(workers) { (worker: Int) throws(BlockError) in
      var position = worker * piece
      while position < length {
        let count = min(piece, length - position)
        try edge.write(at: UInt64(position), Array(repeating: UInt8(worker + 1), count: count))
        position += workers * piece
      }
    }
    var wanted: [UInt8] = []
    for index in 0..<length { wanted.append(UInt8(index / piece % workers + 1)) }
    // Compared apart from the expectation, which would take minutes to tell the difference.
    let isEqual = storage.bytes == wanted
    #expect(isEqual)
  }

  /// While one writes the padded last block, storage is longer than it will be; nobody may count on that.
  @Test("S-04 the padding of the last block does not stay", arguments: [512, 4096] as [UInt64])
  func padding(_ alignment: UInt64) throws {
    let length = 3 * 4096 - 77
    let storage = MemoryStorage(Array(repeating: 0, count: length), alignment: alignment, delay: 0.0001)
    let graph = Graph()
    let edge = try #require(try graph.use(graph.makeNode(storage), "the test", held: .all).edge)
    try Threads.run(4) { (worker: Int) throws(BlockError) in
      for _ in 0..<50 { try edge.write(at: UInt64(length - 40 + 10 * worker), [UInt8(worker + 1)]) }
    }
    #expect(storage.bytes.count == length)
    #expect(try edge.array(at: UInt64(length - 40), count: 31).filter { $0 != 0 } == [1, 2, 3, 4])
  }

  @Test("C-04 the chain says which layer a range comes from, and zeros past a short base")
  func chain() throws {
    // top (3 clusters) → mid (2) → base (1), as the peer reports it.
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: [FakeFormat()])
    var nodes: [Node] = []
    for clusters in [3, 2, 1] as [UInt64] {
      let file = try graph.makeNode(
        MemoryStorage(FakeFormat.image(length: clusters * 4096)), "file\(clusters)")
      nodes.append(try opener.openFormat(FakeFormat(), on: file, [:], OpenSettings(flags: .writable)))
    }
    let maker = try graph.use(nodes[2], "the maker", held: .write)
    try maker.edge?.write(at: 1024, Array(repeating: 9, count: 512))
    graph.detach(maker)
    try graph.attach(nodes[2], to: nodes[1], .backing, .cow)
    try graph.attach(nodes[1], to: nodes[0], .backing, .cow)
    let edge = try #require(try graph.use(nodes[0], "the test", held: [.consistentRead, .write]).edge)

    let base = try edge.chainStatus(at: 0, length: edge.length)
    #expect(base.length == 4096 && base.depth == 2 && base.isData && !base.isZero && base.isPresent)
    #expect(base.hostOffset == 8192)
    let mid = try edge.chainStatus(at: 4096, length: 8192)
    #expect(mid.length == 4096 && mid.depth == 1 && mid.isZero && !mid.isPresent && !mid.isData)
    let top = try edge.chainStatus(at: 8192, length: 4096)
    #expect(top.length == 4096 && top.depth == 0 && top.isZero && !top.isPresent)
    #expect(try edge.array(at: 4000, count: 8288).consists(of: 0))

    // Writing a part of a cluster brings the rest of it along from below.
    try edge.write(at: 1100, [7])
    let copied = try edge.chainStatus(at: 0, length: 4096)
    #expect(copied.depth == 0 && copied.isData)
    #expect(try edge.array(at: 1024, count: 512).filter { $0 == 9 }.count == 511)
    #expect(try edge.array(at: 1100, count: 1) == [7])
    // And the base is as it was.
    let reader = try graph.use(nodes[2], "a reader", held: [])
    #expect(try reader.edge?.array(at: 1100, count: 1) == [9])
  }

  @Test("a write that fails half way gives its cluster back and can be done again")
  func failedWrites() throws {
    var number = 0
    while true {
      number += 1
      let graph = Graph()
      let storage = FaultStorage(MemoryStorage(FakeFormat.image(length: 40_000)))
      let file = try graph.makeNode(storage, "file")
      let opener = Opener(graph: graph, kinds: [FakeFormat()])
      let node = try opener.openFormat(FakeFormat(), on: file, [:], OpenSettings(flags: .writable))
      let edge = try #require(try graph.use(node, "the test", held: .all).edge)
      let bytes = Array(repeating: UInt8(3), count: 10_000)
      storage.fail(number, of: [.write, .read])
      do throws(BlockError) {
        try edge.write(at: 1000, bytes)
        break
      } catch {
        #expect(error.message.hasPrefix("injected failure of "))
      }
      storage.fail(0)
      try edge.write(at: 1000, bytes)
      #expect(try edge.array(at: 999, count: 10_002) == [0] + bytes + [0])
    }
    #expect(number > 6)
  }

  @Test("writethrough makes each write durable, and only then")
  func writeThrough() throws {
    for flags in [NodeFlags.writable, [.writable, .writeThrough]] {
      let graph = Graph()
      let storage = FaultStorage(MemoryStorage(Array(repeating: 0, count: 8192)))
      let edge = try #require(
        try graph.use(graph.makeNode(storage, flags: flags), "the test", held: .all).edge)
      try edge.write(at: 0, [1])
      try edge.writeZeroes(at: 512, length: 512)
      #expect(storage.unflushed == (flags.contains(.writeThrough) ? 0 : 2))
    }
  }

  @Test("the fault storage loses what was not flushed, and only that")
  func torn() throws {
    let graph = Graph()
    let memory = MemoryStorage([1, 1, 1, 1])
    let storage = FaultStorage(memory)
    let node = try graph.makeNode(storage)
    let edge = try #require(try graph.use(node, "the test", held: .all).edge)
    try edge.write(at: 0, [2])
    try edge.flush()
    try edge.write(at: 1, [3])
    try edge.write(at: 4, [4, 4])
    try edge.truncate(to: 3)
    try storage.crash(of: node) { $0 == 0 }
    #expect(memory.bytes == [2, 3, 1, 1])
    try edge.write(at: 3, [5, 5])
    try storage.crash(of: node) { _ in false }
    #expect(memory.bytes == [2, 3, 1, 1])
    storage.fail(2, of: [.write], forGood: true)
    try edge.write(at: 0, [6])
    for _ in 0..<2 { #expect(throws: BlockError.self) { try edge.write(at: 0, [7]) } }
    #expect(try edge.array(at: 0, count: 1) == [6])
    #expect(storage.operations == 3)
  }
}
