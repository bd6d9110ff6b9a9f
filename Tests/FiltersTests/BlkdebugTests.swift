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
  private func open(_ rules: [OptionTree], _ more: OptionObject = [:]) throws -> (Graph, RootUser) {
    let path = folder.file("disk.qcow2")
    let made = Shell.run(
      "qemu-img create -q -f qcow2 \"$1\" 1M && qemu-io -f qcow2 -c 'write -q -P 7 64k 64k' \"$1\"", path)
    #expect(made.status == 0, "\(made.output)")
    var storage: OptionObject = ["driver": "blkdebug", "image": ["filename": .string(path)]]
    if !rules.isEmpty { storage["inject-error"] = .array(rules) }
    for entry in more.entries { storage[entry.key] = entry.value }
    return try use(["driver": "qcow2", "file": .object(storage)])
  }

  private func use(_ options: OptionObject) throws -> (Graph, RootUser) {
    let graph = Graph()
    let user = graph.makeUser(
      "test", request: PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead))
    try Opener(graph: graph, kinds: Drivers.all).open(
      ImageName(options: options, text: "disk"), OpenSettings(flags: .writable), for: user)
    return (graph, user)
  }

  /// A raw disk of 1 MiB over storage with rules.
  private func raw(_ more: OptionObject) throws -> (Graph, RootUser) {
    try Files.write(Array(repeating: 3, count: 1 << 20), to: folder.file("disk.raw"))
    var storage: OptionObject = [
      "driver": "blkdebug", "image": ["filename": .string(folder.file("disk.raw"))],
    ]
    for entry in more.entries { storage[entry.key] = entry.value }
    return try use(["driver": "raw", "file": .object(storage)])
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
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 0, count: 65536) } == nil)
    for _ in 0..<2 {
      #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536, count: 512) } == 5)
    }
    try? graph.release(user)
  }

  @Test("once, with another error, in one sector")
  func once() throws {
    let (graph, user) = try open([
      [
        "event": "none", "iotype": "write", "sector": .string(String(0x50000 / 512)), "errno": "28",
        "once": "on",
      ],
      ["event": "none", "iotype": "read", "sector": .string(String(0x50000 / 512 + 1)), "errno": 61],
    ])
    let edge = try #require(user.edge)
    let data = Buffer(count: 512)
    #expect(failure { () throws(BlockError) in try edge.write(at: 65536, from: data.bytes) } == 28)
    #expect(failure { () throws(BlockError) in try edge.write(at: 65536, from: data.bytes) } == nil)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536, count: 512) } == nil)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536 + 512, count: 512) } == 61)
    try graph.release(user)
  }

  /// What happens to a row of requests: `r` reads and `w` writes 512 bytes at offset 0, `d` discards, `z` zeroes and `f`
  /// flushes. The peer's outcome was looked at once.
  struct Course: Sendable, CustomTestStringConvertible {
    var name: String
    var requests: String
    var rules: [OptionTree]
    var states: [OptionTree] = []
    var outcome: [Int32?]
    var testDescription: String { name }
  }

  static let courses = [
    Course(
      name: "faults stay in force", requests: "rwrf", rules: [["event": "write_aio"]],
      outcome: [nil, 5, 5, 5]
    ),
    Course(
      name: "once", requests: "rrw", rules: [["event": "read_aio", "once": true]], outcome: [5, nil, nil]),
    Course(name: "every kind", requests: "rwdzf", rules: [["event": "none"]], outcome: [5, 5, 5, 5, 5]),
    Course(
      name: "one kind", requests: "rwdzf", rules: [["event": "none", "iotype": "discard"]],
      outcome: [nil, nil, 5, nil, nil]),
    Course(
      name: "a state after the first", requests: "rrr",
      rules: [["event": "read_aio", "state": 2, "errno": 28]],
      states: [["event": "read_aio", "state": 1, "new_state": 2]], outcome: [nil, 28, 28]),
    Course(
      name: "two states", requests: "rrrr", rules: [["event": "read_aio", "state": 3]],
      states: [
        ["event": "read_aio", "state": 1, "new_state": 2], ["event": "read_aio", "state": 2, "new_state": 3],
      ], outcome: [nil, nil, 5, 5]),
    Course(
      name: "the first of two states counts", requests: "rrrr", rules: [["event": "read_aio", "state": 3]],
      states: [["event": "read_aio", "new_state": 2], ["event": "read_aio", "state": 2, "new_state": 3]],
      outcome: [nil, nil, nil, nil]),
    Course(
      name: "the first of two faults counts", requests: "rrr",
      rules: [
        ["event": "none", "errno": 5, "once": true], ["event": "none", "errno": 28, "once": true],
      ], outcome: [5, 28, nil]),
    Course(
      name: "an event's faults replace another's", requests: "rwr",
      rules: [["event": "none", "errno": 5], ["event": "write_aio", "errno": 28]], outcome: [5, 28, 28]),
    Course(
      name: "no error hides another", requests: "r",
      rules: [["event": "read_aio", "errno": 0], ["event": "read_aio"]], outcome: [nil]),
    Course(
      name: "a sector by its first byte", requests: "rwf",
      rules: [["event": "none", "sector": 0, "iotype": "write"]], outcome: [nil, 5, nil]),
    Course(
      name: "flushing is about no sector", requests: "fw", rules: [["event": "none", "sector": 0]],
      outcome: [nil, 5]),
    Course(
      name: "what arrives", requests: "rwr", rules: [["event": "pwritev", "errno": 28]],
      outcome: [nil, 28, 28]),
    Course(name: "when it is done", requests: "wr", rules: [["event": "pwritev_done"]], outcome: [nil, 5]),
    Course(name: "zeros", requests: "wz", rules: [["event": "pwritev_zero"]], outcome: [nil, 5]),
    Course(name: "flushes", requests: "rf", rules: [["event": "flush_to_disk"]], outcome: [nil, 5]),
    Course(name: "flushes above", requests: "rf", rules: [["event": "flush_to_os"]], outcome: [nil, 5]),
  ]

  @Test("rules come into force as events occur", arguments: courses)
  func states(_ course: Course) throws {
    var rules: OptionObject = ["inject-error": .array(course.rules)]
    if !course.states.isEmpty { rules["set-state"] = .array(course.states) }
    let (graph, user) = try raw(rules)
    let edge = try #require(user.edge)
    var outcome: [Int32?] = []
    for request in course.requests {
      outcome.append(
        failure { () throws(BlockError) in
          switch request {
          case "r": _ = try edge.read(at: 0, count: 512)
          case "w": try edge.write(at: 0, from: Buffer(count: 512).bytes)
          case "d": try edge.discard(at: 0, length: 65536)
          case "z": try edge.writeZeroes(at: 0, length: 65536)
          default: try edge.flush()
          }
        })
    }
    #expect(outcome == course.outcome)
    try? graph.release(user)
  }

  @Test("looking for data fails when it is asked for")
  func blockStatus() throws {
    let (graph, user) = try raw(["inject-error": [["event": "none", "iotype": "block-status"]]])
    let edge = try #require(user.edge)
    #expect(failure { () throws(BlockError) in _ = try edge.chainStatus(at: 0, length: 512) } == 5)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 0, count: 512) } == nil)
    try graph.release(user)
  }

  @Test("parts of a block are read, merged and written, which are events of their own")
  func merging() throws {
    for event in ["pwritev_rmw_head", "pwritev_rmw_after_head", "pwritev_rmw_tail", "pwritev_rmw_after_tail"]
    {
      let (graph, user) = try raw(["align": "4k", "inject-error": [["event": .string(event)]]])
      let edge = try #require(user.edge)
      #expect(
        failure { () throws(BlockError) in try edge.write(at: 4096, Array(repeating: 1, count: 8192)) } == nil
      )
      #expect(failure { () throws(BlockError) in try edge.write(at: 100, [1, 2, 3]) } == 5, "\(event)")
      try? graph.release(user)
    }
  }

  @Test("a disk with limits is a disk", arguments: [1, 2] as [UInt64])
  func limits(_ seed: UInt64) throws {
    let limits: OptionObject = [
      "align": "4k", "max-transfer": "16k", "opt-write-zero": "32k", "max-write-zero": "64k",
      "opt-discard": "8k", "max-discard": "32k",
    ]
    let (graph, user) = try raw(limits)
    let edge = try #require(user.edge)
    #expect(edge.child.file?.child.limits.requestAlignment == 4096)
    #expect(edge.child.file?.child.limits.maximumTransfer == 16384)
    #expect(try DriverConformance.check(edge, seed: seed, operations: 100) == [])
    try graph.release(user)
  }

  @Test("an image of any format may fail")
  func image() throws {
    let made = Shell.run("qemu-img create -q -f qcow2 \"$1\" 1M", folder.file("disk.qcow2"))
    #expect(made.status == 0, "\(made.output)")
    let image: OptionTree = ["driver": "qcow2", "file": ["filename": .string(folder.file("disk.qcow2"))]]
    let (graph, user) = try use([
      "driver": "blkdebug", "image": image, "inject-error": [["event": "pwritev", "errno": "28"]],
    ])
    let edge = try #require(user.edge)
    #expect(edge.length == 1 << 20)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 0, count: 512) } == nil)
    #expect(failure { () throws(BlockError) in try edge.write(at: 0, [1]) } == 28)
    try graph.release(user)
  }

  @Test(
    "a file of rules says the same",
    arguments: [
      "# rules\n\n[inject-error]\n event = \"read_aio\"\nerrno = \"16\"\nonce = \"on\"\n",
      "[inject-error \"name\"]\nevent   =   \"read_aio\" # why\nerrno = \"16\"\nonce = \"on\"",
    ])
  func file(_ text: String) throws {
    try Files.write(Array(text.utf8), to: folder.file("rules"))
    let (graph, user) = try open([], ["config": .string(folder.file("rules"))])
    let edge = try #require(user.edge)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536, count: 512) } == 16)
    #expect(failure { () throws(BlockError) in _ = try edge.read(at: 65536, count: 512) } == nil)
    try graph.release(user)
  }

  @Test(
    "rules and limits that make no sense are named",
    arguments: [
      (["inject-error": [["event": "l3_load"]]], "invalid parameter value: l3_load"),
      (["inject-error": [["errno": "5"]]], "Missing event name for rule"),
      (["set-state": [["new_state": 5]]], "Missing event name for rule"),
      (["inject-error": [["event": "none", "iotype": "stare"]]], "invalid parameter value: stare"),
      (["inject-error": [["event": "none", "iotype": "truncate"]]], "invalid parameter value: truncate"),
      (["inject-error": [["event": "none", "errno": "EIO"]]], "Parameter 'errno' expects a number"),
      (["inject-error": [["event": "none", "state": "x"]]], "Parameter 'state' expects a number"),
      (["inject-error": [["event": "none", "sector": "x"]]], "Parameter 'sector' expects a number"),
      (["inject-error": [["event": "none", "once": "maybe"]]], "Parameter 'once' expects 'on' or 'off'"),
      (
        ["inject-error": [["event": "none", "new_state": "2"]]],
        "[inject-error] section doesn't support the option 'new_state'"
      ),
      (["inject-error": ["other": "2"]], "Unused option 'other' for [inject-error]"),
      (["inject-error": ["1": ["event": "none"]]], "Unused option '1.event' for [inject-error]"),
      (
        ["set-state": ["0": ["event": "none"], "2": ["event": "none"]]],
        "Unused option '2.event' for [set-state]"
      ),
      (["inject-error": [.null]], "[inject-error] section (index 0) does not consist of keys"),
      (["inject-error": []], "Block protocol 'blkdebug' doesn't support the option 'inject-error'"),
      (["inject-error": [:]], "Block protocol 'blkdebug' doesn't support the option 'inject-error'"),
      (["inject-error": "x"], "Block protocol 'blkdebug' doesn't support the option 'inject-error'"),
      (["foo": "x"], "Block protocol 'blkdebug' doesn't support the option 'foo'"),
      (["config": "/nonexistent"], "Could not read blkdebug config file: No such file or directory"),
      (["align": "513"], "Cannot meet constraints with align 513"),
      (["align": "2147483648"], "Cannot meet constraints with align 2147483648"),
      (["align": "8k", "max-transfer": "4k"], "Cannot meet constraints with max-transfer 4096"),
      (
        ["max-write-zero": "64k", "opt-write-zero": "128k"],
        "Cannot meet constraints with max-write-zero 65536"
      ),
      (["max-discard": "3k", "opt-discard": "2k"], "Cannot meet constraints with max-discard 3072"),
      (["take-child-perms": ["foo"]], "does not accept value 'foo'"),
    ] as [(OptionObject, String)])
  func nonsense(_ options: OptionObject, _ part: String) throws {
    let error = #expect(throws: BlockError.self) { _ = try raw(options) }
    #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
  }

  @Test(
    "files that are none are refused",
    arguments: [
      ("[other]\n", "There is no option group 'other'"), ("event = \"1\"\n", "no group defined"),
      ("[inject-error]\nevent\n", "invalid parameter value: "),
      ("[inject-error]\nevent = read_aio\n", "invalid parameter value: "),
      ("[inject-error]\nevent=\"read_aio\"\n", "Invalid parameter 'event=\"read_aio\"'"),
      ("[inject-error]\nfoo = \"bar\"\n", "Invalid parameter 'foo'"), ("[]\n", "no group defined"),
      (" \n", "parse error"), ("[inject-error \"a b\"]\n", "Parameter 'id' expects an identifier"),
      ("[inject-error \"a\"]\n[inject-error \"a\"]\n", "Duplicate ID 'a' for inject-error"),
    ])
  func brokenFile(_ text: String, _ part: String) throws {
    try Files.write(Array(text.utf8), to: folder.file("rules"))
    let error = #expect(throws: BlockError.self) { _ = try raw(["config": .string(folder.file("rules"))]) }
    #expect(error?.message.hasSuffix(part) == true, "\(error?.message ?? "")")
  }

  @Test("permissions beyond what is needed are taken, and others not shared")
  func permissions() throws {
    let (graph, user) = try raw(["take-child-perms": ["resize"], "unshare-child-perms": ["write-unchanged"]])
    let image = try #require(user.edge?.child.file?.child.file)
    #expect(image.request.held.contains(.resize) && !image.request.shared.contains(.writeUnchanged))
    try graph.release(user)
  }

  @Test("names have three parts, the last of which is a name of storage")
  func names() throws {
    let prefixes = Opener(graph: Graph(), kinds: Drivers.all).protocols
    #expect(
      try ImageName("blkdebug:rules:./c:d", protocols: prefixes).options
        == ["file": ["driver": "blkdebug", "config": "rules", "image": ["filename": "./c:d"]]])
    #expect(
      try ImageName("blkdebug::nbd://h/x", protocols: prefixes).options == [
        "file": ["driver": "blkdebug", "image": ["driver": "nbd", "filename": "nbd://h/x"]]
      ])
    let error = #expect(throws: BlockError.self) { _ = try ImageName("blkdebug:rules", protocols: prefixes) }
    #expect(error?.message == "blkdebug requires both config file and image path")
  }
}
