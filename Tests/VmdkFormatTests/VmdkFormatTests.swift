// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

@testable import VmdkFormat

extension VmdkFormat: PlainKind {}

/// A disk of one file in memory.
typealias MemoryVmdk = MemoryImage<VmdkFormat>

extension [UInt8] {
  /// The little-endian number of so many bytes at an offset.
  func little(_ offset: Int, _ width: Int) -> UInt64 {
    (0..<width).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64($1 * 8) }
  }

  /// The text of the embedded descriptor.
  var vmdkText: String {
    let start = Int(little(28, 8)) * 512
    let area = self[start..<start + Int(little(36, 8)) * 512]
    return String(decoding: area.prefix { $0 != 0 }, as: UTF8.self)
  }
}

@Suite struct VmdkFormatTests {
  @Test(
    "keeps the contract of drivers", arguments: [[:], ["zeroed_grain": true]] as [OptionObject],
    [1, 2] as [UInt64])
  func conforms(_ options: OptionObject, _ seed: UInt64) throws {
    let image = try MemoryVmdk(size: 1 << 20 | 1024, options)
    #expect(try DriverConformance.check(image.edge, seed: seed, operations: 60) == [])
    let content = try image.edge.array(at: 0, count: Int(image.edge.length))
    try image.close()
    let again = try MemoryVmdk(image.memory.bytes)
    let isSame = try again.edge.array(at: 0, count: content.count) == content
    #expect(isSame)
    let check = try again.check()
    #expect(check.lines == [] && check.result.corruptions == 0 && check.result.leaks == 0)
  }

  // MARK: Length

  @Test(
    "grows within a table, by tables, and by more than the directories have room for; shrinks, and grows again"
  )
  func lengths() throws {
    let image = try MemoryVmdk(size: 1 << 20)
    try image.edge.write(at: (1 << 20) - 512, [UInt8](repeating: 3, count: 512))
    let sizes: [UInt64] = [1 << 20 | 512, 40 << 20, 5 << 30, 2 << 20, 5 << 30, 1 << 20]
    for size in sizes {
      try image.edge.truncate(to: size)
      #expect(image.edge.length == size)
      #expect(try image.edge.array(at: (1 << 20) - 512, count: 512) == [UInt8](repeating: 3, count: 512))
      let tail = size - 512
      if size > 1 << 20 {
        #expect(try image.edge.array(at: tail, count: 512).consists(of: 0))
        try image.edge.write(at: tail, [UInt8](repeating: 9, count: 512))
      }
      try image.edge.flush()
      let again = try MemoryVmdk(image.memory.bytes, flags: .checking)
      let check = try again.check()
      #expect(check.lines == [])
      #expect(check.result.leaks == 0, "after \(size)")
      #expect(again.edge.length == size)
      #expect(image.memory.bytes.vmdkText.contains("RW \(size / 512) SPARSE"))
      #expect(image.memory.bytes.vmdkText.contains("cylinders = \"\(min(size / 512 / 1008, 16383))\""))
    }
    for size in [1000, 1 << 63] as [UInt64] {
      #expect(throws: BlockError.self) { try image.edge.truncate(to: size) }
    }
    try image.close()
    let last = try MemoryVmdk(image.memory.bytes, flags: .checking)
    #expect(try last.check().result.leaks == 0)
  }

  @Test("every table of a longer disk is there, in both directories: others write to no other")
  func tables() throws {
    let image = try MemoryVmdk(size: 1 << 20)
    try image.edge.truncate(to: 6 << 30)
    try image.close()
    let bytes = image.memory.bytes
    for directory in [48, 56] {
      let start = Int(bytes.little(directory, 8)) * 512
      let entries = (0..<192).map { bytes.little(start + $0 * 4, 4) }
      #expect(entries.allSatisfy { $0 > 0 && Int($0) * 512 + 2048 <= bytes.count })
      #expect(Set(entries).count == 192)
    }
  }

  @Test("what lies below does not show where the disk has become longer", arguments: [false, true])
  func growthOverBacking(_ hasZeroes: Bool) throws {
    let below = [UInt8](repeating: 7, count: 300_000)
    let options: OptionObject = hasZeroes ? ["zeroed_grain": true] : [:]
    let image = try MemoryVmdk(MemoryVmdk.bytes(size: 100_352, options), below: below)
    try image.edge.truncate(to: 400_384)
    let content = try image.edge.array(at: 0, count: 400_384)
    #expect(content[..<100_352].consists(of: 7))
    #expect(content[100_352...].consists(of: 0))
  }

  /// An image of 32 KiB with small grains and tables, so that few megabytes need many: tables of 8 grains of 4 KiB, and no
  /// table yet.
  private func small() throws -> [UInt8] {
    let made = try MemoryVmdk.bytes(size: 32768)
    return made.littleChanged([
      (20, 8, 8), (44, 4, 8), (48, 8, 21), (56, 8, 22), (64, 8, 64), (21 * 512, 4, 0), (22 * 512, 4, 0),
    ]).prefix(22 * 512) + [UInt8](repeating: 0, count: 42 * 512)
  }

  @Test("a crash while the length changes leaves the old disk or the new one, and no damage")
  func crashes() throws {
    let image = try MemoryVmdk(small())
    try image.edge.write(at: 0, [UInt8](repeating: 5, count: 8192))
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    // Within the directories' sectors, and past them.
    let sizes: [UInt64] = [32768, 2 << 20, 5 << 20, 65536]
    for size in sizes.dropFirst() {
      try image.edge.truncate(to: size)
      try image.edge.write(at: size - 512, [UInt8](repeating: 6, count: 512))
    }
    try image.close()
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 11) { (moment, loss, bytes) in
      let left = try MemoryVmdk(bytes, flags: NodeFlags(checkingWith: .all))
      #expect(sizes.contains(left.edge.length))
      #expect(try left.check().result.corruptions == 0, "\(moment) \(loss)")
      let isKept = try left.edge.array(at: 0, count: 8192).consists(of: 5)
      #expect(isKept, "\(moment) \(loss)")
    }
    let last = try MemoryVmdk(image.memory.bytes, flags: .checking)
    #expect(try last.check().result.leaks == 0)
  }

  // MARK: The descriptor

  @Test("lines of the data base are changed, others stay, and so does the content's identifier")
  func amend() throws {
    let image = try MemoryVmdk(size: 8 << 20)
    let before = image.memory.bytes
    let driver = try #require(image.node.driver as? any AmendingDriver)
    let request = AmendRequest(options: [
      "adapter_type": "pvscsi", "hwversion": "21", "toolsversion": "12352",
    ])
    let effect = try #require(try driver.amend(request, of: image.node, JobContext()))
    #expect(image.memory.bytes.vmdkText == before.vmdkText)
    try effect.commit()
    let text = image.memory.bytes.vmdkText
    for line in [
      "ddb.adapterType = \"lsilogic\"", "ddb.virtualHWVersion = \"21\"", "ddb.toolsVersion = \"12352\"",
      "ddb.geometry.heads = \"255\"", "ddb.geometry.cylinders = \"1\"",
    ] { #expect(text.contains(line)) }
    #expect(text.split(separator: "\n")[2] == before.vmdkText.split(separator: "\n")[2])
    try effect.takeBack()
    let isBack = image.memory.bytes == before
    #expect(isBack)
    for options in [["adapter_type": "scsi"], ["hwversion": "\"1"]] as [OptionObject] {
      #expect(throws: BlockError.self) {
        try driver.amend(AmendRequest(options: options), of: image.node, JobContext())
      }
    }
  }

  @Test("another parent's name keeps the identifier, none takes it away, and a name without one is refused")
  func parents() throws {
    let made = try MemoryVmdk.bytes(size: 1 << 20)
    var text = DescriptorText(Array(made.vmdkText.utf8))
    text.set("parentCID", to: "0badcafe", line: "")
    text.set(
      "parentFileNameHint", to: "a.vmdk", behind: "createType", line: "parentFileNameHint=\"a.vmdk\"")
    var bytes = made
    bytes.replaceSubrange(512..<512 + text.bytes.count, with: text.bytes)
    let image = try MemoryVmdk(bytes)
    for name in ["b.vmdk", "a.vmdk"] {
      try image.edge.setBackingFile(name, format: "vmdk")
      #expect(image.memory.bytes.vmdkText.contains("parentFileNameHint=\"\(name)\""))
      #expect(image.memory.bytes.vmdkText.contains("parentCID=0badcafe"))
    }
    try image.edge.setBackingFile(nil, format: nil)
    #expect(!image.memory.bytes.vmdkText.contains("parentFileNameHint"))
    #expect(image.memory.bytes.vmdkText.contains("parentCID=ffffffff"))
    let error = #expect(throws: BlockError.self) {
      try image.edge.setBackingFile("c.vmdk", format: "vmdk")
    }
    #expect(error?.message == "an image without a parent knows of none which content it had")
    try image.edge.setBackingFile("a.vmdk", format: "vmdk")
    #expect(image.memory.bytes.vmdkText.contains("parentCID=0badcafe"))
    for (name, format) in [("a\"b", "vmdk"), ("d.raw", "raw"), (String(repeating: "n", count: 1024), "vmdk")]
    {
      #expect(throws: BlockError.self) { try image.edge.setBackingFile(name, format: format) }
    }
  }

  @Test("a new image's descriptor leaves a kibibyte free for other programs, whatever the parent's name")
  func room() throws {
    let options: OptionObject = [
      "backing_file": .string(String(repeating: "n", count: 1023)), "backing_fmt": "vmdk",
    ]
    let plan = try VmdkPlan(size: 1 << 20, options, file: String(repeating: "m", count: 255))
    var descriptor = plan.descriptor
    descriptor.parentName = plan.parentName
    #expect(plan.text(of: descriptor).spelledCount + 1024 <= 20 * 512)
  }
}
