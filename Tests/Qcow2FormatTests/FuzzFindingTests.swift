// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Options
import Support
import Testing

/// What the fuzz targets found, each with the smallest image or program that shows it.
@Suite struct FuzzFindingTests {
  private let folder = TemporaryFolder()

  /// Repairs an image, after which nothing may be wrong with it.
  private func repaired(_ image: SampleQcow2, at location: SourceLocation = #_sourceLocation) throws
    -> RepairedImage
  {
    let repaired = try RepairedImage(image.bytes)
    #expect(try repaired.check(.all).checkErrors == 0, sourceLocation: location)
    let second = try repaired.check(nil)
    #expect(second.corruptions == 0 && second.leaks == 0, sourceLocation: location)
    return repaired
  }

  @Test(
    "a disk that shrinks to nothing leaks no table and grows again",
    arguments: ["", "preallocation=metadata"])
  func shrinkToNothing(_ options: String) throws {
    try ImageSession.create(folder.file("disk"), size: 200 << 10, options)
    let session = try ImageSession(folder.file("disk"))
    try session.write(70_000, [1, 2, 3])
    try session.edge.truncate(to: 0)
    #expect(session.edge.length == 0)
    try session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
    let again = try ImageSession(folder.file("disk"))
    try again.edge.truncate(to: 100 << 10)
    #expect(try again.read(0, 100 << 10) == [UInt8](repeating: 0, count: 100 << 10))
    try again.write(70_000, [4])
    try again.close()
    #expect(Shell.complaints("disk", in: folder) == "")
  }

  @Test("what shares a cluster with a snapshot table that moves has its marks mended after the move")
  func sharedSnapshotTable() throws {
    var image = SampleQcow2(.snapshot)
    // The snapshot goes, as its L1 table is nowhere; its name reaches into the cluster of an L2 table.
    image.set64(image.snapshotTable, 24)
    image.set16(image.snapshotTable + 14, 5000)
    let shared = image.snapshotTable + 4096
    image.set(shared, [UInt8](repeating: 0, count: 4096))
    image.set16(image.refcountBlock + 2 * 11, 2)
    image.set64(24, 600 << 12)
    image.set32(36, 2)
    image.set64(image.l1 + 8, UInt64(shared))
    let repaired = try RepairedImage(image.bytes)
    let first = try repaired.check(.all)
    #expect(first.checkErrors == 0 && first.corruptionsFixed > 0)
    let second = try repaired.check(nil)
    #expect(second.corruptions == 0 && second.leaks == 0)
  }

  @Test(
    "refcounts behind the end of a file that was cut off are no leaks once a snapshot table that moves makes it grow"
  )
  func countsBehindTheEnd() throws {
    var image = SampleQcow2(.snapshot)
    // Only header, refcounts and an empty L1 table are left; counts go on to cluster 33.
    image.set64(image.l1, 0)
    for cluster in 4..<34 { image.set16(image.refcountBlock + 2 * cluster, 1) }
    image.cut(at: image.l1 + 8)
    let repaired = try RepairedImage(image.bytes)
    #expect(try repaired.check(.all).corruptionsFixed > 0)
    let second = try repaired.check(nil)
    #expect(second.corruptions == 0 && second.leaks == 0)
    #expect(repaired.memory.bytes.count <= 6 << 12)
  }

  @Test(
    "option names with characters that JSON cannot hold stay apart when they are written as JSON and read again"
  )
  func unwritableNames() throws {
    let text = "a\u{FFFF}=1,a\u{FFFD}=\u{FFFF}".spelled
    let tree = OptionTree.object(try KeyValueList(parsing: text, dialect: .short).tree())
    #expect(try JSONParser.parse(JSONWriter.compact(tree)) == tree)
    #expect(throws: JSONParser.Failure.self) { try JSONParser.parse("{'a\u{FFFF}': 1, 'a\u{FFFD}': 2}") }
  }

  @Test(
    "tens of thousands of snapshots, announced or there without an id, take a repair no long time",
    arguments: [false, true])
  func manySnapshots(_ areThere: Bool) throws {
    let began = Clock.now
    defer { #expect(Clock.now - began < 60) }
    var image = SampleQcow2(.version2)
    image.set32(60, 60_000)
    image.set64(64, UInt64(areThere ? image.bytes.count : 1 << 30))
    if areThere {
      // Each has a name, and no L1 table.
      let start = image.bytes.count
      image.set(start + 48 * 60_000, [0])
      for index in 0..<60_000 {
        image.set16(start + 48 * index + 14, 3)
        image.set(start + 48 * index + 40, Array("abc".utf8))
      }
      // The end is one cluster too early, which lets the table move.
      image.cut(at: image.bytes.count - 3 << 12)
    }
    let repaired = try repaired(image)
    let count = Buffer(Array(repaired.memory.bytes[60..<64])).bytes.big32(at: 0)
    #expect(areThere ? (59_000..<60_000).contains(count) : count == 0)
  }

  @Test("a refcount table that is guest data, too, gets another place, and is no L1 table of a snapshot")
  func refcountTableAsL1() throws {
    var image = SampleQcow2(.snapshot)
    // Its first entry leads to the refcount block, which is no L2 table.
    image.set64(image.snapshotTable, UInt64(image.refcountTable))
    image.set(image.refcountBlock + 64, (0..<256).map { $0 % 2 == 0 ? 0 : 7 })
    image.set64(image.l2 + 40, UInt64(image.refcountTable))
    let repaired = try repaired(image)
    let place = Buffer(Array(repaired.memory.bytes[48..<56])).bytes.big64(at: 0)
    #expect(place != UInt64(image.refcountTable))
    #expect(repaired.memory.bytes[60..<64].consists(of: 0))
    #expect(repaired.guest(12).map { $0?.first }.prefix(4) == [65, 66, 67, 68])
  }

  @Test(
    "an L2 table that stays empty, as its data was not written, is in the file before anything points to it",
    arguments: ["cluster_size=512", "cluster_size=64k"])
  func emptyTable(_ options: String) throws {
    try ImageSession.create(folder.file("disk"), size: 64 << 10, options)
    let session = try ImageSession(folder.file("disk"))
    session.edge.abandon(try session.edge.prepareWrite(at: 0, length: 512))
    try session.edge.flush()
    // As a crash leaves it, before the file is made longer at last.
    #expect(Shell.run("cp disk crashed", folder: folder.path).status == 0)
    let check = Shell.run("qemu-img check crashed", folder: folder.path)
    #expect(check.status == 0 || check.status == 3, "\(check.output)")
    try session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
  }

  @Test("compressed bytes in a cluster that has all the references it can count get another place")
  func crowdedCompressed() throws {
    var image = SampleQcow2(.compressed)
    // One bit for each refcount, and the compressed bytes are in the header's cluster.
    image.set32(96, 0)
    image.set(image.refcountBlock, [UInt8](repeating: 0, count: 4096))
    image.set(image.refcountBlock, [0xff, 1])
    image.set(2000, Array(image.bytes[image.compressedData..<image.compressedData + 22]))
    image.set64(image.l2 + 24, 1 << 62 | 2000)
    let repaired = try repaired(image)
    #expect(repaired.guest(12).map { $0?.first }.prefix(4) == [65, 66, 67, 65])
  }

  @Test("what is no L2 table loses all entries that point to it, however many there are")
  func manyEntriesToNoTable() throws {
    var image = SampleQcow2(.plain)
    image.set32(36, 12)
    for index in 2..<12 { image.set64(image.l1 + 8 * index, UInt64(image.data)) }
    image.set(image.data, [UInt8](repeating: 7, count: 4096))
    let repaired = try repaired(image)
    #expect(repaired.guest(12).map { $0?.first }.prefix(4) == [7, 66, 67, 68])
  }

  @Test(
    "a snapshot that is refused half-way, as a table has too many references, leaves the tables as they were")
  func refusedSnapshot() throws {
    try ImageSession.create(folder.file("disk"), size: 64 << 10, "cluster_size=512,refcount_bits=2")
    let session = try ImageSession(folder.file("disk"))
    let driver = try #require(session.edge.child.driver as? any SnapshottingDriver)
    // The second L2 table holds nothing but zeros, so that only the table itself gets more references.
    try session.edge.writeZeroes(at: 32 << 10, length: 32 << 10)
    for number in 1...3 as ClosedRange<UInt8> {
      try session.write(0, [UInt8](repeating: number, count: 4096))
      let isTaken =
        (try? driver.createSnapshot("s", seconds: 0, nanoseconds: 0, of: session.edge.child)) != nil
      #expect(isTaken == (number < 3))
    }
    try session.write(8192, [UInt8](repeating: 9, count: 8192))
    #expect(try session.read(0, 4096) == [UInt8](repeating: 3, count: 4096))
    try session.close()
    #expect(Shell.complaints("disk", in: folder) == "")
  }
}
