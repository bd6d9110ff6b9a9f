// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Testing

@testable import VmdkFormat

@Suite struct VmdkDescriptorTests {
  private static let plain = """
    # Disk DescriptorFile
    version=1
    CID=12345678
    parentCID=ffffffff
    createType="twoGbMaxExtentFlat"

    RW 2048 FLAT "a-f001.vmdk" 0
    RW 64 ZERO
    RDONLY 4096 VMFS "b.vmdk" 8
    NOACCESS 8 FLAT "c.vmdk" 0

    ddb.adapterType = "ide"
    """

  /// Other spellings of the same.
  static let spellings: [(name: String, change: @Sendable (String) -> String)] = [
    ("as it is", { $0 }), ("CRLF", { $0.replacing("\n", with: "\r\n") }),
    ("CR", { $0.replacing("\n", with: "\r") }), ("a byte order mark", { "\u{FEFF}" + $0 }),
    ("no quotes round the type", { $0.replacing("\"twoGbMaxExtentFlat\"", with: "twoGbMaxExtentFlat") }),
    ("blanks round equal signs", { $0.replacing("=", with: " = ") }),
    ("tabs", { $0.replacing(" ", with: "\t").replacing("#\tDisk\t", with: "# Disk ") }),
    (
      "keys in capitals",
      { $0.replacing("createType", with: "CREATETYPE").replacing("parentCID", with: "PARENTCID") }
    ),
    ("keys in small letters", { $0.replacing("CID=", with: "cid=").replacing("createT", with: "createt") }),
    ("parts in small letters", { $0.replacing("RW", with: "rw").replacing("FLAT", with: "flat") }),
    ("padded with zero bytes", { $0 + String(repeating: "\0", count: 300) }),
    ("a comment of 30 kB", { $0.replacing("\n\n", with: "\n#\(String(repeating: " x", count: 15000))\n") }),
    ("more values on a line", { $0.replacing("\" 0", with: "\" 0 partition-uuid device-id 7 8") }),
    ("blank lines", { "\n \n" + $0.replacing("\n", with: "\n\n") }),
    ("unknown lines", { $0 + "\nchangeTrackPath=\"x\"\nisNativeSnapshot=\"no\"\nnonsense\n" }),
  ]

  @Test("is read in every spelling", arguments: spellings.indices)
  func spelled(_ index: Int) throws {
    let text = VmdkDescriptorTests.spellings[index].change(VmdkDescriptorTests.plain)
    let descriptor = try OpenDescriptor(Array(text.utf8)).current
    #expect(descriptor.contentID == 0x1234_5678 && descriptor.parentContentID == .max)
    #expect(descriptor.createType == "twoGbMaxExtentFlat")
    let extents = descriptor.extents
    #expect(extents.map(\.sectors) == [2048, 64, 4096, 8])
    #expect(extents.map(\.kind) == [.flat, .zero, .fileSystem, .flat])
    #expect(extents.map(\.name) == ["a-f001.vmdk", "", "b.vmdk", "c.vmdk"])
    #expect(extents.map(\.firstSector) == [0, 0, 8, 0])
    #expect(extents.map(\.access) == [.readWrite, .readWrite, .readOnly, .none])
  }

  @Test("is recognised in every spelling", arguments: spellings.indices)
  func recognised(_ index: Int) throws {
    let text = VmdkDescriptorTests.spellings[index].change(VmdkDescriptorTests.plain)
    let probe = ProbeInput(length: UInt64(text.utf8.count), name: "disk") { (offset, count) in
      Buffer(Array(text.utf8.dropFirst(Int(offset)).prefix(count)))
    }
    #expect(VmdkFormat().probe(probe) != nil)
  }

  @Test(
    "lines are changed where they are, in every spelling, and all others stay", arguments: spellings.indices)
  func changed(_ index: Int) throws {
    let text = VmdkDescriptorTests.spellings[index].change(VmdkDescriptorTests.plain)
    var changed = DescriptorText(Array(text.utf8))
    changed.setSectors(512, ofExtent: 2)
    changed.set("parentCID", to: "00000001", behind: "CID", line: "")
    changed.set(
      "parentFileNameHint", to: "p q.vmdk", behind: "createType", line: "parentFileNameHint=\"p q.vmdk\"")
    changed.add(VmdkExtentLine(sectors: 9, .flat, name: "d.vmdk"))
    changed.setDataBase("adapterType", to: "lsilogic")
    changed.setDataBase("toolsVersion", to: "1")
    let descriptor = try OpenDescriptor(changed.bytes).current
    #expect(descriptor.extents.map(\.sectors) == [2048, 64, 512, 8, 9])
    #expect(descriptor.extents.map(\.name) == ["a-f001.vmdk", "", "b.vmdk", "c.vmdk", "d.vmdk"])
    #expect(descriptor.parentContentID == 1 && descriptor.parentName == "p q.vmdk")
    #expect(descriptor.contentID == 0x1234_5678)
    #expect(
      changed.value(of: "ddb.adapterType") == "lsilogic" && changed.value(of: "DDB.toolsversion") == "1")
    if text.contains("\r\n") {
      #expect(changed.bytes.count { $0 == 10 } == changed.bytes.count { $0 == 13 })
    }
    changed.remove("parentFileNameHint")
    #expect(try OpenDescriptor(changed.bytes).current.parentName == nil)
  }

  @Test("what a text does not have is said")
  func broken() {
    for (text, message) in [
      ("version=1\nRW 8 ZERO\n", "invalid VMDK image descriptor"),
      ("createType=custom\nRW x ZERO\n", "Invalid extent line: RW x ZERO"),
      ("createType=custom\nRW 8 SESPARSE \"a\"\n", "Unsupported extent type 'SESPARSE'"),
      ("createType=custom\nRW 8 FLAT\n", "Invalid extent line: RW 8 FLAT"),
      (
        "createType=custom\n" + String(repeating: "RW 8 ZERO\n", count: 4097),
        "the image consists of more than 4096 extents"
      ),
    ] {
      do throws(BlockError) {
        _ = try VmdkDescriptor(parsing: Array(text.utf8))
        Issue.record("\(message): it was read")
      } catch {
        #expect(error.message == message)
      }
    }
  }
}
