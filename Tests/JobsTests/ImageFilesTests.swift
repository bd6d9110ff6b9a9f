// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Host
import Options
import Support
import Synchronization
import Testing

@testable import Jobs

/// A format whose image is a list of names: `TRIPLE!!`, the length, and behind each name's length the name. Each part
/// begins with the mark, too, and 512 bytes further on holds half of the disk.
private struct TripleFormat: DriverKind {
  static let mark = Array("TRIPLE!!".utf8)
  static let parts = EdgeSlot(rawValue: "parts")
  /// Whether the second part cannot be made.
  var lacksSecond = false
  var name: String { "triple" }
  var referenceSlots: [EdgeSlot] { [TripleFormat.parts] }
  var creationOptions: OptionList { [OptionSpec("size", .size, "Virtual disk size")] }

  /// Whole units of 4096 bytes, of which each part has half.
  func lengthOfNew(_ size: UInt64, options: OptionObject) throws(BlockError) -> UInt64 {
    guard let whole = size.roundedUp(to: 8192) else { throw BlockError(.tooLarge, "too long") }
    return whole
  }

  func probe(_ input: ProbeInput) -> Recognition? {
    let head = input.head.bytes
    return head.byteCount >= 8 && head.bytes(0..<8) == TripleFormat.mark ? Recognition(by: "the mark") : nil
  }

  func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let file = request.node.file else { throw BlockError(.invalidArgument, "no file") }
    let area = try file.read(at: 0, count: 4096)
    var opened = OpenedDriver(TripleDriver(length: area.bytes.big64(at: 8)), fileRole: [.metadata, .primary])
    for (index, offset) in [512, 1024].enumerated() {
      let count = Int(area.bytes.big16(at: offset))
      guard count < 500, let name = area.bytes.utf8(offset + 2..<offset + 2 + count) else {
        throw BlockError(.corrupt, "name out of range")
      }
      var part = ImageReference(
        slot: TripleFormat.parts.element(index), role: [.data, .metadata], name: name, format: nil,
        isStorage: true)
      part.staysInFolder = true
      opened.references.append(part)
    }
    return opened
  }

  func create(_ request: CreateRequest) throws(BlockError) {
    let stem = FilePaths.name(of: request.file.child.fileName)
    let area = Buffer(count: 4096)
    var bytes = area.mutableBytes
    bytes.copy(Buffer(TripleFormat.mark).bytes, at: 0)
    bytes.storeBig(request.size, at: 8)
    for index in 0..<2 {
      let name = lacksSecond && index == 1 ? "no-folder/part" : "\(stem)-\(index)"
      let part = try request.files.add(name, as: TripleFormat.parts.element(index))
      try part.write(at: 0, from: Buffer(TripleFormat.mark).bytes)
      try part.truncate(to: 512 + request.size / 2, exact: false)
      bytes.storeBig(UInt16(name.utf8.count), at: 512 * (index + 1))
      bytes.copy(Buffer(Array(name.utf8)).bytes, at: 512 * (index + 1) + 2)
    }
    try request.file.write(at: 0, from: area.bytes)
  }
}

extension TripleFormat: MeasuringKind {
  func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    ImageMeasure(empty: request.wholeLength, full: request.wholeLength)
  }
}

private final class TripleDriver: ComposedDriver {
  let name = "triple"
  private let length: UInt64
  init(length: UInt64) { self.length = length }

  func readReferences(of node: Node) throws(BlockError) {
    for index in 0..<2 {
      guard let part = node.edge(TripleFormat.parts.element(index)) else {
        throw BlockError(.notFound, "part \(index) is missing")
      }
      guard try part.array(at: 0, count: 8) == TripleFormat.mark, part.length == 512 + length / 2 else {
        throw BlockError(.corrupt, "part \(index) is no part")
      }
    }
  }

  private func place(_ offset: UInt64, _ length: UInt64) -> (location: Extent.Location, length: UInt64) {
    let half = self.length / 2
    let index = offset / half
    let inside = offset - index * half
    let slot = TripleFormat.parts.element(Int(index))
    return (Extent.Location(slot, 512 + inside), min(length, half - inside))
  }

  func length(of node: Node) -> UInt64 { length }
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let place = place(offset, length)
    return Extent(.data, length: place.length, location: place.location)
  }
  func readEncoded(_ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)
  {
    throw BlockError(.unsupported, "nothing is encoded")
  }
  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    let place = place(offset, length)
    return WriteSlot(length: place.length, location: place.location)
  }
  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}
  func flush(_ node: Node) throws(BlockError) {
    for edge in node.children { try edge.flush() }
  }
}

/// Images of several files.
@Suite struct ImageFilesTests {
  private let folder = TemporaryFolder()

  private func opener(_ graph: Graph, _ format: TripleFormat = TripleFormat()) -> Opener {
    Opener(graph: graph, kinds: Drivers.all + [format])
  }

  private func convert(
    _ source: String, _ target: String, to format: String, _ graph: Graph = Graph(),
    _ kind: TripleFormat = TripleFormat()
  ) throws {
    var options = ConvertOptions(
      sources: [ImageName(path: folder.file(source))], target: ImageName(path: folder.file(target)))
    options.targetFormat = format
    var runner = JobRunner(graph: graph)
    try runner.run(try ConvertJob(options, opener: opener(graph, kind)))
  }

  /// The names in the folder, hidden ones and those in `except` left out.
  private func names(except: Set<String> = []) -> [String] {
    Shell.run("ls", folder: folder.path).output.split(separator: "\n").map(String.init)
      .filter { !except.contains($0) }
  }

  @Test("an image of three files is made, opened, read and written; users can state each file")
  func whole() throws {
    try SampleDisk.write(folder.file("disk"), length: 1 << 20, seed: 3)
    try convert("disk", "image", to: "triple")
    #expect(names() == ["disk", "image", "image-0", "image-1"])
    try convert("image", "back", to: "raw")
    #expect(Shell.run("cmp disk back; mv image-1 moved", folder: folder.path).status == 0)
    let error = #expect(throws: BlockError.self) { try convert("image", "back", to: "raw") }
    #expect(error?.finding == "No such file or directory")
    let graph = Graph()
    let options: [(String, String?)] = [
      (#""parts": [null, {"driver": "file", "filename": "@moved"}]"#, nil),
      (#""parts.0.filename": "@image-0", "parts.1.filename": "@moved""#, nil),
      (#""parts": [{"filename": "@moved"}, {"filename": "@moved"}]"#, nil),
      (#""parts": [null, {"filename": "@image"}]"#, "tables and data cannot be one file"),
      (#""parts": [null, {"filename": "@disk"}]"#, "part 1 is no part"),
      (
        #""parts": [null, {"filename": "@moved"}, {"filename": "@moved"}]"#,
        "support the option 'parts.2.filename'"
      ),
    ]
    for (parts, failure) in options {
      let text = (#"json:{"driver": "triple", "file.filename": "@image", "# + parts + "}")
        .replacing("@", with: folder.path + "/")
      do throws(BlockError) {
        let opener = opener(graph)
        let name = try ImageName(text, protocols: opener.protocols)
        let node = try opener.openUnused(name, OpenSettings())
        #expect(failure == nil && node.edge(TripleFormat.parts.element(1)) != nil, "\(parts)")
        graph.dispose(ofUnused: node)
      } catch {
        #expect(error.message.contains(failure ?? "nothing"), "\(parts)")
      }
      #expect(graph.nodes.isEmpty)
    }
  }

  @Test("B-06 where one file cannot be made, none appears")
  func failure() throws {
    try SampleDisk.write(folder.file("disk"), length: 1 << 20, seed: 3)
    let before = Shell.run("echo old >image-0; ls -A", folder: folder.path).output
    #expect(throws: BlockError.self) {
      try convert("disk", "image", to: "triple", Graph(), TripleFormat(lacksSecond: true))
    }
    #expect(Shell.run("ls -A", folder: folder.path).output == before)
    #expect(try Files.read(folder.file("image-0")) == Array("old\n".utf8))
  }

  @Test(
    "B-06 whenever publishing ends, an image stands there that is whole, or none", arguments: [false, true])
  func killed(_ replaces: Bool) throws {
    try SampleDisk.write(folder.file("disk"), length: 1 << 20, seed: 3)
    try SampleDisk.write(folder.file("old"), length: 1 << 19, seed: 4)
    if replaces { try convert("old", "image", to: "triple") }
    let graph = Graph()
    var points = 0
    // What stands there now is what a kill would leave.
    graph.faults.onPass = { point in
      guard point.hasPrefix("publish") else { return }
      points += 1
      if FilePaths.kind(of: folder.file("image")) != nil { Issue.record("an image at \(point)") }
    }
    try convert("disk", "image", to: "triple", graph)
    #expect(points == 3)
    try convert("image", "back", to: "raw")
    #expect(Shell.run("cmp disk back; ls -A | grep part", folder: folder.path).output.isEmpty)
  }

  @Test("B-06 where publishing fails at any file, the old image is there again", arguments: 1...3)
  func withdrawn(_ step: Int) throws {
    try SampleDisk.write(folder.file("disk"), length: 1 << 20, seed: 3)
    try SampleDisk.write(folder.file("old"), length: 1 << 19, seed: 4)
    try convert("old", "image", to: "triple")
    let graph = Graph()
    var points = 0
    graph.faults.onPass = { [graph] point in
      guard point.hasPrefix("publish") else { return }
      points += 1
      if points == step { graph.faults.failing = graph.faults.passed }
    }
    #expect(throws: BlockError.self) { try convert("disk", "image", to: "triple", graph) }
    graph.faults.onPass = nil
    try convert("image", "back", to: "raw")
    #expect(Shell.run("cmp old back; ls -A | grep part", folder: folder.path).output.isEmpty)
  }

  @Test(
    "a format that rounds tells the length that results before anything is made, and the rest reads as zero")
  func rounded() throws {
    let graph = Graph()
    var options = CreateOptions(path: folder.file("image"), format: "triple")
    options.size = 10000
    let job = try CreateJob(options, graph: graph, opener: opener(graph))
    #expect(job.announcement.hasSuffix("fmt=triple size=16384"))
    #expect(names().isEmpty)
    var runner = JobRunner(graph: graph)
    try runner.run(job)
    let node = try opener(graph).openUnused(ImageName(path: folder.file("image")), OpenSettings())
    #expect(node.length == 16384)
    graph.dispose(ofUnused: node)
    try SampleDisk.write(folder.file("disk"), length: 10240, seed: 5)
    try convert("disk", "image", to: "triple")
    try convert("image", "back", to: "raw")
    let (disk, back) = (try Files.read(folder.file("disk")), try Files.read(folder.file("back")))
    #expect(back == disk + Array(repeating: 0, count: 6144))
    var wish = MeasureOptions(.empty(length: 10000))
    wish.format = "triple"
    let measure = try MeasureJob(wish, opener: opener(graph))
    try runner.run(measure)
    #expect(measure.required == 16384)
  }
}
