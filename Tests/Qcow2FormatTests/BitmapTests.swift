// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

@testable import Qcow2Format

@Suite struct BitmapTests {
  @Test("an entry of the directory is written as it was read")
  func entryRoundTrip() throws {
    for (name, extra) in [("", 0), ("a", 0), ("seven..", 3), ("eight...", 8)] {
      var entry = BitmapEntry(name: name, granularityBits: 31, isEnabled: true)
      entry.tableOffset = 0x1234_5678_9a00
      entry.tableSize = 77
      entry.flags.insert(.inUse)
      entry.extra = [UInt8](repeating: 9, count: extra)
      let buffer = BitmapDirectory.bytes(of: [entry])
      #expect(buffer.count == entry.size && buffer.count % 8 == 0)
      #expect(try BitmapEntry(parsing: buffer.bytes) == entry)
      for cut in stride(from: 0, to: buffer.count, by: 8) {
        #expect(throws: BlockError.self) { try BitmapEntry(parsing: buffer.bytes.slice(0..<cut)) }
      }
    }
    let bitmaps = BitmapsExtension([BitmapEntry(name: "x", granularityBits: 9, isEnabled: false)], at: 65536)
    #expect(bitmaps.data.count == BitmapsExtension.size && BitmapEntry.fixedSize == 24)
    #expect(BitmapsExtension(parsing: bitmaps.data) == bitmaps)
  }

  @Test("bits are filled and found as a plain array of flags has them", arguments: 0..<20 as Range<UInt64>)
  func bits(_ seed: UInt64) {
    var random = SeededNumbers(seed: seed)
    var flags = [Bool](repeating: false, count: 512)
    let buffer = Buffer(count: 64)
    for _ in 0..<30 {
      let start = Int.random(in: 0..<512, using: &random)
      let range = start..<Int.random(in: start...min(512, start + 70), using: &random)
      let value = Bool.random(using: &random)
      let changes = flags[range].contains { $0 != value }
      var bytes = buffer.mutableBytes
      #expect(BitmapBits.fill(&bytes, range, value) == changes)
      for index in range { flags[index] = value }
      let from = Int.random(in: 0..<512, using: &random)
      let end = Int.random(in: from...512, using: &random)
      #expect(
        BitmapBits.first(value, buffer.bytes, from: from, to: end)
          == flags[from..<end].firstIndex(of: value) ?? end)
    }
  }

  @Test("the shape of a bitmap follows from length, granularity and cluster size")
  func shapes() {
    let cases: [(gran: UInt8, cluster: UInt64, length: UInt64, bits: UInt64, table: UInt64)] = [
      (9, 9, 512 * 8 * 512, 4096, 1), (9, 9, 512 * 8 * 512 + 512, 4097, 2), (16, 16, 0, 0, 0),
      (16, 16, 1, 1, 1), (31, 21, 1 << 62, 1 << 31, 128), (16, 16, 1 << 40, 1 << 24, 32),
    ]
    for (gran, cluster, length, bits, table) in cases {
      let shape = BitmapShape(granularityBits: gran, clusterBits: cluster, length: length)
      #expect(shape.bits == bits && shape.tableSize == table)
    }
    let shape = BitmapShape(granularityBits: 9, clusterBits: 16, length: 5120)
    #expect(shape.bits(of: 511..<1025) == 0..<3 && shape.bits(of: 6000..<7000).isEmpty)
    #expect(shape.bits(of: 4000..<(.max)) == 7..<10 && shape.range(of: 9..<10) == 4608..<5120)
    #expect(!BitmapShape(granularityBits: 9, clusterBits: 16, length: 1 << 42).isUsable)
  }

  /// Bits of a disk of 1 MiB: one dirty range.
  private struct Dirty: BitmapContent {
    var length: UInt64 = 1 << 20
    var range: Range<UInt64>
    func forEachDirty(_ body: (Range<UInt64>) throws(BlockError) -> Void) throws(BlockError) {
      try body(range)
    }
  }

  @Test("a directory is read in parts, wherever their ends lie in its entries", arguments: [900, 1000, 1023])
  func parts(_ longest: Int) throws {
    var names: [String] = []
    for number in 0..<400 {
      names.append("\(number)" + String(repeating: "x", count: longest - 4 - number % 9))
    }
    let entries = names.map { BitmapEntry(name: $0, granularityBits: 16, isEnabled: true) }
    let bytes = BitmapDirectory.bytes(of: entries)
    let stated = BitmapsExtension(entries, at: 65536)
    var largest = 0
    let directory = try BitmapDirectory(stated) { (offset, count) throws(BlockError) in
      largest = max(largest, count)
      let part = Buffer(count: count)
      var target = part.mutableBytes
      target.copy(bytes.bytes.slice(Int(offset - 65536)..<Int(offset - 65536) + count))
      return part
    }
    #expect(directory.entries == entries && largest < bytes.count)
  }

  @Test("several bitmaps are made with one change of the directory, all or none")
  func several() throws {
    let image = try FragileImage(size: 1 << 20, [:])
    let node = image.edge.child
    let driver = try #require(node.driver as? any BitmapDriver)
    try driver.changeBitmap("old", .add(granularity: 512), of: node)
    var new: [NewBitmap] = []
    for number in 0..<40 {
      let start = UInt64(number) * 4096
      new.append(
        NewBitmap(
          name: "b\(number)", granularity: 4096, isEnabled: number % 2 == 0,
          content: Dirty(range: start..<start + 8192)))
    }
    let wrong: [(NewBitmap, String)] = [
      (new[3], "Failed to create bitmap b3: Bitmap already exists: b3"),
      (NewBitmap(name: "old", granularity: nil, isEnabled: true, content: nil), "Bitmap already exists: old"),
      (NewBitmap(name: "", granularity: nil, isEnabled: true, content: nil), "cannot be empty"),
      (NewBitmap(name: "x", granularity: 777, isEnabled: true, content: nil), "Failed to create bitmap x"),
      (
        NewBitmap(name: "y", granularity: 512, isEnabled: true, content: Dirty(length: 512, range: 0..<512)),
        "sizes"
      ),
    ]
    for (bitmap, message) in wrong {
      let error = #expect(throws: BlockError.self) { try driver.addBitmaps(new + [bitmap], of: node) }
      #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
      #expect(driver.bitmaps(of: node).map { $0.name } == ["old"])
    }
    try driver.addBitmaps(new, of: node)
    var names = ["old"]
    for bitmap in new { names.append(bitmap.name) }
    #expect(driver.bitmaps(of: node).map { $0.name } == names)
    for (bitmap, made) in zip(new, try driver.usableBitmaps(of: node).dropFirst()) {
      #expect(made.name == bitmap.name && made.isEnabled == bitmap.isEnabled && made.granularity == 4096)
      var dirty: [Range<UInt64>] = []
      try made.content?.forEachDirty { range in dirty.append(range) }
      #expect(dirty.first?.lowerBound == (bitmap.content as? Dirty)?.range.lowerBound)
      #expect(dirty.last?.upperBound == (bitmap.content as? Dirty)?.range.upperBound)
    }
    image.close()
  }

  // MARK: Crashes

  static let creations: [OptionObject] = [
    [:], ["cluster_size": 512], ["cluster_size": 512, "refcount_bits": 64],
    ["extended_l2": true, "cluster_size": 16384], ["cluster_size": 4096, "lazy_refcounts": true],
  ]

  @Test(
    "after a crash at any moment, with writes torn, a bitmap that is not in use has every write in it",
    arguments: creations, 0..<16 as Range<UInt64>)
  func crash(_ creation: OptionObject, _ seed: UInt64) throws {
    let folder = TemporaryFolder()
    let length = 300 * 1024
    var random = SeededNumbers(seed: seed)
    let image = try FragileImage(size: UInt64(length), creation)
    let node = image.edge.child
    let driver = try #require(node.driver as? any BitmapDriver)
    try driver.changeBitmap("kept", .add(granularity: 512), of: node)
    try driver.changeBitmap("still", .add(granularity: 4096), of: node)
    try image.edge.write(at: 8192, [1, 2, 3])
    try driver.changeBitmap("still", .setEnabled(false), of: node)
    try image.edge.flush()
    image.fault.fail(
      Int.random(in: 1...150, using: &random), of: [.write, .zero, .truncate, .flush, .discard], forGood: true
    )
    var failed = false
    for _ in 0..<50 where !failed {
      do throws(BlockError) {
        try BitmapTests.step(image.edge, driver, length: length, &random)
      } catch {
        failed = error.kind == .inputOutput
      }
    }
    if failed { image.close() }
    var chance = random
    try image.fault.tear(of: image.file) { Bool.random(using: &chance) }
    if !failed { image.close() }
    #expect(Shell.writeFile(folder.file("disk"), image.memory.bytes))
    let outcome = Shell.run(
      """
      said=$(qemu-img check -f qcow2 disk 2>&1) || [ $? = 3 ] || echo "$said"
      qemu-img convert -f qcow2 -O raw disk raw
      """, folder: folder.path)
    if failed { #expect(outcome == Shell.Outcome(status: 0, output: "")) }
    guard failed else { return }
    try BitmapTests.compare(folder)
  }

  /// One random change of the disk or of bitmaps.
  private static func step(
    _ edge: Edge, _ driver: any BitmapDriver, length: Int, _ random: inout SeededNumbers
  ) throws(BlockError) {
    let start = Int.random(in: 0..<length, using: &random)
    let count = min(Int.random(in: 1...20000, using: &random), length - start)
    let name = Bool.random(using: &random) ? "x" : "y"
    switch Int.random(in: 0..<14, using: &random) {
    case 0..<5: try edge.write(at: UInt64(start), [UInt8](repeating: 7, count: count))
    case 5:
      try edge.writeZeroes(
        at: UInt64(start), length: UInt64(count), mayUnmap: Bool.random(using: &random))
    case 6: try edge.discard(at: UInt64(start), length: UInt64(count))
    case 7: try edge.flush()
    // Stores all bitmaps.
    case 8: _ = try driver.bitmapContent("kept", of: edge.child)
    case 9:
      let content = try driver.bitmapContent("kept", of: edge.child)
      try driver.changeBitmap(name, .add(granularity: 1024, content: content), of: edge.child)
    case 10: try driver.changeBitmap(name, .remove, of: edge.child)
    case 11: try driver.changeBitmap(name, .clear, of: edge.child)
    case 12: try driver.changeBitmap(name, .setEnabled(Bool.random(using: &random)), of: edge.child)
    default:
      let content = try driver.bitmapContent("kept", of: edge.child)
      try driver.changeBitmap(name, .merge(content), of: edge.child)
    }
  }

  /// Holds the bitmaps in the file against what the disk has.
  private static func compare(_ folder: TemporaryFolder) throws {
    let content = Shell.readFile(folder.file("raw"))
    let session = try ImageSession(folder.file("disk"), writable: false)
    let node = session.edge.child
    let driver = try #require(node.driver as? any BitmapDriver)
    for bitmap in driver.bitmaps(of: node) where !bitmap.isInconsistent {
      var dirty: [Range<UInt64>] = []
      try driver.bitmapContent(bitmap.name, of: node).forEachDirty { range throws(BlockError) in
        dirty.append(range)
      }
      switch bitmap.name {
      case "still": #expect(dirty == [8192..<12288] && !bitmap.isEnabled)
      case "kept":
        var next = 0
        for range in dirty + [UInt64(content.count)..<UInt64(content.count)] {
          #expect(content[next..<Int(range.lowerBound)].consists(of: 0))
          next = Int(range.upperBound)
        }
      default: #expect(bitmap.name == "x" || bitmap.name == "y")
      }
    }
    try session.close()
  }
}
