// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import FileProtocol
import Host
import Options
import Support
import Synchronization
import Testing

@testable import Jobs

/// Copying to formats that give space in units of any size.
@Suite struct CopyUnitTests {
  /// Noise that is computed, with zeros from 4 KiB before each whole MiB up to it; notes the largest piece read.
  private final class Noise: CopySource {
    let length: UInt64
    private let largestRead: Mutex<Int> = Mutex(0)
    var largest: Int { largestRead.withLock { $0 } }

    init(length: UInt64) { self.length = length }

    static func byte(at offset: UInt64) -> UInt8 {
      offset % (1 << 20) >= (1 << 20) - 4096 ? 0 : UInt8(truncatingIfNeeded: offset / 509 + 1) | 1
    }

    func content(at offset: UInt64, length: UInt64) -> (content: CopyContent, length: UInt64) {
      (.data, length)
    }

    func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
      let count = buffer.byteCount
      largestRead.withLock { $0 = max($0, count) }
      for index in 0..<buffer.byteCount { buffer.store(Noise.byte(at: offset + UInt64(index)), at: index) }
    }
  }

  struct Unit: Sendable {
    var size: UInt64
    var isOverlay = false
    var length: UInt64 = 3 << 20 | 1536
  }

  static let units = [
    Unit(size: 512, length: 1 << 20 | 1536), Unit(size: 63 * 512), Unit(size: 1 << 20), Unit(size: 3 << 19),
    Unit(size: 2047 * 512), Unit(size: 2049 * 512), Unit(size: 3 << 20), Unit(size: 32 << 20),
    Unit(size: 4 << 20, isOverlay: true), Unit(size: 63 * 512, isOverlay: true),
  ]

  private func copy(_ noise: Noise, to edge: Edge) throws {
    let target = CopyTarget(
      edge: edge, granule: CopyTarget.granule(of: edge), isSparse: true, readsZero: edge.child.backing == nil)
    let copy = ContentCopy(from: noise, to: target, threads: 3, rateLimit: nil, context: JobContext())
    try copy.run()
    try edge.flush()
  }

  private func compare(_ edge: Edge, _ noise: Noise) throws {
    var offset: UInt64 = 0
    while offset < noise.length {
      let count = Int(min(noise.length - offset, 1 << 20))
      let found = try edge.read(at: offset, count: count)
      let wanted = Buffer(count: count)
      var bytes = wanted.mutableBytes
      try noise.read(at: offset, into: &bytes)
      let isSame = found.bytes.equals(wanted.bytes)
      #expect(isSame, "at \(offset)")
      offset += UInt64(count)
    }
  }

  @Test("B-05 units of any size are copied in pieces of at most 1 MiB, the last one right", arguments: units)
  func pieces(_ unit: Unit) throws {
    let image = try TableImage(
      TableShape(blockSize: unit.size, isOverlay: unit.isOverlay), length: unit.length)
    let noise = Noise(length: unit.length)
    try copy(noise, to: image.edge)
    #expect(noise.largest <= 1 << 20)
    #expect(image.memory.record.largest <= 1 << 20, "\(image.memory.record.largest)")
    try compare(image.edge, noise)
    #expect(try image.check().lines == [])
    try image.close()
  }

  @Test("B-05 a unit of 256 MiB takes no more memory, nor space than what is written")
  func hugeUnit() throws {
    let folder = TemporaryFolder()
    let format = TableFormat(shape: TableShape(blockSize: 256 << 20))
    let length: UInt64 = 512 << 20 | 512
    try Files.write(format.image(length: length), to: folder.file("image"))
    let graph = Graph()
    let file = try graph.adopt(
      FileDriver(
        File(path: folder.file("image"), mode: .writable), path: folder.file("image"), locking: false),
      fileName: "image", flags: .writable)
    let node = try Opener(graph: graph, kinds: []).openFormat(
      format, on: file, [:], OpenSettings(flags: .writable))
    let user = try graph.use(node, "the guest", held: [.consistentRead, .write], shared: [])
    let edge = try #require(user.edge)
    #expect(node.limits.copyUnit == 256 << 10)
    let noise = Noise(length: 2 << 20)
    try copy(noise, to: edge)
    try edge.write(at: length - 512, [UInt8](repeating: 9, count: 512))
    try compare(edge, noise)
    #expect(try edge.array(at: length - 512, count: 512) == [UInt8](repeating: 9, count: 512))
    try graph.release(user)
    let blocks = Shell.run("stat -c %b image", folder: folder.path)
    #expect(Int(blocks.output.prefix { $0.isNumber }) ?? .max < 3 << 11, "\(blocks.output)")
  }

  /// Data up to some offset, then zeros; counts how often it is asked.
  private final class Halves: CopySource {
    let length: UInt64 = 1 << 40
    let boundary: UInt64 = 3 << 30
    private let asked: Mutex<Int> = Mutex(0)
    var questions: Int { asked.withLock { $0 } }

    func content(at offset: UInt64, length: UInt64) -> (content: CopyContent, length: UInt64) {
      asked.withLock { $0 += 1 }
      return offset < boundary ? (.data, min(length, boundary - offset)) : (.zero, length)
    }

    func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) { buffer.fill() }
  }

  @Test("a walk asks once for what goes on over many segments")
  func ahead() throws {
    let source = Halves()
    var ahead = ContentAhead()
    for offset in stride(from: 0, to: source.boundary, by: 1 << 20) {
      let (content, length) = try ahead.content(of: source, at: offset)
      #expect(content == .data && length == source.boundary - offset)
    }
    let (content, length) = try ahead.content(of: source, at: source.boundary)
    #expect(content == .zero && length == source.length - source.boundary)
    #expect(source.questions == 2)
  }
}
