// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import Testing

/// A change of an image's bytes: big-endian numbers at offsets.
struct Patch: Sendable, CustomStringConvertible {
  var name: String
  var changes: [(offset: Int, bytes: Int, value: UInt64)]
  var options = ""
  var size = "1M"
  var length: Int?
  var description: String { name }

  init(
    _ name: String, _ changes: [(Int, Int, UInt64)], options: String = "", size: String = "1M",
    length: Int? = nil
  ) {
    self.name = name
    self.changes = changes
    self.options = options
    self.size = size
    self.length = length
  }

  /// Lets the peer make an image and changes it.
  func apply(_ name: String, in folder: TemporaryFolder) -> Bool {
    let made = Shell.run(
      "qemu-img create -q -f qcow2 ${2:+-o $2} \"$1\" $3", name, options, size, folder: folder.path)
    guard made.status == 0 else { return false }
    var bytes = Shell.readFile(folder.file(name))
    for (offset, count, value) in changes {
      if bytes.count < offset + count { bytes += [UInt8](repeating: 0, count: offset + count - bytes.count) }
      for index in 0..<count {
        bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - index)))
      }
    }
    if let length { bytes = Array(bytes.prefix(length)) }
    return Shell.writeFile(folder.file(name), bytes)
  }
}

@Suite struct BrokenHeaderTests {
  private let folder = TemporaryFolder()

  static let patches: [Patch] = [
    Patch("magic", [(0, 4, 0)]),
    Patch("version 1", [(4, 4, 1)]),
    Patch("version 4", [(4, 4, 4)]),
    Patch("cluster bits 0", [(20, 4, 0)]),
    Patch("cluster bits 8", [(20, 4, 8)]),
    Patch("cluster bits 22", [(20, 4, 22)]),
    Patch("cluster bits 63", [(20, 4, 63)]),
    Patch("cluster bits huge", [(20, 4, 0x7FFF_FFFF)]),
    Patch("encryption 3", [(32, 4, 3)]),
    Patch("L1 without entries", [(36, 4, 0)], size: "2G"),
    Patch("L1 too small", [(36, 4, 1)], size: "2G"),
    Patch("L1 too large", [(36, 4, 0x7FFF_FFFF)]),
    Patch("L1 one too large", [(36, 4, 4 << 20 | 1)]),
    Patch("L1 unaligned", [(40, 8, 1)]),
    Patch("L1 negative", [(40, 8, 0xFFFF_FFFF_FFFF_0000)]),
    Patch("refcount table unaligned", [(48, 8, 1)]),
    Patch("no refcount table", [(56, 4, 0)]),
    Patch("refcount table too large", [(56, 4, 129)]),
    Patch("refcount table huge", [(56, 4, 0xFFFF_FFFF)]),
    Patch("disk too big", [(24, 8, 1 << 62)]),
    Patch("too many snapshots", [(60, 4, 70000)]),
    Patch("snapshot table unaligned", [(60, 4, 1), (64, 8, 1)]),
    Patch("unknown feature", [(72, 8, 1 << 5)]),
    Patch("unknown features", [(72, 8, 1 << 63 | 1 << 5)]),
    Patch("named unknown feature", [(72, 8, 1 << 7), (121, 1, 7)]),
    Patch("named and unnamed unknown feature", [(72, 8, 1 << 7 | 1 << 9), (121, 1, 7)]),
    Patch("compression bit without type", [(72, 8, 8)]),
    Patch("compression type without bit", [(104, 1, 1)]),
    Patch("unknown compression type", [(104, 1, 2), (72, 8, 8)]),
    Patch("subclusters too small", [(72, 8, 16)], options: "cluster_size=4k"),
    Patch("refcount width 128", [(96, 4, 7)]),
    Patch("refcount width huge", [(96, 4, 0x8000_0000)]),
    Patch("header length 103", [(100, 4, 103)]),
    Patch("header length 72", [(100, 4, 72)]),
    Patch("header length 108", [(100, 4, 108)]),
    Patch("header length past the cluster", [(100, 4, 65544)]),
    Patch("header length huge", [(100, 4, 0xFFFF_FFF8)]),
    Patch("backing name too long", [(8, 8, 600), (16, 4, 1024)]),
    Patch("backing name huge", [(8, 8, 600), (16, 4, 0xFFFF_FFFF)]),
    Patch("backing name past the cluster", [(8, 8, 65537), (16, 4, 5)]),
    Patch("backing name across the cluster's end", [(8, 8, 65530), (16, 4, 10)]),
    Patch("backing name offset huge", [(8, 8, 1 << 63), (16, 4, 1)]),
    Patch("extension too long", [(112, 4, 0x1234_5678), (116, 4, 0xFF_FFFF)]),
    Patch("backing format too long", [(112, 4, 0xE279_2ACA), (116, 4, 17)]),
    Patch("extension list ends early", [(8, 8, 116), (16, 4, 5)]),
    Patch("encryption header without encryption", [(112, 4, 0x0537_BE77), (116, 4, 16)]),
    Patch("file of 50 bytes", [], length: 50),
    Patch("file of 72 bytes", [], length: 72),
    Patch("version 2, encryption 3", [(32, 4, 3)], options: "compat=0.10"),
    // What the peer takes, so must this.
    Patch("header length 104", [(100, 4, 104)]),
    Patch("header as long as the cluster", [(100, 4, 65536)]),
    Patch("unknown extension", [(112, 4, 0x1234_5678), (116, 4, 8)]),
    Patch("unknown compatible feature", [(80, 8, 1 << 40)]),
    Patch("unknown autoclear feature", [(88, 8, 1 << 40)]),
    Patch("dirty", [(72, 8, 1)]),
    Patch("corrupt", [(72, 8, 2)]),
    Patch("length no multiple of a sector", [(24, 8, 513)]),
    Patch("no disk", [(24, 8, 0)]),
    Patch("a backing name without length", [(8, 8, 600)]),
  ]

  @Test("broken headers are refused in the peer's words, and none but those", arguments: patches)
  func sameAsPeer(_ patch: Patch) throws {
    #expect(patch.apply("disk", in: folder))
    let peer = Shell.run("qemu-img info -f qcow2 disk 2>&1 >/dev/null", folder: folder.path)
    var ours = ""
    do throws(BlockError) {
      let session = try ImageSession(folder.file("disk"), writable: false, flags: .noIO)
      try session.close()
    } catch {
      ours = error.message
    }
    let path = folder.file("disk")
    #expect(ours.replacing(path, with: "disk") == peer.output.replacing("qemu-img: ", with: "").trimmed)
  }

  @Test("X-02 a corrupt image is opened for reading only")
  func corrupt() throws {
    #expect(Patch("corrupt", [(72, 8, 2)]).apply("disk", in: folder))
    let error = #expect(throws: BlockError.self) { try ImageSession(folder.file("disk")) }
    #expect(error?.message.hasSuffix("qcow2: Image is corrupt; cannot be opened read/write") == true)
    let session = try ImageSession(folder.file("disk"), writable: false)
    #expect(try session.read(0, 512) == [UInt8](repeating: 0, count: 512))
    try session.close()
  }

  @Test("unknown autoclear features go when an image is opened for writing, known ones with the first write")
  func autoclear() throws {
    #expect(Patch("autoclear", [(88, 8, 1 << 40 | 1)]).apply("disk", in: folder))
    let bits = { Array(Shell.readFile(self.folder.file("disk"))[88..<96]) }
    var session = try ImageSession(folder.file("disk"))
    _ = try session.read(0, 512)
    try session.close()
    #expect(bits() == [0, 0, 0, 0, 0, 0, 0, 1])
    session = try ImageSession(folder.file("disk"))
    try session.write(0, [1])
    try session.close()
    #expect(bits() == [0, 0, 0, 0, 0, 0, 0, 0])
    #expect(Shell.complaints("disk", in: folder) == "")
  }

  /// Tables that contradict the specification, found while reading: (L1 entry, L2 entry, bitmap).
  static let tables: [Patch] = {
    let l1 = 196608
    let l2 = 262144
    let copied: UInt64 = 1 << 63
    func table(_ name: String, _ entry: UInt64, _ bitmap: UInt64? = nil, options: String = "") -> Patch {
      var changes: [(Int, Int, UInt64)] = [(l1, 8, copied | UInt64(l2)), (l2 + 65535, 1, 0), (l2, 8, entry)]
      if let bitmap { changes.append((l2 + 8, 8, bitmap)) }
      return Patch(name, changes, options: options)
    }
    return [
      Patch("L2 table unaligned", [(l1, 8, copied | 0x200 << 8 | 0x200)]),
      table("cluster unaligned", copied | 0x50200),
      table("zero cluster in version 2", 1, options: "compat=0.10"),
      table("allocated zero cluster in version 2", copied | 0x50001, options: "compat=0.10"),
      table("subcluster both data and zero", copied | 0x50000, 0x1_0000_0001, options: "extended_l2=on"),
      table("subcluster data without cluster", 0, 1, options: "extended_l2=on"),
      table("compressed past the end", 1 << 62 | 1 << 40),
      table("compressed garbage", 1 << 62 | 1 << 16),
    ]
  }()

  @Test(
    "broken tables end in an error, for reading and for writing; written images are marked", arguments: tables
  )
  func brokenTables(_ patch: Patch) throws {
    #expect(patch.apply("disk", in: folder))
    let peer = Shell.run(
      "qemu-io -r -f qcow2 -c 'read 0 64k' disk 2>&1 | grep -o 'Image is corrupt: [^;]*'", folder: folder.path
    )
    var session = try ImageSession(folder.file("disk"), writable: false)
    let error = #expect(throws: BlockError.self) { try session.read(0, 65536) }
    #expect(error?.kind == .corrupt)
    if !peer.output.isEmpty { #expect(error?.message.contains(peer.output.trimmed) == true) }
    try session.close()
    guard !peer.output.isEmpty else { return }
    session = try ImageSession(folder.file("disk"))
    #expect(throws: BlockError.self) { try session.write(0, [1]) }
    #expect(throws: BlockError.self, "nothing works any more") { try session.read(1 << 19, 512) }
    try session.close()
    let isMarked = Shell.readFile(folder.file("disk"))[79] & 2 != 0
    #expect(isMarked == !patch.options.contains("0.10"))
  }

  static let misled: [Patch] = [
    Patch("refcount block unaligned", [(0x10000, 8, 0x30200)]),
    Patch("refcount block past every file", [(0x10000, 8, 0xFFFF_FFFF_FFFF_0000)]),
    Patch("refcount block at the limit", [(0x10000, 8, 0x00FF_FFFF_FFFF_0000)]),
    Patch("L2 table at the limit", [(196608, 8, 0x80FF_FFFF_FFFF_0000)]),
    Patch("L2 table in the header", [(196608, 8, 1 << 63 | 0x10000), (0x10000 + 8, 8, 1 << 63)]),
    Patch("header counted as free", [(0x20000, 8, 0)]),
    Patch("L1 table counted as free", [(0x20006, 2, 0)]),
  ]

  @Test("tables that lead elsewhere end writing in an error", arguments: misled)
  func misledWrites(_ patch: Patch) throws {
    #expect(patch.apply("disk", in: folder))
    let session = try ImageSession(folder.file("disk"))
    #expect(throws: BlockError.self) {
      try session.write(0, [1])
      try session.edge.flush()
    }
    try? session.close()
    #expect(Shell.run("[ $(stat -c %s disk) -lt 1000000 ]", folder: folder.path).status == 0)
  }

  /// Entries that lead writes to where tables are: L2 entry of the first guest cluster, and what is there.
  @Test(
    "a write that would hit tables marks the image corrupt instead",
    arguments: [
      (0x10000, "refcount table"), (0x20000, "refcount block"), (0x30000, "active L1 table"),
      (0x40000, "active L2 table"),
    ] as [(UInt64, String)])
  func overlap(_ offset: UInt64, _ name: String) throws {
    let patch = Patch(
      name, [(196608, 8, 1 << 63 | 262144), (262144 + 65535, 1, 0), (262144, 8, 1 << 63 | offset)])
    #expect(patch.apply("disk", in: folder))
    let before = Shell.readFile(folder.file("disk"))
    let session = try ImageSession(folder.file("disk"))
    let error = #expect(throws: BlockError.self) { try session.write(512, [1, 2, 3]) }
    #expect(
      error?.message
        == "qcow2: Marking image as corrupt: Preventing invalid write on metadata (overlaps with \(name)); "
        + "further corruption events will be suppressed")
    try session.close()
    var after = Shell.readFile(folder.file("disk"))
    #expect(after[79] == 2)
    after[79] = 0
    #expect(after == before, "nothing but the mark was written")
  }

  @Test("the check that is asked for by name holds writes against snapshots' tables")
  func inactiveOverlap() throws {
    var image = SampleQcow2(.snapshot)
    let place = 11 << 12
    image.set(place, [UInt8](repeating: 0, count: 4096))
    image.set64(image.l1, UInt64(image.l2) | 1 << 63)
    image.set64(image.l2, UInt64(place) | 1 << 63)
    image.set64(image.snapshotL1, UInt64(place))
    image.set16(image.refcountBlock + 8, 1)
    image.set16(image.refcountBlock + 22, 1)
    try image.write(to: folder, as: "disk")
    let session = try ImageSession(folder.file("disk"), options: ["overlap-check": "all"])
    let error = #expect(throws: BlockError.self) { try session.write(0, [1, 2, 3]) }
    #expect(error?.message.contains("overlaps with inactive L2 table") == true)
    try session.close()
    #expect(Shell.readFile(folder.file("disk"))[79] == 2)
  }
}

extension String {
  /// The text without line feeds at its end.
  var trimmed: String {
    var copy = self
    while copy.last == "\n" { copy.removeLast() }
    return copy
  }
}
