// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Qcow2Format
import Support
import Testing

/// The backing file's name in the header: changed again and again, on storage that fails and forgets.
@Suite struct BackingNameTests {
  private let folder = TemporaryFolder()

  static let shapes = [
    "cluster_size=512", "compat=0.10,cluster_size=512", "cluster_size=64k", "compat=0.10", "extended_l2=on",
    "compression_type=zstd,lazy_refcounts=on",
  ]

  /// Longer, shorter, none, as long as there is room.
  static let names: [(String?, String?)] = [
    ("first", "qcow2"), ("a/longer/path/to/the/second.qcow2", "raw"), ("b", nil), (nil, nil), ("ü", "qcow2"),
    (String(repeating: "n", count: 200), "raw"), (String(repeating: "m", count: 190), "qcow2"), ("x", "raw"),
    (nil, nil),
  ]

  private func open(_ bytes: [UInt8]) throws(BlockError) -> (
    graph: Graph, edge: Edge, fault: FaultStorage, memory: MemoryStorage
  ) {
    let graph = Graph()
    let memory = MemoryStorage(bytes)
    let fault = FaultStorage(memory)
    let file = try graph.adopt(fault, fileName: "memory", flags: .writable)
    let opener = Opener(graph: graph, kinds: [Qcow2Format()])
    let node = try opener.openFormat(
      Qcow2Format(), on: file, [:], OpenSettings(flags: .writable, followsBacking: false))
    let user = graph.makeUser("test", request: PermissionRequest(held: [.write, .graphMod], shared: .all))
    try graph.attach(user, to: node)
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    return (graph, edge, fault, memory)
  }

  /// The name and format that a reader of the bytes finds.
  private func reference(_ bytes: [UInt8]) throws(BlockError) -> [String?] {
    let backing = try open(bytes).edge.child.driver.formatInformation(of: open(bytes).edge.child)?.backing
    return [backing?.name, backing?.format]
  }

  @Test("an offset without a name behind it means nothing", arguments: [8, 200, 4088, 4096] as [UInt64])
  func strayOffset(_ offset: UInt64) throws {
    var image = SampleQcow2(.version2)
    image.set64(8, offset < 72 ? 72 : offset)
    let opened = try open(image.bytes)
    try opened.edge.setBackingFile("base", format: "raw")
    try opened.edge.setBackingFile("another", format: "qcow2")
    #expect(try reference(opened.memory.bytes) == ["another", "qcow2"])
  }

  @Test("names come and go, and peers read them", arguments: shapes)
  func changes(_ shape: String) throws {
    let path = folder.file("disk")
    try ImageSession.create(path, size: 1 << 20, shape)
    var bytes = Shell.readFile(path)
    for (name, format) in BackingNameTests.names {
      let image = try open(bytes)
      try image.edge.write(at: 4096, [1, 2, 3])
      try image.edge.setBackingFile(name, format: format)
      #expect(image.fault.unflushed <= 1, "what was written before the name is durable")
      try image.graph.release(try #require(image.graph.rootUsers.first))
      bytes = image.memory.bytes
      #expect(try reference(bytes) == [name?.spelled, name == nil ? nil : format])
      #expect(Shell.writeFile(path, bytes))
      let script =
        "qemu-img info disk | sed -n 's/ (actual path.*//;s/^backing file[^:]*: //p' | tr '\\n' ' '; qemu-img check -q disk 2>&1"
      let seen = Shell.run(
        name == nil ? script : script.replacing("qemu-img check -q disk", with: ":"), folder: folder.path)
      let expected = [name, name == nil ? nil : format].compactMap { $0 }.map { $0 + " " }.joined()
      #expect(seen == Shell.Outcome(status: 0, output: expected))
    }
  }

  @Test("a name that finds no room is refused, and the old one stays")
  func noRoom() throws {
    let path = folder.file("disk")
    try ImageSession.create(path, size: 1 << 20, "cluster_size=512,backing_file=old,backing_fmt=raw")
    let image = try open(Shell.readFile(path))
    for (count, message) in [(500, "No space left in the file header"), (1024, "Backing file name too long")]
    {
      let error = #expect(throws: BlockError.self) {
        try image.edge.setBackingFile(String(repeating: "n", count: count), format: "raw")
      }
      #expect(error?.kind == .tooLarge && error?.message == message)
    }
    #expect(try reference(image.memory.bytes) == ["old", "raw"])
  }

  @Test(
    "X-04 after a failure or a crash at any step the header has the old name or the new one",
    arguments: shapes)
  func crashes(_ shape: String) throws {
    let path = folder.file("disk")
    try ImageSession.create(path, size: 1 << 20, shape + ",backing_file=the/old/name,backing_fmt=raw")
    let bytes = Shell.readFile(path)
    for new in [["another/name", "qcow2"], ["b", nil], [nil, nil]] as [[String?]] {
      for number in 1... {
        for lost in 0..<4 {
          let image = try open(bytes)
          image.fault.fail(number, of: [.write, .flush, .truncate, .zero], forGood: true)
          let failed = (try? image.edge.setBackingFile(new[0], format: new[1])) == nil
          try image.fault.crash(of: try #require(image.edge.child.file?.child)) {
            lost & (1 << ($0 & 1)) != 0
          }
          let found = try reference(image.memory.bytes)
          #expect(found == new || (failed && found == ["the/old/name", "raw"]), "step \(number): \(found)")
          if image.fault.operations < number { break }
        }
        let image = try open(bytes)
        image.fault.fail(number, of: [.write, .flush, .truncate, .zero])
        try? image.edge.setBackingFile(new[0], format: new[1])
        if image.fault.operations < number { break }
      }
    }
  }
}
