// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

/// Formats tell their file of the steps of which `qemu-img`'s drivers tell, and of no others: each case is what that fails
/// with, by a rule of `blkdebug` for the event.
@Suite("Events of formats")
struct FormatEventTests {
  private let scene = DiskFolder()

  /// What is done with an image that has data up to 256 KiB, and otherwise nothing.
  enum Act: String, Sendable {
    case read, overwrite, writePart, writeFirst, compress
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var format: String
    var isOverlay = false
    var act: Act
    var told: [String]
    var untold: [String]
    var testDescription: String { "\(format)\(isOverlay ? " overlay" : ""): \(act)" }
  }

  static let cases =
    ["vdi", "vpc", "vhdx", "parallels"].flatMap {
      [
        Case(format: $0, act: .read, told: ["none"], untold: ["read_aio", "l2_load"]),
        Case(
          format: $0, act: .writePart, told: ["pwritev"],
          untold: ["write_aio", "cow_read", "cow_write", "cluster_alloc", "l2_update"]),
      ]
    } + [
      Case(format: "raw", act: .read, told: ["read_aio"], untold: []),
      Case(format: "raw", act: .overwrite, told: ["write_aio"], untold: []),
      Case(format: "qed", act: .read, told: ["read_aio", "l2_load"], untold: []),
      Case(
        format: "qed", act: .writePart, told: ["write_aio", "cow_write", "l2_load", "l2_update"],
        untold: ["cow_read", "cluster_alloc", "read_backing_aio"]),
      Case(
        format: "qed", act: .writeFirst, told: ["l1_update", "l2_update", "cow_write"], untold: ["l2_load"]),
      Case(
        format: "qed", isOverlay: true, act: .writePart, told: ["cow_write", "read_backing_aio"],
        untold: ["cow_read"]),
      Case(
        format: "qed", act: .overwrite, told: ["write_aio", "l2_load"], untold: ["cow_write", "l2_update"]),
      Case(
        format: "qcow", act: .writeFirst,
        told: ["cluster_alloc", "l1_update", "l2_load", "l2_update", "write_aio"],
        untold: ["cow_read", "cow_write"]),
      Case(
        format: "qcow", isOverlay: true, act: .writePart, told: ["cluster_alloc", "read_backing_aio"],
        untold: ["cow_read", "cow_write"]),
      Case(format: "qcow", act: .overwrite, told: ["write_aio"], untold: ["cluster_alloc"]),
      Case(
        format: "qcow", act: .compress, told: ["cluster_alloc", "write_compressed", "l2_update_compressed"],
        untold: []),
      Case(
        format: "vmdk", act: .writePart, told: ["write_aio", "cow_write", "l2_load", "l2_update"],
        untold: ["cow_read", "read_backing_aio", "cluster_alloc"]),
      Case(
        format: "vmdk", isOverlay: true, act: .writePart, told: ["cow_read", "cow_write"],
        untold: ["read_backing_aio"]),
      Case(
        format: "qcow2", act: .writePart, told: ["cluster_alloc_space", "refblock_alloc", "write_aio"],
        untold: ["cow_read", "cow_write"]),
      Case(
        format: "qcow2", isOverlay: true, act: .writePart,
        told: ["cow_read", "cow_write", "read_backing_aio"],
        untold: ["cluster_alloc_space"]),
      Case(format: "qcow2", act: .writeFirst, told: ["l2_alloc_write", "l1_update"], untold: ["l2_load"]),
      Case(
        format: "qcow2", act: .compress, told: ["write_compressed", "l2_update_compressed"],
        untold: ["cow_read"]),
    ]

  @Test("each format tells of the steps of which qemu-img's driver tells", arguments: cases)
  func events(_ test: Case) throws {
    for event in test.told {
      #expect(try failure(of: test, event) == 28, "\(event) is not told")
    }
    for event in test.untold {
      #expect(try failure(of: test, event) == nil, "\(event) is told")
    }
  }

  /// The number of the error that an act ends with where requests fail after an event, if it does.
  private func failure(of test: Case, _ event: String) throws -> Int32? {
    let made = Shell.run(
      """
      set -e
      rm -f disk base
      case $2 in
        vmdk) qemu-img create -q -f vmdk base 4M; names=(-b base -F vmdk);;
        *) qemu-img create -q -f raw base 4M; names=(-b base -F raw);;
      esac
      [ $3 = 1 ] || names=()
      qemu-img create -q -f $1 "${names[@]}" disk 4M
      [ $4 = 1 ] || qemu-io -f $1 -c 'write -q 0 256k' disk
      """,
      arguments: [test.format, test.format, test.isOverlay ? "1" : "0", test.act == .writeFirst ? "1" : "0"],
      folder: scene.folder.path)
    #expect(made == Shell.Outcome(status: 0, output: ""))
    let storage: OptionTree = [
      "driver": "blkdebug", "image": scene.file("disk"),
      "inject-error": [["event": .string(event), "errno": 28]],
    ]
    do throws(BlockError) {
      let user = try scene.open(["driver": .string(test.format), "file": storage], held: .all)
      guard let edge = user.edge else { return nil }
      do throws(BlockError) {
        try perform(test.act, edge)
      } catch {
        try? scene.graph.release(user)
        throw error
      }
      try scene.graph.release(user)
      return nil
    } catch {
      return error.systemError
    }
  }

  private func perform(_ act: Act, _ edge: Edge) throws(BlockError) {
    switch act {
    case .read: _ = try edge.read(at: 0, count: 512)
    case .overwrite:
      try edge.write(at: 0, from: Buffer(count: 512).bytes)
      try edge.flush()
    case .writePart, .writeFirst:
      // A new cluster, whatever its size, in the middle.
      try edge.write(at: (3 << 20) + 1100, from: Buffer([UInt8](repeating: 7, count: 100)).bytes)
      try edge.flush()
    case .compress:
      try edge.complete(
        try edge.prepareCompressed([CompressedCluster(guestOffset: 3 << 20, size: 100)]),
        from: Buffer(count: 100).bytes)
      try edge.flush()
    }
  }
}
