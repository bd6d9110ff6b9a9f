// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Support
import Testing

@testable import Jobs

@Suite("What a copy has to store")
struct CompressibilityEstimateTests {
  private let folder = TemporaryFolder()

  /// Looks at a file that a script makes as `$1`.
  private func look(_ script: String) throws -> (stored: UInt64, least: UInt64, likely: UInt64) {
    let outcome = Shell.run(script, folder.file("disk.raw"))
    #expect(outcome.status == 0, "\(outcome.output)")
    let graph = Graph()
    let user = graph.makeUser("test", request: PermissionRequest(held: .consistentRead, shared: .all))
    let opener = Opener(graph: graph, kinds: Drivers.all)
    try opener.open(ImageName(path: folder.file("disk.raw")), OpenSettings(format: "raw"), for: user)
    let data = CompressibilityEstimate(sources: [try #require(user.edge)])
    let stored = data.bytes()
    let content = data.content()
    try graph.release(user)
    return (stored, content.least, content.likely)
  }

  @Test("data counts, zeros that are stored do not, and of a mixture what is certain")
  func kinds() throws {
    let noise = try look(#"head -c 16M /dev/urandom >"$1""#)
    #expect(
      noise.stored == 16 << 20 && (12 << 20...16 << 20).contains(noise.least) && noise.likely == 16 << 20)
    let zeros = try look(#"head -c 16M /dev/zero >"$1""#)
    #expect(zeros.stored == 16 << 20 && zeros.least == 0 && zeros.likely == 0)
    let half = try look(#"for _ in 1 2; do head -c 4M /dev/urandom; head -c 4M /dev/zero; done >"$1""#)
    #expect(half.stored == 16 << 20 && half.least <= 8 << 20 && half.likely > 4 << 20, "\(half)")
    let sparse = try look(
      #"rm "$1"; truncate -s 64M "$1"; head -c 1M /dev/urandom | dd of="$1" bs=1M seek=9 conv=notrunc"#)
    #expect(sparse.stored == 1 << 20 && sparse.likely == 1 << 20)
    let none = try look(#"rm "$1"; truncate -s 64M "$1""#)
    #expect(none.stored == 0 && none.least == 0)
  }

  @Test(
    "what a copy can leave out is not called certain, however it lies",
    arguments: ["1 in 8 blocks at every sample's place", "1 sector in 8 of each block"])
  func patterns(_ pattern: String) throws {
    let isBlocks = pattern.contains("blocks")
    // 65536 bytes is how far samples lay apart that were evenly spaced.
    let (unit, period) = isBlocks ? (8192, 65536) : (512, 4096)
    let found = try look(
      "perl -e 'print((chr(1) x \(unit)) . (chr(0) x \(period - unit))) for 1..\((16 << 20) / period)' >\"$1\""
    )
    #expect(found.stored == 16 << 20 && found.least <= 2 << 20, "\(found)")
  }
}
