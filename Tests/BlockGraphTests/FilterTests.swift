// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Options
import Support
import Testing

/// A filter that states nothing but its name, and one in front of another driver.
private final class PlainFilter: FilterDriver { let name = "plain" }
private final class PlainWrapper: WrappingDriver {
  let base: any StorageDriver
  init(_ base: any StorageDriver) { self.base = base }
}

/// Notes the requests that it hands on.
private final class NotingFilter: FilterDriver, @unchecked Sendable {
  let name = "noting"
  private let lock = ConditionLock()
  private var noted: [FilteredRequest] = []
  var requests: [FilteredRequest] { lock.withLock { noted } }

  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    lock.withLock { noted.append(request) }
    try handOn()
  }
}

@Suite("Filters state only what they change")
struct FilterTests {
  private func disk(_ driver: any BlockDriver, above image: Node, in graph: Graph) throws -> Edge {
    let filter = try graph.makeNode(driver)
    try graph.attach(image, to: filter)
    return try #require(try graph.use(filter, "test", held: .all).edge)
  }

  @Test("a filter that changes nothing is the disk below", arguments: [1, 2, 3] as [UInt64])
  func conformance(_ seed: UInt64) throws {
    let graph = Graph()
    let image = try graph.makeNode(MemoryStorage(Array(repeating: 7, count: 200_000)))
    let edge = try disk(PlainFilter(), above: image, in: graph)
    #expect(try DriverConformance.check(edge, seed: seed, operations: 150) == [])
    let wrapped = try graph.makeNode(PlainWrapper(MemoryStorage(Array(repeating: 7, count: 200_000))))
    let user = try graph.use(wrapped, "test", held: .all)
    #expect(try DriverConformance.check(#require(user.edge), seed: seed, operations: 150) == [])
  }

  @Test("every request passes the one place, with its kind and range, and what is handed on arrives")
  func requests() throws {
    let graph = Graph()
    let memory = MemoryStorage(Array(repeating: 7, count: 65536))
    let image = try graph.makeNode(memory)
    let filter = NotingFilter()
    let edge = try disk(filter, above: image, in: graph)
    _ = try edge.array(at: 512, count: 100)
    try edge.write(at: 1024, [1, 2, 3], unchanged: true)
    try edge.writeZeroes(at: 2048, length: 512)
    try edge.discard(at: 4096, length: 1024)
    _ = try edge.extent(at: 0, length: 100)
    try edge.truncate(to: 60000)
    try edge.truncate(to: 70000)
    try edge.flush()
    #expect(
      filter.requests == [
        FilteredRequest(.read, at: 512, length: 100), FilteredRequest(.write, at: 1024, length: 3),
        FilteredRequest(.writeZeroes, at: 2048, length: 512),
        FilteredRequest(.discard, at: 4096, length: 1024), FilteredRequest(.blockStatus, at: 0, length: 100),
        FilteredRequest(.truncate, at: 60000, length: 5536), FilteredRequest(.truncate, at: 70000),
        FilteredRequest(.flush),
      ])
    #expect(memory.record.unchangedWrites == 1 && memory.record.flushes == 1)
    #expect(edge.length == 70000 && edge.child.limits == Limits())
    #expect(image.capabilities == [.nativeZeroes, .copiesRanges] && edge.capabilities == .nativeZeroes)
    #expect(edge.child.allocatedLength == image.allocatedLength)
  }

  @Test("what a filter shows counts as what it stands on, backing files and all")
  func status() throws {
    let graph = Graph()
    let file = try graph.makeNode(MemoryStorage(FakeFormat.image(length: 65536)))
    let base = try graph.makeNode(MemoryStorage(Array(repeating: 1, count: 32768)))
    let opener = Opener(graph: graph, kinds: [FakeFormat()])
    let top = try opener.openFormat(FakeFormat(), on: file, [:], OpenSettings(flags: .writable))
    try graph.attach(base, to: top, .backing, .cow)
    let plain = try #require(try graph.use(top, "plain", held: .consistentRead).edge)
    let filtered = try disk(PlainFilter(), above: top, in: graph)
    try filtered.write(at: 4096, Array(repeating: 9, count: 4096))
    for offset in stride(from: 0, to: 65536, by: 2048) as StrideTo<UInt64> {
      #expect(
        try filtered.chainStatus(at: offset, length: 2048) == plain.chainStatus(at: offset, length: 2048),
        "\(offset)")
    }
  }

  @Test("without the child there is nothing to hand on to")
  func childless() throws {
    let graph = Graph()
    let edge = try #require(try graph.use(graph.makeNode(PlainFilter()), "test", held: .all).edge)
    #expect(edge.length == 0)
    let error = #expect(throws: BlockError.self) { try edge.write(at: 0, [1]) }
    #expect(error?.kind == .notFound && error?.message.hasSuffix("has no child 'file'") == true)
  }
}
