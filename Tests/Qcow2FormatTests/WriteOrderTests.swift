// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Qcow2Format
import Support
import Testing

/// The declared order of what reaches the file, read off the recorded steps of an operation: each step depends on
/// nothing but what is durable by then, so that a disk may keep it and lose any others.
@Suite struct WriteOrderTests {
  enum Operation: CaseIterable {
    case allocate, link, compress, discard, snapshot, restore, forget, grow, shrink
  }

  static let shapes: [(OptionObject, OptionObject)] = [
    (["cluster_size": 512], ["l2-cache-size": "1", "refcount-cache-size": "1"]),
    (["cluster_size": 512, "refcount_bits": 64], [:]),
    (["compat": "0.10", "cluster_size": 4096], [:]),
    (["extended_l2": true, "cluster_size": 16384], ["l2-cache-entry-size": "512"]),
  ]

  private static let length = 64 << 10

  @Test(
    "D-10 data before mapping, count before entry, mapping before free, and the header last",
    arguments: shapes, Operation.allCases)
  func order(_ shape: (OptionObject, OptionObject), _ operation: Operation) throws {
    let image = try FragileImage(size: UInt64(WriteOrderTests.length), shape.0, shape.1)
    let driver = try #require(image.edge.child.driver as? any SnapshottingDriver)
    let node = image.edge.child
    try image.edge.write(at: 0, [UInt8](repeating: 1, count: 36_000))
    let needsSnapshot = operation == .restore || operation == .forget
    if needsSnapshot { try driver.createSnapshot("one", seconds: 0, nanoseconds: 0, of: node) }
    try image.edge.write(at: 8_000, [UInt8](repeating: 2, count: 10_000))
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    try run(operation, on: image, driver)
    try image.edge.flush()
    image.close()
    let history = try #require(image.fault.history)
    var seen = Seen()
    try history.forEachStep { step in
      let faults = try seen.faults(of: step)
      #expect(faults == [], "step \(step.number) of \(history.count)")
    }
    #expect(seen.steps > 0 && seen.has(operation), "\(seen.steps) steps")
  }

  private func run(_ operation: Operation, on image: FragileImage, _ driver: any SnapshottingDriver) throws {
    let edge = image.edge
    switch operation {
    case .allocate: try edge.write(at: 36_000, [UInt8](repeating: 3, count: 28_000))
    case .link:
      try edge.writeZeroes(at: 0, length: 20_000, mayUnmap: false)
      try edge.write(at: 4_000, [UInt8](repeating: 3, count: 14_000))
    case .compress: try compress(edge)
    case .discard:
      try edge.discard(at: 4_000, length: 30_000)
      try edge.flush()
      try edge.write(at: 38_000, [UInt8](repeating: 3, count: 20_000))
    case .snapshot:
      try driver.createSnapshot("two", seconds: 0, nanoseconds: 0, of: edge.child)
      try edge.write(at: 0, [UInt8](repeating: 3, count: 10_000))
    case .restore: try driver.applySnapshot(.exactly(id: nil, name: "one"), of: edge.child)
    case .forget: try driver.deleteSnapshot(.exactly(id: nil, name: "one"), of: edge.child)
    case .grow: try edge.truncate(to: 64 << 20)
    case .shrink: try edge.truncate(to: 20 << 10)
    }
  }

  private func compress(_ edge: Edge) throws {
    let size = Int(edge.child.limits.clusterSize)
    let compressor = try edge.makeCompressor()
    for first in stride(from: 0, to: 4, by: 2) {
      let packed = Buffer(count: 2 * size)
      var clusters: [CompressedCluster] = []
      var used = 0
      for number in first..<first + 2 {
        let plain = Buffer([UInt8](repeating: UInt8(number), count: size))
        var bytes = packed.mutableBytes
        var room = bytes.slice(used..<used + size)
        guard let count = compressor.compress(plain.bytes, into: &room) else { return }
        used += count
        clusters.append(CompressedCluster(guestOffset: UInt64(number * size), size: count))
      }
      try edge.complete(try edge.prepareCompressed(clusters), from: packed.bytes)
    }
  }
}

/// What the steps of an operation did.
private struct Seen {
  private(set) var steps = 0
  private var entered: Set<ImageReferences.Kind> = []
  private var frees = 0
  private var safe: (bytes: [UInt8], image: ImageReferences)?

  /// What is wrong with the file if it holds what is durable before a step, and that step.
  mutating func faults(of step: StorageHistory.Step) throws -> [String] {
    steps += 1
    if safe?.bytes != step.safe { safe = (step.safe, try ImageReferences(step.safe)) }
    guard let (_, safe) = safe else { return [] }
    let alone = try ImageReferences(step.alone)
    var faults: [String] = []
    for pointer in alone.pointers.subtracting(safe.pointers) {
      entered.insert(pointer.kind)
      for cluster in pointer.clusters {
        let part = cluster * alone.clusterSize..<(cluster + 1) * alone.clusterSize
        if !isSame(part, step.alone, step.after) { faults.append("\(pointer): content comes later") }
      }
    }
    for (cluster, references) in alone.references {
      let count = alone.count(cluster)
      if count < references {
        faults.append("cluster \(cluster): \(references) references, counted \(count) times")
      }
      if count < safe.count(cluster) { frees += 1 }
    }
    for (cluster, _) in safe.references where alone.references[cluster] == nil { frees += 1 }
    for pointer in alone.pointers where pointer.isSingle {
      for cluster in pointer.clusters where alone.count(cluster) != 1 {
        faults.append("\(pointer): counted \(alone.count(cluster)) times")
      }
    }
    return faults
  }

  private func isSame(_ range: Range<Int>, _ one: [UInt8], _ other: [UInt8]) -> Bool {
    for index in range where (index < one.count ? one[index] : 0) != (index < other.count ? other[index] : 0)
    {
      return false
    }
    return true
  }

  /// Whether the operation did what it is looked at for.
  func has(_ operation: WriteOrderTests.Operation) -> Bool {
    switch operation {
    case .allocate: entered.contains(.data)
    // With subclusters the entries stay.
    case .link: true
    case .compress: entered.contains(.compressed)
    case .discard: entered.contains(.data) && frees > 0
    case .snapshot: entered.isSuperset(of: [.snapshotTable, .l1, .l2, .data])
    case .restore: entered.isSuperset(of: [.l1, .data]) && frees > 0
    case .forget: entered.contains(.l1) && frees > 0
    case .grow: entered.contains(.l1)
    case .shrink: entered.contains(.l1) && frees > 0
    }
  }
}
