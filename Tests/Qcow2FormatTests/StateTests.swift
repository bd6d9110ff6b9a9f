// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Options
import Support
import Testing

/// Snapshots, refcounts that are late, and tables that grow.
@Suite struct StateTests {
  private let folder = TemporaryFolder()

  private func run(_ script: String) -> String {
    let outcome = Shell.run(script, folder: folder.path)
    #expect(outcome.status == 0, "\(script): \(outcome.output)")
    return outcome.output
  }

  private func pattern(_ byte: UInt8, _ count: Int) -> [UInt8] { [UInt8](repeating: byte, count: count) }

  // MARK: Snapshots

  @Test(
    "what a snapshot shares is copied before it is written",
    arguments: [
      "", "extended_l2=on", "cluster_size=4k", "compat=0.10", "refcount_bits=4", "refcount_bits=64",
    ])
  func copyOnWrite(_ options: String) throws {
    _ = run(
      """
      qemu-img create -q -f qcow2 \(options.isEmpty ? "" : "-o " + options) disk 8M
      qemu-io -c 'write -P 1 0 3M' -c 'write -P 2 5M 64k' disk >/dev/null
      qemu-img snapshot -c one disk
      qemu-io -c 'write -P 3 1M 128k' disk >/dev/null
      qemu-img snapshot -c two disk
      qemu-img convert -l one -O raw disk one.raw
      qemu-img convert -l two -O raw disk two.raw
      qemu-img convert -O raw disk now.raw
      """)
    var shadow = Shell.readFile(folder.file("now.raw"))
    let session = try ImageSession(folder.file("disk"))
    for (offset, byte, count) in [(0, 9, 100), (1 << 20, 8, 300_000), (5 << 20, 7, 65536), (6 << 20, 6, 5)] {
      shadow.replaceSubrange(offset..<offset + count, with: pattern(UInt8(byte), count))
      try session.write(UInt64(offset), pattern(UInt8(byte), count))
    }
    try session.edge.writeZeroes(at: 2 << 20, length: 1 << 19, mayUnmap: true)
    shadow.replaceSubrange(2 << 20..<2 << 20 + 1 << 19, with: pattern(0, 1 << 19))
    #expect(try session.read(0, shadow.count) == shadow)
    try session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
    for name in ["one", "two"] {
      let isSame = Shell.run(
        "qemu-img convert -l \(name) -O raw disk again && cmp again \(name).raw", folder: folder.path)
      #expect(isSame == Shell.Outcome(status: 0, output: ""))
    }
    #expect(Shell.writeFile(folder.file("shadow"), shadow))
    _ = run("qemu-img convert -O raw disk again && cmp again shadow")
  }

  static let selectors: [(OptionObject, String?)] = [
    (["snapshot": "first"], "one"), (["snapshot": "2"], "two"), (["snapshot": .object(["id": "1"])], "one"),
    (["snapshot": .object(["name": "second"])], "two"),
    (["snapshot": .object(["id": "1", "name": "first"])], "one"), (["snapshot.name": "first"], "one"),
    (["snapshot": .object(["id": "1", "name": "second"])], nil), (["snapshot": "third"], nil),
  ]

  @Test("a snapshot is read through its own table, by id or name", arguments: selectors)
  func snapshotSource(_ options: OptionObject, _ expected: String?) throws {
    _ = run(
      """
      qemu-img create -q -f qcow2 disk 1M
      qemu-io -c 'write -P 1 0 512k' disk >/dev/null; qemu-img snapshot -c first disk
      qemu-io -c 'write -P 2 0 64k' disk >/dev/null; qemu-img snapshot -c second disk
      qemu-img resize -q disk 2M; qemu-io -c 'write -P 3 0 2M' disk >/dev/null
      qemu-img convert -l first -O raw disk one; qemu-img convert -l second -O raw disk two
      """)
    guard let expected else {
      let error = #expect(throws: BlockError.self) {
        try ImageSession(folder.file("disk"), writable: false, options: options)
      }
      #expect(error?.message.hasSuffix("Failed to load snapshot: Can't find snapshot") == true)
      return
    }
    let session = try ImageSession(folder.file("disk"), writable: false, options: options)
    // The length that the disk had then; the peer shows the present one, cutting content off where it is shorter.
    #expect(session.edge.length == 1 << 20)
    #expect(try session.read(0, 1 << 20) == Array(Shell.readFile(folder.file(expected)).prefix(1 << 20)))
    try session.close()
  }

  @Test("a snapshot cannot be opened for writing, nor a version 2 image with snapshots resized")
  func snapshotRefusals() throws {
    _ = run("qemu-img create -q -f qcow2 -o compat=0.10 disk 1M; qemu-img snapshot -c first disk")
    let error = #expect(throws: BlockError.self) {
      try ImageSession(folder.file("disk"), options: ["snapshot": "first"])
    }
    #expect(error?.kind == .readOnly)
    let session = try ImageSession(folder.file("disk"))
    let refused = #expect(throws: BlockError.self) { try session.edge.truncate(to: 2 << 20) }
    #expect(refused?.message == "Can't resize a v2 image which has snapshots")
    try session.close()
  }

  // MARK: Late refcounts

  @Test("late refcounts: dirty while open, clean when closed", arguments: [true, false])
  func lazy(_ byOption: Bool) throws {
    _ = run("qemu-img create -q -f qcow2 \(byOption ? "" : "-o lazy_refcounts=on") disk 4M")
    let session = try ImageSession(
      folder.file("disk"), options: byOption ? ["lazy-refcounts": true] : [:])
    let bit = { Shell.readFile(self.folder.file("disk"))[79] & 1 }
    #expect(bit() == 0)
    try session.write(0, pattern(1, 3 << 20))
    #expect(bit() == 1)
    try session.edge.flush()
    let reads = Shell.run("qemu-io -U -r -c 'read -P 1 0 3M' disk", folder: folder.path)
    #expect(reads.status == 0 && !reads.output.contains("fail"), "what was flushed is there: \(reads.output)")
    try session.close()
    #expect(bit() == 0)
    #expect(Shell.complaints("disk", in: folder) == "")
  }

  static let crashed: [(String, String)] = [
    ("lazy_refcounts=on", "4M"), ("lazy_refcounts=on,cluster_size=512", "1M"),
    ("lazy_refcounts=on,cluster_size=512,refcount_bits=64", "512k"),
    ("lazy_refcounts=on,extended_l2=on", "4M"),
  ]

  @Test("refcounts of an image that was left dirty are made anew before the first change", arguments: crashed)
  func rebuild(_ options: String, _ size: String) throws {
    _ = run(
      """
      qemu-img create -q -f qcow2 -o \(options) disk \(size)
      qemu-io -c 'write -P 5 0 300k' disk >/dev/null
      qemu-img snapshot -c first disk
      qemu-io -c 'write -P 6 4k 100k' -c 'sleep 1' -c flush -c abort disk >/dev/null 2>&1; true
      """)
    #expect(Shell.readFile(folder.file("disk"))[79] & 1 == 1, "the peer left it dirty")
    _ = run("cp disk before; qemu-img convert -O raw before expected")
    let session = try ImageSession(folder.file("disk"), options: ["lazy-refcounts": false])
    try session.write(200 << 10, pattern(7, 30000))
    try session.close()
    #expect(Shell.readFile(folder.file("disk"))[79] & 1 == 0)
    #expect(Shell.complaints("disk", in: folder) == "")
    var shadow = Shell.readFile(folder.file("expected"))
    shadow.replaceSubrange(200 << 10..<200 << 10 + 30000, with: pattern(7, 30000))
    #expect(Shell.writeFile(folder.file("shadow"), shadow))
    _ = run("qemu-img convert -O raw disk now && cmp now shadow")
    _ = run(
      "qemu-img convert -l first -O raw disk now && qemu-img convert -l first -O raw before then && cmp now then"
    )
  }

  // MARK: Growth

  @Test(
    "the refcount table grows with the file",
    arguments: ["refcount_bits=16", "refcount_bits=64", "refcount_bits=1", "extended"])
  func growth(_ options: String) throws {
    // 512-byte clusters with 64-bit counts: one table cluster covers 2 MiB.
    let more = options == "extended" ? "refcount_bits=64,lazy_refcounts=on" : options
    try ImageSession.create(folder.file("disk"), size: 24 << 20, "cluster_size=512," + more)
    let session = try ImageSession(folder.file("disk"))
    var shadow = pattern(0, 24 << 20)
    var random = SeededNumbers(seed: 11)
    for index in stride(from: 0, to: shadow.count, by: 4096) {
      shadow[index] = UInt8.random(in: 1...255, using: &random)
    }
    var offset = 0
    while offset < shadow.count {
      let count = min(1 << 20, shadow.count - offset)
      try session.write(UInt64(offset), Array(shadow[offset..<offset + count]))
      offset += count
      if offset == 12 << 20 { try session.edge.flush() }
    }
    try session.edge.truncate(to: 40 << 20)
    try session.write(39 << 20, pattern(9, 1000))
    try session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
    #expect(Shell.writeFile(folder.file("shadow"), shadow))
    _ = run("qemu-img resize -q --shrink disk 24M; qemu-img convert -O raw disk now && cmp now shadow")
  }

  @Test(
    "growing with preallocation", arguments: ["", "extended_l2=on", "data_file=disk.data", "compat=0.10"],
    [Preallocation.metadata, .falloc, .full])
  func preallocation(_ options: String, _ mode: Preallocation) throws {
    try ImageSession.create(folder.file("disk"), size: 1 << 20, options)
    let session = try ImageSession(folder.file("disk"))
    try session.write(1 << 20 - 100, pattern(5, 100))
    try session.edge.truncate(to: 3 << 20 | 512, preallocation: mode)
    #expect(try session.read(1 << 20, 2 << 20 | 512) == pattern(0, 2 << 20 | 512))
    try session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
    let mapped = run("qemu-img check disk | head -2 | tail -1")
    #expect(
      mapped.hasPrefix("34/49") || mapped.hasPrefix("33/49") || options == "extended_l2=on", "\(mapped)")
    _ = run("qemu-img convert -O raw disk now; [ $(stat -c %s now) = \(3 << 20 | 512) ]")
  }

  @Test("what lies behind the old end does not come to light when a disk grows", arguments: [false, true])
  func oldEnd(_ isCompressed: Bool) throws {
    _ = run(
      """
      head -c 2M /dev/zero | tr '\\0' 'x' > base
      qemu-img create -q -f qcow2 -b base -F raw disk 1000k
      qemu-io -c 'write -P 1 0 960k' disk >/dev/null
      qemu-io -c 'write \(isCompressed ? "-c" : "") -P 1 960k 40k' disk >/dev/null
      """)
    let session = try ImageSession(folder.file("disk"))
    try session.edge.truncate(to: 900 << 10)
    try session.edge.truncate(to: 4 << 20)
    #expect(try session.read(0, 900 << 10) == pattern(1, 900 << 10))
    #expect(try session.read(900 << 10, 4 << 20 - 900 << 10) == pattern(0, 4 << 20 - 900 << 10))
    try session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
  }

  // MARK: Options

  static let mistakes: [(OptionObject, String)] = [
    (
      ["l2-cache-entry-size": "511"],
      "L2 cache entry size must be a power of two between 512 and the cluster size (65536)"
    ),
    (
      ["l2-cache-entry-size": "128k"],
      "L2 cache entry size must be a power of two between 512 and the cluster size (65536)"
    ),
    (["cache-size": "1M", "l2-cache-size": "2M"], "l2-cache-size may not exceed cache-size"),
    (
      ["cache-size": "1M", "l2-cache-size": "512k", "refcount-cache-size": "512k"],
      "cache-size, l2-cache-size and refcount-cache-size may not be set at the same time"
    ),
    (["cache-size": "1M", "refcount-cache-size": "2M"], "refcount-cache-size may not exceed cache-size"),
    (["cache-clean-interval": "99999999999"], "Cache clean interval too big"),
    (
      ["overlap-check": "foo"],
      "Unsupported value 'foo' for qcow2 option 'overlap-check'. Allowed are any of the following: none, constant, cached, all"
    ),
    (["overlap-check.main-header": "foo"], "Parameter 'overlap-check.main-header' expects 'on' or 'off'"),
    (
      ["overlap-check": .object(["foo": true])],
      "Block format 'qcow2' does not support the option 'overlap-check.foo'"
    ),
    (["lazy-refcounts": "foo"], "Parameter 'lazy-refcounts' expects 'on' or 'off'"),
    (["foo": "1"], "Block format 'qcow2' does not support the option 'foo'"),
  ]

  @Test("options are refused in the peer's words", arguments: mistakes)
  func badOptions(_ options: OptionObject, _ message: String) throws {
    try ImageSession.create(folder.file("disk"), size: 1 << 20)
    let error = #expect(throws: BlockError.self) { try ImageSession(folder.file("disk"), options: options) }
    #expect(error?.message == "Could not open '\(folder.file("disk"))': " + message)
  }

  // MARK: Size of answers

  @Test("an empty disk of 16 TiB is one extent, and a 2 GiB hole between data too")
  func largeHoles() throws {
    try ImageSession.create(folder.file("disk"), size: 16 << 40)
    let session = try ImageSession(folder.file("disk"))
    #expect(try session.edge.extent(at: 0, length: 16 << 40) == Extent(.unallocated, length: 16 << 40))
    try session.write(5 << 40, [1])
    #expect(try session.edge.extent(at: 0, length: 16 << 40).length == 5 << 40)
    let after: UInt64 = 5 << 40 + 65536
    #expect(try session.edge.extent(at: after, length: 16 << 40 - after).length == 16 << 40 - after)
    try session.close()
  }

  // MARK: Threads

  @Test(
    "S-04 threads that write, zero and read one image at once",
    arguments: ["", "extended_l2=on", "cluster_size=512", "cluster_size=2M"])
  func threads(_ options: String) throws {
    let length = 8 << 20
    try ImageSession.create(folder.file("disk"), size: UInt64(length), options)
    let session = try ImageSession(folder.file("disk"), options: ["l2-cache-size": "1"])
    let edge = session.edge
    // Each thread has every fourth piece of 3000 bytes, so that all meet in every cluster.
    try Threads.run(4) { (thread: Int) throws(BlockError) in
      var random = SeededNumbers(seed: UInt64(thread))
      let piece = 3000
      let buffer = Buffer([UInt8](repeating: UInt8(thread + 1), count: piece))
      for number in stride(from: thread, to: length / piece, by: 4) where Bool.random(using: &random) {
        try edge.write(at: UInt64(number * piece), from: buffer.bytes)
        if number % 97 == 0 { try edge.flush() }
        if number % 13 == 0 { try edge.writeZeroes(at: UInt64(number * piece), length: UInt64(piece)) }
        let back = try edge.read(at: UInt64(number * piece), count: piece)
        guard back.bytes.byte(at: 0) == (number % 13 == 0 ? 0 : UInt8(thread + 1)) else {
          throw BlockError(.corrupt, "piece \(number) of thread \(thread) is another's")
        }
      }
    }
    var expected = pattern(0, length)
    for thread in 0..<4 {
      var random = SeededNumbers(seed: UInt64(thread))
      for number in stride(from: thread, to: length / 3000, by: 4) where Bool.random(using: &random) {
        guard number % 13 != 0 else { continue }
        expected.replaceSubrange(number * 3000..<(number + 1) * 3000, with: pattern(UInt8(thread + 1), 3000))
      }
    }
    #expect(try session.read(0, length) == expected)
    try session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
  }
}
