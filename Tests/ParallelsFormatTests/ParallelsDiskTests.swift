// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Support
import Testing

@testable import ParallelsFormat

@Suite("Parallels disks of several files")
struct ParallelsDiskTests {
  static let top = "{5fbaabe3-6958-40ff-92a7-860e329aab41}"
  static let none = "{00000000-0000-0000-0000-000000000000}"
  static func state(_ number: Int) -> String { "{00000000-0000-4000-8000-00000000000\(number)}" }

  static func image(_ state: String, _ file: String, _ type: String = "Compressed") -> String {
    "<Image><GUID>\(state)</GUID><Type>\(type)</Type><File>\(file)</File></Image>"
  }

  static func storage(_ start: String, _ end: String, _ images: String) -> String {
    "<Storage><Start>\(start)</Start><End>\(end)</End><Blocksize>2048</Blocksize>\(images)</Storage>"
  }

  static func text(
    size: String = "4096", parameters: String = "<Padding>0</Padding>",
    storages: String = storage("0", "4096", image(top, "a.hds")), snapshots: String = ""
  ) -> String {
    """
    <?xml version='1.0' encoding='UTF-8'?>
    <Parallels_disk_image Version="1.0"><Disk_Parameters><Disk_size>\(size)</Disk_size>\(parameters)</Disk_Parameters>
    <StorageData>\(storages)</StorageData>\(snapshots)</Parallels_disk_image>
    """
  }

  static func shots(_ pairs: [(String, String)], top: String? = nil) -> String {
    let list = pairs.map { "<Shot><GUID>\($0.0)</GUID><ParentGUID>\($0.1)</ParentGUID></Shot>" }.joined()
    return "<Snapshots>\(top.map { "<TopGUID>\($0)</TopGUID>" } ?? "")\(list)</Snapshots>"
  }

  private func parse(_ text: String) throws(BlockError) -> ParallelsDisk {
    let buffer = Buffer(Array(text.utf8))
    return try ParallelsDisk(parsing: buffer.bytes)
  }

  @Test("a disk of one image, and one of parts in any order")
  func parts() throws {
    let one = try parse(ParallelsDiskTests.text())
    let end: UInt64 = 4096 * 512
    let whole: [Range<UInt64>] = [0..<end]
    #expect(one.size == end)
    #expect(one.storages.map(\.range) == whole)
    #expect(one.storages[0].layers.map(\.file) == ["a.hds"])
    let (a, b) = (
      ParallelsDiskTests.storage("0", "2048", ParallelsDiskTests.image(ParallelsDiskTests.top, "a", "Plain")),
      ParallelsDiskTests.storage("2048", "4096", ParallelsDiskTests.image(ParallelsDiskTests.top, "b"))
    )
    for storages in [a + b, b + a] {
      let disk = try parse(ParallelsDiskTests.text(storages: storages))
      let halves: [Range<UInt64>] = [0..<end / 2, end / 2..<end]
      #expect(disk.storages.map(\.range) == halves)
      #expect(disk.storages.map { $0.layers[0].isExpanding } == [false, true])
    }
  }

  @Test("the chain of snapshots starts at the stated top, or at the usual one")
  func chain() throws {
    let (first, second) = (ParallelsDiskTests.state(1), ParallelsDiskTests.state(2))
    let top = ParallelsDiskTests.top
    let images =
      ParallelsDiskTests.image(first, "1") + ParallelsDiskTests.image(second, "2")
      + ParallelsDiskTests.image(top, "3")
    let pairs = [(top, second), (first, ParallelsDiskTests.none), (second, first)]
    for (stated, files) in [(nil, ["3", "2", "1"]), (second, ["2", "1"]), (first, ["1"])]
      as [(String?, [String])]
    {
      let disk = try parse(
        ParallelsDiskTests.text(
          storages: ParallelsDiskTests.storage("0", "4096", images),
          snapshots: ParallelsDiskTests.shots(pairs, top: stated)))
      #expect(disk.storages[0].layers.map(\.file) == files)
      #expect(disk.states.count == files.count)
    }
    // What is below an image that has everything is not looked at.
    let plain = try parse(
      ParallelsDiskTests.text(
        storages: ParallelsDiskTests.storage(
          "0", "4096", ParallelsDiskTests.image(second, "2", "Plain") + ParallelsDiskTests.image(first, "1")),
        snapshots: ParallelsDiskTests.shots(pairs, top: second)))
    #expect(plain.storages[0].layers.map(\.file) == ["2"])
  }

  /// Defects by name: the text, and words of the error.
  static let defects: [(name: String, words: String, text: String)] = [
    ("another document", "its element is 'a'", "<a/>"),
    ("no parameters", "no Disk_Parameters", "<Parallels_disk_image/>"),
    ("size of 0", "Disk_size is 0", text(size: "0")),
    ("size in words", "no number of sectors", text(size: "many")),
    ("negative size", "no number of sectors", text(size: "-1")),
    ("size of 2^55", "no number of sectors", text(size: "36028797018963968")),
    ("size past 64 bits", "no number of sectors", text(size: "99999999999999999999999")),
    ("padding", "Padding is '1'", text(parameters: "<Padding>1</Padding>")),
    (
      "long sectors", "LogicSectorSize is '4096'", text(parameters: "<LogicSectorSize>4096</LogicSectorSize>")
    ),
    (
      "encryption", "is encrypted",
      text(parameters: "<Encryption><Engine>\(state(1))</Engine></Encryption>")
    ),
    ("two sizes", "more than one Disk_size", text(parameters: "<Disk_size>1</Disk_size>")),
    ("no parts", "have 0 sectors together", text(storages: "")),
    ("part that ends before it starts", "a Storage goes", text(storages: storage("5", "4", image(top, "a")))),
    ("part without sectors", "a Storage goes", text(storages: storage("4096", "4096", image(top, "a")))),
    ("part past the end", "a Storage goes", text(storages: storage("0", "4097", image(top, "a")))),
    (
      "parts that end early", "have 4095 sectors together",
      text(storages: storage("0", "4095", image(top, "a")))
    ),
    (
      "gap", "gap or overlap",
      text(storages: storage("0", "8", image(top, "a")) + storage("9", "4096", image(top, "b")))
    ),
    (
      "overlap", "gap or overlap",
      text(storages: storage("0", "8", image(top, "a")) + storage("7", "4096", image(top, "b")))
    ),
    (
      "one image for two parts", "stands in two places",
      text(storages: storage("0", "8", image(top, "a")) + storage("8", "4096", image(top, "a")))
    ),
    ("no image", "has no image", text(storages: storage("0", "4096", ""))),
    ("image of another state", "has no image", text(storages: storage("0", "4096", image(state(1), "a")))),
    (
      "two images of a state", "has two images",
      text(storages: storage("0", "4096", image(top, "a") + image(top, "b")))
    ),
    ("unknown type", "of the Type 'Qcow2'", text(storages: storage("0", "4096", image(top, "a", "Qcow2")))),
    ("no file", "has no File", text(storages: storage("0", "4096", image(top, "")))),
    ("identifier that is none", "is no identifier", text(storages: storage("0", "4096", image("{1}", "a")))),
    (
      "snapshot on itself", "based on itself", text(snapshots: shots([(top, top)]))
    ),
    (
      "snapshots in a circle", "based on itself",
      text(snapshots: shots([(top, state(1)), (state(1), state(2)), (state(2), state(1))]))
    ),
    ("snapshot that is not there", "there is no snapshot", text(snapshots: shots([(top, state(1))]))),
    ("top that is not there", "there is no snapshot", text(snapshots: shots([(top, none)], top: state(3)))),
    ("snapshot listed twice", "is listed twice", text(snapshots: shots([(top, none), (top, state(1))]))),
    ("snapshot of nothing", "is listed twice, or names nothing", text(snapshots: shots([(none, none)]))),
    (
      "one file for two states", "stands in two places",
      text(
        storages: storage("0", "4096", image(top, "a") + image(state(1), "a")),
        snapshots: shots([(top, state(1)), (state(1), none)]))
    ),
    (
      "very many parts", "can be open",
      text(storages: (0..<1025).map { storage("\($0)", "\($0 + 1)", image(top, "\($0)")) }.joined())
    ),
    (
      "entity bomb", "declares entities",
      "<!DOCTYPE a [<!ENTITY b 'c'>]><Parallels_disk_image>&b;</Parallels_disk_image>"
    ),
    ("text that is cut off", "not well-formed", String(text().dropLast(5))),
  ]

  @Test("defects are told in one line", arguments: defects.map(\.name))
  func hostile(_ name: String) throws {
    let defect = try #require(ParallelsDiskTests.defects.first { $0.name == name })
    do throws(BlockError) {
      _ = try parse(defect.text)
      Issue.record("'\(name)' was read")
    } catch {
      #expect(error.message.contains(defect.words) && !error.message.contains("\n"), "\(error.message)")
    }
  }

  @Test("descriptions are recognised by their outermost element")
  func probing() {
    func recognises(_ text: String) -> Bool {
      let input = ProbeInput(head: Buffer(Array(text.utf8)), length: UInt64(text.utf8.count), name: "")
      return ParallelsFormat().probe(input) != nil
    }
    #expect(recognises(ParallelsDiskTests.text()))
    #expect(recognises("\u{FEFF}<!-- x --><Parallels_disk_image>"))
    for text in [
      "", "<", "<Parallels_disk_image", "<Parallels_disk_images/>", "<a><Parallels_disk_image/></a>", "x",
    ] {
      #expect(!recognises(text))
    }
  }
}
