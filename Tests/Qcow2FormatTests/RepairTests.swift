// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Qcow2Format
import Support
import Testing

/// An image in memory, on storage that fails and forgets, opened for a check.
struct RepairedImage {
  let graph = Graph()
  let memory: MemoryStorage
  let fault: FaultStorage
  let file: Node
  private let data: Node
  /// Nodes stay while somebody uses them.
  private let holders: [RootUser]

  init(_ bytes: [UInt8]) throws(BlockError) {
    memory = MemoryStorage(bytes)
    fault = FaultStorage(memory)
    file = try graph.adopt(fault, fileName: "memory", flags: .writable)
    data = try graph.adopt(
      MemoryStorage([UInt8](repeating: 66, count: 1 << 18)), fileName: "data", flags: .writable)
    holders = [graph.makeUser("file", request: .none), graph.makeUser("data", request: .none)]
    try graph.attach(holders[0], to: file)
    try graph.attach(holders[1], to: data)
  }

  private func open(_ flags: NodeFlags, _ options: OptionObject = [:]) throws(BlockError) -> RootUser {
    let opener = Opener(graph: graph, kinds: [Qcow2Format()])
    var options = options
    if memory.bytes.count > 80, memory.bytes[79] & 4 != 0 { options["data-file"] = .string(data.name) }
    let node = try opener.openFormat(
      Qcow2Format(), on: file, options, OpenSettings(flags: flags, followsBacking: false))
    let request = flags.contains(.writable) ? ImageSession.writePermissions : ImageSession.readPermissions
    let user = graph.makeUser("test", request: request)
    try graph.attach(user, to: node)
    return user
  }

  /// Repairs, or checks without a repair.
  func check(_ repair: CheckRepair?, report: (String) -> Void = { _ in }) throws(BlockError) -> CheckResult {
    let user = try open(repair == nil ? .checking : [.checking, .writable])
    defer { try? graph.release(user) }
    guard let node = user.edge?.child, let driver = node.driver as? any CheckingDriver else {
      throw BlockError(.notFound, "no driver")
    }
    guard let repair else { return try driver.check(node, JobContext(), report: report) }
    return try driver.repair(repair, node, JobContext(), report: report)
  }

  /// The first and the last 64 KiB of the disk, or of a snapshot's; nil where they cannot be read.
  func disk(_ snapshot: String = "") -> [UInt8]? {
    let options: OptionObject = snapshot.isEmpty ? [:] : ["snapshot.name": .string(snapshot)]
    guard let user = try? open([], options), let edge = user.edge else { return nil }
    defer { try? graph.release(user) }
    let part: UInt64 = 64 << 10
    guard let start = try? edge.array(at: 0, count: Int(part)) else { return nil }
    guard let end = try? edge.array(at: edge.child.length - part, count: Int(part)) else { return nil }
    return start + end
  }

  /// What the guest reads, cluster by cluster; nil where it cannot.
  func guest(_ clusterBits: Int) -> [[UInt8]?] {
    // Bitmaps that cannot be read are put up with for a repair only.
    guard let user = (try? open(.checking)) ?? (try? open([.checking, .writable])), let edge = user.edge
    else { return [] }
    defer { try? graph.release(user) }
    var result: [[UInt8]?] = []
    for cluster in 0..<16 {
      result.append(try? edge.array(at: UInt64(cluster << clusterBits), count: 1 << clusterBits))
    }
    return result
  }
}

/// Repairing images.
@Suite struct RepairTests {
  private let folder = TemporaryFolder()

  /// The images that are opened at all, by others than a repair or not.
  static let broken: [BrokenImage] = BrokenImage.all.filter { image in
    if case .opened = image.outcome { return true }
    return image.shape == .bitmaps
  }

  @Test("a repair of everything leaves nothing to find, for us and for the peer", arguments: broken)
  func interop(_ image: BrokenImage) throws {
    try image.image.write(to: folder)
    let outcome = Shell.run(
      """
      cp sample.qcow2 peer.qcow2
      # Where the peer gives up half-way, there is nothing to compare with.
      qemu-img check -q -r all peer.qcow2 2>/dev/null; [ $? != 1 ] || rm peer.qcow2
      "$1" check -q -r all sample.qcow2 2>said || { cat said; exit 1; }
      qemu-img check -q sample.qcow2 || exit 2
      "$1" check -q sample.qcow2 || exit 3
      if [ -e peer.qcow2 ] && qemu-img convert -O raw peer.qcow2 theirs 2>/dev/null; then
        qemu-img convert -O raw sample.qcow2 ours && cmp ours theirs || exit 4
      fi
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "whatever write fails, nothing that could be read is lost and another repair goes on", arguments: broken)
  func interrupted(_ image: BrokenImage) throws {
    let bits = image.image.clusterBits
    let original = image.image.bytes
    let whole = try RepairedImage(original)
    let before = whole.guest(bits)
    #expect(before.count == 16)
    let result = try whole.check(.all)
    #expect(result.checkErrors == 0)
    let after = whole.guest(bits)
    var numbers = SeededNumbers(seed: UInt64(original.count))
    for failing in 1... {
      let torn = try RepairedImage(original)
      torn.fault.fail(failing, of: [.write, .flush, .truncate], forGood: true)
      let failed = (try? torn.check(.all)) == nil
      torn.fault.fail(0)
      if !failed { break }
      try torn.fault.crash(of: torn.file) { _ in Bool.random(using: &numbers) }
      for (cluster, content) in torn.guest(bits).enumerated() where before[cluster] != nil {
        let isKept = content == before[cluster] || content == after[cluster]
        #expect(isKept, "cluster \(cluster) after failure \(failing)")
      }
      #expect((try? torn.check(.all)) != nil, "second repair after failure \(failing)")
      let last = try torn.check(nil)
      #expect(last.corruptions == 0 && last.leaks == 0 && last.checkErrors == 0, "after failure \(failing)")
      #expect(failing < 200)
    }
  }

  @Test("random damage is repaired for good, or the repair says that it cannot", arguments: 0..<8)
  func mutations(_ seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed &* 77)
    for round in 0..<60 {
      let shapes = SampleQcow2.Shape.allCases
      var image = SampleQcow2(shapes[Int.random(in: 0..<shapes.count, using: &numbers)])
      CheckMutationTests.mutate(&image, &numbers)
      let repaired = try RepairedImage(image.bytes)
      guard let first = try? repaired.check(.all), first.checkErrors == 0 else { continue }
      let second = try repaired.check(nil)
      #expect(second.leaks == 0, "seed \(seed), round \(round)")
      #expect(second.corruptions == 0, "seed \(seed), round \(round)")
    }
  }

  @Test("C-03: clean, leaked, corrupt and unreadable images are told apart, and counts of repairs are right")
  func statuses() throws {
    struct Case {
      var name: String
      var statuses: [Int32]
      var said: [String]
      var change: (inout SampleQcow2) -> Void
    }
    let cases = [
      Case(name: "clean", statuses: [0, 0, 0], said: ["", "", ""]) { _ in },
      Case(
        name: "leaked", statuses: [3, 0, 0],
        said: ["\"leaks\": 1", "\"leaks-fixed\": 1", "\"leaks-fixed\": 1"]
      ) {
        $0.set(9 << 12, [UInt8](repeating: 1, count: 4096))
        $0.set16($0.refcountBlock + 18, 1)
      },
      Case(
        name: "corrupt", statuses: [2, 2, 0],
        said: ["\"corruptions\": 1", "\"corruptions\": 1", "\"corruptions-fixed\": 3"]
      ) { $0.set64($0.l2 + 8, 1 << 63 | UInt64($0.data)) },
      Case(name: "unreadable", statuses: [1, 1, 1], said: ["", "", ""]) { $0.set32(36, .max) },
    ]
    for entry in cases {
      for (index, option) in ["", "-r leaks", "-r all"].enumerated() {
        var image = SampleQcow2(.plain)
        entry.change(&image)
        try image.write(to: folder)
        let outcome = Shell.run(
          "\"$1\" check --output=json \(option) sample.qcow2", Programs.strata, folder: folder.path)
        #expect(outcome.status == entry.statuses[index], "\(entry.name) \(option): \(outcome)")
        #expect(outcome.output.contains(entry.said[index]) || entry.said[index].isEmpty, "\(outcome)")
        if entry.name == "unreadable" { #expect(outcome.output.contains("Could not open")) }
      }
    }
  }

  @Test(
    "refcounts of many blocks are made anew",
    arguments: [
      "cluster_size=512", "cluster_size=512,refcount_bits=64", "cluster_size=512,refcount_bits=1", "",
    ])
  func rebuild(_ options: String) throws {
    let outcome = Shell.run(
      """
      set -e
      seq 2000000 | head -c 12M >raw; truncate -s 40M raw
      qemu-img convert -f raw -O qcow2 ${2:+-o $2} raw a.qcow2
      # Half of the clusters lose their references, so that places for new blocks are found among them.
      qemu-io -f qcow2 -c 'discard 2M 2M' a.qcow2 >/dev/null
      [ "$2" = cluster_size=512,refcount_bits=1 ] || qemu-img snapshot -c one a.qcow2
      qemu-img convert -O raw a.qcow2 before
      table=$((0x$(od -An -tx1 -j48 -N8 a.qcow2 | tr -d ' ')))
      head -c 64 /dev/zero | dd of=a.qcow2 bs=1 seek=$table conv=notrunc status=none
      "$1" check -q -r all a.qcow2 2>/dev/null
      qemu-img check -q a.qcow2; "$1" check -q a.qcow2; qemu-img compare -q -f raw -F qcow2 before a.qcow2
      qemu-io -f qcow2 -c 'write -P 1 30M 5M' a.qcow2 >/dev/null
      qemu-img check -q a.qcow2
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "C-03: a whole image of which something cannot be read is never called corrupt, and never changed",
    arguments: SampleQcow2.Shape.allCases, [nil, .leaks, .all] as [CheckRepair?])
  func unreadable(_ shape: SampleQcow2.Shape, _ repair: CheckRepair?) throws {
    let image = SampleQcow2(shape)
    let whole = try RepairedImage(image.bytes).check(repair)
    for forGood in [true, false] {
      var failures = 0
      for failing in 1... {
        let broken = try RepairedImage(image.bytes)
        broken.fault.fail(failing, of: [.read], forGood: forGood)
        let result = try? broken.check(repair)
        if broken.fault.operations < failing { break }
        failures += 1
        // What fails once may be read again.
        let isTold = result.map { $0.checkErrors > 0 || (!forGood && $0 == whole) } ?? true
        #expect(isTold && result?.corruptions ?? 0 == 0, "read \(failing)")
        #expect(broken.memory.bytes == image.bytes, "read \(failing)")
      }
      #expect(failures > 4)
    }
  }

  @Test(
    "an L1 table that lies past the end of the file becomes an empty one inside",
    arguments: [0, 1 << 40] as [UInt64])
  func lostL1(_ distance: UInt64) throws {
    for shape in [SampleQcow2.Shape.plain, .snapshot, .bitmaps] {
      var image = SampleQcow2(shape)
      image.set64(40, UInt64(image.bytes.count) + distance + 4096)
      let length = image.bytes.count
      let repaired = try RepairedImage(image.bytes)
      #expect(try repaired.check(nil).corruptions > 0)
      let first = try repaired.check(.all)
      #expect(first.corruptions == 0 && first.corruptionsFixed > 0)
      let second = try repaired.check(nil)
      #expect(second.corruptions == 0 && second.leaks == 0)
      #expect(repaired.guest(12).allSatisfy { $0?.consists(of: 0) == true })
      #expect(repaired.memory.bytes.count <= length + 8 * 4096)
      #expect(Shell.writeFile(folder.file("disk"), repaired.memory.bytes))
      #expect(Shell.complaints("disk", in: folder) == "")
      // The snapshot's state is still there.
      guard shape == .snapshot else { continue }
      let kept = Shell.run("qemu-img convert -l 1 -O raw disk raw && head -c 1 raw", folder: folder.path)
      #expect(kept.output == "A")
    }
  }

  @Test("a cluster that two entries share gets a copy where refcounts hold no more than 1")
  func narrowRefcounts() throws {
    let outcome = Shell.run(
      """
      head -c 256K /dev/zero | tr '\\0' A > raw
      qemu-img convert -f raw -O qcow2 -o refcount_bits=1 raw a.qcow2
      printf '\\x80\\0\\0\\0\\0\\x05\\0\\0' | dd of=a.qcow2 bs=1 seek=$((0x40008)) conv=notrunc status=none
      "$1" check -q -r all a.qcow2 2>/dev/null && qemu-img check -q a.qcow2 && qemu-img compare -q raw a.qcow2
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "a snapshot table on other things that refcounts count once goes in one repair",
    arguments: [0, 512, 1536, 2048])
  func crowdedSnapshotTable(_ offset: Int) throws {
    let outcome = Shell.run(
      """
      qemu-img create -q -f qcow2 -o refcount_bits=1,cluster_size=512 a.qcow2 128k
      qemu-io -f qcow2 -c 'write -q -P 65 0 20k' a.qcow2
      printf '\\0\\0\\0\\x03\\0\\0\\0\\0\\0\\0'"$(printf '\\\\x%02x' $(($2 / 256)) 0)" |
        dd of=a.qcow2 bs=1 seek=60 conv=notrunc status=none
      ! "$1" check -q a.qcow2 2>/dev/null && "$1" check -q -r all a.qcow2 2>/dev/null && "$1" check -q a.qcow2 &&
        qemu-img check -q a.qcow2
      """, Programs.strata, "\(offset)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
