// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Support
import Testing

@testable import Qcow2Format

/// What a check counts with, and images that try to make it count for ever.
@Suite struct CheckCountTests {
  private let folder = TemporaryFolder()

  @Test("counters agree with a plain table of numbers", arguments: [1 << 10, 1 << 40] as [UInt64])
  func model(_ clusters: UInt64) throws {
    var numbers = SeededNumbers(seed: clusters)
    var counts = ReferenceCounts(clusters: clusters)
    var known: [UInt64: UInt64] = [:]
    for _ in 0..<20_000 {
      let cluster = UInt64.random(in: 0..<1024, using: &numbers) * (clusters / 1024)
      let added: UInt64 = numbers.next() % 8 == 0 ? 20_000 : 1
      try counts.add(added, to: cluster)
      known[cluster, default: 0] += added
    }
    for _ in 0..<40 {
      let start = UInt64.random(in: 0..<1024, using: &numbers) * (clusters / 1024)
      let run = start..<start + UInt64.random(in: 1...300, using: &numbers)
      try counts.addOne(toEach: run)
      for cluster in run { known[cluster, default: 0] += 1 }
    }
    for first in stride(from: 0, to: 1024, by: 64) as StrideTo<UInt64> {
      for count in [0, 1] as [UInt64] {
        let isSo = (first..<first + 64).allSatisfy { known[$0, default: 0] == count }
        #expect(counts.areAll(count, from: first) == isSo)
      }
    }
    for (cluster, count) in known { #expect(counts[cluster] == count, "cluster \(cluster)") }
    #expect(counts[clusters + 7777] == 0)
    let ranges = counts.chunkRanges
    #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
    for cluster in known.keys {
      #expect(counts.mayHaveAny(in: cluster..<cluster + 1))
      #expect(ranges.contains { $0.contains(cluster) })
    }
  }

  @Test("counters take no more memory than they may")
  func limit() throws {
    var counts = ReferenceCounts(clusters: 1 << 50, limit: 1 << 20)
    let error = #expect(throws: BlockError.self) {
      for step in 0..<UInt64(1 << 20) { try counts.add(to: step << 20) }
    }
    #expect(error?.kind == .tooLarge)
  }

  /// An image whose L1 table, made longer, points to one L2 table with every entry.
  private func repeating(_ entries: Int, damaged: Bool) -> SampleQcow2 {
    var image = SampleQcow2(.plain)
    let start = 16 << 12
    image.set64(40, UInt64(start))
    image.set32(36, UInt32(entries))
    image.bytes += [UInt8](repeating: 0, count: start + entries * 8 - image.bytes.count)
    image.set64(start, UInt64(image.l2) | 1 << 63, count: entries)
    if damaged { image.set64(image.l2, UInt64(image.data) | 0x8000_0000_0000_0002) }
    return image
  }

  @Test(
    "one L2 table in every L1 entry is counted as often, but not walked as often", arguments: [false, true])
  func repeats(_ damaged: Bool) throws {
    let entries = 1 << 18
    try repeating(entries, damaged: damaged).write(to: folder)
    let clock = ContinuousClock()
    let start = clock.now
    let checked = CheckedImage(folder.file("sample.qcow2"))
    #expect(clock.now - start < .seconds(60))
    let result = try #require(checked.result)
    #expect(result.allocatedClusters == 4 * UInt64(entries))
    if !damaged {
      for cluster in 4...8 {
        #expect(checked.findings.contains("ERROR cluster \(cluster) refcount=1 reference=\(entries)"))
      }
    }
  }

  @Test("wrong marks in a table that every L1 entry names are counted for each, and looked for once")
  func repeatedMarks() throws {
    let entries = 1 << 20
    var image = repeating(entries, damaged: false)
    for index in 0..<4 { image.set64(image.l2 + 8 * index, UInt64(image.data + index << 12)) }
    try image.write(to: folder)
    let clock = ContinuousClock()
    let start = clock.now
    let result = try #require(CheckedImage(folder.file("sample.qcow2")).result)
    #expect(clock.now - start < .seconds(60))
    #expect(result.corruptions > 4 * UInt64(entries))
  }

  @Test("refcount blocks that the table names again and again are not compared for ever")
  func repeatedBlocks() throws {
    var image = SampleQcow2(.plain)
    let start = 16 << 12
    image.set64(48, UInt64(start))
    image.set32(56, 2048)
    image.bytes += [UInt8](repeating: 0, count: start + 8 << 20 - image.bytes.count)
    image.set64(start, UInt64(image.refcountBlock), count: 1 << 20)
    for index in 0..<2048 { image.set16(image.refcountBlock + 2 * index, 7) }
    try image.write(to: folder)
    _ = Shell.run("truncate -s 7T sample.qcow2", folder: folder.path)
    let clock = ContinuousClock()
    let start1 = clock.now
    let checked = CheckedImage(folder.file("sample.qcow2"))
    #expect(clock.now - start1 < .seconds(120))
    #expect(try #require(checked.result).corruptions > 1 << 19)
    #expect(checked.findings.count < 5000)
  }

  @Test(
    "of each kind a thousand findings are told, and the others counted",
    arguments: [nil, .all] as [CheckRepair?])
  func cut(_ repair: CheckRepair?) throws {
    var image = SampleQcow2(.plain)
    image.set32(36, 8)
    image.set64(24, 4096 << 12)
    image.bytes += [UInt8](repeating: 0, count: 8 << 12)
    for table in 0..<8 {
      let place = (9 + table) << 12
      image.set64(image.l1 + 8 * table, UInt64(place) | 1 << 63)
      image.set16(image.refcountBlock + 2 * (9 + table), 1)
      for index in 0..<512 { image.set64(place + 8 * index, 0x2 | UInt64(image.data) | 1 << 63) }
    }
    image.set64(image.l1 + 7 * 8, UInt64(image.l2) | 1 << 63)
    let log = Lines()
    let checked = try RepairedImage(image.bytes).check(repair) { log.lines.append($0) }
    let reserved = log.lines.filter { $0.contains("with reserved bits set") }
    #expect(reserved.count == 1001)
    #expect(
      reserved.last?.hasSuffix(" (and \(7 * 512 - 1001) more of this kind)") == true, "\(reserved.last ?? "")"
    )
    #expect(log.lines.contains("Leaked cluster 16 refcount=1 reference=0") || repair == .all)
    #expect(repair == .all || checked.corruptions >= 7 * 512)
  }

  private final class Lines { var lines: [String] = [] }

  @Test("a sparse file of many clusters takes little memory and time")
  func sparse() throws {
    var image = SampleQcow2(.plain)
    for index in 4..<512 { image.set64(image.l2 + 8 * index, UInt64(index) << 33 | 1 << 63) }
    try image.write(to: folder)
    _ = Shell.run("truncate -s 8T sample.qcow2", folder: folder.path)
    let checked = CheckedImage(folder.file("sample.qcow2"))
    let result = try #require(checked.result)
    #expect(result.corruptions == 2 * 508)
    #expect(checked.findings.contains("ERROR cluster 8388608 refcount=0 reference=1"))
  }
}
