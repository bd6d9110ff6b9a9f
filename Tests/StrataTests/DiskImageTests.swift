// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Strata
import Support
import Testing

/// The library as its users see it.
@Suite("Library")
struct DiskImageTests {
  private let folder = TemporaryFolder()

  @Test("an image is made, written, copied, checked and looked at")
  func wholeWay() throws {
    let disk = folder.file("disk.qcow2")
    try DiskImage.create(disk, format: "qcow2", length: 8 << 20, options: ["cluster_size": "4k"])
    let image = try DiskImage(disk, isWritable: true)
    try image.write([1, 2, 3], at: 5 << 20)
    try image.write([UInt8](repeating: 7, count: 10000), at: 0)
    try image.writeZeroes(at: 100, count: 50)
    try image.flush()
    try image.close()
    try image.close()
    #expect(image.length == 0)

    let copy = folder.file("copy.vdi")
    try DiskImage.copy(disk, to: copy, format: "vdi")
    let reader = try DiskImage(copy)
    #expect(reader.length == 8 << 20)
    #expect(try reader.read(at: 5 << 20, count: 4) == [1, 2, 3, 0])
    #expect(try reader.read(at: 99, count: 3) == [7, 0, 0])

    let report = try #require(try DiskImage.check(disk))
    #expect(report.errors == 0 && report.leaks == 0 && report.findings == [])
    let top = folder.file("top.qcow2")
    try DiskImage.create(top, format: "qcow2", length: nil, backing: ("disk.qcow2", "qcow2"))
    let chain = try DiskImage.inspect(top, followsChain: true)
    #expect(chain.map(\.format) == ["qcow2", "qcow2"] && chain[0].length == 8 << 20)
    #expect(chain[0].backing?.name == "disk.qcow2" && chain[1].backing == nil)
  }

  @Test("what cannot be done is said, and changes nothing")
  func refusals() throws {
    let missing = #expect(throws: ImageError.self) { try DiskImage(folder.file("none")) }
    #expect(missing?.kind == "not-found" && missing?.message.contains("Could not open") == true)
    let disk = folder.file("disk.raw")
    try DiskImage.create(disk, format: "raw", length: 1 << 20)
    let image = try DiskImage(disk, format: "raw")
    #expect(throws: ImageError.self) { try image.write([1], at: 0) }
    #expect(throws: ImageError.self) { try image.read(at: 1 << 20, count: 1) }
    #expect(throws: ImageError.self) { try image.read(at: 0, count: -1) }
    #expect(throws: ImageError.self) { try image.read(at: .max, count: 2) }
    #expect(throws: ImageError.self) { try DiskImage(disk, access: .untrusted) }
    #expect(try DiskImage.check(disk, format: "raw") == nil)
  }

  @Test("a copy that is ended leaves nothing")
  func endedCopy() throws {
    let disk = folder.file("disk.raw")
    try Files.write([UInt8](repeating: 1, count: 8 << 20), to: disk)
    let ended = #expect(throws: ImageError.self) {
      try DiskImage.copy(disk, to: folder.file("copy"), format: "qcow2", sourceFormat: "raw") { _, _ in false
      }
    }
    #expect(ended?.kind == "interrupted")
    #expect(throws: ImageError.self) { try DiskImage(folder.file("copy")) }
  }

  @Test("a secret opens an encrypted disk")
  func secrets() throws {
    let disk = folder.file("disk.luks")
    var access = Access.trusted
    access.secrets = ["s": Array("word".utf8)]
    try DiskImage.create(
      disk, format: "luks", length: 1 << 20, options: ["key-secret": "s", "iter-time": "10"], access: access)
    let name =
      "json:{\"driver\":\"luks\",\"key-secret\":\"s\",\"file\":{\"driver\":\"file\",\"filename\":\"\(disk)\"}}"
    let image = try DiskImage(name, isWritable: true, access: access)
    try image.write([9], at: 512)
    try image.close()
    #expect(try DiskImage(name, access: access).read(at: 512, count: 1) == [9])
    #expect(throws: ImageError.self) { try DiskImage(name) }
  }
}
