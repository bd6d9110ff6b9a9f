// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Filters
import Host
import Options
import Support
import Testing

@Suite("Requests below a rate", .serialized)
struct ThrottleTests {
  private let scene = DiskFolder()

  private func group(_ limits: OptionObject) throws(BlockError) -> ThrottleGroup {
    var limits = limits
    let group = try ThrottleGroup(takingFrom: &limits)
    if let left = limits.keys.first { throw BlockError(.invalidArgument, "left: \(left)") }
    return group
  }

  /// Requests of one kind and how long the peer takes for them.
  struct Course: Sendable, CustomTestStringConvertible {
    var limits: OptionObject
    var count: Int
    var length: UInt64 = 512
    var isWrite = false
    var seconds: Double
    var testDescription: String { "\(limits) \(count) × \(length)" }
  }

  /// What the peer took, measured.
  static let courses = [
    Course(limits: ["x-iops-total": "10"], count: 2, seconds: 0),
    Course(limits: ["x-iops-total": "10"], count: 5, seconds: 0.3),
    Course(limits: ["limits": ["iops-read": 100]], count: 50, seconds: 0.39),
    Course(limits: ["x-iops-write": "10"], count: 50, seconds: 0),
    Course(limits: ["x-bps-total": "65536"], count: 2, length: 32768, seconds: 0.4),
    Course(limits: ["x-bps-write": "65536"], count: 2, length: 32768, isWrite: true, seconds: 0.4),
    Course(limits: ["x-iops-total": "10", "x-iops-total-max": "20"], count: 23, seconds: 0.2),
    Course(
      limits: ["x-iops-total": "10", "x-iops-total-max": "100", "x-iops-total-max-length": "2"], count: 60,
      seconds: 0.49),
    Course(limits: ["x-iops-total": "32", "x-iops-size": "4096"], count: 2, length: 65536, seconds: 0.4),
  ]

  @Test("rates, bursts and sizes are the peer's", arguments: courses)
  func rates(_ course: Course) throws {
    let group = try group(course.limits)
    let start = Clock.now
    for _ in 0..<course.count { group.wait(length: course.length, isWrite: course.isWrite) }
    let taken = Clock.now - start
    #expect(taken > course.seconds - 0.02 && taken < course.seconds + 0.5, "\(taken)")
  }

  @Test("disks of a group share its limits; flushing and looking for data do not count")
  func sharing() throws {
    try scene.disk("a", 1)
    try scene.disk("b", 2)
    let limiters = ["g": try group(["x-iops-total": "20"])]
    let users = try ["a", "b"].map { name in
      try scene.open(
        ["driver": "throttle", "throttle-group": "g", "file": scene.file(name)], limiters: limiters)
    }
    let start = Clock.now
    for _ in 0..<4 {
      for user in users {
        let edge = try #require(user.edge)
        _ = try edge.array(at: 0, count: 512)
        try edge.flush()
        _ = try edge.chainStatus(at: 0, length: 512)
      }
    }
    let taken = Clock.now - start
    #expect(taken > 0.2 && taken < 1, "\(taken)")
    for user in users { try scene.graph.release(user) }
  }

  @Test(
    "limits that make no sense are refused",
    arguments: [
      (["x-iops-total": "-1"], "Property values cannot be negative"),
      (["x-iops-total": "x"], "Parameter 'x-iops-total' expects integer"),
      (["x-bps-total": "10M"], "Parameter 'x-bps-total' expects integer"),
      (["limits": ["iops-total": "x"]], "Parameter 'limits.iops-total' expects integer"),
      (["limits": ["foo": 3]], "Parameter 'limits.foo' is unexpected"),
      (
        ["x-iops-total": "100", "x-iops-read": "5"],
        "bps/iops/max total values and read/write values cannot be used at the same time"
      ),
      (["x-iops-total-max": "5"], "bps_max/iops_max require corresponding bps/iops values"),
      (["x-iops-total": "5", "x-iops-total-max": "3"], "bps_max/iops_max cannot be lower than bps/iops"),
      (["x-iops-total-max-length": "3"], "burst length set without burst rate"),
      (
        ["x-iops-total": "5", "x-iops-total-max": "30", "x-iops-total-max-length": "0"],
        "the burst length cannot be 0"
      ),
      (["x-iops-size": "5"], "iops size requires an iops value to be set"),
      (["x-bps-total": "1000000000000001"], "bps/iops/max values must be within [0, 1000000000000000]"),
    ] as [(OptionObject, String)])
  func refusals(_ limits: OptionObject, _ message: String) {
    let error = #expect(throws: BlockError.self) { _ = try group(limits) }
    #expect(error?.message == message)
  }

  @Test("a filter without a group, or with one that there is not")
  func groups() throws {
    try scene.disk("a", 1)
    for (options, message) in [
      (["driver": "throttle", "file": scene.file("a")], "Please specify a throttle group"),
      (
        ["driver": "throttle", "throttle-group": "h", "file": scene.file("a")],
        "Throttle group 'h' does not exist"
      ),
    ] as [(OptionObject, String)] {
      let error = #expect(throws: BlockError.self) { _ = try scene.open(options) }
      #expect(error?.message == "Could not open 'disk': " + message)
    }
  }
}
