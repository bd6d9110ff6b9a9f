// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import Testing

@Suite("An image against a raw copy")
struct BlkverifyTests {
  private let scene = DiskFolder()

  private func open() throws -> RootUser {
    let made = Shell.run(
      "truncate -s 1M copy; qemu-img create -q -f qcow2 image 1M", folder: scene.folder.path)
    #expect(made.status == 0, "\(made.output)")
    return try scene.open([
      "driver": "blkverify", "raw": scene.file("copy"),
      "test": ["driver": "qcow2", "file": scene.file("image")],
    ])
  }

  @Test("both are written, and what is read is the same", arguments: [1, 2] as [UInt64])
  func conformance(_ seed: UInt64) throws {
    let user = try open()
    #expect(try DriverConformance.check(#require(user.edge), seed: seed, operations: 100) == [])
    try scene.graph.release(user)
    let outcome = Shell.run("qemu-img compare -f raw -F qcow2 copy image", folder: scene.folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "Images are identical.\n"))
  }

  @Test("a difference is an error that names its place", arguments: [0, 1, 511, 4096, 65535])
  func difference(_ place: Int) throws {
    let user = try open()
    let edge = try #require(user.edge)
    try edge.write(at: 131072, Array(repeating: 6, count: 65536))
    let other = Shell.run(
      "printf x | dd of=copy bs=1 seek=$((131072 + $1)) conv=notrunc status=none", "\(place)",
      folder: scene.folder.path)
    #expect(other.status == 0)
    let error = #expect(throws: BlockError.self) { _ = try edge.array(at: 131072, count: 65536) }
    #expect(
      error?.message
        == "blkverify: read offset=131072 bytes=65536 contents mismatch at offset \(131072 + place)")
    #expect(try edge.array(at: 196608, count: 512).consists(of: 0))
    try scene.graph.release(user)
  }

  @Test("what lies past the end of the copy is zero, or differs")
  func shortCopy() throws {
    let user = try open()
    try #require(user.edge).write(at: 655360, Array(repeating: 6, count: 65536))
    try scene.graph.release(user)
    #expect(Shell.run("truncate -s 512k copy", folder: scene.folder.path).status == 0)
    let short = try scene.open(
      [
        "driver": "blkverify", "raw": scene.file("copy"),
        "test": ["driver": "qcow2", "file": scene.file("image")],
      ], held: .consistentRead)
    let edge = try #require(short.edge)
    #expect(try edge.chainStatus(at: 655360, length: 65536).isZero == false)
    #expect(try edge.array(at: 524288, count: 65536).consists(of: 0))
    let error = #expect(throws: BlockError.self) { _ = try edge.array(at: 589824, count: 131072) }
    #expect(
      error?.message == "blkverify: read offset=589824 bytes=131072 contents mismatch at offset 655360")
    try scene.graph.release(short)
  }

  @Test("the length stays")
  func length() throws {
    let user = try open()
    let error = #expect(throws: BlockError.self) { try #require(user.edge).truncate(to: 4096) }
    #expect(error?.message == "Image format driver does not support resize")
    try scene.graph.release(user)
  }

  @Test(
    "both have to be stated",
    arguments: [
      (["test": ["driver": "raw"]], "A block device must be specified for \"raw\""),
      (["raw": ["filename": "@disk"]], "A block device must be specified for \"test\""),
      (["raw": ["filename": "@disk"], "test": ["filename": "@disk"]], "Must specify either driver or file"),
    ] as [(OptionObject, String)])
  func refusals(_ options: OptionObject, _ message: String) throws {
    try scene.disk("disk", 1)
    var whole: OptionObject = ["driver": "blkverify"]
    for entry in options.entries {
      whole[entry.key] =
        entry.value.object?["filename"] == nil
        ? entry.value : ["filename": .string(scene.folder.file("disk"))]
    }
    let error = #expect(throws: BlockError.self) { _ = try scene.open(whole) }
    #expect(error?.message == "Could not open 'disk': " + message)
  }
}
