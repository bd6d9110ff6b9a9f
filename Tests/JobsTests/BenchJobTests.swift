// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Host
import Jobs
import Support
import Testing

@Suite struct BenchJobTests {
  private let folder = TemporaryFolder()

  /// Runs over a disk of 1 MiB; returns how often the storage was asked to make things durable.
  private func bench(_ options: BenchOptions, failing number: Int = 0) throws -> Int {
    let path = folder.file("disk.raw")
    try File(path: path, mode: [.writable, .create]).truncate(to: 1 << 20)
    let graph = Graph()
    let counter = FaultCounter()
    graph.faults.wrapStorage = { below in
      let wrapped = FaultStorage(below, counter: counter)
      wrapped.fail(number, of: number == 0 ? [.flush] : [.write])
      return wrapped
    }
    let user = graph.makeUser(
      "test", request: PermissionRequest(held: [.consistentRead, .write], shared: .consistentRead))
    let opener = Opener(graph: graph, kinds: Drivers.all)
    try opener.open(ImageName(path: path), OpenSettings(format: "raw", flags: .writable), for: user)
    var runner = JobRunner(graph: graph)
    try runner.run(BenchJob(user, named: path, options))
    return counter.operations
  }

  @Test("a flush is sent after every so many writes", arguments: [1, 7, 64], [true, false])
  func flushes(_ depth: UInt64, _ drains: Bool) throws {
    var options = BenchOptions()
    options.isWrite = true
    options.count = 700
    options.depth = depth
    options.drains = drains
    options.flushInterval = 70
    // Without waiting, flushes that fall due while another one is on its way become one.
    let flushes = try bench(options)
    #expect(drains ? flushes == 10 : (1...10).contains(flushes))
    options.flushInterval = 0
    #expect(try bench(options) == 0)
  }

  @Test("the first request that fails ends the run", arguments: [1, 16])
  func failure(_ depth: UInt64) throws {
    var options = BenchOptions()
    options.isWrite = true
    options.count = 1_000_000_000
    options.depth = depth
    options.flushInterval = depth
    let error = #expect(throws: BlockError.self) { try bench(options, failing: 100) }
    #expect(error?.message.hasPrefix("Failed request: ") == true)
  }
}
