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

@Suite("Locks of images")
struct ImageLocksTests {
  /// The first opener's claim, the second one's, and the lock that cannot be had.
  @Test(
    "P-09 two users of one file that do not tolerate each other conflict, also in one process",
    arguments: [
      (
        PermissionRequest(held: .write, shared: .all),
        PermissionRequest(held: .consistentRead, shared: .consistentRead),
        "shared \"write\""
      ),
      (
        PermissionRequest(held: .consistentRead, shared: .consistentRead),
        PermissionRequest(held: .write, shared: .all), "\"write\""
      ),
      (
        PermissionRequest(held: .resize, shared: [.write]),
        PermissionRequest(held: .consistentRead, shared: .all),
        "\"consistent read\""
      ),
      (
        PermissionRequest(held: .resize, shared: .all), PermissionRequest(held: .write, shared: .write),
        "shared \"resize\""
      ),
      (PermissionRequest(held: .write, shared: .write), PermissionRequest(held: .write, shared: .write), nil),
      (
        PermissionRequest(held: .consistentRead, shared: .all),
        PermissionRequest(held: .consistentRead, shared: .consistentRead), nil
      ),
    ] as [(PermissionRequest, PermissionRequest, String?)])
  func conflicts(_ first: PermissionRequest, _ second: PermissionRequest, _ lock: String?) throws {
    let scene = FileScene()
    let path = scene.folder.file("disk")
    try Files.write([1, 2, 3], to: path)
    let edge = try scene.open("disk", .writable, held: first.held, shared: first.shared)
    let before = OpenFiles.under(scene.folder.path)
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: [RawFormat(), FileStorage.file])
    let user = graph.makeUser("the other", request: second)
    let settings = OpenSettings(format: "raw", flags: .writable)
    guard let lock else {
      try opener.open(ImageName(path: path), settings, for: user)
      try graph.release(user)
      #expect(OpenFiles.under(scene.folder.path) == before)
      return
    }
    let error = #expect(throws: BlockError.self) {
      try opener.open(ImageName(path: path), settings, for: user)
    }
    #expect(error?.kind == .conflict)
    #expect(error?.message == "Could not open '\(path)': Failed to get \(lock) lock")
    #expect(error?.hint == "Is another process using the image [\(path)]?")
    #expect(error?.advice == "Held by this command itself, in another role: name another image.")
    #expect(graph.nodes.isEmpty && user.edge == nil)
    #expect(OpenFiles.under(scene.folder.path) == before)
    // Who shares everything by force may read where reading is tolerated, as the peer has it.
    if second.held == .consistentRead {
      let forced = OpenSettings(format: "raw", flags: .forceShare)
      if first.shared.contains(.consistentRead) {
        try opener.open(ImageName(path: path), forced, for: user)
        #expect(OpenFiles.under(scene.folder.path) == (before + [path + " 100-100"]).sorted())
        try graph.release(user)
      } else {
        #expect(throws: BlockError.self) { try opener.open(ImageName(path: path), forced, for: user) }
      }
    }
    let owner = try #require(edge.parent as? RootUser)
    try scene.graph.release(owner)
    #expect(OpenFiles.under(scene.folder.path).isEmpty)
    let again = graph.makeUser("the other", request: second)
    try opener.open(ImageName(path: path), settings, for: again)
    try graph.release(again)
  }

  @Test("locks follow claims up and down, and are gone with the last user")
  func follow() throws {
    let scene = FileScene()
    let path = scene.folder.file("disk")
    try Files.write([1], to: path)
    let edge = try scene.open("disk", .writable, held: .consistentRead, shared: .all)
    let user = try #require(edge.parent as? RootUser)
    let steps: [(PermissionRequest, String)] = [
      (PermissionRequest(held: .consistentRead, shared: .all), " 100-100"),
      (
        PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead),
        " 100-101 103-103 201-204"
      ),
      (PermissionRequest(held: .write, shared: [.consistentRead, .write]), " 101-101 202-204"),
      (PermissionRequest(held: [], shared: []), " 200-204"),
      (PermissionRequest(held: [], shared: .all), ""),
    ]
    for (request, locks) in steps {
      try scene.graph.setPermissions(request, of: user)
      #expect(OpenFiles.under(scene.folder.path) == [path + locks])
    }
    try scene.graph.setPermissions(PermissionRequest(held: .consistentRead, shared: []), of: user)
    let node = edge.child
    for (flags, locks) in [([.writable, .inactive], ""), (.writable, " 100-100 200-204")]
      as [(NodeFlags, String)]
    {
      try scene.graph.change(draining: [node]) { (edit: GraphEdit) throws(BlockError) in
        try edit.setFlags(flags, of: node)
      }
      #expect(OpenFiles.under(scene.folder.path) == [path + locks])
    }
    try scene.graph.release(user)
    #expect(OpenFiles.under(scene.folder.path).isEmpty)
  }

  @Test("R-05 locks of an old descriptor end at once, also where a child process has it for a moment longer")
  func duplicates() throws {
    let scene = FileScene()
    try Files.write([1], to: scene.folder.file("disk"))
    let edge = try scene.open("disk", .writable, held: .consistentRead, shared: [])
    let user = try #require(edge.parent as? RootUser)
    try OpenFiles.withDuplicates(under: scene.folder.path) {
      try scene.graph.reopen(edge.child, writable: false)
      try scene.graph.release(user)
      _ = try scene.open("disk", .writable, held: .all, shared: [])
    }
  }

  @Test("locking=off takes no locks and minds none")
  func off() throws {
    let scene = FileScene()
    let path = scene.folder.file("disk")
    try Files.write([1], to: path)
    _ = try scene.open("disk")
    let graph = Graph()
    let user = graph.makeUser("the other", request: PermissionRequest(held: .all, shared: []))
    let name = try ImageName(
      options: ["driver": "file", "filename": .string(path), "locking": "off"], text: "x")
    try Opener(graph: graph, kinds: [FileStorage.file]).open(name, OpenSettings(flags: .writable), for: user)
    #expect(OpenFiles.under(scene.folder.path).count == 2)
  }

  /// The peer has the image open for writing and waits for input, at most 20 s, while we look.
  @Test(
    "P-09 an image that the peer writes is refused to who does not tolerate that, and the error names the file"
  )
  func peerHolds() throws {
    let scene = FileScene()
    let path = scene.folder.file("disk")
    try Files.write(Array(repeating: 1, count: 65536), to: path)
    let script = """
      (echo "read 0 1"; for i in $(seq 1000); do [ -e "$1.release" ] && break; sleep 0.02; done) \
        | qemu-io -f raw "$1" > "$1.out"
      """
    nonisolated(unsafe) let here = scene
    try Threads.run(2) { (index: Int) throws(BlockError) in
      if index == 1 {
        _ = Shell.run(script, path)
      } else {
        // The first body runs on the thread that owns the graph.
        for _ in 0..<500 where (try? Files.read(path + ".out"))?.isEmpty != false {
          Clock.sleep(seconds: 0.02)
        }
        unsafe lookWhileHeld(here, path)
        try Files.write([1], to: path + ".release")
      }
    }
    _ = try scene.open("disk", [], held: .consistentRead, shared: .consistentRead, format: "raw")
  }

  private func lookWhileHeld(_ scene: FileScene, _ path: String) {
    let error = #expect(throws: BlockError.self) {
      _ = try scene.open("disk", [], held: .consistentRead, shared: .consistentRead, format: "raw")
    }
    #expect(error?.kind == .conflict)
    #expect(error?.message == "Could not open '\(path)': Failed to get shared \"write\" lock")
    let advice = error?.advice?.text(about: nil) ?? ""
    #expect(advice.hasPrefix("Held by process "))
    #expect(advice.hasSuffix(" (qemu-io): let it finish or end it, or only read, with --force-share (-U)."))
    let shared = try? scene.open(
      "disk", .forceShare, held: .consistentRead, shared: .consistentRead, format: "raw")
    #expect((try? shared?.array(at: 0, count: 1)) == [1])
  }

  @Test("P-09 an image that we write is refused to the peer")
  func weHold() throws {
    let scene = FileScene()
    let path = scene.folder.file("disk")
    try Files.write(Array(repeating: 1, count: 65536), to: path)
    let edge = try scene.open("disk", .writable, held: [.consistentRead, .write], shared: .consistentRead)
    let user = try #require(edge.parent as? RootUser)
    let write = "qemu-io -f raw -c 'write 0 512' \"$1\""
    let refused = Shell.run(write, path)
    #expect(refused.status != 0)
    #expect(refused.output.contains("Failed to get \"write\" lock"), "\(refused.output)")
    let read = "qemu-io -r -f raw -c 'read 0 512' \"$1\""
    #expect(Shell.run(read, path).status == 0)
    try scene.graph.setPermissions(PermissionRequest(held: .all, shared: []), of: user)
    let unread = Shell.run(read, path)
    #expect(unread.status != 0)
    #expect(unread.output.contains("Failed to get \"consistent read\" lock"), "\(unread.output)")
    // Force-share shares everything, but reading is still what the owner forbids.
    #expect(Shell.run("qemu-io -U -r -f raw -c 'read 0 512' \"$1\"", path).status != 0)
    try scene.graph.release(user)
    #expect(Shell.run(write, path).status == 0)
  }
}
