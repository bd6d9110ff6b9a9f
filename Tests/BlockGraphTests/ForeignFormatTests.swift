// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Support
import Testing

@Suite("Formats that no driver reads")
struct ForeignFormatTests {
  /// Format, offset (from the end where negative), text.
  static let signs: [(String, Int, String)] = [
    ("qcow", 0, "QFI\\xfb\\0\\0\\0\\1"), ("qcow2", 0, "QFI\\xfb\\0\\0\\0\\2"),
    ("luks", 0, "LUKS\\xba\\xbe\\0\\11"),
    ("qed", 0, "QED\\0"), ("vmdk", 0, "KDMV"), ("vmdk", 0, "COWD"), ("vdi", 64, "\\x7f\\x10\\xda\\xbe"),
    ("vhdx", 0, "vhdxfile"), ("vpc", 0, "conectix"), ("vpc", -512, "conectix"), ("vpc", -511, "conectix"),
    ("parallels", 0, "WithoutFreeSpace"), ("parallels", 0, "WithouFreSpacExt"),
    ("bochs", 0, "Bochs Virtual HD Image"), ("cloop", 0, "#!/bin/sh\\n#V2.0 Format\\nmodprobe cloop"),
    ("dmg", -512, trailer), ("dmg", -1000, trailer), ("dmg", 0, "encrcdsa"),
  ]

  /// The start of a trailer of Apple's, with a property list of one byte.
  static let trailer = "koly\\0\\0\\0\\4\\0\\0\\2\\0" + String(repeating: "\\0", count: 219) + "\\1"

  /// Texts that some program takes for a VMDK descriptor.
  static let descriptors = [
    "# Disk DescriptorFile\\nversion=1\\n", "# Disk DescriptorFile\\r\\nversion=1\\r\\n",
    "\\n\\n# disk descriptorfile",
    "version=1\\n", "# a\\n   \\r\\nversion=3\\r\\n", "#DISK DescriptorFile\\nversion = 1",
    "\\xef\\xbb\\xbf# Disk DescriptorFile\\n", " \\n version = 2\\n",
    "#a\\0b\\1\\f\\nversion=1\\n", "#\\n#\\0\\n \\n# Disk DescriptorFile\\n",
    "encoding=x\\nVersion=7\\nRW 10 FLAT f 0\\n", "createType=monolithicFlat\\n  RDONLY 10 ZERO\\n",
  ]

  /// Content that is a raw disk.
  static let raw: [(Int, String)] = [
    (0, ""), (0, "hello\\n"), (1, "KDMV"), (0, "conecti"), (-513, "conectix"), (-508, "koly"),
    // The last sector of a guest's disk may begin with anything.
    (-512, "koly"), (-512, "koly\\0\\0\\0\\4"), (-512, "koly\\0\\0\\0\\4\\0\\0\\2\\0"),
    (-1000, "koly\\0\\0\\0\\4\\0\\0\\2\\0"),
    (-512, "koly\\0\\0\\0\\4\\0\\0\\2\\0" + String(repeating: "\\377", count: 500)),
    (0, "#!/bin/sh\\n"),
    (0, "versions=1\\n"), (0, "RW 10 FLAT\\n"), (0, "version=9\\nRW x FLAT\\n"),
    (3, "# Disk DescriptorFile\\n"),
  ]

  private func open(_ offset: Int, _ text: String, _ settings: OpenSettings = OpenSettings()) throws -> Node {
    let scene = try OpenerScene()
    let path = scene.folder.file("image")
    let made = Shell.run(
      "truncate -s 8192 \"$1\"; o=$2; [ $o -ge 0 ] || o=$((8192 + o)); "
        + "printf \"$3\" | dd of=\"$1\" bs=1 seek=$o conv=notrunc status=none", path, "\(offset)", text)
    try #require(made.status == 0)
    return try scene.open("@image", settings)
  }

  @Test(
    "an image of a format without driver is not taken for raw, unless it is said to be",
    arguments: signs + descriptors.map { ("vmdk", 0, $0) })
  func refused(_ format: String, _ offset: Int, _ text: String) throws {
    let error = #expect(throws: BlockError.self) { try open(offset, text) }
    #expect(error?.message.hasPrefix("Image is in \(format) format") == true)
    #expect(error?.kind == .unsupported && error?.advice?.text(about: nil).contains("-f raw") == true)
    #expect(try open(offset, text, OpenSettings(format: "raw")).driver.name == "raw")
  }

  @Test("what only resembles one is raw", arguments: raw)
  func accepted(_ offset: Int, _ text: String) throws {
    #expect(try open(offset, text).driver.name == "raw")
  }

  /// A format known by what a probe sees, whose images cannot be opened: the refusal says by what it was known.
  private struct Known: DriverKind {
    var name: String
    var see: @Sendable (ProbeInput) -> Recognition?

    func probe(_ input: ProbeInput) -> Recognition? { see(input) }
    func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
      throw BlockError(.unsupported, "known as \(name)")
    }
  }

  private static let kinds: [any DriverKind] = [
    Known(name: "trailer") { input in
      let tail = input.tail.bytes
      let isThere =
        tail.byteCount >= 8 && tail.bytes(tail.byteCount - 8..<tail.byteCount) == Array("TRAILER!".utf8)
      return isThere ? Recognition(90, by: "the trailer") : nil
    },
    Known(name: "length") { $0.length == 12345 ? Recognition(20, by: "the length") : nil },
    Known(name: "name") { $0.name.hasSuffix(".odd") ? Recognition(10, by: "the name") : nil },
    Known(name: "middle") { input in
      input.bytes(at: 5000, count: 3) == Array("mid".utf8) ? Recognition(50, by: "the middle") : nil
    },
    Known(name: "head") { input in
      let head = input.head.bytes
      return head.byteCount >= 4 && head.bytes(0..<4) == Array("HEAD".utf8)
        ? Recognition(by: "the head") : nil
    },
  ]

  @Test(
    "a format is known by its start, its end, its length, its name or bytes further on, and the surest wins",
    arguments: [
      ("image", "printf HEAD; head -c 9000 /dev/zero; printf TRAILER!", "head"),
      ("image", "head -c 9000 /dev/zero; printf TRAILER!", "trailer"),
      ("image", "printf TRAILER!", "trailer"),
      ("image", "head -c 12345 /dev/zero", "length"), ("a.odd", "head -c 12345 /dev/zero", "length"),
      ("a.odd", "head -c 700 /dev/zero", "name"),
      ("image", "head -c 5000 /dev/zero; printf middle", "middle"),
      ("a.odd", "head -c 5000 /dev/zero; printf mi", "name"), ("image", "head -c 5000 /dev/zero", "raw"),
      ("image", ":", "raw"), ("image", "printf KDMV; head -c 9000 /dev/zero; printf TRAILER!", "vmdk"),
    ])
  func recognition(_ name: String, _ content: String, _ format: String) throws {
    let scene = try OpenerScene()
    _ = Shell.run("{ \(content); } >'\(name)'", folder: scene.folder.path)
    let opener = Opener(
      graph: scene.graph, kinds: scene.opener.kinds + ForeignFormatTests.kinds)
    func open() throws(BlockError) -> String {
      try opener.openUnused(ImageName(path: scene.folder.file(name)), OpenSettings()).driver.name
    }
    guard format != "raw" else {
      #expect(try open() == "raw")
      return
    }
    let error = #expect(throws: BlockError.self) { try open() }
    #expect(error?.message.contains(format == "vmdk" ? "in vmdk format" : "known as \(format)") == true)
  }
}
