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

@testable import Jobs

/// Storage that takes what comes next and nothing else, as a pipe does.
private final class Stream: StorageDriver, @unchecked Sendable {
  let name = "stream"
  private let lock = ConditionLock()
  private var taken: [UInt8] = []
  var bytes: [UInt8] { lock.withLock { taken } }

  func capabilities(of node: Node) -> Capabilities { .appendOnly }
  func length(of node: Node) -> UInt64 { lock.withLock { UInt64(taken.count) } }
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    Extent(.data, length: length)
  }
  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    throw BlockError(.unsupported, "a stream is not read")
  }
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    throw BlockError(.unsupported, "a stream has no zeros of its own")
  }
  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard offset == UInt64(taken.count) else {
      throw BlockError(.unsupported, "write at \(offset) of a stream that is at \(taken.count)")
    }
    taken += data.array
  }
  func flush(_ node: Node) throws(BlockError) {}
}

/// Data and zeros, some known and some not, whose reading takes the longer the earlier it is asked for among its neighbours.
private struct Uneven: CopySource {
  let content: [UInt8]
  var length: UInt64 { UInt64(content.count) }

  init(segments: Int) {
    let size = Int(ContentCopy.segmentSize)
    var content: [UInt8] = []
    for index in 0..<segments {
      content += [UInt8](repeating: index % 3 == 0 ? 0 : UInt8(index), count: size)
      content += [UInt8](repeating: 0, count: index % 5 * 4096)
    }
    self.content = content + [1, 2, 3]
  }

  func content(at offset: UInt64, length: UInt64) -> (content: CopyContent, length: UInt64) {
    let count = min(length, 65536 - offset % 65536)
    let range = content[Int(offset)..<Int(offset + count)]
    return (offset % 131072 == 0 && range.consists(of: 0) ? .zero : .data, count)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    if offset / ContentCopy.segmentSize % 4 == 0 { Clock.sleep(seconds: 0.002) }
    for index in 0..<buffer.byteCount { buffer.store(content[Int(offset) + index], at: index) }
  }
}

@Suite("Copying goes by what its target can do")
struct OrderedCopyTests {
  @Test(
    "what only takes what comes next gets all bytes in order, zeros too, by any number of threads",
    arguments: [1, 2, 4, 8])
  func stream(_ threads: Int) throws {
    let graph = Graph()
    let stream = Stream()
    let filter = try graph.makeNode(TestFilter())
    try graph.attach(graph.makeNode(stream), to: filter)
    let edge = try #require(graph.use(filter, "test", held: [.write, .resize]).edge)
    let source = Uneven(segments: 24)
    let target = CopyTarget(
      edge: edge, granule: 4096, isSparse: true, readsZero: threads % 4 == 0, offloads: true)
    #expect(target.isOrdered && !target.isSparse && !target.offloads)
    try ContentCopy(
      from: source, to: target, threads: threads, rateLimit: nil, context: JobContext()
    ).run()
    let isSame = stream.bytes == source.content
    #expect(isSame, "\(stream.bytes.count) of \(source.content.count) bytes")
  }

  @Test("raw can what its file can; a format is copied to where its file is; a filter copies nothing")
  func forwarded() throws {
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: [])
    let settings = OpenSettings(flags: .writable)
    let file = try graph.makeNode(MemoryStorage(FakeFormat.image(length: 65536)))
    let format = try opener.openFormat(FakeFormat(), on: file, [:], settings)
    #expect(format.capabilities == [.nativeZeroes, .copiesRanges])
    let stream = try opener.openFormat(RawFormat(), on: graph.makeNode(Stream()), [:], settings)
    #expect(stream.capabilities == [.appendOnly, .anyLength])
    let filter = try graph.makeNode(TestFilter())
    try graph.attach(graph.makeNode(MemoryStorage(FakeFormat.image(length: 65536))), to: filter)
    let above = try opener.openFormat(FakeFormat(), on: filter, [:], settings)
    #expect(above.capabilities == .nativeZeroes)
  }
}
