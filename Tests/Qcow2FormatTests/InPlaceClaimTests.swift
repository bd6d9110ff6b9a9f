// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Host
import Qcow2Format
import Support
import Synchronization
import Testing

/// While data is on its way to a cluster that the guest has, nobody gives that cluster to anything else.
@Suite struct InPlaceClaimTests {
  enum Rival: CaseIterable { case discard, zeroes, compressed, empty, shrink, snapshot }

  private static let cluster = 65536

  @Test("D-02 a write in place is waited for by whatever takes the place away", arguments: Rival.allCases)
  func waits(_ rival: Rival) throws {
    let size = InPlaceClaimTests.cluster
    let image = try FragileImage(size: UInt64(size * 4), ["cluster_size": 65536])
    let edge = image.edge
    try edge.write(at: UInt64(size), [UInt8](repeating: 1, count: size))
    try edge.flush()
    let isWritten = Atomic(false)
    let cameFirst = Atomic(false)
    let isPrepared = Atomic(false)
    try Threads.run(2) { (index: Int) throws(BlockError) in
      if index == 0 {
        let prepared = try edge.prepareWrite(at: UInt64(size), length: 512)
        isPrepared.store(true, ordering: .sequentiallyConsistent)
        // Long enough for the other to do what it must not do yet.
        Clock.sleep(seconds: 0.2)
        isWritten.store(true, ordering: .sequentiallyConsistent)
        try edge.complete(prepared, from: Buffer([UInt8](repeating: 2, count: 512)).bytes)
      } else {
        while !isPrepared.load(ordering: .sequentiallyConsistent) { Clock.sleep(seconds: 0.001) }
        // Others write in place meanwhile.
        try edge.write(at: UInt64(size) + 4096, [3])
        try run(rival, edge)
        if !isWritten.load(ordering: .sequentiallyConsistent) {
          cameFirst.store(true, ordering: .sequentiallyConsistent)
        }
      }
    }
    let isEarly = cameFirst.load(ordering: .sequentiallyConsistent)
    #expect(!isEarly)
    image.close()
  }

  private func run(_ rival: Rival, _ edge: Edge) throws(BlockError) {
    let size = InPlaceClaimTests.cluster
    let node = edge.child
    switch rival {
    case .discard: try edge.discard(at: UInt64(size), length: UInt64(size))
    case .zeroes: try edge.writeZeroes(at: UInt64(size), length: UInt64(size), mayUnmap: true)
    case .empty: try node.driver.makeEmpty(node)
    case .shrink: try edge.truncate(to: UInt64(size))
    case .snapshot:
      try (node.driver as? any SnapshottingDriver)?.createSnapshot("s", seconds: 0, nanoseconds: 0, of: node)
    case .compressed:
      let clusters = [CompressedCluster(guestOffset: UInt64(size), size: 600)]
      try edge.complete(try edge.prepareCompressed(clusters), from: Buffer(count: 600).bytes)
    }
  }
}

/// Claims of an image whose storage fails.
@Suite struct FailedClaimTests {
  @Test(
    "D-02 a write of several pieces that fails anywhere leaves its clusters to others",
    arguments: [false, true])
  func fragments(_ isCompressed: Bool) throws {
    var number = 1
    while true {
      let image = try FragileImage(
        size: 64 << 10, ["cluster_size": 4096], EvictionCrashTests.caches)
      let edge = image.edge
      // Every other cluster is there already, so that the write takes many slots.
      for index in 0..<8 { try edge.write(at: UInt64(index) * 8192, [UInt8](repeating: 1, count: 4096)) }
      image.fault.fail(number)
      var failed = false
      do throws(BlockError) {
        if isCompressed {
          let clusters = (0..<16).map { CompressedCluster(guestOffset: $0 * 4096, size: 3000) }
          try edge.complete(try edge.prepareCompressed(clusters), from: Buffer(count: 48000).bytes)
        } else {
          try edge.complete(
            try edge.prepareWrite(at: 0, length: 64 << 10), from: Buffer(count: 64 << 10).bytes)
        }
      } catch {
        failed = true
      }
      let reached = image.fault.operations >= number
      #expect(failed || !reached || isCompressed, "\(number)")
      image.fault.fail(0)
      try edge.write(at: 0, [UInt8](repeating: 7, count: 64 << 10))
      #expect(try edge.array(at: 0, count: 64 << 10).consists(of: 7))
      image.close()
      guard reached else { break }
      number += 1
    }
    #expect(number > (isCompressed ? 1 : 4))
  }
}
