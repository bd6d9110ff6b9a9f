// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Qcow2Format
import Support
import Testing

/// Caches of one slice: each table that is looked at drives another into the file, whatever is half done.
@Suite struct EvictionCrashTests {
  private let folder = TemporaryFolder()
  static let caches: OptionObject = ["l2-cache-size": "1", "refcount-cache-size": "1"]

  static let shapes: [OptionObject] = [
    ["cluster_size": 512], ["cluster_size": 512, "refcount_bits": 64],
    ["cluster_size": 1024, "refcount_bits": 1], ["compat": "0.10", "cluster_size": 512],
    ["cluster_size": 512, "lazy_refcounts": true], ["extended_l2": true, "cluster_size": 16384],
  ]
  /// Moments looked at of one program.
  private static let moments = 32

  @Test(
    "D-01 with caches of one slice a crash at any write leaves space unaccounted for at worst",
    arguments: shapes, 0..<4)
  func crash(_ shape: OptionObject, _ seed: Int) throws {
    let length = shape["cluster_size"] == 16384 ? 900 << 10 : 500 << 10
    let image = try FragileImage(size: UInt64(length), shape, EvictionCrashTests.caches)
    image.fault.record(from: image.memory.bytes)
    var program = try MetadataProgram(image, length: length, SeededNumbers(seed: UInt64(seed)))
    try program.run(operations: 90)
    image.close()
    let history = try #require(image.fault.history)
    var random = program.random
    let stride = max(1, history.count / EvictionCrashTests.moments)
    // Each seed looks at moments of its own.
    for (number, moment) in Swift.stride(from: seed % stride, through: history.count, by: stride).enumerated()
    {
      let loss = StorageHistory.Loss.allCases[number % StorageHistory.Loss.allCases.count]
      let bytes = history.bytes(after: moment, losing: loss, &random)
      let comment = "\(shape) seed \(seed): \(loss) lost after \(moment) of \(history.count)"
      let left = try CrashedImage(bytes)
      #expect(try left.faults() == [], "\(comment)")
      let content = try left.content()
      #expect(program.isKept(in: content, at: moment), "\(comment)")
      #expect(try left.afterNextWriter(&random) == [], "\(comment), after the next writer")
      if number % 12 == 0, !left.isDirty {
        #expect(Shell.writeFile(folder.file("disk"), bytes))
        let check = Shell.run("qemu-img check -f qcow2 disk 2>&1", folder: folder.path)
        #expect(check.status == 0 || check.status == 3, "\(comment): \(check.output)")
      }
    }
  }
}

/// An image as a crash left it.
private struct CrashedImage {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) throws { self.bytes = bytes }

  /// Whether refcounts may be behind, which the next writer knows.
  var isDirty: Bool { bytes[79] & 1 != 0 }

  private func use<Result>(_ flags: NodeFlags, _ storage: MemoryStorage, _ body: (Edge) throws -> Result)
    throws
    -> Result
  {
    let graph = Graph()
    let isWritable = flags.contains(.writable)
    let file = try graph.adopt(storage, fileName: "memory", flags: isWritable ? .writable : [])
    let node = try Opener(graph: graph, kinds: [Qcow2Format()]).openFormat(
      Qcow2Format(), on: file, [:], OpenSettings(flags: flags))
    let user = graph.makeUser(
      "test", request: isWritable ? ImageSession.writePermissions : ImageSession.readPermissions)
    try graph.attach(user, to: node)
    let result = try body(try #require(user.edge))
    try graph.release(user)
    return result
  }

  /// What is wrong with the image but for lost space.
  func faults() throws -> [String] { isDirty ? [] : try check(MemoryStorage(bytes)) }

  private func check(_ storage: MemoryStorage) throws -> [String] {
    try use(.checking, storage) { edge in
      var faults: [String] = []
      let driver = try #require(edge.child.driver as? any CheckingDriver)
      let result = try driver.check(edge.child, JobContext()) {
        if !$0.hasPrefix("Leaked cluster") { faults.append($0) }
      }
      if result.corruptions + result.checkErrors > 0, faults.isEmpty { faults.append("\(result)") }
      return faults
    }
  }

  func content() throws -> [UInt8] {
    try use([], MemoryStorage(bytes)) { edge in try edge.array(at: 0, count: Int(edge.length)) }
  }

  /// What is wrong after somebody has gone on writing.
  func afterNextWriter(_ random: inout SeededNumbers) throws -> [String] {
    let storage = MemoryStorage(bytes)
    var next = random
    try use([.writable, .unmap], storage) { edge in
      for _ in 0..<4 where edge.length > 0 {
        let start = UInt64.random(in: 0..<edge.length, using: &next)
        let count = min(UInt64.random(in: 1...30000, using: &next), edge.length - start)
        if Bool.random(using: &next) {
          try edge.write(at: start, [UInt8](repeating: 7, count: Int(count)))
        } else {
          try edge.discard(at: start, length: count)
        }
      }
    }
    random = next
    return try check(storage)
  }
}

/// Random operations of all kinds that change tables, with what each moment has to keep.
private struct MetadataProgram {
  /// What had been made safe when something began, and what has been changed since.
  private struct Promise {
    var moment: Int
    var safe: [UInt8]
    var isTouched: [Bool]
  }

  private let image: FragileImage
  private let node: Node
  private let driver: any SnapshottingDriver & CompressingDriver
  var random: SeededNumbers
  private var shadow: [UInt8]
  private var safe: [UInt8]
  private var isTouched: [Bool]
  private var snapshots: [(name: String, content: [UInt8])] = []
  private var promises: [Promise] = []

  init(_ image: FragileImage, length: Int, _ random: SeededNumbers) throws {
    self.image = image
    node = image.edge.child
    driver = try #require(node.driver as? any SnapshottingDriver & CompressingDriver)
    self.random = random
    shadow = [UInt8](repeating: 0, count: length)
    safe = shadow
    isTouched = [Bool](repeating: false, count: length)
  }

  private var edge: Edge { image.edge }

  mutating func run(operations: Int) throws {
    for number in 0..<operations { try step(number) }
  }

  /// Whether all is there that a crash at a moment has to keep.
  func isKept(in content: [UInt8], at moment: Int) -> Bool {
    guard let promise = promises.last(where: { $0.moment < moment }) ?? promises.first else { return true }
    let common = min(content.count, promise.safe.count)
    return Array(content.prefix(common)).firstDifference(from: Array(promise.safe.prefix(common))) {
      !promise.isTouched[$0]
    } == nil
  }

  /// Notes that a range is about to change.
  private mutating func touch(_ range: Range<Int>) {
    let touched = range.clamped(to: 0..<isTouched.count)
    isTouched.replaceSubrange(touched, with: [Bool](repeating: true, count: touched.count))
    promises.append(Promise(moment: image.fault.history?.count ?? 0, safe: safe, isTouched: isTouched))
  }

  private mutating func range() -> Range<Int> {
    let start = Int.random(in: 0..<shadow.count, using: &random)
    return start..<min(start + Int.random(in: 1...40000, using: &random), shadow.count)
  }

  private mutating func step(_ number: Int) throws {
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<8:
      let range = range()
      touch(range)
      let bytes = [UInt8](repeating: UInt8.random(in: 1...255, using: &random), count: range.count)
      try edge.write(at: UInt64(range.lowerBound), bytes)
      shadow.replaceSubrange(range, with: bytes)
    case 8, 9:
      let range = range()
      touch(range)
      try edge.writeZeroes(
        at: UInt64(range.lowerBound), length: UInt64(range.count), mayUnmap: Bool.random(using: &random))
      shadow.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
    case 10, 11:
      let range = range()
      touch(range)
      try edge.discard(at: UInt64(range.lowerBound), length: UInt64(range.count))
      shadow.replaceSubrange(range, with: try edge.array(at: UInt64(range.lowerBound), count: range.count))
    case 12, 13: try compress()
    case 14: try resize()
    case 15, 16: try changeSnapshots(number)
    default:
      touch(0..<0)
      try edge.flush()
      safe = shadow
      isTouched = [Bool](repeating: false, count: shadow.count)
    }
  }

  private mutating func compress() throws {
    let cluster = Int(node.limits.clusterSize)
    let first = Int.random(in: 0..<shadow.count / cluster, using: &random)
    let compressor = try edge.makeCompressor()
    let packed = Buffer(count: 4 * cluster)
    var clusters: [CompressedCluster] = []
    var used = 0
    var changed = shadow
    for number in first..<first + 4 where (number + 1) * cluster <= shadow.count {
      let range = number * cluster..<(number + 1) * cluster
      let noise = Int.random(in: 0..<cluster / 2, using: &random)
      for index in range {
        changed[index] = index < range.lowerBound + noise ? UInt8.random(in: 1...255, using: &random) : 3
      }
      let plain = Buffer(Array(changed[range]))
      var bytes = packed.mutableBytes
      var room = bytes.slice(used..<used + cluster)
      guard let size = compressor.compress(plain.bytes, into: &room) else { return }
      used += size
      clusters.append(CompressedCluster(guestOffset: UInt64(range.lowerBound), size: size))
    }
    touch(first * cluster..<(first + 4) * cluster)
    try edge.complete(try edge.prepareCompressed(clusters), from: packed.bytes)
    shadow = changed
  }

  private mutating func resize() throws {
    let length = max(4096, shadow.count + Int.random(in: -300...200, using: &random) * 512)
    // Whether what is cut off is there still depends on the moment.
    touch(min(length, shadow.count)..<shadow.count)
    do throws(BlockError) {
      try edge.truncate(to: UInt64(length))
    } catch {
      // Version 2 cannot do everything.
      guard error.kind == .unsupported else { throw error }
      return
    }
    let added = max(0, length - shadow.count)
    shadow = Array(shadow.prefix(length)) + [UInt8](repeating: 0, count: added)
    isTouched = Array(isTouched.prefix(length)) + [Bool](repeating: true, count: added)
    safe = Array(safe.prefix(length)) + [UInt8](repeating: 0, count: added)
  }

  private mutating func changeSnapshots(_ number: Int) throws {
    let chosen = snapshots.indices.randomElement(using: &random)
    switch (chosen, Int.random(in: 0..<3, using: &random)) {
    case (let index?, 0):
      touch(0..<shadow.count)
      try driver.applySnapshot(.exactly(id: nil, name: snapshots[index].name), of: node)
      shadow = snapshots[index].content
      safe = shadow
      isTouched = [Bool](repeating: true, count: shadow.count)
    case (let index?, 1):
      touch(0..<0)
      try driver.deleteSnapshot(.exactly(id: nil, name: snapshots.remove(at: index).name), of: node)
    default:
      touch(0..<0)
      do throws(BlockError) {
        try driver.createSnapshot("s\(number)", seconds: 0, nanoseconds: 0, of: node)
        snapshots.append(("s\(number)", shadow))
      } catch {
        // Narrow refcounts hold no second reference.
        guard error.kind == .tooLarge else { throw error }
      }
    }
  }
}
