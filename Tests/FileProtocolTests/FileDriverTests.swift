// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import FileProtocol
import Host
import Options
import RawFormat
import Support
import Testing

/// A folder and a graph to open its files in.
final class FileScene {
  let folder = TemporaryFolder()
  let graph = Graph()

  var opener: Opener {
    Opener(graph: graph, kinds: [RawFormat(), FileStorage.file, FileStorage.device])
  }

  /// An edge to a file of the folder, as storage unless a format is stated.
  func open(
    _ name: String, _ flags: NodeFlags = .writable, held: Permissions = .all, shared: Permissions = [],
    format: String = "file"
  ) throws(BlockError) -> Edge {
    let user = graph.makeUser("the test", request: PermissionRequest(held: held, shared: shared))
    do throws(BlockError) {
      try opener.open(
        ImageName(path: folder.file(name)), OpenSettings(format: format, flags: flags), for: user)
    } catch {
      graph.detach(user)
      throw error
    }
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    return edge
  }

  /// Bytes that the file system holds for a file.
  func allocated(_ name: String) throws(BlockError) -> UInt64 {
    try File(path: folder.file(name), mode: []).allocatedLength()
  }
}

@Suite("Files")
struct FileDriverTests {
  @Test(
    "files conform, through the page cache and past it",
    arguments: [
      NodeFlags.writable, [.writable, .unmap], [.writable, .direct], [.writable, .direct, .unmap],
    ],
    [100_000, 65536, 1000] as [Int])
  func conformance(_ flags: NodeFlags, _ length: Int) throws {
    let scene = FileScene()
    try SampleDisk.write(scene.folder.file("disk"), length: UInt64(length), seed: 7)
    let edge = try scene.open("disk", flags)
    #expect(edge.child.limits.requestAlignment == (flags.contains(.direct) ? 4096 : 1))
    // What is not unmapped stays as it was.
    let findings = try DriverConformance.check(
      edge, seed: 7, operations: 80, discardZeroes: flags.contains(.unmap))
    #expect(findings == [])
    #expect(edge.length == UInt64(length))
    let there = try Files.read(scene.folder.file("disk"))
    #expect(there.count == length)
    let isEqual = try edge.array(at: 0, count: length) == there
    #expect(isEqual)
  }

  /// The extents of the whole file as kind and length.
  private func extents(_ edge: Edge) throws(BlockError) -> [String] {
    var all: [String] = []
    var offset: UInt64 = 0
    while offset < edge.length {
      let extent = try edge.extent(at: offset, length: edge.length - offset)
      #expect(extent.location == .init(.file, offset))
      all.append("\(extent.kind == .data ? "data" : "zero") \(extent.length)")
      offset += extent.length
    }
    return all
  }

  @Test("C-06 a hole that is made in what was known to be data shows at once")
  func holes() throws {
    let scene = FileScene()
    let mebi = 1 << 20
    try Files.write(Array(repeating: 1, count: 4 * mebi), to: scene.folder.file("disk"))
    let edge = try scene.open("disk", [.writable, .unmap])
    #expect(try extents(edge) == ["data \(4 * mebi)"])
    // The second answer comes from what is known already.
    #expect(try edge.extent(at: 5, length: 10).length == 10)
    try edge.discard(at: UInt64(mebi), length: UInt64(mebi))
    #expect(try extents(edge) == ["data \(mebi)", "zero \(mebi)", "data \(2 * mebi)"])
    try edge.writeZeroes(at: 3 * UInt64(mebi), length: UInt64(mebi), mayUnmap: true)
    #expect(try extents(edge) == ["data \(mebi)", "zero \(mebi)", "data \(mebi)", "zero \(mebi)"])
    _ = try edge.extent(at: 0, length: 100)
    try edge.truncate(to: 512)
    try edge.truncate(to: UInt64(mebi))
    #expect(try edge.array(at: 512, count: 1000).consists(of: 0))
    #expect(try edge.extent(at: 4096, length: 1000).kind == .zero)
  }

  @Test("without unmap, discarding keeps content and space")
  func keepsSpace() throws {
    let scene = FileScene()
    try Files.write(Array(repeating: 1, count: 65536), to: scene.folder.file("disk"))
    let edge = try scene.open("disk")
    try edge.discard(at: 0, length: 65536)
    #expect(try edge.array(at: 0, count: 3) == [1, 1, 1])
    try edge.writeZeroes(at: 0, length: 65536, mayUnmap: false)
    #expect(try edge.array(at: 0, count: 3) == [0, 0, 0])
    #expect(try scene.allocated("disk") >= 65536)
  }

  @Test("S-04 zeroing past the end never cuts off what others write further on")
  func growth() throws {
    let scene = FileScene()
    try Files.write([], to: scene.folder.file("disk"))
    let edge = try scene.open("disk")
    let count = 300
    try Threads.run(2) { (worker: Int) throws(BlockError) in
      for index in 0..<count {
        let offset = UInt64(2 * index + worker) * 4096
        if worker == 0 {
          try edge.writeZeroes(at: offset, length: 4096, mayUnmap: index % 2 == 0)
        } else {
          try edge.write(at: offset, Array(repeating: 0xEE, count: 4096))
        }
      }
    }
    #expect(edge.length == UInt64(2 * count) * 4096)
    let pair: [UInt8] = Array(repeating: 0, count: 4096) + Array(repeating: 0xEE, count: 4096)
    for index in 0..<count {
      let isRight = try edge.array(at: UInt64(2 * index) * 4096, count: 8192) == pair
      #expect(isRight, "blocks from \(2 * index)")
    }
  }

  @Test(
    "setting the length, with every preallocation",
    arguments: Preallocation.allCases, [NodeFlags.writable, [.writable, .direct]])
  func truncates(_ mode: Preallocation, _ flags: NodeFlags) throws {
    let scene = FileScene()
    let path = scene.folder.file("disk")
    try Files.write(Array(repeating: 1, count: 1000), to: path)
    let edge = try scene.open("disk", flags)
    let user = try #require(edge.parent as? RootUser)
    if mode == .metadata {
      let error = #expect(throws: BlockError.self) { try edge.truncate(to: 2 << 20, preallocation: mode) }
      #expect(error?.message == "Unsupported preallocation mode: metadata")
      #expect(edge.length == 1000)
      return
    }
    let length = 2_000_001
    try edge.truncate(to: UInt64(length), preallocation: mode)
    #expect(edge.length == UInt64(length))
    #expect(user.resizes == 1)
    let isGrown =
      try Files.read(path) == Array(repeating: 1, count: 1000) + Array(repeating: 0, count: length - 1000)
    #expect(isGrown)
    #expect(try (scene.allocated("disk") >= 2_000_000) == (mode != .off))
    try edge.truncate(to: UInt64(length), preallocation: mode)
    if mode == .off {
      try edge.truncate(to: 10)
      #expect(try Files.read(path) == Array(repeating: 1, count: 10))
    } else {
      let error = #expect(throws: BlockError.self) { try edge.truncate(to: 10, preallocation: mode) }
      #expect(error?.message == "Preallocation can't be used for shrinking files")
      #expect(edge.length == UInt64(length))
    }
    // Direct I/O is on again after it was put aside.
    try edge.write(at: 1, [9])
    #expect(try edge.array(at: 0, count: 3) == [1, 9, 1])
    let error = #expect(throws: BlockError.self) { try edge.truncate(to: 1 << 63) }
    #expect(error?.message == "Could not resize file: File too large")
  }

  @Test("what is no file is refused before it is opened, and a FIFO does not make us wait")
  func kinds() throws {
    let scene = FileScene()
    let made = Shell.run("mkfifo fifo; mkdir folder; ln -s nowhere dangling", folder: scene.folder.path)
    #expect(made.status == 0)
    let long = String(repeating: "x", count: 300)
    let cases: [(String, BlockError.Kind, String)] = [
      ("fifo", .invalidArgument, "'file' driver requires '@fifo' to be a regular file"),
      ("folder", .invalidArgument, "'file' driver requires '@folder' to be a regular file"),
      ("dangling", .notFound, "Could not open '@dangling': No such file or directory"),
      ("folder/x/y", .notFound, "Could not open '@folder/x/y': No such file or directory"),
      (long, .tooLarge, "Could not open '@\(long)': File name too long"),
    ]
    for (name, kind, message) in cases {
      let error = #expect(throws: BlockError.self) { _ = try scene.open(name) }
      #expect(error?.kind == kind)
      let parts = message.split(separator: "@", omittingEmptySubsequences: false)
      let wanted = parts.joined(separator: scene.folder.path + "/")
      #expect(error?.message == "Could not open '\(scene.folder.file(name))': \(wanted)")
    }
    let zero = #expect(throws: BlockError.self) { _ = try scene.open("a\u{0}b") }
    #expect(zero?.message.hasSuffix("file name contains a zero byte") == true)
    #expect(scene.graph.nodes.isEmpty)
  }

  @Test("a device is found by what it is")
  func device() throws {
    let scene = FileScene()
    let null = try scene.opener.openUnused(ImageName(path: "/dev/null"), OpenSettings(format: "raw"))
    #expect(null.length == 0)
    #expect(null.file?.child.driver.name == "host_device")
    let user = scene.graph.makeUser(
      "the test", request: PermissionRequest(held: [.write, .resize], shared: []))
    // Everybody's device: a lock of ours would be in the way of other tests and programs.
    let name = try ImageName(
      options: ["driver": "host_device", "filename": "/dev/null", "locking": "off"], text: "null")
    try scene.opener.open(name, OpenSettings(flags: .writable), for: user)
    for (mode, message) in [
      (Preallocation.off, "Cannot resize device files"),
      (.full, "Preallocation mode 'full' unsupported for this non-regular file"),
    ] {
      let error = #expect(throws: BlockError.self) { try user.edge?.truncate(to: 512, preallocation: mode) }
      #expect(error?.kind == .unsupported && error?.message == message)
    }
  }
}
