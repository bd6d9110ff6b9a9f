// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import LuksFormat
import Options
import Support
import Testing

/// Disks whose header is a file of its own.
@Suite struct DetachedHeaderTests {
  /// The disk in `data` with its header in `header`.
  static func name(_ data: String, _ header: String, _ secret: String? = "a") throws(BlockError) -> ImageName
  {
    var options: OptionObject = [
      "driver": "luks", "file": ["driver": "file", "filename": .string(data)],
      "header": ["driver": "file", "filename": .string(header)],
    ]
    if let secret { options["key-secret"] = .string(secret) }
    return try ImageName(options: options, text: data)
  }

  /// An open disk.
  struct Session {
    let graph: Graph
    let user: RootUser
    let node: Node

    init(
      _ data: String, _ header: String, secret: String? = "a", writable: Bool = true,
      kinds: [any DriverKind] = Drivers.all, flags: NodeFlags = []
    ) throws(BlockError) {
      graph = Graph()
      // As `amend` does: open for writing, without any claim to it.
      user = graph.makeUser("disk of '\(data)'", request: LuksSession.readPermissions)
      try EncryptedQcow2.opener(graph, kinds).open(
        DetachedHeaderTests.name(data, header, secret),
        OpenSettings(flags: writable ? flags.union(.writable) : flags), for: user)
      guard let node = user.edge?.child else { throw BlockError(.notFound, "no node") }
      self.node = node
    }

    func amend(_ options: OptionObject, force: Bool = false, inside: () -> Void = {}) throws {
      let driver = try #require(node.driver as? any AmendingDriver)
      try driver.prepareAmend(of: node, in: graph)
      inside()
      defer { try? driver.cleanUpAmend(of: node, in: graph) }
      try driver.amend(LuksSession.request(options, force: force), of: node, JobContext())?.commit()
    }

    func close() throws(BlockError) { try graph.release(user) }
  }

  /// A header and a data file, with content.
  private static func disk(_ folder: TemporaryFolder, _ options: String = "", length: UInt64 = 1 << 20) throws
  {
    let graph = Graph()
    var runner = JobRunner(graph: graph)
    var request = CreateOptions(path: folder.file("header"), format: "luks")
    request.options = try KeyValueList(
      creationOptions: "key-secret=a,iter-time=1,detached-header=on"
        + (options.isEmpty ? "" : "," + options))
    try runner.run(try CreateJob(request, graph: graph, opener: EncryptedQcow2.opener(graph)))
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 11)
    try Files.write([UInt8](repeating: 0, count: Int(length)), to: folder.file("data"))
    try fill(folder)
  }

  /// Puts `disk.raw` onto the disk.
  private static func fill(_ folder: TemporaryFolder) throws {
    let graph = Graph()
    var runner = JobRunner(graph: graph)
    var request = ConvertOptions(
      sources: [ImageName(path: folder.file("disk.raw"))],
      target: try name(folder.file("data"), folder.file("header")))
    request.sourceSettings.format = "raw"
    request.skipsCreation = true
    try runner.run(try ConvertJob(request, opener: EncryptedQcow2.opener(graph)))
  }

  private static func content(_ folder: TemporaryFolder, _ secret: String = "a") throws -> [UInt8] {
    try EncryptedQcow2.convert(
      name(folder.file("data"), folder.file("header"), secret), to: folder.file("back.raw"), as: "raw")
    return try Files.read(folder.file("back.raw"))
  }

  private static func opens(_ folder: TemporaryFolder, _ secret: String) -> Bool {
    guard
      let session = try? Session(
        folder.file("data"), folder.file("header"), secret: secret, writable: false)
    else { return false }
    return (try? session.close()) != nil
  }

  private static let cryptsetup = """
    set -e
    printf alpha >alpha; printf beta >beta; printf gamma >gamma

    """

  private static func run(_ script: String, _ arguments: String..., in folder: TemporaryFolder) {
    let outcome = Shell.run(cryptsetup + script, arguments: arguments, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "ours: written, read back, opened by cryptsetup, keys changed by both",
    arguments: ["", "version=2,pbkdf=pbkdf2", "version=2,pbkdf=argon2id,sector-size=4096"])
  func ours(_ options: String) throws {
    let folder = TemporaryFolder()
    try DetachedHeaderTests.disk(folder, options)
    let disk = try Files.read(folder.file("disk.raw"))
    #expect(try DetachedHeaderTests.content(folder) == disk)
    let data = try Files.read(folder.file("data"))
    #expect(data.count == disk.count, "the data file has no room for a header")
    #expect(data != disk)
    DetachedHeaderTests.run(
      """
      cryptsetup open --test-passphrase --key-file alpha --header header data
      cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file alpha header beta
      """, in: folder)
    let session = try DetachedHeaderTests.Session(folder.file("data"), folder.file("header"), secret: "b")
    try session.amend(["state": "active", "new-secret": "c"])
    try session.amend(["state": "inactive", "old-secret": "a"])
    try session.close()
    DetachedHeaderTests.run(
      """
      cryptsetup open --test-passphrase --key-file gamma --header header data
      ! cryptsetup open --test-passphrase --key-file alpha --header header data 2>/dev/null
      """, in: folder)
    #expect(try DetachedHeaderTests.content(folder, "c") == disk)
    #expect(try Files.read(folder.file("data")) == data, "keys are none of the data's business")
  }

  @Test(
    "cryptsetup's: written, read back, keys changed by both",
    arguments: [
      "--type luks1", "--type luks1 --offset 8192", "--type luks2",
      "--type luks2 --sector-size 4096 --offset 32768",
    ])
  func cryptsetups(_ options: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 12)
    DetachedHeaderTests.run(
      """
      truncate -s 20M data
      cryptsetup luksFormat -q $1 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --header header data alpha
      """, options, in: folder)
    let start = options.contains("32768") ? 16 << 20 : options.contains("--offset") ? 4 << 20 : 0
    let reader = try DetachedHeaderTests.Session(folder.file("data"), folder.file("header"), writable: false)
    #expect(reader.node.length == UInt64((20 << 20) - start))
    try reader.close()
    try DetachedHeaderTests.fill(folder)
    let disk = try Files.read(folder.file("disk.raw"))
    #expect(Array(try DetachedHeaderTests.content(folder)[..<disk.count]) == disk)
    #expect(
      try Files.read(folder.file("data"))[..<start].consists(of: 0), "what is in front is not ours")
    let open = try DetachedHeaderTests.Session(folder.file("data"), folder.file("header"))
    try open.amend(["state": "active", "new-secret": "b"])
    try open.close()
    DetachedHeaderTests.run(
      """
      cryptsetup open --test-passphrase --key-file beta --header header data
      cryptsetup luksKillSlot -q --key-file beta header 0
      """, in: folder)
    #expect(DetachedHeaderTests.opens(folder, "b") && !DetachedHeaderTests.opens(folder, "a"))
  }

  @Test("a copy of an image's header, used in place of the damaged one", arguments: [1, 2])
  func copy(_ version: Int) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 13)
    try LuksSession.make(
      folder.file("data"), version == 1 ? "" : "version=2,pbkdf=pbkdf2", from: folder.file("disk.raw"))
    DetachedHeaderTests.run(
      """
      cryptsetup luksHeaderBackup data --header-backup-file header
      chmod u+w header
      dd if=/dev/zero of=data bs=1M count=1 conv=notrunc status=none
      """, in: folder)
    #expect(try DetachedHeaderTests.content(folder) == Files.read(folder.file("disk.raw")))
  }

  @Test("A-02 writing is claimed of the header's file while keys change, and of nothing else")
  func claims() throws {
    let folder = TemporaryFolder()
    try DetachedHeaderTests.disk(folder)
    let session = try DetachedHeaderTests.Session(folder.file("data"), folder.file("header"))
    let before = session.graph.dump()
    let slot = EdgeSlot(rawValue: "header")
    let atRest = try #require(session.node.edge(slot))
    #expect(atRest.role == .metadata)
    #expect(atRest.request.held == .consistentRead)
    #expect(atRest.request.shared.contains(.consistentRead))
    var inside: GraphDump?
    try session.amend(["state": "active", "new-secret": "b"]) { inside = session.graph.dump() }
    let header = inside?.edges.first { $0.slot == "header" }
    #expect(header?.request.held == [.consistentRead, .write])
    #expect(header?.request.shared.isDisjoint(with: [.consistentRead, .write]) == true)
    let file = inside?.edges.first { $0.slot == "file" }
    #expect(file?.request == before.edges.first { $0.slot == "file" }?.request)
    #expect(session.graph.dump() == before)
    try session.close()
  }

  @Test("a disk that is written claims nothing but reading of the header's file")
  func writingDisk() throws {
    let folder = TemporaryFolder()
    try DetachedHeaderTests.disk(folder)
    let session = try DetachedHeaderTests.Session(folder.file("data"), folder.file("header"))
    try session.graph.setPermissions(LuksSession.writePermissions, of: session.user)
    #expect(session.node.edge(EdgeSlot(rawValue: "header"))?.request.held == .consistentRead)
    #expect(session.node.file?.request.held.contains(.write) == true)
    let bytes = try Files.read(folder.file("header"))
    try session.user.edge?.truncate(to: 2 << 20, exact: true, preallocation: .off)
    try session.close()
    #expect(try Files.read(folder.file("data")).count == 2 << 20)
    #expect(try Files.read(folder.file("header")) == bytes)
  }

  @Test("A-03 A-07 a header that others read, or that cannot be written")
  func refusedAmend() throws {
    let folder = TemporaryFolder()
    try DetachedHeaderTests.disk(folder)
    let bytes = try Files.read(folder.file("header"))
    var entered = false
    let holder = try DetachedHeaderTests.Session(folder.file("data"), folder.file("header"), writable: false)
    let session = try DetachedHeaderTests.Session(folder.file("data"), folder.file("header"))
    let before = session.graph.dump()
    let conflict = #expect(throws: BlockError.self) {
      try session.amend(["state": "active", "new-secret": "b"]) { entered = true }
    }
    #expect(conflict?.kind == .conflict && conflict?.message.contains("lock") == true)
    #expect(session.graph.dump() == before)
    try holder.close()
    try session.close()
    let readOnly = try DetachedHeaderTests.Session(
      folder.file("data"), folder.file("header"), writable: false)
    let refusal = #expect(throws: BlockError.self) {
      try readOnly.amend(["state": "active", "new-secret": "b"]) { entered = true }
    }
    #expect(refusal?.kind == .readOnly)
    try readOnly.close()
    #expect(!entered)
    #expect(try Files.read(folder.file("header")) == bytes)
  }

  @Test("a header that cannot be written does for a disk that is")
  func readOnlyHeader() throws {
    let folder = TemporaryFolder()
    try DetachedHeaderTests.disk(folder)
    let graph = Graph()
    let user = graph.makeUser("disk", request: LuksSession.writePermissions)
    var options = try DetachedHeaderTests.name(folder.file("data"), folder.file("header")).options
    options["header"] = ["filename": .string(folder.file("header")), "read-only": true]
    try EncryptedQcow2.opener(graph).open(
      try ImageName(options: options, text: "disk"), OpenSettings(flags: .writable), for: user)
    try user.edge?.write(at: 512, [UInt8](repeating: 7, count: 512))
    let driver = try #require(user.edge?.child.driver as? any AmendingDriver)
    let error = #expect(throws: BlockError.self) {
      try driver.prepareAmend(of: #require(user.edge?.child), in: graph)
    }
    #expect(error?.kind == .readOnly)
    try graph.release(user)
    #expect(try Array(DetachedHeaderTests.content(folder)[512..<1024]).consists(of: 7))
  }

  @Test("an operation that fails during a change leaves a key and the data")
  func faults() throws {
    let folder = TemporaryFolder()
    try DetachedHeaderTests.disk(folder)
    let (data, header) = (folder.file("data"), folder.file("header"))
    let images = [data: try Files.read(data), header: try Files.read(header)]
    var number = 1
    var failed = true
    while failed {
      let files = FaultFiles(images)
      let session = try DetachedHeaderTests.Session(data, header, kinds: [files, LuksFormat()])
      let before = session.graph.dump()
      files.counter.fail(number, of: [.write, .flush, .read])
      do {
        try session.amend(["state": "active", "new-secret": "c", "keyslot": 0], force: true)
        failed = false
      } catch {}
      files.counter.fail(0)
      #expect(session.graph.dump() == before)
      try session.close()
      #expect(files.bytes[data] == images[data])
      let keys = ["a", "c"].filter { secret in
        let again = FaultFiles(files.bytes)
        let session = try? DetachedHeaderTests.Session(
          data, header, secret: secret, writable: false, kinds: [again, LuksFormat()])
        return session.map { (try? $0.close()) != nil } ?? false
      }
      #expect(!keys.isEmpty, "step \(number)")
      number += 1
    }
    #expect(number > 5)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var name: String
    /// A script that makes `header` and `data` what they should not be.
    var damage: String
    var message: String
    var testDescription: String { name }
  }

  static let refusals = [
    Refusal(name: "no header there", damage: "rm header", message: "Could not open header"),
    Refusal(name: "an empty header", damage: ": >header", message: "Volume is not in LUKS format"),
    Refusal(name: "another file", damage: "cp disk.raw header", message: "Volume is not in LUKS format"),
    Refusal(
      name: "a header without its keys", damage: "truncate -s 8192 header",
      message: "Keyslot 0 is past the end of the header's file (8192 bytes)"),
    Refusal(
      name: "a header of longer data",
      damage: "printf '\\0\\0\\100\\0' | dd of=header bs=1 seek=104 conv=notrunc status=none",
      message: "LUKS payload offset 8388608 is past the end of the file (1048576 bytes)"),
  ]

  @Test("what is no header of this data", arguments: refusals)
  func refused(_ refusal: Refusal) throws {
    let folder = TemporaryFolder()
    try DetachedHeaderTests.disk(folder)
    DetachedHeaderTests.run(refusal.damage, in: folder)
    for flags: NodeFlags in [[], .noIO] {
      let error = #expect(throws: BlockError.self) {
        _ = try DetachedHeaderTests.Session(
          folder.file("data"), folder.file("header"), writable: false, flags: flags)
      }
      #expect(error?.message.contains(refusal.message) == true, "\(error?.message ?? "")")
    }
  }

  @Test("a key whose place the header's file lacks is refused before anything is written")
  func shortFile() throws {
    let folder = TemporaryFolder()
    try DetachedHeaderTests.disk(folder)
    DetachedHeaderTests.run("truncate -s 270336 header", in: folder)
    let bytes = try Files.read(folder.file("header"))
    let session = try DetachedHeaderTests.Session(folder.file("data"), folder.file("header"))
    let error = #expect(throws: BlockError.self) {
      try session.amend(["state": "active", "new-secret": "b"])
    }
    #expect(error?.kind == .noSpace)
    #expect(error?.message == "Keyslot 1 would lie past the end of the header's file (270336 bytes)")
    try session.close()
    #expect(try Files.read(folder.file("header")) == bytes)
  }
}
