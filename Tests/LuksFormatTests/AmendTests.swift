// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import LuksFormat
import Options
import Support
import Testing

/// Changes of keys: what they do to the image, and what they do to the graph meanwhile.
@Suite struct AmendTests {
  /// A disk with content, and that content.
  static func disk(_ folder: TemporaryFolder, _ name: String = "image") throws -> String {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 7)
    try LuksSession.make(folder.file(name), from: folder.file("disk.raw"))
    return folder.file(name)
  }

  static func opens(_ path: String, _ secret: String) -> Bool {
    guard let session = try? LuksSession(path, secret: secret, fileWritable: false) else { return false }
    return (try? session.close()) != nil
  }

  private static func payload(_ path: String) throws -> [UInt8] { Array(try Files.read(path)[2_068_480...]) }

  @Test("A-01 a key is added while the disk is open for reading")
  func add() throws {
    let folder = TemporaryFolder()
    let path = try AmendTests.disk(folder)
    let before = try AmendTests.payload(path)
    let session = try LuksSession(path)
    #expect(!session.node.isWritable && session.file.isWritable)
    try session.amend(["state": "active", "new-secret": "b"])
    try session.close()
    #expect(AmendTests.opens(path, "a") && AmendTests.opens(path, "b"))
    #expect(try AmendTests.payload(path) == before)
  }

  @Test("A-02 writing is claimed while keys change, and only then")
  func claims() throws {
    let folder = TemporaryFolder()
    let session = try LuksSession(AmendTests.disk(folder))
    let before = session.graph.dump()
    let atRest = session.filePermissions
    #expect(atRest?.held == .consistentRead)
    #expect(atRest?.shared == .all)
    var inside: GraphDump?
    try session.amend(["state": "active", "new-secret": "b"]) { inside = session.graph.dump() }
    let edge = inside?.edges.first { $0.slot == "file" }
    #expect(edge?.request.held == [.consistentRead, .write])
    #expect(edge?.request.shared == Permissions.all.subtracting([.consistentRead, .write]))
    #expect(inside != before)
    #expect(session.graph.dump() == before)
    try session.close()
  }

  @Test("A-03 another user of the file that minds writing is in the way")
  func conflict() throws {
    let folder = TemporaryFolder()
    let path = try AmendTests.disk(folder)
    let session = try LuksSession(path)
    let bytes = try Files.read(path)
    let other = session.graph.makeUser(
      "somebody else", request: PermissionRequest(held: .consistentRead, shared: .consistentRead))
    try session.graph.attach(other, to: session.file)
    let before = session.graph.dump()
    var entered = false
    do {
      try session.amend(["state": "active", "new-secret": "b"]) { entered = true }
      Issue.record("amended")
    } catch let error as BlockError {
      #expect(error.kind == .conflict)
      #expect(error.message.contains("write") && error.message.contains("somebody else"))
    }
    #expect(!entered)
    #expect(session.graph.dump() == before)
    #expect(try Files.read(path) == bytes)
    // The state is off again: a refresh for another reason claims nothing special.
    try session.graph.release(other)
    try session.graph.setPermissions(LuksSession.readPermissions, of: session.user)
    #expect(session.filePermissions?.held == .consistentRead)
    try session.close()
  }

  @Test("A-03 another program that minds writing is in the way")
  func lock() throws {
    let folder = TemporaryFolder()
    let path = try AmendTests.disk(folder)
    let session = try LuksSession(path)
    let holder = try LuksSession(path, fileWritable: false)
    try holder.graph.setPermissions(
      PermissionRequest(held: .consistentRead, shared: .consistentRead), of: holder.user)
    let before = session.graph.dump()
    do {
      try session.amend(["state": "active", "new-secret": "b"])
      Issue.record("amended")
    } catch let error as BlockError {
      #expect(error.kind == .conflict, "\(error)")
      #expect(error.message.contains("lock"))
    }
    #expect(session.graph.dump() == before)
    try holder.close()
    try session.amend(["state": "active", "new-secret": "b"])
    try session.close()
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var options: OptionObject
    var message: String
    var testDescription: String { message }
    init(_ options: OptionObject, _ message: String) {
      self.options = options
      self.message = message
    }
  }

  static let refusals = [
    Refusal(
      ["state": "inactive", "old-secret": "c"], "No keyslots match given (old) password for erase operation"),
    Refusal(
      ["state": "inactive", "old-secret": "c", "keyslot": 0],
      "Given keyslot 0 doesn't contain the given old password for erase operation"),
    Refusal(["state": "active", "new-secret": "zz"], "No secret with id 'zz'"),
    Refusal(
      ["state": "active", "new-secret": "b", "keyslot": 0],
      "Refusing to overwrite active keyslot 0 - please erase it first"),
    Refusal(
      ["state": "active", "new-secret": "b", "keyslot": 8],
      "Invalid keyslot 8 specified, must be between 0 and 7"),
    Refusal(["state": "inactive", "keyslot": 3], "Given keyslot 3 is already erased (inactive) "),
    Refusal(
      ["state": "inactive"],
      "To erase keyslot(s), either explicit keyslot index or the password currently contained in them must be given"
    ),
    Refusal(["state": "active"], "'new-secret' is required to activate a keyslot"),
    Refusal(
      ["state": "active", "new-secret": "b", "old-secret": "a"],
      "'old-secret' must not be given when activating keyslots"),
    Refusal(
      ["state": "inactive", "new-secret": "b"], "'new-secret' must not be given when erasing keyslots"),
    Refusal(["new-secret": "b"], "Parameter 'state' is missing"),
    Refusal(["state": "foo"], "Parameter 'state' does not accept value 'foo'"),
    Refusal(
      ["state": "inactive", "old-secret": "a"],
      "All the active keyslots match the (old) password that was given and erasing them will erase all the data "
        + "in the image irreversibly - refusing operation"),
    Refusal(
      ["state": "inactive", "keyslot": 0],
      "Attempt to erase the only active keyslot 0 which will erase all the data in the image irreversibly - "
        + "refusing operation"),
  ]

  @Test("A-04 what is refused leaves everything as it was", arguments: refusals)
  func refused(_ refusal: Refusal) throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try LuksSession.make(path)
    let bytes = try Files.read(path)
    let session = try LuksSession(path)
    let before = session.graph.dump()
    do {
      try session.amend(refusal.options)
      Issue.record("amended")
    } catch let error as BlockError {
      #expect(error.message == refusal.message)
    }
    #expect(session.graph.dump() == before)
    try session.close()
    #expect(try Files.read(path) == bytes)
    #expect(AmendTests.opens(path, "a"))
  }

  @Test("A-04 no slot is free")
  func full() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try LuksSession.make(path)
    let session = try LuksSession(path)
    for _ in 1..<8 { try session.amend(["state": "active", "new-secret": "b"]) }
    #expect {
      try session.amend(["state": "active", "new-secret": "c"])
    } throws: {
      ($0 as? BlockError)?.message == "Can't add a keyslot - all keyslots are in use"
    }
    #expect(session.filePermissions?.held == .consistentRead)
    try session.amend(["state": "inactive", "old-secret": "b"])
    try session.close()
    #expect(AmendTests.opens(path, "a") && !AmendTests.opens(path, "b"))
  }

  @Test("A-05 giving back fails: the next time is a success, and the body's own error is not lost")
  func failingCleanup() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try LuksSession.make(path)
    let session = try LuksSession(path)
    let atRest = session.graph.dump()
    let driver = try session.driver
    try driver.prepareAmend(of: session.node, in: session.graph)
    try driver.amend(
      LuksSession.request(["state": "active", "new-secret": "b"]), of: session.node, JobContext())?.commit()
    session.graph.faults.arm(1)
    #expect(throws: BlockError.self) { try driver.cleanUpAmend(of: session.node, in: session.graph) }
    session.graph.faults.arm(0)
    try driver.cleanUpAmend(of: session.node, in: session.graph)
    #expect(session.graph.dump() == atRest)
    try session.close()
    #expect(AmendTests.opens(path, "b"))
  }

  @Test("A-06 giving back without taking, and twice, is harmless")
  func idempotent() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try LuksSession.make(path)
    let session = try LuksSession(path)
    let before = session.graph.dump()
    let driver = try session.driver
    try driver.cleanUpAmend(of: session.node, in: session.graph)
    #expect(session.graph.dump() == before)
    try driver.prepareAmend(of: session.node, in: session.graph)
    #expect(session.graph.dump() != before)
    try driver.cleanUpAmend(of: session.node, in: session.graph)
    try driver.cleanUpAmend(of: session.node, in: session.graph)
    #expect(session.graph.dump() == before)
    try session.close()
  }

  @Test("A-07 the file is open for reading only")
  func readOnlyFile() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try LuksSession.make(path)
    let session = try LuksSession(path, fileWritable: false)
    let before = session.graph.dump()
    do {
      try session.amend(["state": "active", "new-secret": "b"])
      Issue.record("amended")
    } catch let error as BlockError {
      #expect(error.kind == .readOnly)
      #expect(error.message.contains("cannot grant 'write'"))
    }
    #expect(session.graph.dump() == before)
    try session.close()
  }

  /// The three steps as a job takes them.
  final class ThreeSteps: Job {
    let kind = "amend"
    let session: LuksSession
    let request: AmendRequest
    private var effect: AmendEffect?
    init(_ session: LuksSession, _ request: AmendRequest) {
      self.session = session
      self.request = request
    }
    func prepare(in graph: Graph) throws(BlockError) {
      try (session.node.driver as? any AmendingDriver)?.prepareAmend(of: session.node, in: graph)
    }
    func run(_ context: JobContext) throws(BlockError) {
      effect = try (session.node.driver as? any AmendingDriver)?.amend(request, of: session.node, context)
    }
    func commit(in graph: Graph, isFinal: Bool) throws(BlockError) { try effect?.commit() }
    func clean(in graph: Graph, warnings: inout [BlockError]) {
      do throws(BlockError) {
        try (session.node.driver as? any AmendingDriver)?.cleanUpAmend(of: session.node, in: graph)
      } catch {
        warnings.append(error)
      }
    }
  }

  @Test("A-08 in line and as a job come to the same, and the key routine computes no permissions")
  func sameAsJob() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try LuksSession.make(path)
    _ = Shell.run("cp image other", folder: folder.path)
    let options: OptionObject = ["state": "active", "new-secret": "b"]
    let inLine = try LuksSession(path)
    inLine.graph.faults.arm(1_000_000)
    var beforeBody = 0
    let driver = try inLine.driver
    try driver.prepareAmend(of: inLine.node, in: inLine.graph)
    beforeBody = inLine.graph.faults.passed
    #expect(beforeBody > 0)
    try driver.amend(LuksSession.request(options), of: inLine.node, JobContext())?.commit()
    #expect(inLine.graph.faults.passed == beforeBody)
    try driver.cleanUpAmend(of: inLine.node, in: inLine.graph)
    let trace = inLine.graph.faults.names
    try inLine.close()
    let other = try LuksSession(folder.file("other"))
    other.graph.faults.arm(1_000_000)
    var runner = JobRunner(graph: other.graph)
    try runner.run(ThreeSteps(other, LuksSession.request(options)))
    #expect(other.graph.faults.names == trace)
    #expect(runner.warnings.isEmpty)
    try other.close()
    for name in ["image", "other"] {
      #expect(AmendTests.opens(folder.file(name), "a") && AmendTests.opens(folder.file(name), "b"))
    }
  }

  @Test("X-01 amend looks after the last key alone, as the peer does", arguments: [1, 2])
  func lastKeyOnly(_ version: Int) throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try LuksSession.make(path, version == 1 ? "" : "version=2,pbkdf=pbkdf2")
    let session = try LuksSession(path)
    try session.amend(["state": "active", "new-secret": "b"])
    try session.amend(["state": "inactive", "old-secret": "a"], keepsKnownKey: false)
    for options: OptionObject in [
      ["state": "inactive", "old-secret": "b"], ["state": "inactive", "keyslot": 1],
    ] {
      let error = #expect(throws: BlockError.self) { try session.amend(options, keepsKnownKey: false) }
      #expect(error?.kind == .refused)
    }
    try session.close()
    #expect(!AmendTests.opens(path, "a") && AmendTests.opens(path, "b"))
  }

  @Test("X-01 the last key, and the only one known here, go by force alone")
  func force() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try LuksSession.make(path)
    let session = try LuksSession(path)
    try session.amend(["state": "active", "new-secret": "b"])
    for options: OptionObject in [
      ["state": "inactive", "old-secret": "a"], ["state": "inactive", "keyslot": 0],
    ] {
      do {
        try session.amend(options)
        Issue.record("erased")
      } catch let error as BlockError {
        #expect(error.kind == .refused && error.message.contains("only secret that is known"))
        #expect(error.advice?.text(about: nil).contains("--force") ?? false)
      }
    }
    // A secret that opens nothing is no way back.
    #expect(throws: BlockError.self) {
      try session.amend(["state": "inactive", "old-secret": "a"], known: ["c"])
    }
    // Another slot with the same secret makes it harmless.
    try session.amend(["state": "active", "new-secret": "a"])
    try session.amend(["state": "inactive", "keyslot": 0])
    try session.amend(["state": "active", "new-secret": "c", "keyslot": 1], force: true)
    try session.amend(["state": "inactive", "keyslot": 1])
    try session.amend(["state": "active", "new-secret": "b", "keyslot": 2], force: true)
    try session.close()
    #expect(AmendTests.opens(path, "b") && !AmendTests.opens(path, "a") && !AmendTests.opens(path, "c"))
    // Who has another secret at hand may let go of the one in use.
    let other = try LuksSession(path, secret: "b")
    try other.amend(["state": "active", "new-secret": "c", "keyslot": 5])
    try other.amend(["state": "inactive", "old-secret": "b"], known: ["c", "b"])
    try other.close()
    #expect(!AmendTests.opens(path, "b") && AmendTests.opens(path, "c"))
    let third = try LuksSession(path, secret: "c")
    try third.amend(["state": "active", "new-secret": "b", "keyslot": 2])
    try third.amend(["state": "inactive", "keyslot": 5], known: ["b"])
    try third.close()
    let last = try LuksSession(path, secret: "b")
    #expect(throws: BlockError.self) { try last.amend(["state": "inactive", "keyslot": 2]) }
    try last.amend(["state": "inactive", "keyslot": 2], force: true)
    // What is gone is gone.
    #expect(throws: BlockError.self) { try last.amend(["state": "inactive", "keyslot": 2]) }
    try last.amend(["state": "inactive", "keyslot": 2], force: true)
    try last.close()
    #expect(!AmendTests.opens(path, "b"))
  }

  @Test("an operation of the storage that fails during a change leaves a key, the data and the graph")
  func faults() throws {
    let folder = TemporaryFolder()
    let path = try AmendTests.disk(folder)
    let bytes = try Files.read(path)
    for options: OptionObject in [
      ["state": "active", "new-secret": "c", "keyslot": 0], ["state": "active", "new-secret": "b"],
    ] {
      var number = 1
      while true {
        let files = FaultFiles([path: bytes])
        let session = try LuksSession(path, kinds: [files, LuksFormat()])
        let before = session.graph.dump()
        files.counter.fail(number, of: [.write, .flush, .read])
        let failed: Bool
        do {
          try session.amend(options, force: true)
          failed = false
        } catch { failed = true }
        files.counter.fail(0)
        #expect(session.graph.dump() == before)
        try session.close()
        let again = FaultFiles(files.bytes)
        let keys = ["a", "b", "c"].filter { secret in
          guard let session = try? LuksSession(path, secret: secret, kinds: [again, LuksFormat()]) else {
            return false
          }
          return (try? session.close()) != nil
        }
        #expect(!keys.isEmpty, "step \(number)")
        #expect(files.bytes[path].map { Array($0[2_068_480...]) } == Array(bytes[2_068_480...]))
        if !failed { break }
        number += 1
      }
      #expect(number > 3)
    }
  }
}
