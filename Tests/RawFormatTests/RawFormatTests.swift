// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import FileProtocol
import Options
import RawFormat
import Support
import Testing

/// A part of a file that is a disk.
struct Window: Sendable {
  var options: OptionObject
  /// Where it begins in the file, and its guest-visible length, in bytes.
  var offset: Int
  var length: Int
}

@Suite("Raw disks")
struct RawFormatTests {
  /// Opens raw over memory; returns the user's edge.
  private func open(_ graph: Graph, _ storage: any StorageDriver, _ options: OptionObject) throws(BlockError)
    -> Edge
  {
    let file = try graph.makeNode(storage, "file")
    let opener = Opener(graph: graph, kinds: [RawFormat()])
    let node = try opener.openFormat(RawFormat(), on: file, options, OpenSettings(flags: .writable))
    let user = try graph.use(node, "the guest", held: [.consistentRead, .write, .resize], shared: [])
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    return edge
  }

  static let windows: [Window] = [
    Window(options: [:], offset: 0, length: 100_352),
    Window(options: ["offset": 0], offset: 0, length: 100_352),
    Window(options: ["size": 51200], offset: 0, length: 51200),
    Window(options: ["offset": 1000], offset: 1000, length: 99_328),
    Window(options: ["offset": "7k", "size": "50k"], offset: 7168, length: 51200),
    Window(options: ["offset": 99_999], offset: 99_999, length: 512),
    Window(options: ["offset": 4096, "size": 512], offset: 4096, length: 512),
  ]

  @Test(
    "a window shows its part of the file and reaches nothing outside", arguments: windows,
    [1, 512, 4096] as [UInt64])
  func shows(_ window: Window, _ alignment: UInt64) throws {
    var numbers = SeededNumbers(seed: 3)
    let noise = SampleDisk.noise(100_000, &numbers)
    let bytes = noise.bytes.array
    let storage = MemoryStorage(bytes, alignment: alignment)
    let edge = try open(Graph(), storage, window.options)
    #expect(edge.length == UInt64(window.length))
    let stored = window.offset..<min(window.offset + window.length, 100_000)
    let padding: [UInt8] = Array(repeating: 0, count: window.length - stored.count)
    let isShown = try edge.array(at: 0, count: window.length) == bytes[stored] + padding
    #expect(isShown)
    #expect(try DriverConformance.check(edge, seed: 5, operations: 60) == [])
    let after = storage.bytes
    let isUntouched =
      after[..<stored.lowerBound] == bytes[..<stored.lowerBound]
      && after[stored.upperBound..<100_000] == bytes[stored.upperBound...]
    #expect(isUntouched)
    #expect(after.count <= max(window.offset + window.length, 100_000))
  }

  static let refusals: [(OptionObject, String)] = [
    (["offset": "2M"], "Offset (2097152) cannot be greater than size of the containing file (1048576)"),
    (
      ["offset": "512k", "size": "1M"],
      "The sum of offset (524288) and size (1048576) has to be smaller or equal to the  actual size of the "
        + "containing file (1048576)"
    ),
    (["offset": 512, "size": "16E"], "Value '16E' is out of range for parameter 'size'"),
    (["size": 1000], "Specified size is not multiple of 512"),
    (["offset": "x"], "Parameter 'offset' expects a non-negative number below 2^64"),
    (["offset": true], "Parameter 'offset' expects a non-negative number below 2^64"),
    (["offset": ["a": 1]], "Parameter 'offset' expects a non-negative number below 2^64"),
    (["ofset": 1], "Block format 'raw' does not support the option 'ofset'"),
  ]

  @Test("windows that do not fit are refused in the peer's words", arguments: refusals)
  func refuses(_ options: OptionObject, _ message: String) throws {
    let graph = Graph()
    let file = try graph.makeNode(MemoryStorage(Array(repeating: 0, count: 1 << 20)), "file")
    let before = graph.dump()
    let opener = Opener(graph: graph, kinds: [RawFormat()])
    let error = #expect(throws: BlockError.self) {
      _ = try opener.openFormat(RawFormat(), on: file, options, OpenSettings())
    }
    #expect(error?.kind == .invalidArgument || error?.kind == .tooLarge)
    #expect(error?.message == message)
    #expect(graph.dump() == before)
  }

  @Test("a whole file is a filter's child, a window is a place for data")
  func roles() throws {
    let whole = try open(Graph(), MemoryStorage(Array(repeating: 0, count: 4096)), [:])
    #expect(whole.child.file?.role == [.filtered, .primary])
    #expect(whole.child.file?.request.held == [.consistentRead, .write, .resize])
    let window = try open(Graph(), MemoryStorage(Array(repeating: 0, count: 4096)), ["size": 512])
    #expect(window.child.file?.role == [.data, .primary])
    #expect(window.child.file?.request.shared.contains(.resize) == false)
  }

  @Test("setting the length sets the file's, behind the offset; a fixed size stays")
  func truncates() throws {
    let storage = MemoryStorage(Array(repeating: 1, count: 4096))
    let edge = try open(Graph(), storage, ["offset": 1024])
    try edge.truncate(to: 8192)
    #expect(storage.bytes.count == 9216)
    #expect(edge.length == 8192)
    for length in [UInt64.max, UInt64(Int64.max) - 1023] {
      let error = #expect(throws: BlockError.self) { try edge.truncate(to: length) }
      #expect(error?.kind == .tooLarge)
    }
    let fixed = try open(Graph(), MemoryStorage(Array(repeating: 1, count: 4096)), ["size": 512])
    let error = #expect(throws: BlockError.self) { try fixed.truncate(to: 1024) }
    #expect(error?.kind == .unsupported)
    #expect(fixed.length == 512)
  }

  @Test("the last sector is filled up with zeros, which the status tells")
  func lastSector() throws {
    let storage = MemoryStorage(Array(repeating: 1, count: 1000))
    let edge = try open(Graph(), storage, [:])
    #expect(edge.length == 1024)
    let stored = try edge.chainStatus(at: 0, length: 1024)
    #expect(stored.length == 1000 && stored.isData && stored.hostOffset == 0)
    let rest = try edge.chainStatus(at: 1000, length: 24)
    #expect(rest.length == 24 && rest.isZero && !rest.isData && rest.isPresent && rest.hostOffset == 1000)
    try edge.write(at: 1020, [9, 9])
    #expect(try edge.array(at: 999, count: 25) == [1] + Array(repeating: 0, count: 20) + [9, 9, 0, 0])
  }

  @Test(
    "creating gives the file its length and preallocation",
    arguments: ["off", "falloc", "full", nil] as [String?])
  func creates(_ preallocation: String?) throws {
    let folder = TemporaryFolder()
    let path = folder.file("new")
    try Files.write([], to: path)
    let graph = Graph()
    let user = graph.makeUser("create", request: PermissionRequest(held: [.write, .resize], shared: []))
    try Opener(graph: graph, kinds: [FileStorage.file]).open(
      ImageName(path: path), OpenSettings(format: "file", flags: .writable), for: user)
    let edge = try #require(user.edge)
    var options: OptionObject = [:]
    if let preallocation { options["preallocation"] = .string(preallocation) }
    let request = CreateRequest(file: edge, size: 1 << 20, options: options)
    try RawFormat().create(request)
    #expect(edge.length == 1 << 20)
    try graph.release(user)
    let isZero = try Files.read(path) == Array(repeating: 0, count: 1 << 20)
    #expect(isZero)
  }
}
