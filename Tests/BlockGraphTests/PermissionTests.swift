// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Support
import Testing

@Suite("Permissions")
struct PermissionTests {
  /// X is there first, then Y comes; both ways the message must say who, where and what.
  @Test(
    "P-01 P-02 a request that another user does not tolerate is refused",
    arguments: [
      (
        "P-01", PermissionRequest(held: .write, shared: .consistentRead),
        PermissionRequest(held: .write, shared: .all), "write"
      ),
      (
        "P-02", PermissionRequest(held: .write, shared: .all),
        PermissionRequest(held: .consistentRead, shared: .consistentRead),
        "write"
      ),
      (
        "P-12", PermissionRequest(held: .consistentRead, shared: [.consistentRead, .write]),
        PermissionRequest(held: .resize, shared: .all), "resize"
      ),
    ])
  func conflicts(id: String, first: PermissionRequest, second: PermissionRequest, permission: String) throws {
    let graph = Graph()
    let node = try graph.makeNode(MemoryStorage([1, 2, 3]), "disk")
    let x = graph.makeUser("the command X", request: first)
    try graph.attach(x, to: node)
    let y = graph.makeUser("the command Y", request: second)
    let before = graph.dump()
    let error = #expect(throws: BlockError.self) { try graph.attach(y, to: node) }
    #expect(error?.kind == .conflict)
    for part in ["the command X", "the command Y", "'disk'", "'\(permission)'"] {
      #expect(error?.message.contains(part) == true, "\(id): '\(error?.message ?? "")' lacks \(part)")
    }
    #expect(graph.dump() == before)
    #expect(y.edge == nil)
    graph.detach(x)
    try graph.attach(y, to: node)
  }

  /// The rule of each role as engine.md states it, in bits.
  @Test("P-03 what a node claims of a child follows from all 32 × 32 claims of its parents")
  func derivation() {
    for held in 0..<32 as Range<UInt8> {
      for shared in 0..<32 as Range<UInt8> {
        let parents = PermissionRequest(
          held: Permissions(rawValue: held), shared: Permissions(rawValue: shared))
        func expect(_ role: EdgeRole, _ flags: NodeFlags, _ wantedHeld: UInt8, _ wantedShared: UInt8) {
          let request = parents.derived(for: role, flags: flags)
          #expect(
            request.held.rawValue == wantedHeld && request.shared.rawValue == wantedShared,
            "\(role.names) held \(held) shared \(shared) flags \(flags.rawValue)")
        }
        let filterShared = (shared & 15) | 16
        expect([.filtered, .primary], [.writable], held & 15, filterShared)
        expect([.filtered, .primary], [.inactive], held & 15, filterShared | 10)
        expect(.cow, [.writable], held & 1, shared & 2 != 0 ? 31 : 21)
        expect(.cow, [], held & 1, shared & 2 != 0 ? 31 : 21)
        var data = held & 15
        if data & 4 != 0 { data |= 2 }
        if data & 2 != 0 { data |= 8 }
        expect([.data], [.writable], data, filterShared & ~8)
        expect([.metadata, .primary], [.writable], held & 15 | 11, filterShared & ~10)
        expect([.metadata, .primary], [], held & 15 | 1, filterShared & ~10)
        expect([.metadata, .primary], [.noIO], held & 15, filterShared & ~10)
        expect([.metadata, .primary], [.writable, .inactive], held & 15, filterShared | 10)
        expect(.image, [.writable], held & 15 | 11, filterShared & ~10)
        // Without writable flags no user can hold write; the rule is one of bits all the same.
        expect(.image, [], data | 1, filterShared & ~10)
      }
    }
  }

  enum Misuse: String, CaseIterable, Codable {
    case writeWithNothing, writeWithUnchangedOnly, zeroWithNothing, discardWithNothing, truncateWithoutResize

    var message: String {
      switch self {
      case .writeWithNothing, .writeWithUnchangedOnly: "write without write permission by the test"
      case .zeroWithNothing: "write zeroes without write permission by the test"
      case .discardWithNothing: "discard without write permission by the test"
      case .truncateWithoutResize: "resize without permission by the test"
      }
    }

    func commit() throws {
      let graph = Graph()
      let node = try graph.makeNode(MemoryStorage([1, 2, 3]), "disk")
      let held: Permissions = self == .writeWithUnchangedOnly ? .writeUnchanged : .consistentRead
      let user = try graph.use(node, "the test", held: self == .truncateWithoutResize ? .write : held)
      let edge = try #require(user.edge)
      switch self {
      case .writeWithNothing, .writeWithUnchangedOnly: try edge.write(at: 0, Array(repeating: 0, count: 1))
      case .zeroWithNothing: try edge.writeZeroes(at: 0, length: 1)
      case .discardWithNothing: try edge.discard(at: 0, length: 1)
      case .truncateWithoutResize: try edge.truncate(to: 1)
      }
    }
  }

  @Test("P-05 I/O without the permission traps and says whose it is", arguments: Misuse.allCases)
  func traps(_ misuse: Misuse) async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [misuse] in
      try misuse.commit()
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains(misuse.message), "\(text)")
  }

  @Test(
    "P-05 unchanged content may be written with either permission",
    arguments: [Permissions.write, .writeUnchanged])
  func writesUnchanged(_ held: Permissions) throws {
    let graph = Graph()
    let storage = MemoryStorage(Array(repeating: 0, count: 8192))
    let node = try graph.makeNode(storage, "disk")
    let user = try graph.use(node, "the test", held: held)
    try user.edge?.write(at: 0, Array(repeating: 0, count: 512), unchanged: true)
    try user.edge?.writeZeroes(at: 0, length: 8192, unchanged: true)
    #expect(storage.record.unchangedWrites == 1)
  }

  /// A filter that was granted only unchanged writes passes the promise on, for zeros too.
  @Test("P-06 filters pass the promise of unchanged content on")
  func promise() throws {
    let graph = Graph()
    let storage = MemoryStorage(Array(repeating: 0, count: 8192), zeroes: false)
    let node = try graph.makeNode(storage, "disk")
    let filter = try graph.makeNode(TestFilter(), "filter")
    try graph.attach(node, to: filter)
    let user = try graph.use(filter, "the test", held: .writeUnchanged)
    #expect(filter.file?.request.held == .writeUnchanged)
    try user.edge?.write(at: 100, Array(repeating: 0, count: 512), unchanged: true)
    try user.edge?.writeZeroes(at: 100, length: 600, unchanged: true)
    #expect(storage.record.writes == storage.record.unchangedWrites)
    #expect(storage.record.writes >= 2)
  }

  /// top → left, right → bottom: two ways lead to the bottom, and it is visited once.
  @Test("P-07 each refresh checks a node once and then commits or aborts it once")
  func hooks() throws {
    let graph = Graph()
    let drivers = ["top", "left", "right", "bottom"].map { TestFilter($0) }
    let nodes = try drivers.map { try graph.makeNode($0, $0.name) }
    let disk = try graph.makeNode(MemoryStorage([1]), "disk")
    try graph.attach(disk, to: nodes[3])
    try graph.attach(nodes[3], to: nodes[1])
    try graph.attach(nodes[3], to: nodes[2])
    try graph.attach(nodes[1], to: nodes[0])
    try graph.attach(nodes[2], to: nodes[0], .backing, .cow)
    let user = try graph.use(nodes[0], "the test", held: .consistentRead)
    let request = user.request

    drivers.forEach { $0.reset() }
    let before = graph.dump()
    try graph.setPermissions(request, of: user)
    for driver in drivers { #expect(driver.hooks == .init(checks: 1, commits: 1), "\(driver.name)") }
    #expect(graph.dump() == before)

    // The bottom comes last, so that all others have been checked when it refuses.
    drivers.forEach { $0.reset() }
    drivers[3].refuse(with: BlockError(.conflict, "no"))
    let wider = PermissionRequest(held: [.consistentRead, .write], shared: .all)
    let error = #expect(throws: BlockError.self) { try graph.setPermissions(wider, of: user) }
    #expect(error?.message == "no")
    for driver in drivers { #expect(driver.hooks == .init(checks: 1, aborts: 1), "\(driver.name)") }
    #expect(graph.dump() == before)
    #expect(user.request == request)

    // The first refuses: those below were not checked, and an abort that comes all the same does no harm.
    drivers[3].refuse(with: nil)
    drivers[0].refuse(with: BlockError(.conflict, "no"))
    drivers.forEach { $0.reset() }
    #expect(throws: BlockError.self) { try graph.setPermissions(wider, of: user) }
    #expect(drivers.map(\.hooks.checks) == [1, 0, 0, 0])
    #expect(drivers.map(\.hooks.aborts) == [1, 0, 0, 0])
    drivers[3].abortPermissions(of: nodes[3])
    #expect(graph.dump() == before)
  }

  @Test("P-08 a user without a node keeps its claim for the node to come")
  func claimInAdvance() throws {
    let graph = Graph()
    let free = try graph.makeNode(MemoryStorage([1]), "free")
    let taken = try graph.makeNode(MemoryStorage([1]), "taken")
    try graph.use(taken, "the owner", held: .write, shared: [])
    let user = graph.makeUser("the guest", request: .none)
    let request = PermissionRequest(held: [.consistentRead, .write], shared: .consistentRead)
    try graph.setPermissions(request, of: user)
    #expect(user.edge == nil)
    let error = #expect(throws: BlockError.self) { try graph.attach(user, to: taken) }
    #expect(error?.kind == .conflict)
    #expect(user.edge == nil)
    let edge = try graph.attach(user, to: free)
    #expect(edge.request == request)
    #expect(graph.cumulativePermissions(of: free) == request)
  }

  @Test("a node that is read-only grants no writing, and says so")
  func readOnly() throws {
    let graph = Graph()
    let node = try graph.makeNode(MemoryStorage([1]), "disk", flags: [])
    let error = #expect(throws: BlockError.self) { try graph.use(node, "the test", held: .write) }
    #expect(error?.kind == .readOnly)
    #expect(error?.message == "Block node is read-only: node 'disk' cannot grant 'write'")
  }
}
