// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

/// qcow2 tells its file what it is about to do: each event occurs where its name says, and nowhere else.
@Suite("Events of qcow2")
struct Qcow2EventTests {
  private let scene = DiskFolder()

  /// What is done with an image that has data at 0 and 1 MiB, and compressed data at 2 MiB.
  enum Act: String, Sendable {
    case open, read, readCompressed, readEmpty, overwrite, write, writePart, compress, discard, grow, shrink,
      empty
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var event: String
    /// What lets it occur.
    var loud: Act
    /// What does not.
    var quiet: Act
    var testDescription: String { "\(event): \(loud), not \(quiet)" }
  }

  static let cases = [
    Case(event: "reftable_load", loud: .open, quiet: .open),
    Case(event: "l2_load", loud: .read, quiet: .readEmpty),
    Case(event: "read_aio", loud: .read, quiet: .readEmpty),
    Case(event: "read_compressed", loud: .readCompressed, quiet: .read),
    Case(event: "write_aio", loud: .overwrite, quiet: .read),
    Case(event: "cow_read", loud: .writePart, quiet: .overwrite),
    Case(event: "cow_write", loud: .writePart, quiet: .overwrite),
    Case(event: "cluster_alloc", loud: .write, quiet: .overwrite),
    Case(event: "refblock_load", loud: .write, quiet: .overwrite),
    Case(event: "refblock_update_part", loud: .write, quiet: .overwrite),
    Case(event: "l2_update", loud: .write, quiet: .overwrite),
    Case(event: "l2_alloc_write", loud: .write, quiet: .overwrite),
    Case(event: "l1_update", loud: .write, quiet: .overwrite),

    Case(event: "cluster_alloc_bytes", loud: .compress, quiet: .write),
    Case(event: "write_compressed", loud: .compress, quiet: .write),
    Case(event: "refblock_alloc", loud: .write, quiet: .overwrite),
    Case(event: "refblock_alloc_write", loud: .write, quiet: .overwrite),
    Case(event: "refblock_alloc_hookup", loud: .write, quiet: .overwrite),
    Case(event: "l1_grow_alloc_table", loud: .grow, quiet: .shrink),
    Case(event: "l1_grow_write_table", loud: .grow, quiet: .shrink),
    Case(event: "l1_grow_activate_table", loud: .grow, quiet: .shrink),
    Case(event: "l1_shrink_write_table", loud: .shrink, quiet: .grow),
    Case(event: "empty_image_prepare", loud: .empty, quiet: .discard),
    Case(event: "flush_to_disk", loud: .write, quiet: .readEmpty),
  ]

  @Test("each event occurs where its name says", arguments: cases)
  func events(_ test: Case) throws {
    #expect(try failure(of: test.loud, test.event) == 28)
    if test.quiet != .open { #expect(try failure(of: test.quiet, test.event) == nil) }
  }

  @Test(
    "what cannot be given back is given back later",
    arguments: ["cluster_free", "l1_shrink_free_l2_clusters"])
  func frees(_ event: String) throws {
    #expect(try failure(of: event == "cluster_free" ? .discard : .shrink, event) == nil)
    let outcome = Shell.run("qemu-img check disk >/dev/null 2>&1; echo $?", folder: scene.folder.path)
    // Nothing is lost but space.
    #expect(["0\n", "3\n"].contains(outcome.output), "\(outcome.output)")
  }

  /// The number of the error that an act ends with where requests fail after an event, if it does.
  private func failure(of act: Act, _ event: String) throws -> Int32? {
    let made = Shell.run(
      """
      rm -f disk base; qemu-img create -q -f raw base 4M
      qemu-img create -q -f qcow2 -o cluster_size=512 -b base -F raw disk 4M
      qemu-io -f qcow2 -c 'write -q 0 64k' -c 'write -q 1M 64k' -c 'write -q -c 2M 512' disk
      """, folder: scene.folder.path)
    #expect(made == Shell.Outcome(status: 0, output: ""))
    let storage: OptionTree = [
      "driver": "blkdebug", "image": scene.file("disk"),
      "inject-error": [["event": .string(event), "errno": 28]],
    ]
    do throws(BlockError) {
      let user = try scene.open(["driver": "qcow2", "file": storage], held: .all)
      defer { try? scene.graph.release(user) }
      guard let edge = user.edge else { return nil }
      try perform(act, edge)
      return nil
    } catch {
      return error.systemError
    }
  }

  private func perform(_ act: Act, _ edge: Edge) throws(BlockError) {
    switch act {
    case .open: break
    case .read: _ = try edge.read(at: 0, count: 512)
    case .readCompressed: _ = try edge.read(at: 2 << 20, count: 512)
    case .readEmpty: _ = try edge.read(at: 3 << 20, count: 512)
    case .overwrite: try edge.write(at: 0, from: Buffer(count: 512).bytes)
    case .write:
      // More than the blocks at hand count.
      try edge.write(at: 3 << 20, from: Buffer(count: 512 << 10).bytes)
      try edge.flush()
    case .writePart: try edge.write(at: (3 << 20) + 100, from: Buffer(count: 100).bytes)
    case .compress:
      try edge.complete(
        try edge.prepareCompressed([CompressedCluster(guestOffset: 3 << 20, size: 100)]),
        from: Buffer(count: 100).bytes)
    case .discard:
      try edge.discard(at: 1 << 20, length: 65536)
      try edge.flush()
    case .grow: try edge.truncate(to: 64 << 20)
    case .shrink: try edge.truncate(to: 512 << 10)
    case .empty: try edge.makeEmpty()
    }
  }
}
