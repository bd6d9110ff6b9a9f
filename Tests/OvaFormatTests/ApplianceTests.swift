// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

@testable import OvaFormat

@Suite struct ApplianceTests {
  private func failure(_ archive: [UInt8], disk: String? = nil) -> BlockError? {
    do throws(BlockError) {
      let appliance = try Appliance(archive)
      _ = try appliance.index(of: disk)
      _ = try appliance.manifest?.get()
      return nil
    } catch { return error }
  }

  @Test("members are found where they stand, whatever the archive's dialect")
  func members() throws {
    var archive = SampleArchive()
    try archive.add("./a.ovf", SampleArchive.description())
    try archive.add("folder/", type: "5")
    try archive.addRecord("mtime=1.5")
    try archive.add("a.vmdk", [1, 2, 3], type: "\0")
    try archive.add("very/long/", Array("folder/long.vmdk\0".utf8), type: "L")
    try archive.add("folder/long", [4])
    try archive.addRecord("path=other.iso")
    try archive.add("x", [5], type: "7")
    try archive.add("tail", [6], fields: [(345, Array("prefix".utf8))])
    for bytes in [archive.whole, archive.bytes, Array(archive.bytes.dropLast(500))] {
      let index = try TarIndex(fileLength: UInt64(bytes.count)) { (offset, count) throws(BlockError) in
        Buffer(Array(bytes[Int(offset)..<Int(offset) + count]))
      }
      #expect(
        index.members.map(\.name) == ["a.ovf", "a.vmdk", "folder/long.vmdk", "other.iso", "prefix/tail"])
      for (number, member) in index.members.dropFirst().enumerated() {
        #expect(bytes[Int(member.range.lowerBound)] == UInt8([1, 4, 5, 6][number]))
      }
      #expect(index.member("a.vmdk")?.range.count == 3)
    }
  }

  @Test(
    "a size of any form is the member's", arguments: [0, 1, 511, 512, 8_589_934_591, 8_589_934_592, 1 << 62])
  func sizes(_ size: UInt64) throws {
    let header = try TarHeader(file: "disk", size: size).bytes
    let parsed = try TarHeader(parsing: header)
    #expect(try parsed.size == size && parsed.name == Array("disk".utf8) && parsed.kind == .file)
    // The number of bytes of which no octal digits are left are the only ones in another form.
    #expect((header[124] == 0x80) == (size >= 1 << 33))
  }

  @Test("disks are chosen by number, identifier and file")
  func choice() throws {
    let text = SampleArchive.description(
      files: [("f1", "ovf:href=\"a.vmdk\" ovf:size=\"3\""), ("f2", "ovf:href=\"my%20disk.raw\"")],
      disks: [
        ("first", "ovf:fileRef=\"f1\" ovf:capacity=\"2\" ovf:capacityAllocationUnits=\"byte * 2^30\""),
        ("second", "ovf:fileRef=\"f2\" ovf:format=\"http://x/vhd\""), ("empty", "ovf:capacity=\"1\""),
      ])
    var archive = try SampleArchive.appliance(text)
    try archive.add("my disk.raw", [9])
    let appliance = try Appliance(archive.whole)
    #expect(try appliance.index(of: nil) == nil)
    for (name, index) in [("1", 0), ("first", 0), ("a.vmdk", 0), ("2", 1), ("second", 1), ("my disk.raw", 1)]
    {
      #expect(try appliance.index(of: name) == index)
    }
    #expect(appliance.ambiguity.message.contains("1 'a.vmdk' (2 GiB), 2 'my disk.raw'"))
    #expect(failure(archive.whole, disk: "4")?.kind == .notFound)
    #expect(failure(archive.whole, disk: "0")?.kind == .notFound)
    #expect(failure(archive.whole, disk: "empty")?.message.contains("is empty") == true)
    #expect(appliance.disks[1].description.knownFormat == "vpc")
    #expect(appliance.disks[1].pieces.map(\.range.count) == [1])
  }

  @Test("a file in parts is put together, where all parts are there")
  func chunks() throws {
    let text = SampleArchive.description(
      files: [("file1", "ovf:href=\"a.vmdk\" ovf:size=\"5\" ovf:chunkSize=\"2\"")])
    var archive = SampleArchive()
    try archive.add("a.ovf", text)
    for (number, part) in ([[1, 2], [3, 4], [5]] as [[UInt8]]).enumerated() {
      try archive.add("a.vmdk.00000000\(number)", part)
    }
    let appliance = try Appliance(archive.whole)
    #expect(try appliance.index(of: nil) == 0)
    #expect(appliance.disks[0].pieces.map(\.range.count) == [2, 2, 1])
    let missing = Array(archive.bytes.dropLast(1024))
    #expect(failure(missing)?.message.contains("a.vmdk.000000002") == true)
  }

  @Test("files are called relative to the description's folder, or to the archive's")
  func folder() throws {
    let text = SampleArchive.description(
      files: [
        ("f1", "ovf:href=\"a.vmdk\""), ("f2", "ovf:href=\"x/b.vmdk\""), ("f3", "ovf:href=\"y/c.vmdk\""),
      ],
      disks: [("1st", "ovf:fileRef=\"f1\""), ("2nd", "ovf:fileRef=\"f2\""), ("3rd", "ovf:fileRef=\"f3\"")])
    var archive = SampleArchive()
    try archive.add("x/a.ovf", text)
    try archive.add("x/a.vmdk", [1])
    try archive.add("x/b.vmdk", [1, 2])
    try archive.add("x/y/c.vmdk", [1, 2, 3])
    // One of the same name elsewhere is another file.
    try archive.add("a.vmdk", [1, 2, 3, 4])
    let digests = ["a.ovf", "a.vmdk", "x/b.vmdk", "y/c.vmdk"].flatMap {
      OvfManifest.line($0, algorithm: "sha1", digest: Array(repeating: 1, count: 20))
    }
    try archive.add("x/a.mf", digests)
    let appliance = try Appliance(archive.whole)
    #expect(appliance.disks.map { $0.pieces.map(\.range.count) } == [[1], [2], [3]])
    let manifest = try #require(appliance.manifest).get()
    #expect(appliance.absentFile(in: manifest, but: nil) { _ in false } == nil)
    for name in ["../a.vmdk", "/a.vmdk", "y/../../a.vmdk"] {
      let outside = SampleArchive.description(files: [("file1", "ovf:href=\"\(name)\"")])
      var archive = SampleArchive()
      try archive.add("x/a.ovf", outside)
      try archive.add("a.vmdk", [1])
      #expect(failure(archive.whole)?.kind == .refused)
    }
  }

  @Test("an appliance of several disks within an appliance is refused as what it is")
  func nested() throws {
    let several = SampleArchive.description(
      disks: [("1st", "ovf:fileRef=\"file1\""), ("2nd", "ovf:fileRef=\"file1\"")])
    let inner = try SampleArchive.appliance(several).whole
    let graph = Graph()
    let file = try graph.makeNode(MemoryStorage(SampleArchive.appliance(disk: inner).whole), "file")
    let opener = Opener(graph: graph, kinds: [OvaFormat(), OvfFormat()])
    do throws(BlockError) {
      _ = try opener.openFormat(OvaFormat(), on: file, [:], OpenSettings())
      Issue.record("it was opened")
    } catch {
      #expect(error.message.contains("is an appliance itself"), "\(error.message)")
    }
  }

  @Test(
    "units of capacities",
    arguments: [
      ("byte", 3), ("byte * 2^20", 3 << 20), ("byte*2^30", 3 << 30), ("byte * 1024", 3072),
      ("MegaBytes", nil),
      ("byte * 2^64", nil), ("byte * ^", nil), ("byte * ^3", nil), ("byte * 2^", nil),
      ("byte * 10^3 * 2", nil), ("byte * 2^63", nil),
    ] as [(String, UInt64?)])
  func capacity(_ unit: String, _ expected: UInt64?) throws {
    let text = SampleArchive.description(
      disks: [("d", "ovf:fileRef=\"file1\" ovf:capacity=\"3\" ovf:capacityAllocationUnits=\"\(unit)\"")])
    #expect(try OvfEnvelope(parsing: Buffer(text)).disks[0].capacity == expected)
  }

  // MARK: Manifests

  @Test(
    "manifests in all spellings",
    arguments: [
      "SHA256(a.vmdk)= X", "SHA256 (a.vmdk) = X", "sha256(a.vmdk)=X", "SHA2-256(./a.vmdk)= X",
      "\r\n\tSHA256(a.vmdk)= X\r\n", "SHA256 ( a.vmdk ) = X ", "SHA256(\t./a.vmdk )= X\r\rSHA1(b)= Y\r",
    ])
  func manifest(_ line: String) throws {
    let digest = String(repeating: "aB", count: 32)
    let manifest = try OvfManifest(
      parsing: Array(line.replacing("X", with: digest).replacing("Y", with: digest.prefix(40)).utf8))
    #expect(
      manifest.entries["a.vmdk"] == .init(algorithm: "sha256", digest: Array(repeating: 0xAB, count: 32)))
  }

  @Test(
    "manifests that are none",
    arguments: [
      "x", "SHA256(a)= 00", "MD5(a)= 00000000000000000000000000000000",
      "SHA1(a)= " + String(repeating: "g", count: 40),
      "SHA1 a = " + String(repeating: "0", count: 40), "SHA1(a)x= " + String(repeating: "0", count: 40),
      "SHA1(a\rb)= " + String(repeating: "0", count: 40), "SHA1( )= " + String(repeating: "0", count: 40),
    ])
  func badManifest(_ text: String) {
    #expect(throws: BlockError.self) { try OvfManifest(parsing: Array(text.utf8)) }
  }

  @Test("a manifest that makes no sense keeps nobody from the disks")
  func unreadManifest() throws {
    for (name, words) in [
      ("x", "line 1"), ("SHA1(a)= " + String(repeating: "0", count: 40) + "\nx", "line 2"),
    ] {
      var archive = try SampleArchive.appliance()
      try archive.add("a.mf", Array(name.utf8))
      let appliance = try Appliance(archive.whole)
      #expect(try appliance.index(of: nil) == 0)
      let error = #expect(throws: BlockError.self) { try appliance.manifest?.get() }
      #expect(error?.message.hasPrefix("a.mf: \(words) ") == true)
    }
  }

  @Test("a description in UTF-16", arguments: [false, true])
  func wideDescription(_ isBig: Bool) throws {
    let text = String(decoding: SampleArchive.description(), as: UTF8.self).replacing("UTF-8", with: "UTF-16")
    let units: [UInt16] = [0xFEFF] + Array(text.utf16)
    let bytes = units.flatMap {
      isBig ? [UInt8($0 >> 8), UInt8($0 & 0xFF)] : [UInt8($0 & 0xFF), UInt8($0 >> 8)]
    }
    let archive = try SampleArchive.appliance(bytes)
    #expect(try Appliance(archive.whole).disks.map(\.name) == ["a.vmdk"])
    let description = Buffer(bytes)
    let isKnown = ApplianceHead.isEnvelope(description.bytes)
    #expect(isKnown)
  }

  // MARK: Inspection

  private func findings(_ archive: [UInt8]) throws -> HeaderFindings {
    let file = try InspectedFile(length: UInt64(archive.count)) { (offset, count) throws(BlockError) in
      Buffer(Array(archive[Int(offset)..<min(archive.count, Int(offset) + count)]))
    }
    return try OvaFormat().inspect(file)
  }

  @Test("an archive's disks are told with their places, and what its digests say without a disk")
  func inspection() throws {
    let digest = [UInt8](repeating: 1, count: 20)
    for (manifest, defect) in [
      ([], nil), (OvfManifest.line("a.vmdk", algorithm: "sha1", digest: digest), nil),
      (OvfManifest.line("a.ovf", algorithm: "sha1", digest: digest), "'a.ovf' is not what the manifest says"),
      (OvfManifest.line("b", algorithm: "sha1", digest: digest), "a digest of 'b'"), ([0x78], "line 1 of"),
    ] as [([UInt8], String?)] {
      var archive = try SampleArchive.appliance()
      if !manifest.isEmpty { try archive.add("a.mf", manifest) }
      let found = try findings(archive.whole)
      #expect(found.contained.map(\.name) == ["a.vmdk"] && found.contained[0].defect == nil)
      #expect(archive.whole[Int(found.contained[0].ranges[0].lowerBound)] == 1)
      #expect(found.defects.count == (defect == nil ? 0 : 1))
      if let defect { #expect(found.defects.first?.contains(defect) == true) }
      #expect(found.details.map(\.name).starts(with: ["disks", "description", "members"]))
    }
    let empty = SampleArchive.description(files: [], disks: [("d", "ovf:capacity=\"1\"")])
    for text in [empty, SampleArchive.description(disks: [])] {
      let archive = try SampleArchive.appliance(text)
      #expect(throws: BlockError.self) { try findings(archive.whole) }
    }
    let absent = SampleArchive.description(files: [("file1", "ovf:href=\"b.vmdk\"")])
    #expect(
      try findings(SampleArchive.appliance(absent).whole).contained[0].defect?.contains("b.vmdk") == true)
  }

  @Test("the line that we write")
  func line() throws {
    let line = OvfManifest.line("a-disk1.vmdk", algorithm: "sha1", digest: Array(repeating: 10, count: 20))
    #expect(
      String(decoding: line, as: UTF8.self) == "SHA1(a-disk1.vmdk)= " + String(repeating: "0a", count: 20)
        + "\n")
    #expect(try OvfManifest(parsing: line).entries["a-disk1.vmdk"]?.algorithm == "sha1")
  }

  @Test("files that a manifest has digests of are the package's, or another disk's that is missing")
  func absentFiles() throws {
    let text = SampleArchive.description(
      files: [("f1", "ovf:href=\"a.vmdk\""), ("f2", "ovf:href=\"missing.vmdk\"")],
      disks: [("first", "ovf:fileRef=\"f1\""), ("second", "ovf:fileRef=\"f2\"")])
    for (name, absent) in [
      ("a.vmdk", nil), ("a.ovf", nil), ("folder/b.iso", nil), ("b.iso", nil), ("missing.vmdk", nil),
      ("x", "x"),
    ] as [(String, String?)] {
      var archive = try SampleArchive.appliance(text)
      try archive.add("folder/b.iso")
      try archive.add(
        "A.MF", OvfManifest.line(name, algorithm: "sha1", digest: Array(repeating: 1, count: 20)))
      let appliance = try Appliance(archive.whole)
      let manifest = try #require(appliance.manifest).get()
      #expect(appliance.absentFile(in: manifest, but: 0) { _ in false } == absent)
      #expect(appliance.absentFile(in: manifest, but: 0) { $0 == "x" } == nil)
      // Of all disks together, none is missing.
      #expect(appliance.absentFile(in: manifest, but: nil) { _ in false } == absent)
    }
  }

  // MARK: Recognition

  private func isRecognised(_ bytes: [UInt8]) throws -> Bool {
    let input = try ProbeInput(length: UInt64(bytes.count), name: "x") { (offset, count) throws(BlockError) in
      Buffer(Array(bytes[Int(offset)..<Int(offset) + count]))
    }
    return OvaFormat().probe(input) != nil
  }

  @Test("an archive with a description is one, in any order and as old programs wrote it")
  func recognition() throws {
    let old = (257, [UInt8](repeating: 0, count: 8))
    let description = SampleArchive.description()
    for (first, fields) in [
      ("a.ovf", []), ("a.ovf", [old]), ("a.mf", []), ("a.vmdk", []), ("A.VMDK", [old]), ("disk.vmdk.gz", []),
    ] as [(String, [(Int, [UInt8])])] {
      var archive = SampleArchive()
      // Longer than what is read at once.
      try archive.add(
        first, first == "a.ovf" ? description : Array(repeating: 7, count: 20_000), fields: fields)
      let isFound = try isRecognised(archive.whole)
      #expect(isFound == (first == "a.ovf"), "\(first)")
      try archive.addRecord("mtime=1.5")
      try archive.add("b.ovf", description, fields: fields)
      #expect(try isRecognised(archive.whole), "\(first)")
    }
    var other = SampleArchive()
    try other.add("notes.txt", [1])
    try other.add("a.ovf", description)
    #expect(try !isRecognised(other.whole))
    // Members without end.
    var many = SampleArchive()
    for number in 0..<100 { try many.add("\(number).vmdk") }
    try many.add("a.ovf", description)
    #expect(try !isRecognised(many.whole))
  }

  // MARK: Hostile archives

  /// Defects by name: the archive, and words of the error.
  static let defects: [(name: String, words: String, make: @Sendable () throws -> [UInt8])] = [
    ("absolute name", "leads out of the archive", { try with("/etc/passwd") }),
    ("name with steps up", "leads out of the archive", { try with("x/../../etc/passwd") }),
    ("name that is a step up", "leads out of the archive", { try with("..") }),
    ("empty name", "leads out of the archive", { try with("", fields: [(0, [0])]) }),
    ("name with a line feed", "leads out of the archive", { try with("a\u{A}b") }),
    ("symbolic link", "is a symbolic link", { try with("l", type: "2") }),
    ("hard link", "is a link", { try with("l", type: "1") }),
    ("character device", "is a device", { try with("l", type: "3") }),
    ("block device", "is a device", { try with("l", type: "4") }),
    ("FIFO", "is a FIFO", { try with("l", type: "6") }),
    ("sparse file", "is a sparse file", { try with("l", type: "S") }),
    ("unknown type", "unknown type (0x7a)", { try with("l", type: "z") }),
    ("two members of one name", "two members 'a.vmdk'", { try with("a.vmdk") }),
    (
      "two members of one name, one by a record", "two members 'a.vmdk'",
      {
        try with {
          try $0.addRecord("path=./a.vmdk"); try $0.add("x")
        }
      }
    ),
    ("two descriptions", "2 descriptions", { try with("b.ovf") }),
    (
      "size past the end", "ends behind the end",
      { try with("l", fields: [(124, Array("00000777777\0".utf8))]) }
    ),
    (
      "size of 2^63 - 1", "ends behind the end",
      { try with("l", fields: [(124, [0x80, 0, 0, 0, 0x7F] + ones(7))]) }
    ),
    ("negative size", "size is negative", { try with("l", fields: [(124, ones(12))]) }),
    (
      "size of 2^94", "larger than a file",
      { try with("l", fields: [(124, [0x80, 0x40] + Array(repeating: 0, count: 10))]) }
    ),
    (
      "size that is no number", "size is no number",
      { try with("l", fields: [(124, Array("0000000x000\0".utf8))]) }
    ),
    (
      "wrong sum", "checksum is wrong",
      {
        var bytes = try SampleArchive.appliance().whole
        bytes[1024 + 20] ^= 1
        return bytes
      }
    ),
    (
      "record with another size", "two sizes",
      {
        try with {
          try $0.addRecord("size=1"); try $0.add("x", [1, 2])
        }
      }
    ),
    (
      "record with a size past the end", "ends behind the end",
      {
        try with {
          try $0.addRecord("size=9000000000"); try $0.add("x", [1, 2])
        }
      }
    ),
    (
      "record with a size that is no number", "size is no number",
      {
        try with {
          try $0.addRecord("size=-1"); try $0.add("x", [1, 2])
        }
      }
    ),
    (
      "record for all members", "gives several members",
      {
        try with {
          try $0.addRecord("path=x", type: "g"); try $0.add("x")
        }
      }
    ),
    (
      "two records", "gives several members",
      {
        try with {
          try $0.addRecord("path=x"); try $0.addRecord("path=y"); try $0.add("x")
        }
      }
    ),
    (
      "record of no length", "cannot be read",
      { try with { try $0.add("p", Array("x path=y\n".utf8), type: "x") } }
    ),
    (
      "record that ends too late", "cannot be read",
      { try with { try $0.add("p", Array("99 path=y\n".utf8), type: "x") } }
    ),
    (
      "long record", "records of",
      {
        try with { try $0.add("p", Array(repeating: 0x30, count: 70000), type: "x") }
      }
    ),
    (
      "sparse record", "sparse member",
      {
        try with {
          try $0.addRecord("GNU.sparse.major=1"); try $0.add("x")
        }
      }
    ),
    (
      "very many members", "more than 4096",
      {
        var archive = try SampleArchive.appliance()
        for number in 0..<4096 { try archive.add("m\(number)") }
        return archive.whole
      }
    ),
    (
      "no description", "no description",
      {
        var archive = SampleArchive()
        try archive.add("a.vmdk")
        return archive.whole
      }
    ),
    ("nothing", "no members", { Array(repeating: 0, count: 1024) }),
    (
      "entity bomb", "declares entities",
      {
        try SampleArchive.appliance(
          SampleArchive.description(prolog: "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>")
        ).whole
      }
    ),
    (
      "description of 2 MiB", "no more than 1048576",
      {
        try SampleArchive.appliance(Array(repeating: 0x20, count: 2 << 20)).whole
      }
    ),
    (
      "description cut off", "not well-formed",
      {
        try SampleArchive.appliance(Array(SampleArchive.description().dropLast(9))).whole
      }
    ),
    (
      "another document", "its element is 'html'",
      { try SampleArchive.appliance(Array("<html/>".utf8)).whole }
    ),
    ("file at a URL", "is not beside the description", { try href("http://192.0.2.1/a.vmdk") }),
    ("file elsewhere", "is not beside the description", { try href("/etc/passwd") }),
    ("file above", "is not beside the description", { try href("x/../../a.vmdk") }),
    ("file that is not there", "no member 'b.vmdk'", { try href("b.vmdk") }),
    ("file of another size", "where the description says 4", { try href("a.vmdk", " ovf:size=\"4\"") }),
    ("size in words", "is no number", { try href("a.vmdk", " ovf:size=\"four\"") }),
    ("compressed file", "is compressed (bzip2)", { try href("a.vmdk", " ovf:compression=\"bzip2\"") }),
    (
      "very many parts", "makes no sense",
      {
        try href("a.vmdk", " ovf:size=\"9000000000000000000\" ovf:chunkSize=\"1\"")
      }
    ),
    ("parts of nothing", "makes no sense", { try href("a.vmdk", " ovf:size=\"3\" ovf:chunkSize=\"0\"") }),
    (
      "file that is not listed", "which is not listed",
      {
        try SampleArchive.appliance(SampleArchive.description(disks: [("d", "ovf:fileRef=\"x\"")])).whole
      }
    ),
    (
      "two files of one id", "two files have the id",
      {
        try SampleArchive.appliance(
          SampleArchive.description(files: [("f", "ovf:href=\"a\""), ("f", "ovf:href=\"b\"")], disks: [])
        ).whole
      }
    ),
    (
      "two disks of one id", "two disks have the id",
      {
        try SampleArchive.appliance(SampleArchive.description(disks: [("d", ""), ("d", "")])).whole
      }
    ),
    (
      "very many disks", "more than 256 disks",
      {
        try SampleArchive.appliance(SampleArchive.description(disks: (0..<257).map { ("d\($0)", "") })).whole
      }
    ),
    (
      "disk on another one", "stands on another one",
      {
        try SampleArchive.appliance(
          SampleArchive.description(disks: [("d", "ovf:fileRef=\"file1\" ovf:parentRef=\"e\"")])
        ).whole
      }
    ),
    ("no disk", "no disk in it", { try SampleArchive.appliance(SampleArchive.description(disks: [])).whole }),
    (
      "manifest that contradicts itself", "two digests of 'a.vmdk'",
      {
        let zeros = String(repeating: "0", count: 40)
        return try with("a.mf", Array("SHA1(a.vmdk)= \(zeros)\nSHA1(a.vmdk)= \(zeros)\n".utf8))
      }
    ),
    ("manifest that is none", "line 1 of the manifest", { try with("a.mf", [1, 2, 3]) }),
  ]

  private static func ones(_ count: Int) -> [UInt8] { Array(repeating: 0xFF, count: count) }

  private static func with(
    _ name: String, _ content: [UInt8] = [], type: Character = "0", fields: [(Int, [UInt8])] = []
  ) throws -> [UInt8] {
    try with { try $0.add(name, content, type: type, fields: fields) }
  }

  private static func with(_ add: (inout SampleArchive) throws -> Void) throws -> [UInt8] {
    var archive = try SampleArchive.appliance()
    try add(&archive)
    return archive.whole
  }

  private static func href(_ name: String, _ more: String = "") throws -> [UInt8] {
    try SampleArchive.appliance(
      SampleArchive.description(files: [("file1", "ovf:href=\"\(name)\"\(more)")])
    ).whole
  }

  @Test("defects are told in one line", arguments: defects.map(\.name))
  func hostile(_ name: String) throws {
    let defect = try #require(ApplianceTests.defects.first { $0.name == name })
    let error = failure(try defect.make())
    #expect(error?.message.contains(defect.words) == true, "\(error?.message ?? "opened")")
    #expect(error?.message.contains("\n") == false)
  }

  @Test("an archive that ends anywhere, or of which a byte is another one, is told or read")
  func damaged() throws {
    let whole = try SampleArchive.appliance().whole
    for count in stride(from: 0, to: whole.count, by: 61) { _ = failure(Array(whole[..<count])) }
    for index in stride(from: 0, to: 1600, by: 7) {
      for bit in [1, 0x80] as [UInt8] {
        var bytes = whole
        bytes[index] ^= bit
        _ = failure(bytes)
      }
    }
    #expect(failure(whole) == nil)
  }

  @Test("archives and descriptions are recognised by their start, and others are not")
  func probing() throws {
    func recognised(_ bytes: [UInt8]) -> String? {
      let input = ProbeInput(
        head: Buffer(Array(bytes.prefix(ProbeInput.headLength))), length: UInt64(bytes.count), name: "")
      return OvaFormat().probe(input) != nil ? "ova" : OvfFormat().probe(input) != nil ? "ovf" : nil
    }
    #expect(recognised(try SampleArchive.appliance().whole) == "ova")
    #expect(recognised(SampleArchive.description()) == "ovf")
    #expect(recognised(SampleArchive.description(prolog: "<!-- <html/> -->")) == "ovf")
    var broken = try SampleArchive.appliance().whole
    broken[149] ^= 1
    #expect(recognised(broken) == nil)
    #expect(recognised(Array("<Envelope xmlns='urn:x'/>".utf8)) == nil)
    #expect(recognised(Array("<html/ovf/>".utf8)) == nil)
    #expect(recognised([]) == nil)
  }
}
