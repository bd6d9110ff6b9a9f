// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Jobs
import Support
import Testing

@Suite struct MapScanTests {
  private let folder = TemporaryFolder()

  private func scan(_ name: String, start: UInt64 = 0, length: UInt64 = .max) throws -> [MapEntry] {
    let graph = Graph()
    let user = graph.makeUser("test", request: PermissionRequest(held: .consistentRead, shared: .all))
    let opener = Opener(graph: graph, kinds: Drivers.all)
    try opener.open(ImageName(path: folder.file(name)), OpenSettings(format: "raw"), for: user)
    var scan = MapScan(try #require(user.edge), start: start, length: length)
    var entries: [MapEntry] = []
    while let entry = try scan.next() { entries.append(entry) }
    try graph.release(user)
    return entries
  }

  @Test(
    "the ranges cover what was asked for without gaps, and differ from their neighbours",
    arguments: [
      (0, UInt64.max), (1, 1), (513, 600), (65536, 1 << 20), (3 << 20, UInt64.max), (4 << 20, 5),
      (.max, .max), (0, 0),
    ] as [(UInt64, UInt64)])
  func covers(_ start: UInt64, _ length: UInt64) throws {
    let size: UInt64 = 4 << 20
    try SampleDisk.write(folder.file("disk.raw"), length: size, seed: start ^ length)
    let entries = try scan("disk.raw", start: start, length: length)
    var position = start
    for (index, entry) in entries.enumerated() {
      #expect(entry.start == position && entry.status.length > 0)
      #expect(entry.status.hostOffset == position && entry.status.isZero != entry.status.isData)
      if index > 0 { #expect(entries[index - 1].status.isZero != entry.status.isZero) }
      position += entry.status.length
    }
    let end = min(size, start.plus(length) ?? .max)
    #expect(position == max(start, end))
  }

  @Test("ranges that are zero read as zero")
  func zeros() throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 4 << 20, seed: 17)
    let entries = try scan("disk.raw").filter(\.status.isZero)
    #expect(!entries.isEmpty)
    for entry in entries {
      let count = Shell.run(
        "dd if=disk.raw bs=64K iflag=skip_bytes,count_bytes skip=\(entry.start) count=\(entry.status.length) status=none "
          + "| tr -d '\\0' | wc -c", folder: folder.path)
      #expect(count.output == "0\n")
    }
  }
}
