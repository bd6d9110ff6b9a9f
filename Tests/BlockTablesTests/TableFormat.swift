// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import BlockTables
import Bytes
import Errors
import Options
import Support
import Testing

/// What can differ between formats with a block table.
struct TableShape: Sendable, CustomTestStringConvertible {
  var width = 4
  var isBigEndian = false
  var blockSize: UInt64 = 4096
  var lead: UInt64 = 0
  /// What a hole is called: 0, with places counted from 1, or all ones, with places counted from 0.
  var holeIsZero = false
  var hasZeroes = true
  var isFixed = false
  var spacesStay = false
  /// Bytes between the table's end and the first space.
  var slack: UInt64 = 0
  /// Whether a backing file of noise lies below.
  var isOverlay = false

  static let all: [TableShape] = [
    TableShape(), TableShape(width: 8), TableShape(width: 8, isBigEndian: true, blockSize: 512),
    TableShape(isBigEndian: true, blockSize: 63 * 512, lead: 512),
    TableShape(blockSize: 3 * 512, holeIsZero: true, hasZeroes: false),
    TableShape(blockSize: 65536, lead: 1024, slack: 4096), TableShape(isFixed: true, spacesStay: true),
    TableShape(blockSize: 8192, spacesStay: true), TableShape(blockSize: 1 << 20, isOverlay: true),
    TableShape(isBigEndian: true, hasZeroes: false, isOverlay: true),
    TableShape(width: 8, blockSize: 5 * 512, lead: 512, isOverlay: true),
  ]

  var testDescription: String {
    "\(width) bytes \(isBigEndian ? "big" : "little"), blocks of \(blockSize)+\(lead)"
      + (holeIsZero ? ", hole 0" : "") + (hasZeroes ? ", zeros" : "") + (isFixed ? ", fixed" : "")
      + (spacesStay ? ", staying" : "") + (isOverlay ? ", overlay" : "")
  }
}

struct TableCoding: BlockEntryCoding {
  let shape: TableShape
  let areaOffset: UInt64
  var width: Int { shape.width }
  var isBigEndian: Bool { shape.isBigEndian }
  private var mask: UInt64 { width == 8 ? .max : 0xffff_ffff }
  private var hole: UInt64 { shape.holeIsZero ? 0 : mask }
  private var zero: UInt64 { mask - 1 }

  func entry(of value: UInt64) -> BlockEntry? {
    if value == hole { return .hole }
    if value == zero && shape.hasZeroes { return .zero }
    let index = shape.holeIsZero ? value - 1 : value
    guard index < 1 << 40 else { return nil }
    return .data(areaOffset + index * (shape.blockSize + shape.lead) + shape.lead)
  }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: return hole
    case .zero: return shape.hasZeroes ? zero : nil
    case .data(let offset):
      return (offset - areaOffset) / (shape.blockSize + shape.lead) + (shape.holeIsZero ? 1 : 0)
    }
  }
}

/// A format that is nothing but a block table: 512 bytes with the guest's length at 0, how many spaces are in use at 8,
/// where the table stands at 16 and where the spaces begin at 24; then the table.
struct TableFormat: DriverKind {
  let shape: TableShape
  var name: String { "table" }
  var supportsBacking: Bool { true }

  static let tableOffset: UInt64 = 512

  func layout(_ length: UInt64, _ tableOffset: UInt64, _ areaOffset: UInt64) -> BlockTableLayout {
    BlockTableLayout(
      length: length, blockSize: shape.blockSize, tableOffset: tableOffset,
      capacity: (areaOffset - tableOffset) / UInt64(shape.width), areaOffset: areaOffset, lead: shape.lead,
      spaceLimit: length.dividedUp(by: shape.blockSize), isFixed: shape.isFixed, spacesStay: shape.spacesStay)
  }

  /// The bytes of a new image.
  func image(length: UInt64) -> [UInt8] {
    let blocks = length.dividedUp(by: shape.blockSize)
    let end = TableFormat.tableOffset + blocks * UInt64(shape.width)
    let area = (end.roundedUp(to: 512) ?? end) + shape.slack
    let spaces = shape.isFixed ? blocks * (shape.blockSize + shape.lead) : 0
    let buffer = Buffer(count: Int(area + spaces))
    var bytes = buffer.mutableBytes
    for (offset, number) in [(0, length), (8, 0), (16, TableFormat.tableOffset), (24, area)] {
      bytes.storeBig(number, at: offset)
    }
    let coding = TableCoding(shape: shape, areaOffset: area)
    for block in 0..<blocks {
      let place = BlockEntry.data(area + block * (shape.blockSize + shape.lead) + shape.lead)
      TableFormat.store(coding.value(of: shape.isFixed ? place : .hole) ?? 0, block, &bytes, shape)
    }
    return buffer.bytes.array
  }

  static func store(_ value: UInt64, _ block: UInt64, _ bytes: inout MutableRawSpan, _ shape: TableShape) {
    let offset = Int(tableOffset) + Int(block) * shape.width
    for index in 0..<shape.width {
      let shift = UInt64(shape.isBigEndian ? shape.width - 1 - index : index) * 8
      bytes.store(UInt8(truncatingIfNeeded: value >> shift), at: offset + index)
    }
  }

  func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let file = request.node.file else { throw BlockError(.invalidArgument, "no file") }
    let head = try file.read(at: 0, count: 512)
    let layout = layout(head.bytes.big64(at: 0), head.bytes.big64(at: 16), head.bytes.big64(at: 24))
    return OpenedDriver(TableDriver(shape, layout))
  }
}

final class TableDriver: BlockTableDriver, @unchecked Sendable {
  let name = "table"
  let table: BlockTable
  private let shape: TableShape

  init(_ shape: TableShape, _ layout: BlockTableLayout) {
    self.shape = shape
    table = BlockTable(layout, TableCoding(shape: shape, areaOffset: layout.areaOffset))
  }

  func formatInformation(of node: Node) -> FormatInformation? { nil }

  func writeCounters(_ usedSpaces: UInt64?, of node: Node) throws(BlockError) {
    guard let usedSpaces else { return }
    try write([8: usedSpaces], node)
  }

  private func write(_ fields: [Int: UInt64], _ node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    let head = try file.read(at: 0, count: 512)
    var bytes = head.mutableBytes
    for (offset, value) in fields { bytes.storeBig(value, at: offset) }
    try file.write(at: 0, from: head.bytes)
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    let blocks = length.dividedUp(by: shape.blockSize)
    func header(_ next: BlockTableLayout) throws(BlockError) {
      try write([0: next.length, 16: next.tableOffset, 24: next.areaOffset], node)
      try node.file?.flush()
    }
    if blocks > table.currentLayout.capacity {
      var next = table.currentLayout
      let stride = shape.blockSize + shape.lead
      let count = (blocks * UInt64(shape.width)).dividedUp(by: stride)
      next.tableOffset = next.areaOffset
      next.areaOffset += count * stride
      next.capacity = count * stride / UInt64(shape.width)
      try table.moveTable(
        toFirst: count, next, TableCoding(shape: shape, areaOffset: next.areaOffset), of: node, header: header
      )
    }
    try table.resize(to: length, preallocation: preallocation, of: node, header: header)
  }
}

/// A table image in memory, on storage that fails and forgets.
struct TableImage {
  let graph = Graph()
  let memory: MemoryStorage
  let fault: FaultStorage
  let file: Node
  let node: Node
  let edge: Edge
  private let user: RootUser

  init(_ shape: TableShape, length: UInt64) throws(BlockError) {
    try self.init(shape, TableFormat(shape: shape).image(length: length))
  }

  init(_ shape: TableShape, _ bytes: [UInt8], below: [UInt8]? = nil) throws(BlockError) {
    memory = MemoryStorage(bytes)
    fault = FaultStorage(memory)
    file = try graph.makeNode(fault, "file")
    let opener = Opener(graph: graph, kinds: [])
    node = try opener.openFormat(
      TableFormat(shape: shape), on: file, [:], OpenSettings(flags: [.writable, .unmap]))
    if shape.isOverlay {
      let base = try graph.makeNode(MemoryStorage(below ?? TableImage.base), "base")
      try graph.attach(base, to: node, .backing, .cow)
    }
    user = try graph.use(node, "the guest", held: [.consistentRead, .write, .resize], shared: [])
    guard let edge = user.edge else { throw BlockError(.notFound, "no edge") }
    self.edge = edge
  }

  /// What lies below an overlay: some noise, shorter than the disks of the tests.
  static let base: [UInt8] = {
    var numbers = SeededNumbers(seed: 77)
    return SampleDisk.noise(90_000, &numbers).bytes.array
  }()

  func close() throws(BlockError) { try graph.release(user) }

  /// What a check of the image counts, and the findings it reports.
  func check() throws(BlockError) -> (result: CheckResult, lines: [String]) {
    var lines: [String] = []
    guard let driver = node.driver as? any CheckingDriver else { throw BlockError(.unsupported, "no check") }
    let result = try driver.check(node, JobContext()) { lines.append($0) }
    return (result, lines)
  }

  func repair(_ what: CheckRepair) throws(BlockError) -> CheckResult {
    guard let driver = node.driver as? any CheckingDriver else { throw BlockError(.unsupported, "no check") }
    return try driver.repair(what, node, JobContext()) { _ in }
  }
}
