// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Errors
import Support
import Testing

@testable import Qcow2Format

@Suite struct MetaTests {
  @Test("sizes of structures are the specification's")
  func sizes() {
    #expect(Header.sizeV2 == 72 && Header.minimumSizeV3 == 104 && Header.sizeV3 == 112)
    #expect(L1Entry.size == 8 && RefcountTableEntry.size == 8 && SnapshotEntry.fixedSize == 40)
    #expect(FeatureName.size == 48 && BitmapsExtension.size == 24)
    for bits in 9...21 as ClosedRange<UInt32> {
      let geometry = Geometry(clusterBits: bits, hasExtendedL2: false, refcountOrder: 4)
      #expect(geometry.l2Entries * UInt64(geometry.l2EntryBytes) == geometry.clusterSize)
      #expect(geometry.refcountBlockEntries * 2 == geometry.clusterSize)
      let extended = Geometry(clusterBits: bits, hasExtendedL2: true, refcountOrder: 0)
      #expect(extended.l2Entries * 16 == extended.clusterSize)
      #expect(extended.subclusterSize * 32 == extended.clusterSize)
      #expect(extended.refcountBlockEntries == extended.clusterSize * 8)
    }
  }

  @Test("a header is read as it was written", arguments: [2, 3] as [UInt32])
  func headerRoundTrip(_ version: UInt32) throws {
    var header = Header()
    header.version = version
    header.clusterBits = 12
    header.size = 123 << 20
    header.l1Size = 246
    header.l1Offset = 0x5000
    header.refcountTableOffset = 0x1000
    header.refcountTableClusters = 3
    header.snapshotCount = 2
    header.snapshotsOffset = 0x9000
    if version == 3 {
      header.incompatible = [.dirty, .compressionType]
      header.compatible = [.lazyRefcounts]
      header.autoclear = [.bitmaps]
      header.refcountOrder = 6
      header.compressionType = 1
      header.unknownFields = [1, 2, 3, 4, 5, 6, 7, 8]
    }
    header.extensions = [
      HeaderExtension(.backingFormat, Array("qcow2".utf8)),
      HeaderExtension(HeaderExtension.Kind(rawValue: 0xCAFE_F00D), [9, 8, 7]),
      HeaderExtension(featureNames: FeatureName.all),
    ]
    header.backingName = "some/base.qcow2"
    let area = Buffer(count: 4096)
    var bytes = area.mutableBytes
    try header.write(to: &bytes)
    let parsed = try Header(parsing: area.bytes)
    var expected = header
    if version == 2 { expected.headerLength = 72 }
    #expect(parsed == expected)
    #expect(parsed.first(.featureNames)?.featureNames == FeatureName.all)
  }

  @Test("a header that does not fit its cluster is refused")
  func headerTooLong() {
    var header = Header()
    header.extensions = [HeaderExtension(.dataFile, [UInt8](repeating: 65, count: 600))]
    let area = Buffer(count: 512)
    var bytes = area.mutableBytes
    #expect(throws: BlockError.self) { try header.write(to: &bytes) }
  }

  @Test(
    "refcounts of every width are read as they were written, and touch nothing else",
    arguments: 0...6 as ClosedRange<UInt64>)
  func refcounts(_ order: UInt64) {
    let block = Buffer(count: 512)
    var random = SeededNumbers(seed: order)
    var expected = [UInt64](repeating: 0, count: (512 * 8) >> Int(order))
    let maximum = Geometry(clusterBits: 9, hasExtendedL2: false, refcountOrder: UInt32(order)).refcountMaximum
    for _ in 0..<2000 {
      let index = Int.random(in: 0..<expected.count, using: &random)
      expected[index] = UInt64.random(in: 0...maximum, using: &random)
      var bytes = block.mutableBytes
      RefcountBlock.set(expected[index], &bytes, at: index, order: order)
    }
    for (index, value) in expected.enumerated() {
      #expect(RefcountBlock.count(block.bytes, at: index, order: order) == value)
    }
  }

  @Test("narrow refcounts fill bytes from the lowest bit")
  func narrowOrder() {
    let block = Buffer(count: 2)
    var bytes = block.mutableBytes
    RefcountBlock.set(1, &bytes, at: 0, order: 0)
    RefcountBlock.set(3, &bytes, at: 5, order: 1)
    #expect(block.bytes.byte(at: 0) == 1 && block.bytes.byte(at: 1) == 0b1100)
  }

  @Test("compressed descriptors", arguments: 9...21 as ClosedRange<UInt32>)
  func descriptors(_ bits: UInt32) {
    let geometry = Geometry(clusterBits: bits, hasExtendedL2: false, refcountOrder: 4)
    var random = SeededNumbers(seed: UInt64(bits))
    for _ in 0..<500 {
      let size = UInt64.random(in: 1..<geometry.clusterSize, using: &random)
      let offset = UInt64.random(in: 0..<1 << 45, using: &random)
      let descriptor = CompressedDescriptor(offset: offset, size: size)
      guard let entry = descriptor.entry(geometry) else {
        Issue.record("no entry for \(size) bytes at \(offset)")
        continue
      }
      #expect(entry.isCompressed && !entry.isCopied)
      #expect(CompressedDescriptor(entry, geometry) == descriptor)
      #expect(descriptor.size >= size && descriptor.size < size + 512)
      #expect((offset + descriptor.size) % 512 == 0)
      #expect(descriptor.hostClusters(geometry).count <= 2)
    }
    #expect(CompressedDescriptor(offset: 1 << 62, size: 1).entry(geometry) == nil)
  }

  @Test("snapshot entries keep what they do not know", arguments: [0, 8, 16, 24, 40])
  func snapshots(_ extra: Int) throws {
    let size = SnapshotEntry.fixedSize + extra + 3 + 5
    let buffer = Buffer(count: (size + 7) / 8 * 8)
    var bytes = buffer.mutableBytes
    for index in 0..<size { bytes.store(UInt8(truncatingIfNeeded: index &* 37 &+ 65) & 0x7F, at: index) }
    bytes.storeBig(UInt16(3), at: 12)
    bytes.storeBig(UInt16(5), at: 14)
    bytes.storeBig(UInt32(extra), at: 36)
    let entry = try SnapshotEntry(parsing: buffer.bytes)
    #expect(entry.size == buffer.count && entry.id.spelledCount == 3 && entry.name.spelledCount == 5)
    #expect((entry.diskSize != nil) == (extra >= 16))
    let copy = Buffer(count: buffer.count)
    var target = copy.mutableBytes
    entry.write(to: &target, at: 0)
    // With 64 bits of state size beside them, the 32 bits are written as that says.
    if extra >= 8 { target.storeBig(buffer.bytes.big32(at: 32), at: 32) }
    let isSame = copy.bytes.equals(buffer.bytes)
    #expect(isSame)
    #expect(throws: BlockError.self) { _ = try SnapshotEntry(parsing: buffer.bytes.slice(0..<size - 1)) }
  }

  @Test("masks of subclusters")
  func masks() {
    #expect(SubclusterBitmap.mask(0..<32) == .max)
    #expect(SubclusterBitmap.mask(31..<32) == 1 << 31)
    #expect(SubclusterBitmap.mask(0..<1) == 1)
    #expect(SubclusterBitmap.mask(4..<4) == 0)
    #expect(SubclusterBitmap.mask(3..<7) == 0b1111000)
  }

  @Test("new images never have tables larger than the limits", arguments: 9...21 as ClosedRange<UInt32>)
  func layouts(_ bits: UInt32) throws {
    for order in 0...6 as ClosedRange<UInt32> {
      let geometry = Geometry(clusterBits: bits, hasExtendedL2: false, refcountOrder: order)
      for length in [0, 512, 1 << 30, 1 << 36] as [UInt64] {
        guard geometry.l1Entries(forLength: length) <= 1 << 16 else { continue }
        let layout = try ImageLayout(geometry, length: length, allocatesTables: true, hasDataFile: false)
        #expect(layout.refcountBlocks * geometry.refcountBlockEntries >= layout.totalClusters)
        #expect(layout.refcountTableClusters << geometry.clusterBits >= layout.refcountBlocks * 8)
        #expect(layout.guestClusters == geometry.clusters(covering: length))
      }
    }
  }
}
