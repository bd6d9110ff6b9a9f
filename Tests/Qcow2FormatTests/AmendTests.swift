// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Jobs
import Options
import Qcow2Format
import RawFormat
import Support
import Testing

/// Changing what images were created with; the peer says whether they are whole.
@Suite struct AmendTests {
  /// Images with something of everything; `fill` runs in a folder with `image` of 300 KiB and `base` of 200 KiB.
  struct Shape: Sendable, CustomTestStringConvertible {
    var creation: String
    var fill: String
    var change: String
    var testDescription: String { "\(creation): \(change)" }
  }

  static let content = """
    qemu-io -f qcow2 -c 'write -P 3 10k 30k' -c 'write -z 64k 40k' -c 'write -P 4 130k 3k' \
      -c 'write -P 6 200k 20k' -c 'write -z 200k 12k' image >/dev/null
    """
  static let snapshots =
    content + """
      ; qemu-img snapshot -c one image
      qemu-io -f qcow2 -c 'write -P 5 20k 30k' -c 'write -z 8k 8k' -c 'write -z 150k 30k' image >/dev/null
      qemu-img snapshot -c two image
      """
  static let shapes: [Shape] = [
    Shape(creation: "compat=0.10,cluster_size=4k", fill: content, change: "compat=1.1"),
    Shape(creation: "compat=0.10,cluster_size=512", fill: content, change: "compat=1.1"),
    Shape(
      creation: "compat=0.10,cluster_size=4k", fill: snapshots,
      change: "compat=v3,lazy_refcounts=on,refcount_bits=64"),
    Shape(creation: "cluster_size=4k", fill: content, change: "compat=0.10"),
    Shape(creation: "cluster_size=4k", fill: snapshots, change: "compat=0.10"),
    Shape(creation: "cluster_size=512", fill: snapshots, change: "compat=v2"),
    Shape(
      creation: "cluster_size=4k,lazy_refcounts=on,refcount_bits=8", fill: snapshots,
      change: "compat=0.10,refcount_bits=16"),
    Shape(creation: "cluster_size=512", fill: snapshots, change: "refcount_bits=64"),
    Shape(creation: "cluster_size=512,refcount_bits=64", fill: snapshots, change: "refcount_bits=2"),
    Shape(creation: "cluster_size=4k", fill: content, change: "refcount_bits=1"),
    Shape(creation: "cluster_size=16k,extended_l2=on", fill: snapshots, change: "refcount_bits=32"),
    Shape(creation: "cluster_size=4k", fill: content, change: "size=1M,refcount_bits=4,lazy_refcounts=on"),
    Shape(creation: "cluster_size=4k", fill: content, change: "size=100k"),
    Shape(creation: "cluster_size=4k,lazy_refcounts=on", fill: content, change: "lazy_refcounts=off"),
  ]

  /// The files of a shape.
  static func make(_ shape: Shape, backing: Bool) throws -> [String: [UInt8]] {
    let folder = TemporaryFolder()
    let link = backing ? "-b base -F raw" : ""
    let outcome = Shell.run(
      """
      set -e
      head -c 204800 /dev/zero | tr '\\0' b > base
      qemu-img create -q -f qcow2 -o "$1" \(link) image 300k
      \(shape.fill)
      """, shape.creation, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
    return ["base": try Files.read(folder.file("base")), "image": try Files.read(folder.file("image"))]
  }

  /// What the image and its snapshots read as, and what is wrong with it, by the word of the peer.
  static func look(_ files: [String: [UInt8]]) throws -> (content: [[UInt8]], faults: String, info: String) {
    let folder = TemporaryFolder()
    for (name, bytes) in files { try Files.write(bytes, to: folder.file(name)) }
    let outcome = Shell.run(
      """
      qemu-img check -q -f qcow2 image >log 2>&1; case $? in 0) ;; 3) echo leaks ;; *) cat log ;; esac
      qemu-img convert -f qcow2 -O raw image raw0
      number=0
      for name in $(qemu-img snapshot -l image | awk 'NR > 2 { print $2 }'); do
        number=$((number + 1))
        qemu-img convert -f qcow2 -l $name -O raw image raw$number
      done
      """, folder: folder.path)
    var content: [[UInt8]] = []
    for number in 0..<3 {
      content.append((try? Files.read(folder.file("raw\(number)"))) ?? [])
    }
    let info = Shell.run(
      "qemu-img info image | sed -n '/compat/p;/lazy/p;/refcount bits/p' | tr -s ' ' | tr '\\n' ' '",
      folder: folder.path)
    return (content, outcome.output, info.output)
  }

  static func amend(_ files: FaultFiles, _ change: String) throws(BlockError) {
    let graph = Graph()
    defer { #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty, "nothing stays open") }
    let opener = Opener(graph: graph, kinds: [files, RawFormat(), Qcow2Format()])
    var runner = JobRunner(graph: graph)
    let image = JobImage.named(
      ImageName(path: "image"), OpenSettings(format: "qcow2", flags: .writable), opener)
    let list = try KeyValueList(creationOptions: change)
    try runner.run(AmendJob(image, .listed(list, force: false, opener)))
  }

  @Test(
    "after a change the image reads as before, and the peer finds nothing wrong", arguments: shapes,
    [false, true])
  func changes(_ shape: Shape, _ backing: Bool) throws {
    let files = try AmendTests.make(shape, backing: backing)
    let before = try AmendTests.look(files)
    let image = FaultFiles(files)
    try AmendTests.amend(image, shape.change)
    let after = try AmendTests.look(image.bytes)
    #expect(after.faults == "")
    if !shape.change.contains("size=") { #expect(after.content == before.content) }
    let folder = TemporaryFolder()
    for (name, bytes) in files { try Files.write(bytes, to: folder.file(name)) }
    let expected = Shell.run(
      """
      qemu-img amend -f qcow2 -o "$1" image && qemu-img info image \
        | sed -n '/compat/p;/lazy/p;/refcount bits/p' | tr -s ' ' | tr '\\n' ' '
      """, shape.change, folder: folder.path)
    #expect(after.info == expected.output)
  }

  static let counted: Set<FaultStorage.Operation> = [.write, .zero, .discard, .truncate, .flush]

  /// Every change with everything that snapshots and backing files add to it.
  static let fragile: [Shape] = [
    Shape(creation: "compat=0.10,cluster_size=4k", fill: snapshots, change: "compat=1.1,lazy_refcounts=on"),
    Shape(creation: "compat=0.10,cluster_size=512", fill: content, change: "compat=1.1"),
    Shape(creation: "cluster_size=4k,lazy_refcounts=on", fill: snapshots, change: "compat=0.10"),
    Shape(creation: "cluster_size=4k", fill: snapshots, change: "refcount_bits=64"),
    Shape(creation: "cluster_size=512,refcount_bits=64", fill: content, change: "refcount_bits=1"),
  ]

  @Test(
    "whatever fails or is lost in a crash, the image reads as before, and space is lost at worst",
    arguments: fragile)
  func faults(_ shape: Shape) throws {
    let files = try AmendTests.make(shape, backing: true)
    let before = try AmendTests.look(files).content
    let whole = FaultFiles(files)
    whole.counter.fail(.max, of: AmendTests.counted)
    try AmendTests.amend(whole, shape.change)
    let operations = whole.counter.operations
    // All of them where they are few, else some of everything, beginning and end above all.
    let stride = max(1, operations / 10)
    for number in 1...operations where number % stride == 0 || number < 5 || operations - number < 12 {
      for way in 0..<4 {
        let image = FaultFiles(files)
        image.counter.fail(number, of: AmendTests.counted, forGood: way > 0)
        // A failure of giving space back, or of closing, is no failure of the change.
        do throws(BlockError) { try AmendTests.amend(image, shape.change) } catch {
          #expect(error.kind == .inputOutput, "\(error.message)")
        }
        if way > 0 { try image.crash { way == 1 || (way == 2 && $0 % 2 == 0) } }
        let after = try AmendTests.look(image.bytes)
        #expect(after.content == before, "operation \(number), way \(way)")
        #expect(["", "leaks\n"].contains(after.faults), "operation \(number), way \(way)")
      }
    }
  }
}
