// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Jobs
import LuksFormat
import Options
import Support
import Testing

/// Copies of headers, headers whose first copy is lost, and what is said of a header.
@Suite struct HeaderSafetyTests {
  private static func restore(_ folder: TemporaryFolder, _ secrets: [String] = [], force: Bool = false) throws
  {
    let graph = Graph()
    var opener = Opener(graph: graph, kinds: Drivers.all)
    opener.secrets = TestSecrets()
    var runner = JobRunner(graph: graph)
    let keys = secrets.compactMap { try? TestSecrets().secret(named: $0) }
    try runner.run(
      LuksRestoreJob(
        ImageName(path: folder.file("image")), from: ImageName(path: folder.file("copy")), secrets: keys,
        force: force, opener: opener))
  }

  struct Damage: Sendable, CustomTestStringConvertible {
    var name: String
    var version: Int
    /// Changes the file `copy`.
    var script: String
    /// Secrets at hand.
    var secrets: [String] = []
    var message: String
    /// Whether all that it has is as it was.
    var isCut = false
    var testDescription: String { "\(name), version \(version)" }
  }

  private static func flip(_ offset: Int, _ bytes: String) -> String {
    "printf '\(bytes)' | dd of=copy bs=1 seek=\(offset) conv=notrunc status=none"
  }

  static let damages = [
    Damage(name: "a bit of the hash's name", version: 1, script: flip(72, "rha256"), message: "'rha256'"),
    Damage(name: "a bit of the cipher's name", version: 1, script: flip(8, "ies"), message: "'ies'"),
    Damage(name: "a bit of the mode", version: 1, script: flip(40, "xtq-"), message: "'xtq'"),
    Damage(name: "the digest", version: 1, script: flip(112, "\\0\\1\\2"), message: "another volume key"),
    Damage(
      name: "the digest's salt", version: 1, script: flip(132, "\\0\\1\\2"), message: "another volume key"),
    Damage(
      name: "the salt of the key at hand", version: 1, script: flip(216, "\\0\\1\\2"), secrets: ["a"],
      message: "Invalid password"),
    Damage(
      name: "no key", version: 1, script: flip(208, "\\0\\0\\336\\255"), message: "No keyslot holds a key"),
    Damage(
      name: "lost material", version: 1,
      script: "dd if=/dev/zero of=copy bs=4k seek=1 count=63 conv=notrunc status=none",
      message: "has lost its key material"),
    Damage(
      name: "the material of the key at hand", version: 1, script: flip(5000, "\\0\\1\\2"), secrets: ["a"],
      message: "Invalid password"),
    Damage(name: "another secret", version: 1, script: ":", secrets: ["c"], message: "Invalid password"),
    Damage(
      name: "the first copy", version: 2, script: flip(5000, "\\0\\1\\2"), message: "Only the second copy"),
    Damage(
      name: "lost material", version: 2,
      script: "dd if=/dev/zero of=copy bs=4k seek=8 count=63 conv=notrunc status=none",
      message: "has lost its key material"),
    Damage(
      name: "the material of the key at hand", version: 2, script: flip(40000, "\\0\\1\\2"), secrets: ["a"],
      message: "Invalid password"),
    cut(1, 262_144), cut(1, 1 << 20), cut(1, 2_068_479), cut(2, 1 << 20), cut(2, (16 << 20) - 1),
  ]

  /// A copy that ends behind the material of its key.
  private static func cut(_ version: Int, _ length: Int) -> Damage {
    Damage(
      name: "the end from byte \(length)", version: version, script: "truncate -s \(length) copy",
      secrets: ["a"],
      message: "ends before", isCut: true)
  }

  @Test("a damaged copy is not written over a good header, but by force", arguments: damages)
  func damagedCopy(_ damage: Damage) throws {
    let folder = TemporaryFolder()
    try LuksSession.make(folder.file("image"), damage.version == 1 ? "" : "version=2,pbkdf=pbkdf2")
    let outcome = Shell.run(
      "head -c \(damage.version == 1 ? 2_068_480 : 16 << 20) image >copy; cp copy whole; \(damage.script)",
      folder: folder.path)
    #expect(outcome.status == 0, "\(outcome.output)")
    let before = try Files.read(folder.file("image"))
    let error = #expect(throws: BlockError.self) { try HeaderSafetyTests.restore(folder, damage.secrets) }
    #expect(
      error?.kind == .refused && error?.message.contains(damage.message) == true, "\(error?.message ?? "")")
    #expect(error?.hint?.contains("--force") == true)
    #expect(try Files.read(folder.file("image")) == before)
    // A whole copy is taken, with a secret that opens it among others.
    _ = Shell.run("mv copy damaged; cp whole copy", folder: folder.path)
    try HeaderSafetyTests.restore(folder, ["c", "a"])
    #expect(try Files.read(folder.file("image")) == before)
    _ = Shell.run("mv damaged copy", folder: folder.path)
    guard damage.secrets != ["c"] else { return }
    try HeaderSafetyTests.restore(folder, force: true)
    #expect((try Files.read(folder.file("image")) == before) == damage.isCut)
  }

  @Test("what is as long as the header that it was made from is whole, and so is what cryptsetup keeps")
  func wholeCopies() throws {
    let folder = TemporaryFolder()
    // A header that lies apart and ends with the material of its only key.
    try LuksSession.make(folder.file("image"), "detached-header=on", size: 0)
    _ = Shell.run("truncate -s 262144 image; cp image copy", folder: folder.path)
    try HeaderSafetyTests.restore(folder, ["a"])
    for options in ["cipher-alg=aes-128", "version=2,pbkdf=pbkdf2"] {
      _ = Shell.run("rm -f image copy", folder: folder.path)
      try LuksSession.make(folder.file("image"), options)
      let outcome = Shell.run(
        "cryptsetup luksHeaderBackup image --header-backup-file copy", folder: folder.path)
      #expect(outcome.status == 0, "\(outcome.output)")
      try HeaderSafetyTests.restore(folder, ["a"])
    }
  }

  @Test("a disk whose first header is lost is known and opened by its second, and written")
  func secondHeader() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 256 << 10, seed: 6)
    try LuksSession.make(folder.file("image"), "version=2,pbkdf=pbkdf2", from: folder.file("disk.raw"))
    _ = Shell.run("dd if=/dev/zero of=image bs=4k count=1 conv=notrunc status=none", folder: folder.path)
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all)
    let job = InfoJob(
      ImageName(path: folder.file("image")), OpenSettings(), followsChain: false, opener: opener)
    var runner = JobRunner(graph: graph)
    try runner.run(job)
    #expect(job.images.first?.format?.isEncrypted == true)
    try LuksSession.extract(folder.file("image"), to: folder.file("own.raw"))
    #expect(Shell.run("cmp disk.raw own.raw", folder: folder.path).status == 0)
    let session = try LuksSession(folder.file("image"))
    try session.amend(["state": "active", "new-secret": "b"])
    try session.close()
    #expect(
      Shell.run("printf beta | cryptsetup open --test-passphrase --key-file - image", folder: folder.path)
        .status == 0)
  }

  @Test("only a header that lies apart is said to", arguments: [1, 2])
  func detached(_ version: Int) throws {
    let folder = TemporaryFolder()
    let kind = version == 1 ? "" : "version=2,pbkdf=pbkdf2"
    try LuksSession.make(folder.file("image"), kind)
    try LuksSession.make(
      folder.file("header"), "detached-header=on" + (kind.isEmpty ? "" : ",") + kind, size: 0)
    // Its data lies behind the end of the copy.
    _ = Shell.run("head -c 2000000 image >start", folder: folder.path)
    for (name, isApart) in [("image", false), ("header", true), ("start", true)]
    where name != "start" || version == 1 {
      let graph = Graph()
      let opener = Opener(graph: graph, kinds: Drivers.all)
      let job = InfoJob(
        try ImageName(path: folder.file(name)).luksHeader(), OpenSettings(format: "luks"),
        followsChain: false,
        opener: opener)
      var runner = JobRunner(graph: graph)
      try runner.run(job)
      let data = job.images.first?.format?.specific?.object?["data"]?.object
      #expect(data != nil)
      #expect(data?["detached-header"] == (isApart ? true : nil), "\(name)")
    }
  }
}
