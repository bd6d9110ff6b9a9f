// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Support
import Testing

/// Images that the peer filled.
@Suite struct PeerImageTests {
  private let folder = TemporaryFolder()

  static let options = [
    "", "compat=0.10", "cluster_size=512", "cluster_size=4k", "cluster_size=2M", "refcount_bits=1",
    "refcount_bits=64", "extended_l2=on", "extended_l2=on,cluster_size=2M", "compression_type=zstd",
    "compression_type=zstd,cluster_size=4k", "lazy_refcounts=on",
  ]

  @Test("what the peer wrote is read, whole and in pieces", arguments: options, [false, true])
  func reads(_ options: String, _ isCompressed: Bool) throws {
    let length = 5 << 20 | 7 * 512
    try SampleDisk.write(folder.file("raw"), length: UInt64(length), seed: 42)
    let made = Shell.run(
      "qemu-img convert -f raw -O qcow2 \(isCompressed ? "-c" : "") ${1:+-o $1} raw disk", options,
      folder: folder.path)
    #expect(made.status == 0, "\(made.output)")
    let expected = Shell.readFile(folder.file("raw"))
    let session = try ImageSession(folder.file("disk"), writable: false)
    #expect(try session.read(0, length) == expected)
    var random = SeededNumbers(seed: 1)
    for _ in 0..<200 {
      let start = Int.random(in: 0..<length, using: &random)
      let count = min(Int.random(in: 1...9000, using: &random), length - start)
      #expect(try session.read(UInt64(start), count) == Array(expected[start..<start + count]))
    }
    try session.close()
  }

  @Test(
    "writing over the peer's compressed clusters gives their space back",
    arguments: ["", "cluster_size=4k", "compression_type=zstd", "extended_l2=on", "refcount_bits=2"])
  func overwrites(_ options: String) throws {
    let length = 3 << 20
    try SampleDisk.write(folder.file("raw"), length: UInt64(length), seed: 43)
    _ = Shell.run("qemu-img convert -c -f raw -O qcow2 ${1:+-o $1} raw disk", options, folder: folder.path)
    var shadow = Shell.readFile(folder.file("raw"))
    var random = SeededNumbers(seed: 2)
    let session = try ImageSession(folder.file("disk"))
    for _ in 0..<60 {
      let start = Int.random(in: 0..<length, using: &random)
      let bytes = [UInt8](
        repeating: UInt8.random(in: 1...255, using: &random), count: min(5000, length - start))
      shadow.replaceSubrange(start..<start + bytes.count, with: bytes)
      try session.write(UInt64(start), bytes)
    }
    #expect(try session.read(0, length) == shadow)
    try session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
    #expect(Shell.writeFile(folder.file("shadow"), shadow))
    #expect(Shell.run("qemu-img compare -f raw -F qcow2 shadow disk", folder: folder.path).status == 0)
  }

  @Test("map of what the peer wrote", arguments: ["", "compat=0.10", "extended_l2=on", "cluster_size=4k"])
  func extents(_ options: String) throws {
    let made = Shell.run(
      """
      qemu-img create -q -f qcow2 ${1:+-o $1} disk 64M
      qemu-io -c 'write 1M 300k' -c 'write -z 1100k 40k' -c 'write -c 8M 64k' -c 'discard 1M 64k' disk >/dev/null
      qemu-io -c 'write 20M 6k' -c 'write -z -u 20480k 2k' -c 'write 63M 1M' disk >/dev/null
      qemu-img map --output=json disk
      """, options, folder: folder.path)
    #expect(made.status == 0)
    let session = try ImageSession(folder.file("disk"), writable: false)
    var stretches: [(start: UInt64, status: ChainStatus)] = []
    var position: UInt64 = 0
    while position < session.edge.length {
      let status = try session.edge.chainStatus(at: position, length: session.edge.length - position)
      if let last = stretches.last, last.status.continues(into: status) {
        stretches[stretches.count - 1].status.length += status.length
      } else {
        stretches.append((position, status))
      }
      position += status.length
    }
    let lines = stretches.map { start, status in
      let place = status.hostOffset.map { ", \"offset\": \($0)" } ?? ""
      return
        "{ \"start\": \(start), \"length\": \(status.length), \"depth\": 0, \"present\": \(status.isPresent), "
        + "\"zero\": \(status.isZero), \"data\": \(status.isData)\(place)}"
    }
    try session.close()
    #expect("[" + lines.joined(separator: ",\n") + "]\n" == made.output)
  }
}
