// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Filters
import Host
import Jobs
import Options
import Qcow2Format
import RawFormat
import Support
import Testing

/// A copy-on-read filter over an image of a folder.
private struct FilterScene {
  let graph = Graph()
  let user: RootUser
  let edge: Edge
  let image: Node

  init(
    _ folder: TemporaryFolder, _ file: String, driver: String = "qcow2", held: Permissions = .consistentRead,
    flags: NodeFlags = .writable
  ) throws(BlockError) {
    user = graph.makeUser("the reader", request: PermissionRequest(held: held, shared: .consistentRead))
    let name = try ImageName(
      options: [
        "driver": "copy-on-read",
        "file": ["driver": .string(driver), "file": ["filename": .string(folder.file(file))]],
      ], text: file)
    try Opener(graph: graph, kinds: Drivers.all + [FakeFormat()]).open(
      name, OpenSettings(flags: flags), for: user)
    guard let edge = user.edge, let image = edge.child.file?.child else {
      throw BlockError(.notFound, "no edge")
    }
    (self.edge, self.image) = (edge, image)
  }
}

@Suite struct CopyOnReadTests {
  private let folder = TemporaryFolder()

  private func run(_ script: String, _ arguments: String...) {
    let outcome = Shell.run("set -e\n" + script, arguments: arguments, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("P-06 reading through the filter fills the image, with no more than unchanged writes granted")
  func populates() throws {
    try Files.write(FakeFormat.image(length: 65536, backing: "base", format: "raw"), to: folder.file("top"))
    try Files.write(
      Array(repeating: 1, count: 32768) + Array(repeating: 0, count: 32768), to: folder.file("base"))
    let scene = try FilterScene(folder, "top", driver: "fake")
    let filtered = try #require(scene.edge.child.file)
    #expect(scene.edge.request.held == .consistentRead)
    #expect(filtered.request.held == [.consistentRead, .writeUnchanged])
    #expect(!filtered.request.shared.contains(.write) && !filtered.request.shared.contains(.resize))
    let cases: [(UInt64, Int, [Int])] = [
      (5000, 10, [1]), (8191, 2, [1, 2]), (32760, 16, [7, 8]), (65530, 100, [15]),
    ]
    var filled: Set<Int> = []
    for (offset, count, clusters) in cases {
      let bytes = try scene.edge.array(at: offset, count: count)
      for (index, byte) in bytes.enumerated() { #expect(byte == (offset + UInt64(index) < 32768 ? 1 : 0)) }
      filled.formUnion(clusters)
      for cluster in 0..<16 {
        let extent = try filtered.extent(at: UInt64(cluster) * 4096, length: 4096)
        #expect((extent.kind != .unallocated) == filled.contains(cluster), "cluster \(cluster)")
        if filled.contains(cluster) { #expect(extent.kind == (cluster < 8 ? .data : .zero)) }
      }
    }
    // Asking does not copy.
    #expect(try scene.edge.chainStatus(at: 0, length: 4096).isData)
    #expect(try filtered.extent(at: 0, length: 4096).kind == .unallocated)
    try scene.graph.release(scene.user)
    #expect(scene.graph.nodes.isEmpty && OpenFiles.under(folder.path).isEmpty)
  }

  static let shapes = [
    "cluster_size=64k", "cluster_size=512", "cluster_size=2M", "compat=0.10,cluster_size=4k",
  ]

  /// The same reads by the peer's filter and by ours, on two images made alike.
  @Test("P-06 data and allocation are the peer's", arguments: shapes)
  func peer(_ shape: String) throws {
    run(
      """
      qemu-img create -q -f qcow2 -o "$1" base 1M
      qemu-io -f qcow2 -c 'write -P 1 0 200k' -c 'write -z 512k 64k' -c 'write -P 2 700k 100k' base >/dev/null
      for image in ours theirs; do
        qemu-img create -q -f qcow2 -o "$1" -b base -F qcow2 $image 1200k
        qemu-io -f qcow2 -c 'write -P 3 64k 10k' -c 'write -z 128k 4k' $image >/dev/null
      done
      qemu-img convert -O raw theirs before
      """, shape)
    var numbers = SeededNumbers(seed: 5)
    let scene = try FilterScene(folder, "ours")
    var reads = ""
    for _ in 0..<12 {
      let offset = Int.random(in: 0..<1200 * 1024 - 100_000, using: &numbers)
      let count = Int.random(in: 1..<100_000, using: &numbers)
      reads += "read \(offset) \(count)\n"
      _ = try scene.edge.array(at: UInt64(offset), count: count)
    }
    try scene.graph.release(scene.user)
    run(
      """
      echo "$1" | qemu-io --image-opts driver=copy-on-read,file.driver=qcow2,file.file.filename=theirs >/dev/null
      for image in ours theirs; do
        qemu-img check -q $image
        qemu-img compare -q -F raw $image before
        qemu-img map --output=json $image | sed 's/, "offset": [0-9]*//' >$image.map
      done
      diff ours.map theirs.map
      """, reads)
  }

  @Test("the disk reads the same, also where only parts of clusters are missing")
  func subclusters() throws {
    run(
      """
      qemu-img create -q -f qcow2 base 1M; qemu-io -f qcow2 -c 'write -P 1 0 1M' base >/dev/null
      qemu-img create -q -f qcow2 -o extended_l2=on -b base -F qcow2 top
      qemu-io -f qcow2 -c 'write -P 3 4k 2k' -c 'write -z 10k 2k' top >/dev/null
      qemu-img convert -O raw top before
      """)
    let scene = try FilterScene(folder, "top")
    _ = try scene.edge.array(at: 8192, count: 10)
    for (offset, kind) in [(0, .data), (4096, .data), (10240, .zero), (65536, .unallocated)]
      as [(UInt64, Extent.Kind)]
    {
      #expect(try scene.edge.child.file?.extent(at: offset, length: 1).kind == kind, "\(offset)")
    }
    try scene.graph.release(scene.user)
    run("qemu-img check -q top; qemu-img compare -q -F raw top before")
  }

  @Test("a disk behind the filter is a disk", arguments: [1, 2] as [UInt64])
  func conformance(_ seed: UInt64) throws {
    run(
      """
      qemu-img create -q -f qcow2 base 1M; qemu-io -f qcow2 -c 'write -P 1 0 300k' base >/dev/null
      qemu-img create -q -f qcow2 -o cluster_size=4k -b base -F qcow2 top 1M
      """)
    let scene = try FilterScene(folder, "top", held: .all)
    #expect(try DriverConformance.check(scene.edge, seed: seed, operations: 100) == [])
    try scene.graph.release(scene.user)
    run("qemu-img check -q top")
  }

  /// Writers change clusters that readers have copied at the same moment; what was written must stay.
  @Test("S-04 copying never undoes what is written meanwhile")
  func writers() throws {
    run(
      """
      qemu-img create -q -f qcow2 base 4M; qemu-io -f qcow2 -c 'write -P 1 0 4M' base >/dev/null
      qemu-img create -q -f qcow2 -o cluster_size=4k -b base -F qcow2 top
      """)
    let scene = try FilterScene(folder, "top", held: [.consistentRead, .write])
    let edge = scene.edge
    let count = 1024
    try Threads.run(4) { (worker: Int) throws(BlockError) in
      for cluster in 0..<count {
        let offset = UInt64(cluster) * 4096
        if worker == 0 {
          try edge.write(at: offset + 100, [9, 9])
        } else {
          _ = try edge.array(at: offset, count: 4096)
        }
      }
    }
    for cluster in 0..<count {
      let isKept = try edge.array(at: UInt64(cluster) * 4096 + 99, count: 4) == [1, 9, 9, 1]
      #expect(isKept, "cluster \(cluster)")
    }
    try scene.graph.release(scene.user)
    run("qemu-img check -q top")
  }

  @Test("who may not write cannot copy, and nobody writes beside the filter")
  func refusals() throws {
    run("qemu-img create -q -f qcow2 disk 1M")
    let error = #expect(throws: BlockError.self) { _ = try FilterScene(folder, "disk", flags: []) }
    #expect(error?.kind == .readOnly)
    #expect(error?.message.hasPrefix("Could not open 'disk': Block node is read-only") == true)
    let scene = try FilterScene(folder, "disk")
    let before = scene.graph.dump()
    let conflict = #expect(throws: BlockError.self) {
      try scene.graph.use(scene.image, "a writer", held: .write)
    }
    #expect(conflict?.kind == .conflict && conflict?.message.contains("a writer") == true)
    #expect(scene.graph.dump() == before)
    try scene.graph.release(scene.user)
    let opener = Opener(graph: scene.graph, kinds: Drivers.all)
    let cases: [(OptionObject, String)] = [
      (["driver": "copy-on-read"], "A block device must be specified for \"file\""),
      (
        ["driver": "copy-on-read", "foo": "bar", "file": ["filename": .string(folder.file("disk"))]],
        "Block format 'copy-on-read' does not support the option 'foo'"
      ),
    ]
    for (options, message) in cases {
      let error = #expect(throws: BlockError.self) {
        _ = try opener.openUnused(ImageName(options: options, text: "x"), OpenSettings(flags: .writable))
      }
      #expect(error?.message == message)
    }
    #expect(scene.graph.nodes.isEmpty)
  }
}
