// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Jobs
import Options
import Support
import Testing

@Suite("Storage that fails on demand")
struct BlkdebugTests {
  private let folder = TemporaryFolder()

  /// A qcow2 image with a cluster of data, over storage with `rules`, for reading and writing.
  private func open(_ rules: [OptionTree], config: String? = nil) throws -> (Graph, RootUser) {
    let path = folder.file("disk.qcow2")
    let made = Shell.run(
      "qemu-img create -q -f qcow2 \"$1\" 1M && qemu-io -f qcow2 -c 'write -q -P 7 64k 64k' \"$1\"", path)
    #expect(made.status == 0, "\(made.output)")
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    var storage: OptionObject = ["driver": "blkdebug", "file": ["filename": .string(path)]]
    if !rules.isEmpty { storage["inject-error"] = .array(rules) }
    storage["config"] = config.map { .string($0) }
    let user = graph.makeUser(
      "test", claim: Claim(held: [.consistentRead, .write, .resize], shared: .consistentRead))
    try opener.open(
      ImageName(options: ["driver": "qcow2", "file": .object(storage)], text: "disk"),
      OpenSettings(flags: .writable), for: user)
    return (graph, user)
  }

  private func failure(_ body: () throws(BlockError) -> Void) -> Int32? {
    do throws(BlockError) {
      try body()
      return nil
    } catch {
      return error.systemError
    }
  }

  @Test("guest data cannot be read, tables can")
  func reading() throws {
    let (graph, user) = try open([["event": "read_aio", "errno": "5"]])
    let edge = try #require(user.edge)
    for _ in 0..<2 {
      #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536, count: 512) } == 5)
    }
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 0, count: 65536) } == nil)
    #expect(failure { () throws(BlockError) in try edge.write(at: 0, from: Buffer(count: 512).bytes) } == nil)
    try graph.release(user)
  }

  @Test("once, with another error, in one sector")
  func once() throws {
    let (graph, user) = try open([
      ["event": "write_aio", "errno": "28", "once": "on"],
      ["iotype": "read", "sector": .string(String(0x50000 / 512 + 1)), "errno": "61"],
    ])
    let edge = try #require(user.edge)
    let data = Buffer(count: 512)
    #expect(failure { () throws(BlockError) in try edge.write(at: 65536, from: data.bytes) } == 28)
    #expect(failure { () throws(BlockError) in try edge.write(at: 65536, from: data.bytes) } == nil)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536, count: 512) } == nil)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536 + 512, count: 512) } == 61)
    try graph.release(user)
  }

  @Test("a file of rules says the same")
  func file() throws {
    let config = folder.file("rules")
    let written = Shell.run(
      #"printf '# rules\n\n[inject-error]\n event = "read_aio"\nerrno="16"\nonce = "on"\n' >"$1""#, config)
    #expect(written.status == 0)
    let (graph, user) = try open([], config: config)
    let edge = try #require(user.edge)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536, count: 512) } == 16)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536, count: 512) } == nil)
    try graph.release(user)
  }

  @Test(
    "rules that make no sense are named",
    arguments: [
      (["event": "l2_load"], "The event 'l2_load' is not supported"),
      (["iotype": "stare"], "does not accept value 'stare'"),
      (["event": "read_aio", "iotype": "read"], "goes with the event 'none' only"),
      (["errno": "0"], "'errno' expects"), (["errno": "EIO"], "'errno' expects"),
      (["sector": "-1"], "'sector' expects"), (["once": "maybe"], "'once' expects"),
      (["state": "2"], "does not support the option 'state'"),
    ] as [(OptionTree, String)])
  func nonsense(_ rule: OptionTree, _ part: String) throws {
    let error = #expect(throws: BlockError.self) { _ = try open([rule]) }
    #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
  }

  @Test(
    "files that are none are refused with the line",
    arguments: [
      ("[set-state]\n", "line 1: the section [set-state] is not supported"),
      ("event = 1\n", "line 1: parse error"),
      ("[inject-error]\nevent\n", "line 2: parse error"),
    ])
  func brokenFile(_ text: String, _ part: String) throws {
    let config = folder.file("rules")
    #expect(Shell.run("printf '%s' \"$2\" >\"$1\"", config, text).status == 0)
    let error = #expect(throws: BlockError.self) { _ = try open([], config: config) }
    #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
  }

  @Test("names have three parts, the last of which is a name of storage")
  func names() throws {
    let prefixes = Opener(graph: Graph(), kinds: Drivers.all).protocols
    #expect(
      try ImageName("blkdebug:rules:./c:d", protocols: prefixes).options
        == ["file": ["driver": "blkdebug", "config": "rules", "file": ["filename": "./c:d"]]])
    #expect(
      try ImageName("blkdebug::nbd://h/x", protocols: prefixes).options == [
        "file": [
          "driver": "blkdebug", "config": "", "file": ["driver": "nbd", "filename": "nbd://h/x"],
        ]
      ])
    #expect(throws: BlockError.self) { _ = try ImageName("blkdebug:rules", protocols: prefixes) }
  }
}
