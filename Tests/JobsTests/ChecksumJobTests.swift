// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Crypto
import Errors
import Host
import Jobs
import Support
import Testing

@Suite struct ChecksumJobTests {
  private let folder = TemporaryFolder()

  private func checksum(
    _ method: ContentChecksum.Method, threads: Int, _ algorithm: String = "sha256",
    _ context: JobContext = JobContext()
  ) throws -> String {
    let graph = Graph()
    let user = graph.makeUser("test", request: PermissionRequest(held: .consistentRead, shared: .all))
    defer { try? graph.release(user) }
    let opener = Opener(graph: graph, kinds: Drivers.all)
    try opener.open(ImageName(path: folder.file("a.raw")), OpenSettings(format: "raw"), for: user)
    let job = ChecksumJob(
      try #require(user.edge), try ContentHash(algorithm), method: method, threads: threads)
    var runner = JobRunner(graph: graph, context: context)
    try runner.run(job)
    return try #require(job.checksum).digest
  }

  /// The definition, without any short cut.
  private func expected(_ bytes: [UInt8], _ algorithm: String) throws -> String {
    let hash = try ContentHash(algorithm).begin()
    func digest(_ bytes: [UInt8]) throws -> [UInt8] {
      try hash.update(bytes)
      return try hash.finish()
    }
    let block = 65536
    var zero = try digest([UInt8](repeating: 0, count: block))
    var row: [[UInt8]] = []
    for start in stride(from: 0, to: max(bytes.count, 1), by: block) {
      let part = Array(bytes[start..<min(bytes.count, start + block)])
      row.append(try digest(part + [UInt8](repeating: 0, count: block - part.count)))
    }
    repeat {
      var next: [[UInt8]] = []
      for start in stride(from: 0, to: row.count, by: 256) {
        var group = Array(row[start..<min(row.count, start + 256)])
        while group.count < 256 { group.append(zero) }
        next.append(try digest(Array(group.joined())))
      }
      zero = try digest(Array([[UInt8]](repeating: zero, count: 256).joined()))
      row = next
    } while row.count > 1
    let length = (0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) }
    return try digest(row[0] + length).map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  @Test(
    "the checksum is what its definition says, for any number of threads",
    arguments: [
      (0, "sha256"), (512, "sha256"), (65536, "sha512"), (65536 * 256, "blake2b"),
      (65536 * 256 + 512, "sha256"),
      (40 << 20, "md5"),
    ])
  func definition(_ length: Int, _ algorithm: String) throws {
    let path = folder.file("a.raw")
    let file = try File(path: path, mode: [.writable, .create])
    try file.truncate(to: UInt64(length))
    var bytes = [UInt8](repeating: 0, count: length)
    for offset in stride(from: 70_000, to: length, by: 3_000_001) {
      bytes[offset] = UInt8(truncatingIfNeeded: offset) | 1
      try file.write(at: UInt64(offset), from: Buffer([bytes[offset]]).bytes)
    }
    let wanted = try expected(bytes, algorithm)
    for threads in [1, 2, 7] {
      #expect(try checksum(.blocks, threads: threads, algorithm) == wanted)
    }
  }

  @Test("a plain checksum is that of sha256sum, for any number of threads", arguments: [1, 2, 5])
  func plain(_ threads: Int) throws {
    try SampleDisk.write(folder.file("a.raw"), length: 9 << 20 | 1536, seed: 3)
    let other = Shell.run("sha256sum < a.raw | cut -c1-64", folder: folder.path)
    #expect(try checksum(.plain, threads: threads) + "\n" == other.output)
  }

  @Test("terabytes of zeros take no time")
  func zeros() throws {
    let file = try File(path: folder.file("a.raw"), mode: [.writable, .create])
    try file.truncate(to: 8 << 40)
    let start = Clock.now
    _ = try checksum(.blocks, threads: 2)
    #expect(Clock.now - start < 5)
  }

  @Test("an unknown function is named, and an interrupted job ends")
  func refusals() throws {
    let error = #expect(throws: BlockError.self) { try ContentHash("frob") }
    #expect(error?.kind == .unsupported && error?.message.contains("'frob'") == true)
    try SampleDisk.write(folder.file("a.raw"), length: 4 << 20, seed: 3)
    for method in [ContentChecksum.Method.blocks, .plain] {
      let context = JobContext(interrupted: { BlockError(.interrupted, "now") })
      let error = #expect(throws: BlockError.self) {
        try checksum(method, threads: 2, "sha256", context)
      }
      #expect(error?.kind == .interrupted)
    }
  }
}
