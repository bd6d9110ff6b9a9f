// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Options
import Qcow2Format
import Support
import Synchronization
import Testing

/// Who reads what the tables in memory tell about waits for nobody who makes things durable.
@Suite struct SharedAccessTests {
  static let shapes: [OptionObject] = [[:], ["extended_l2": true], ["cluster_size": 4096]]

  @Test("readers go on while a flush takes its time", arguments: shapes)
  func readsDuringFlush(_ shape: OptionObject) throws {
    let image = try FragileImage(size: 1 << 20, shape)
    let edge = image.edge
    try edge.write(at: 0, [UInt8](repeating: 1, count: 300_000))
    try edge.flush()
    try edge.write(at: 400_000, [UInt8](repeating: 2, count: 1000))
    let meeting = Meeting()
    image.fault.beforeFlush { meeting.holdFlush() }
    try Threads.run(2) { (index: Int) throws(BlockError) in
      guard index == 1 else { return try edge.flush() }
      meeting.awaitFlush()
      let read = try edge.array(at: 1000, count: 100_000) + edge.array(at: 600_000, count: 1000)
      meeting.endFlush()
      #expect(read == [UInt8](repeating: 1, count: 100_000) + [UInt8](repeating: 0, count: 1000))
    }
    #expect(!meeting.isUnrepairable)
    image.fault.beforeFlush(nil)
    image.close()
  }
}

/// A flush that ends when somebody has read, or after too long.
private final class Meeting: Sendable {
  private let isFlushing = Atomic(false)
  private let hasRead = Atomic(false)
  private let rounds = Atomic(0)
  private static let most = 2000

  var isUnrepairable: Bool { rounds.load(ordering: .sequentiallyConsistent) >= Meeting.most }

  func holdFlush() {
    isFlushing.store(true, ordering: .sequentiallyConsistent)
    while !hasRead.load(ordering: .sequentiallyConsistent),
      rounds.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue < Meeting.most
    {
      Clock.sleep(seconds: 0.001)
    }
  }

  func awaitFlush() {
    while !isFlushing.load(ordering: .sequentiallyConsistent) { Clock.sleep(seconds: 0.001) }
  }

  func endFlush() { hasRead.store(true, ordering: .sequentiallyConsistent) }
}
