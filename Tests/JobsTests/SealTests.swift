// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Jobs
import Options
import Support
import Synchronization
import Testing

/// A format whose data stands in front of a footer of 512 bytes, without which there is no image: `STAMPED!`, the length,
/// and how many writes there were.
private struct StampedFormat: DriverKind {
  var name: String { "stamped" }
  static let mark = Array("STAMPED!".utf8)
  var creationOptions: OptionList { [OptionSpec("size", .size, "Virtual disk size")] }

  func probe(_ input: ProbeInput) -> Recognition? {
    let tail = input.tail.bytes
    let isThere =
      tail.byteCount >= 512 && tail.bytes(tail.byteCount - 512..<tail.byteCount - 504) == StampedFormat.mark
    return isThere ? Recognition(by: "the footer") : nil
  }

  func tellingRanges(inFileOf length: UInt64) -> [Range<UInt64>] {
    length < 512 ? [] : [length - 512..<length]
  }

  /// Tells the length of an image that is not sealed yet, too: by that of the file.
  func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let file = request.node.file else { throw BlockError(.invalidArgument, "no file") }
    return OpenedDriver(StampedDriver(length: file.length - min(file.length, 512)))
  }

  func create(_ request: CreateRequest) throws(BlockError) {
    try request.file.truncate(to: request.size + 512, exact: false)
  }
}

private final class StampedDriver: FormatDriver {
  let name = "stamped"
  private let length: UInt64
  private let writes = Atomic(0)

  init(length: UInt64) { self.length = length }

  func length(of node: Node) -> UInt64 { length }
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    Extent(.data, length: length, location: Extent.Location(.file, offset))
  }
  func readEncoded(_ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)
  {
    throw BlockError(.unsupported, "nothing is encoded")
  }
  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    writes.add(1, ordering: .relaxed)
    return WriteSlot(length: length, location: Extent.Location(.file, offset))
  }
  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}
  func flush(_ node: Node) throws(BlockError) { try node.file?.flush() }

  func seal(_ node: Node) throws(BlockError) {
    let footer = Buffer(count: 512)
    var bytes = footer.mutableBytes
    for (index, byte) in StampedFormat.mark.enumerated() { bytes.store(byte, at: index) }
    bytes.storeBig(length, at: 8)
    bytes.storeBig(UInt64(writes.load(ordering: .relaxed)), at: 16)
    try node.file?.write(at: length, from: footer.bytes)
  }
}

/// The end of writing: what only a whole image has.
@Suite struct SealTests {
  private let folder = TemporaryFolder()

  private func run(_ job: (Opener) throws -> any Job) throws {
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all + [StampedFormat()])
    var runner = JobRunner(graph: graph)
    try runner.run(try job(opener))
  }

  private func convert(_ source: String, _ target: String, to format: String) throws {
    try run { opener in
      var options = ConvertOptions(
        sources: [ImageName(path: folder.file(source))], target: ImageName(path: folder.file(target)))
      options.targetFormat = format
      return try ConvertJob(options, opener: opener)
    }
  }

  @Test(
    "a new image gets its footer once, after all of its data, by convert and by dd",
    arguments: ["convert", "dd"])
  func footer(_ command: String) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 8)
    if command == "convert" {
      try convert("disk.raw", "image", to: "stamped")
    } else {
      try run { opener in
        var options = DdOptions(
          source: .image(ImageName(path: folder.file("disk.raw"))),
          target: .image(ImageName(path: folder.file("image"))))
        options.sourceSettings.format = "raw"
        options.targetFormat = "stamped"
        return DdJob(options, opener: opener)
      }
    }
    let bytes = try Files.read(folder.file("image"))
    try #require(bytes.count == (1 << 20) + 512)
    #expect(Array(bytes[(1 << 20)..<(1 << 20) + 8]) == StampedFormat.mark)
    // It was known by that, read, and written back.
    try convert("image", "back", to: "raw")
    #expect(Shell.run("cmp disk.raw back", folder: folder.path).status == 0)
  }
}
