// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Jobs
import Support
import Testing

@Suite struct CompareJobTests {
  private let folder = TemporaryFolder()

  private func open(_ name: String, _ graph: Graph) throws -> RootUser {
    let user = graph.makeUser(
      "test: '\(name)'", request: PermissionRequest(held: .consistentRead, shared: .all))
    let opener = Opener(graph: graph, kinds: Drivers.all)
    try opener.open(ImageName(path: folder.file(name)), OpenSettings(format: "raw"), for: user)
    return user
  }

  private func compare(isStrict: Bool = false, _ context: JobContext = JobContext()) throws -> CompareJob {
    let graph = Graph()
    let (left, right) = (try open("a.raw", graph), try open("b.raw", graph))
    let job = CompareJob(try #require(left.edge), try #require(right.edge), isStrict: isStrict)
    var runner = JobRunner(graph: graph, context: context)
    try runner.run(job)
    return job
  }

  private func poke(_ name: String, at offset: UInt64, _ byte: UInt8) throws {
    let file = try File(path: folder.file(name), mode: [.writable, .create])
    try file.write(at: offset, from: Buffer([byte]).bytes)
  }

  private func size(_ name: String, _ length: UInt64) throws {
    let file = try File(path: folder.file(name), mode: [.writable, .create])
    try file.truncate(to: length)
  }

  @Test("the first difference is found wherever it is", arguments: 0..<24 as Range<UInt64>)
  func findsFirst(_ seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    let length = UInt64.random(in: 1...64, using: &numbers) * 512 << Int.random(in: 0...10, using: &numbers)
    try SampleDisk.write(folder.file("a.raw"), length: length, seed: seed)
    let copied = Shell.run("cp --sparse=never a.raw b.raw", folder: folder.path)
    #expect(copied.status == 0)
    #expect(try compare().result == .identical)
    let file = try File(path: folder.file("a.raw"), mode: [])
    var first: UInt64?
    for _ in 0..<Int.random(in: 1...5, using: &numbers) {
      let offset = UInt64.random(in: 0..<length, using: &numbers)
      let old = Buffer(count: 1)
      var bytes = old.mutableBytes
      _ = try file.read(at: offset, into: &bytes)
      try poke("b.raw", at: offset, ~old.bytes.byte(at: 0))
      first = min(first ?? offset, offset)
    }
    let expected = try #require(first) / 512 * 512
    #expect(try compare().result == .different(offset: expected))
  }

  @Test("many differences, over many segments: the first one counts")
  func manyDifferences() throws {
    try size("a.raw", 256 << 20)
    try size("b.raw", 256 << 20)
    for offset in stride(from: UInt64(100 << 20), to: 256 << 20, by: 5 << 20) {
      try poke("b.raw", at: offset + 700, 1)
    }
    #expect(try compare().result == .different(offset: 100 << 20 | 512))
  }

  @Test("what lies past the end of the shorter image has to be zero")
  func lengths() throws {
    try size("a.raw", 1 << 20)
    try size("b.raw", 40 << 20)
    let longer = try compare()
    #expect(longer.result == .identical && longer.sizesDiffer)
    #expect(try compare(isStrict: true).result == .sizesDiffer)
    try poke("b.raw", at: 30 << 20, 1)
    let rest = try compare()
    #expect(rest.result == .different(offset: 30 << 20) && rest.sizesDiffer)
    try poke("a.raw", at: 5000, 1)
    let common = try compare()
    #expect(common.result == .different(offset: 4608) && !common.sizesDiffer)
  }

  @Test("by strict rules, a hole is not the same as zeros")
  func strict() throws {
    try size("a.raw", 1 << 20)
    _ = Shell.run("head -c 1M /dev/zero >b.raw", folder: folder.path)
    #expect(try compare().result == .identical)
    #expect(try compare(isStrict: true).result == .statusDiffers(offset: 0))
  }

  @Test("empty images are the same")
  func empty() throws {
    try size("a.raw", 0)
    try size("b.raw", 0)
    #expect(try compare().result == .identical)
  }

  @Test("progress reaches the end and does not pass it")
  func progress() throws {
    try size("a.raw", 64 << 20)
    try size("b.raw", 65 << 20)
    let context = JobContext()
    _ = try compare(context)
    #expect(context.progress.done == 65 << 20 && context.progress.total == 65 << 20)
  }

  @Test("J-06 a signal ends the work")
  func interrupted() throws {
    try size("a.raw", 64 << 20)
    try size("b.raw", 64 << 20)
    let wish = BlockError(.interrupted, "enough")
    #expect(throws: wish) { try compare(JobContext(interrupted: { wish })) }
  }
}
