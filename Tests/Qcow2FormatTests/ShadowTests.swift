// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

/// Seeded random programs against an array that should always read the same.
@Suite struct ShadowTests {
  private let folder = TemporaryFolder()

  struct Shape: Sendable, CustomStringConvertible {
    var options: String
    var length: UInt64 = 4 << 20
    var cluster = 65536
    var hasBacking = false
    var compresses = true
    var open: OptionObject = [:]
    var description: String {
      options + (hasBacking ? " backing" : "") + (open.isEmpty ? "" : " \(open.keys)")
    }
  }

  static let shapes: [Shape] = [
    Shape(options: ""),
    Shape(options: "", hasBacking: true),
    Shape(options: "compat=0.10"),
    Shape(options: "compat=0.10", hasBacking: true),
    Shape(options: "cluster_size=512", length: 256 << 10, cluster: 512),
    Shape(options: "cluster_size=512,refcount_bits=64", length: 256 << 10, cluster: 512, hasBacking: true),
    Shape(
      options: "cluster_size=512", length: 512 << 10, cluster: 512,
      open: ["l2-cache-size": "1", "refcount-cache-size": "1"]),
    Shape(options: "cluster_size=4k,refcount_bits=1", length: 1 << 20, cluster: 4096),
    Shape(options: "cluster_size=4k,refcount_bits=2", length: 1 << 20, cluster: 4096),
    Shape(options: "cluster_size=2M,refcount_bits=8", length: 12 << 20, cluster: 2 << 20),
    Shape(options: "refcount_bits=4,compression_type=zstd"),
    Shape(options: "refcount_bits=32,lazy_refcounts=on"),
    Shape(
      options: "lazy_refcounts=on,cluster_size=512,refcount_bits=64", length: 1 << 20, cluster: 512,
      open: ["refcount-cache-size": "1"]),
    Shape(options: "cluster_size=4k", length: 1 << 20, cluster: 4096, open: ["discard-no-unref": true]),
    Shape(
      options: "cluster_size=4k", length: 1 << 20, cluster: 4096, hasBacking: true,
      open: ["pass-discard-request": true, "pass-discard-other": true, "discard": "unmap"]),
    Shape(options: "extended_l2=on"),
    Shape(options: "extended_l2=on", hasBacking: true),
    Shape(options: "extended_l2=on,cluster_size=16k", length: 1 << 20, cluster: 16384, hasBacking: true),
    Shape(options: "data_file=disk.data", compresses: false),
    Shape(options: "data_file=disk.data,data_file_raw=on", compresses: false),
    Shape(options: "data_file=disk.data,extended_l2=on", hasBacking: true, compresses: false),
    Shape(options: "preallocation=metadata,extended_l2=on"),
    Shape(options: "preallocation=falloc,cluster_size=1k", length: 256 << 10, cluster: 1024),
  ]

  @Test("random programs leave what they wrote, and the peer agrees", arguments: shapes, 0..<2)
  func programs(_ shape: Shape, _ seed: Int) throws {
    var program = try Program(shape, seed: UInt64(seed), folder)
    try program.run(steps: 160)
    // Flushed but not closed is what a crash leaves: space may be lost (status 3), nothing may be wrong.
    let flushed = Shell.run("qemu-img check -U -f qcow2 disk 2>&1", folder: folder.path)
    #expect(flushed.status == 0 || flushed.status == 3 || shape.options.contains("lazy"), "\(flushed.output)")
    #expect(try program.session.read(0, program.shadow.count) == program.shadow)
    try program.session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
    let exported = Shell.run(
      "qemu-img convert -f qcow2 -O raw disk raw && cmp raw shadow", folder: folder.path)
    #expect(exported == Shell.Outcome(status: 0, output: ""))
  }
}

/// One program: a disk, what it should hold, and a source of random choices.
struct Program {
  private let shape: ShadowTests.Shape
  private let folder: TemporaryFolder
  private var random: SeededNumbers
  private(set) var session: ImageSession
  private(set) var shadow: [UInt8]

  init(_ shape: ShadowTests.Shape, seed: UInt64, _ folder: TemporaryFolder) throws {
    self.shape = shape
    self.folder = folder
    random = SeededNumbers(seed: seed &* 1_000_003 &+ UInt64(shape.description.utf8.count))
    shadow = [UInt8](repeating: 0, count: Int(shape.length))
    var options = shape.options
    if shape.hasBacking {
      let known = Int(shape.length) / 2
      for index in 0..<known { shadow[index] = UInt8(truncatingIfNeeded: index / 512 &* 7 | 1) }
      try Program.save(Array(shadow[..<known]), folder.file("base"))
      options += (options.isEmpty ? "" : ",") + "backing_file=base,backing_fmt=raw"
    }
    try ImageSession.create(folder.file("disk"), size: shape.length, options)
    session = try ImageSession(folder.file("disk"), options: shape.open)
  }

  static func save(_ bytes: [UInt8], _ path: String) throws {
    let written = Shell.writeFile(path, bytes)
    #expect(written)
  }

  mutating func run(steps: Int) throws {
    for _ in 0..<steps {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<45: try write()
      case 45..<60: try zero()
      case 60..<70: try discard()
      case 70..<80: try compress()
      case 80..<92: try compare()
      case 92..<95: try session.edge.flush()
      case 95..<98: try resize()
      default: try reopen()
      }
    }
    try session.edge.flush()
    try Program.save(shadow, folder.file("shadow"))
  }

  private mutating func range() -> Range<Int> {
    let longest = Int.random(in: 0..<4, using: &random) == 0 ? shape.cluster * 6 : shape.cluster
    let start = Int.random(in: 0..<shadow.count, using: &random)
    let count = Int.random(in: 1...longest, using: &random)
    return start..<min(start + count, shadow.count)
  }

  private mutating func write() throws {
    var range = range()
    if Bool.random(using: &random) {
      range = range.lowerBound / 512 * 512..<min((range.upperBound + 511) / 512 * 512, shadow.count)
    }
    let value = UInt8.random(in: 1...255, using: &random)
    for block in range.lowerBound / 512...(range.upperBound - 1) / 512 {
      shadow.fill(
        range.clamped(to: block * 512..<block * 512 + 512), with: value &+ UInt8(truncatingIfNeeded: block))
    }
    try session.write(UInt64(range.lowerBound), Array(shadow[range]))
  }

  private mutating func zero() throws {
    let range = range()
    shadow.fill(range, with: 0)
    try session.edge.writeZeroes(
      at: UInt64(range.lowerBound), length: UInt64(range.count), mayUnmap: Bool.random(using: &random))
  }

  /// What a discarded range reads as is the format's own rule, but it is either what was there or zero (where
  /// a backing file may show through: what it has).
  private mutating func discard() throws {
    let range = range()
    try session.edge.discard(at: UInt64(range.lowerBound), length: UInt64(range.count))
    let now = try session.edge.read(at: UInt64(range.lowerBound), count: range.count)
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 512) {
      let block = start..<min(start + 512, range.upperBound)
      let there = now.bytes.slice(block.lowerBound - range.lowerBound..<block.upperBound - range.lowerBound)
      if there.isZero {
        shadow.fill(block, with: 0)
        continue
      }
      for index in block {
        let byte = there.byte(at: index - start)
        guard byte != shadow[index] else { continue }
        #expect(byte == 0, "at \(index)")
        shadow[index] = byte
      }
    }
  }

  private mutating func compress() throws {
    guard shape.compresses else { return }
    let first = Int.random(in: 0..<max(1, shadow.count / shape.cluster), using: &random)
    let count = Int.random(in: 1...4, using: &random)
    let compressor = try session.edge.makeCompressor()
    let packed = Buffer(count: count * shape.cluster)
    var clusters: [CompressedCluster] = []
    var used = 0
    for number in first..<first + count where (number + 1) * shape.cluster <= shadow.count {
      let value = UInt8.random(in: 1...255, using: &random)
      let range = number * shape.cluster..<(number + 1) * shape.cluster
      // A part that does not compress at all, so that sizes vary.
      let noise = Int.random(in: 0..<shape.cluster / 4 * 3, using: &random)
      shadow.fill(range.prefix(noise), with: &random)
      shadow.fill(range.dropFirst(noise), with: value)
      let plain = Buffer(Array(shadow[range]))
      var bytes = packed.mutableBytes
      var room = bytes.slice(used..<used + shape.cluster)
      guard let size = compressor.compress(plain.bytes, into: &room) else {
        try session.write(UInt64(range.lowerBound), Array(shadow[range]))
        continue
      }
      used += size
      clusters.append(CompressedCluster(guestOffset: UInt64(range.lowerBound), size: size))
    }
    let slot = try session.edge.prepareCompressed(clusters)
    try session.edge.complete(slot, from: packed.bytes)
  }

  private mutating func compare() throws {
    let range = range()
    #expect(try session.read(UInt64(range.lowerBound), range.count) == Array(shadow[range]), "\(range)")
  }

  private mutating func resize() throws {
    let change = Int.random(in: -6...6, using: &random) * shape.cluster / 2 / 512 * 512
    let length = max(shape.cluster, min(shadow.count + change, Int(shape.length) * 2))
    if length > shadow.count && shape.hasBacking && shape.options.contains("0.10") { return }
    try session.edge.truncate(to: UInt64(length))
    if length < shadow.count {
      shadow.removeLast(shadow.count - length)
    } else {
      shadow += [UInt8](repeating: 0, count: length - shadow.count)
    }
  }

  private mutating func reopen() throws {
    try session.close()
    session = try ImageSession(folder.file("disk"), options: shape.open)
  }
}
