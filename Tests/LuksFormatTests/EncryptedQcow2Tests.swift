// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Jobs
import LuksFormat
import Options
import Qcow2Format
import Support
import Testing

/// qcow2 images with encrypted guest data: between us and the peer, and under changes of data and keys.
@Suite struct EncryptedQcow2Tests {
  private static let prelude =
    LuksInteropTests.prelude + """
      qcow2() { echo "driver=qcow2,file.filename=$1,encrypt.key-secret=${2:-a}"; }

      """

  private static func run(_ script: String, _ arguments: String..., in folder: TemporaryFolder) {
    let outcome = Shell.run(prelude + script, arguments: arguments, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  static let shapes = [
    "", "cluster_size=512", "extended_l2=on", "preallocation=metadata", "compat=0.10,cluster_size=4k",
    "data_file=data", "data_file=data,data_file_raw=on",
  ]

  @Test("ours, read and checked by the peer, and by us", arguments: ["luks", "aes"], shapes)
  func oursIsTheirs(_ method: String, _ shape: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20 | 1536, seed: 1)
    try EncryptedQcow2.convert(
      ImageName(path: folder.file("disk.raw")), format: "raw", to: folder.file("image"), as: "qcow2",
      EncryptedQcow2.creation(method, shape))
    EncryptedQcow2Tests.run(
      """
      qemu-img check -q $S --image-opts "$(qcow2 image)"
      qemu-img convert $S --image-opts "$(qcow2 image)" -O raw back.raw
      cmp disk.raw back.raw
      """, in: folder)
    try EncryptedQcow2.convert(
      EncryptedQcow2.image(folder.file("image")), to: folder.file("own.raw"), as: "raw")
    EncryptedQcow2Tests.run("cmp disk.raw own.raw", in: folder)
    // Nothing of the disk is in the file as it is.
    EncryptedQcow2Tests.run("[ ! -e data ] || ! cmp -s disk.raw data", in: folder)
  }

  @Test("theirs, read by us", arguments: ["luks", "aes"], ["", "extended_l2=on", "compat=0.10"])
  func theirsIsOurs(_ method: String, _ shape: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20 | 1536, seed: 2)
    let options = "encrypt.format=\(method),encrypt.key-secret=a" + (shape.isEmpty ? "" : "," + shape)
    EncryptedQcow2Tests.run(
      """
      convert="qemu-img convert $S -f raw -O qcow2 disk.raw image -o"
      if [ "$1" = luks ]; then ITER=encrypt. again $convert "$2"; else $convert "$2"; fi
      """, method, options, in: folder)
    try EncryptedQcow2.convert(
      EncryptedQcow2.image(folder.file("image")), to: folder.file("back.raw"), as: "raw")
    EncryptedQcow2Tests.run("cmp disk.raw back.raw", in: folder)
  }

  @Test(
    "writes, zeros and discards wherever they start, over a backing file, across snapshots",
    arguments: ["luks", "aes"], ["", "cluster_size=512", "extended_l2=on,cluster_size=16k"])
  func writes(_ method: String, _ shape: String) throws {
    let folder = TemporaryFolder()
    let length = 300 << 10
    try SampleDisk.write(folder.file("base"), length: UInt64(length), seed: 5)
    var model = try Files.read(folder.file("base"))
    try EncryptedQcow2.make(
      folder.file("image"), size: UInt64(length),
      EncryptedQcow2.creation(
        method, shape + (shape.isEmpty ? "" : ",") + "backing_file=\(folder.file("base")),backing_fmt=raw"))
    let session = try EncryptedSession(folder.file("image"))
    let edge = try session.edge()
    var random = SeededNumbers(seed: 9)
    for step in 0..<150 {
      let start = Int.random(in: 0..<length - 1, using: &random)
      let count = min(Int.random(in: 1...(step % 3 == 0 ? 70_000 : 900), using: &random), length - start)
      if step % 5 == 4 {
        try edge.writeZeroes(at: UInt64(start), length: UInt64(count), mayUnmap: step % 2 == 0)
        model.replaceSubrange(start..<start + count, with: [UInt8](repeating: 0, count: count))
      } else {
        let bytes = SampleDisk.noise(count, &random)
        try edge.write(at: UInt64(start), from: bytes.bytes)
        model.replaceSubrange(start..<start + count, with: bytes.bytes.array)
      }
      if step == 70 {
        let driver = try #require(session.node.driver as? any SnapshottingDriver)
        try driver.createSnapshot("one", seconds: 0, nanoseconds: 0, of: session.node)
      }
      let from = Int.random(in: 0..<length, using: &random)
      let some = min(5000, length - from)
      #expect(try edge.array(at: UInt64(from), count: some) == Array(model[from..<from + some]))
    }
    try session.close()
    try Files.write(model, to: folder.file("model.raw"))
    EncryptedQcow2Tests.run(
      """
      qemu-img check -q $S --image-opts "$(qcow2 image)"
      qemu-img convert $S --image-opts "$(qcow2 image)" -O raw back.raw
      cmp model.raw back.raw
      """, in: folder)
  }

  @Test("a disk made by cryptsetup becomes qcow2 with LUKS inside and comes back with the same content")
  func throughVersion2() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 4 << 20, seed: 3)
    EncryptedQcow2Tests.run(
      """
      truncate -s 20M first
      printf alpha >alpha
      cryptsetup luksFormat -q --type luks2 --pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 64 \
        --sector-size 4096 first alpha
      """, in: folder)
    let session = try LuksSession(folder.file("first"), writable: true)
    try session.user.edge?.write(at: 0, Files.read(folder.file("disk.raw")))
    try session.close()
    try EncryptedQcow2.convert(
      EncryptedQcow2.luks(folder.file("first")), to: folder.file("image"), as: "qcow2",
      EncryptedQcow2.creation())
    try EncryptedQcow2.convert(
      EncryptedQcow2.image(folder.file("image")), to: folder.file("second"), as: "luks",
      "version=2,pbkdf=pbkdf2,key-secret=a,iter-time=1")
    EncryptedQcow2Tests.run(
      """
      qemu-img convert $S --image-opts "$(qcow2 image)" -O raw image.raw
      cmp disk.raw image.raw
      cryptsetup isLuks --type luks2 second
      cryptsetup open --test-passphrase --key-file alpha second
      cryptsetup convert -q --type luks1 second
      qemu-img convert $S --image-opts "$(image second)" -O raw second.raw
      cmp disk.raw second.raw
      """, in: folder)
  }

  // MARK: Keys

  private static func opens(_ path: String, _ secret: String, _ kinds: [any DriverKind] = Drivers.all) -> Bool
  {
    guard let session = try? EncryptedSession(path, secret: secret, kinds: kinds, writable: false) else {
      return false
    }
    return (try? session.close()) != nil
  }

  @Test("keys change; the last one and the one in use stay unless forced")
  func keys() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try EncryptedQcow2.make(path, size: 1 << 20, EncryptedQcow2.creation())
    var session = try EncryptedSession(path)
    try session.amend(["encrypt.state": "active", "encrypt.new-secret": "b"])
    #expect(throws: BlockError.self) {
      try session.amend(["encrypt.state": "inactive", "encrypt.keyslot": 0, "encrypt.old-secret": "c"])
    }
    try session.close()
    #expect(EncryptedQcow2Tests.opens(path, "a") && EncryptedQcow2Tests.opens(path, "b"))
    EncryptedQcow2Tests.run(
      """
      qemu-img amend $S --image-opts "$(qcow2 image b)" -o encrypt.state=inactive,encrypt.old-secret=a
      qemu-img check -q $S --image-opts "$(qcow2 image b)"
      """, in: folder)
    #expect(!EncryptedQcow2Tests.opens(path, "a"))
    session = try EncryptedSession(path, secret: "b")
    #expect(throws: BlockError.self) {
      try session.amend(["encrypt.state": "inactive", "encrypt.old-secret": "b"])
    }
    try session.close()
    #expect(EncryptedQcow2Tests.opens(path, "b"))
  }

  @Test(
    "A-02 A-06 a change of keys takes no permission that a writer has not, and leaves the graph as it was")
  func claims() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try EncryptedQcow2.make(path, size: 1 << 20, EncryptedQcow2.creation())
    let session = try EncryptedSession(path)
    let before = session.graph.dump()
    // Whoever reads the file meanwhile would be in the way of opening it for writing.
    #expect(session.node.file?.request.held.contains(.write) == true)
    #expect(session.node.file?.request.shared.contains(.write) == false)
    let driver = try #require(session.node.driver as? any AmendingDriver)
    try driver.cleanUpAmend(of: session.node, in: session.graph)
    try driver.prepareAmend(of: session.node, in: session.graph)
    #expect(session.graph.dump() == before)
    try driver.cleanUpAmend(of: session.node, in: session.graph)
    try session.amend(["encrypt.state": "active", "encrypt.new-secret": "b"])
    #expect(session.graph.dump() == before)
    try session.close()
  }

  @Test("A-03 A-07 an image that others hold, or that cannot be written, keeps its keys")
  func refusedKeys() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try EncryptedQcow2.make(path, size: 1 << 20, EncryptedQcow2.creation())
    let bytes = try Files.read(path)
    let reader = try EncryptedSession(path, writable: false)
    let conflict = #expect(throws: BlockError.self) { _ = try EncryptedSession(path) }
    #expect(conflict?.kind == .conflict && conflict?.message.contains("lock") == true)
    let readOnly = #expect(throws: BlockError.self) {
      try reader.amend(["encrypt.state": "active", "encrypt.new-secret": "b"])
    }
    #expect(readOnly?.kind == .readOnly)
    try reader.close()
    // Another program, which has opened the image before it answers.
    EncryptedQcow2Tests.run(
      """
      qemu-io $S --image-opts -r -c 'sleep 3000' "$(qcow2 image)" &
      for attempt in {1..100}; do ls -l /proc/$!/fd | grep -q /image && break; sleep 0.05; done
      sleep 0.3
      "$1" amend $S --image-opts -o encrypt.state=active,encrypt.new-secret=b "$(qcow2 image)" 2>said && echo amended
      grep -q 'Failed to get "write" lock' said
      grep -q "process [0-9]* (qemu-io)" said
      wait
      """, Programs.strata, in: folder)
    #expect(try Files.read(path) == bytes)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var options: OptionObject
    var message: String
    var testDescription: String { message }
  }

  static let refusedChanges = [
    Refusal(
      options: ["encrypt.state": "inactive", "encrypt.old-secret": "c"],
      message: "No keyslots match given (old) password for erase operation"),
    Refusal(
      options: ["encrypt.state": "inactive", "encrypt.old-secret": "c", "encrypt.keyslot": 0],
      message: "Given keyslot 0 doesn't contain the given old password for erase operation"),
    Refusal(
      options: ["encrypt.state": "active", "encrypt.new-secret": "zz"], message: "No secret with id 'zz'"),
    Refusal(
      options: ["encrypt.state": "active", "encrypt.new-secret": "b", "encrypt.keyslot": 8],
      message: "Invalid keyslot 8 specified, must be between 0 and 7"),
    Refusal(
      options: ["encrypt.state": "inactive", "encrypt.keyslot": 0],
      message:
        "Attempt to erase the only active keyslot 0 which will erase all the data in the image irreversibly "
        + "- refusing operation"),
    Refusal(options: ["encrypt.new-secret": "b"], message: "Parameter 'state' is missing"),
  ]

  @Test("A-04 X-01 what is refused leaves everything as it was", arguments: refusedChanges)
  func refused(_ refusal: Refusal) throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try EncryptedQcow2.make(path, size: 1 << 20, EncryptedQcow2.creation())
    let bytes = try Files.read(path)
    let session = try EncryptedSession(path)
    let before = session.graph.dump()
    let error = #expect(throws: BlockError.self) { try session.amend(refusal.options) }
    #expect(error?.message == refusal.message)
    #expect(session.graph.dump() == before)
    try session.close()
    #expect(try Files.read(path) == bytes)
    #expect(EncryptedQcow2Tests.opens(path, "a"))
  }

  @Test("A-04 no slot is free")
  func full() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try EncryptedQcow2.make(path, size: 1 << 20, EncryptedQcow2.creation())
    let session = try EncryptedSession(path)
    for _ in 1..<8 { try session.amend(["encrypt.state": "active", "encrypt.new-secret": "b"]) }
    let error = #expect(throws: BlockError.self) {
      try session.amend(["encrypt.state": "active", "encrypt.new-secret": "c"])
    }
    #expect(error?.kind == .noSpace && error?.message == "Can't add a keyslot - all keyslots are in use")
    try session.amend(["encrypt.state": "inactive", "encrypt.old-secret": "b"])
    try session.close()
    #expect(EncryptedQcow2Tests.opens(path, "a") && !EncryptedQcow2Tests.opens(path, "b"))
  }

  @Test("A-08 in line and as a job come to the same, and neither the hooks nor the body compute permissions")
  func sameAsJob() throws {
    let folder = TemporaryFolder()
    try EncryptedQcow2.make(folder.file("image"), size: 1 << 20, EncryptedQcow2.creation())
    _ = Shell.run("cp image other", folder: folder.path)
    var options: OptionObject = ["encrypt.state": "active", "encrypt.new-secret": "b"]
    let inLine = try EncryptedSession(folder.file("image"))
    inLine.graph.faults.arm(1_000_000)
    try inLine.amend(options)
    #expect(inLine.graph.faults.passed == 0)
    try inLine.close()
    options["encrypt.iter-time"] = 1
    let other = try EncryptedSession(folder.file("other"))
    try other.graph.setPermissions(.none, of: other.user)
    var runner = JobRunner(graph: other.graph)
    try runner.run(
      AmendJob(.open(other.node), .checked(AmendRequest(options: options, secrets: TestSecrets()))))
    #expect(runner.warnings.isEmpty)
    try other.close()
    for name in ["image", "other"] {
      for secret in ["a", "b"] { #expect(EncryptedQcow2Tests.opens(folder.file(name), secret)) }
    }
  }

  @Test("an operation of the storage that fails or forgets during a change leaves a key and the data")
  func faults() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 8)
    try EncryptedQcow2.convert(
      ImageName(path: folder.file("disk.raw")), format: "raw", to: path, as: "qcow2",
      EncryptedQcow2.creation())
    let bytes = try Files.read(path)
    let content = try Files.read(folder.file("disk.raw"))
    for options: OptionObject in [
      ["encrypt.state": "active", "encrypt.new-secret": "c", "encrypt.keyslot": 0],
      ["encrypt.state": "active", "encrypt.new-secret": "b"],
    ] {
      var number = 1
      var failed = true
      while failed {
        let files = FaultFiles([path: bytes])
        let session = try EncryptedSession(path, kinds: [files, Qcow2Format()])
        files.counter.fail(number, of: [.write, .flush, .read])
        do {
          try session.amend(options, force: true)
          failed = false
        } catch {}
        files.counter.fail(0)
        var chance = SeededNumbers(seed: UInt64(number))
        try files.crash { _ in Bool.random(using: &chance) }
        let again = FaultFiles(files.bytes)
        try? session.close()
        var keys = 0
        for secret in ["a", "b", "c"] {
          guard
            let session = try? EncryptedSession(
              path, secret: secret, kinds: [again, Qcow2Format()], writable: false)
          else { continue }
          keys += 1
          #expect(try session.edge().array(at: 0, count: content.count) == content)
          try session.close()
        }
        #expect(keys > 0, "step \(number)")
        number += 1
      }
      #expect(number > 3)
    }
  }

  // MARK: Refusals

  @Test("images that cannot be opened, and why")
  func refusals() throws {
    let folder = TemporaryFolder()
    let path = folder.file("image")
    try EncryptedQcow2.make(path, size: 1 << 20, EncryptedQcow2.creation())
    let cases: [(String?, String)] = [
      (nil, "Parameter 'encrypt.key-secret' is required for cipher"),
      ("b", "Invalid password, cannot unlock any keyslot"), ("x", "No secret with id 'x'"),
    ]
    for (secret, message) in cases {
      let error = #expect(throws: BlockError.self) {
        _ = try EncryptedSession(path, secret: secret, writable: false)
      }
      #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }
    // The header extension: its place, and its length.
    let whole = try Files.read(path)
    let patches: [(Int, [UInt8], String)] = [
      (120, [0, 0, 0, 0, 0, 4, 0, 1], "is not a multiple of cluster size"),
      (120, [0, 0, 0x7f, 0, 0, 0, 0, 0], "past the end of the file"),
      (120, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0], "past the end of the file"),
      (128, [0, 0, 0, 0, 0x7f, 0, 0, 0], "longer than any can be"),
      (128, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "longer than any can be"),
      (128, [0, 0, 0, 0, 0, 0, 0, 1], "LUKS"), (112, [1, 2, 3, 4], "Missing CRYPTO header"),
      (0x40000, [1], "not in LUKS format"), (0x40007, [9], "LUKS version 9 is not supported"),
      (32, [0, 0, 0, 3], "only expected with LUKS encryption method"),
    ]
    for (offset, patch, message) in patches {
      var bytes = whole
      bytes.replaceSubrange(offset..<offset + patch.count, with: patch)
      try Files.write(bytes, to: path)
      let error = #expect(throws: BlockError.self) { _ = try EncryptedSession(path) }
      #expect(error?.message.contains(message) == true, "\(offset): \(error?.message ?? "")")
      #expect(try Files.read(path) == bytes)
    }
  }
}
