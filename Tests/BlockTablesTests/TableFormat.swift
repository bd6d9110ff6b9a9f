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
  /// What a stored block's value is.
  enum Spelling: Sendable, Equatable {
    /// The number of its place; all ones is a hole, or 0 with places counted from 1.
    case number(fromOne: Bool)
    /// Its offset in the file in units of so many bytes; 0 is a hole.
    case offset(unit: UInt64)
  }

  /// Where the bits of blocks stored in part stand.
  enum Bits: Sendable, Equatable {
    case none
    case lead
    /// In the lead, for others: blocks are read as a whole.
    case advisory
    case apart(every: UInt64)
  }

  var width = 4
  var isBigEndian = false
  var blockSize: UInt64 = 4096
  var lead: UInt64 = 0
  var spelling = Spelling.number(fromOne: false)
  var hasZeroes = true
  var isFixed = false
  var placesStay = false
  /// Bytes between the table's end and the first block.
  var slack: UInt64 = 0
  /// Whether a backing file of noise lies below.
  var isOverlay = false
  /// Entries of a table where a directory names tables.
  var perTable: UInt64?
  var hasSecond = false
  var bits = Bits.none
  var unit: UInt64?
  var alignment: UInt64 = 512
  /// Bytes behind all else at the start that are left alone.
  var spare: UInt64 = 0
  /// Bytes behind all else at the start that nothing takes, followed by 512 bytes that are something else.
  var gap: UInt64 = 0
  /// Whether what changes in tables passes a log.
  var hasJournal = false
  /// Whether the file ends with 512 bytes of sevens, wherever that is.
  var hasTrailer = false

  static let flat: [TableShape] = [
    TableShape(), TableShape(width: 8), TableShape(width: 8, isBigEndian: true, blockSize: 512),
    TableShape(isBigEndian: true, blockSize: 63 * 512, lead: 512),
    TableShape(blockSize: 3 * 512, spelling: .number(fromOne: true), hasZeroes: false),
    TableShape(blockSize: 65536, lead: 1024, slack: 4096), TableShape(isFixed: true, placesStay: true),
    TableShape(blockSize: 8192, placesStay: true), TableShape(blockSize: 3 * 512, hasTrailer: true),
    TableShape(blockSize: 1 << 20, isOverlay: true),
    TableShape(isBigEndian: true, hasZeroes: false, isOverlay: true),
    TableShape(width: 8, blockSize: 5 * 512, lead: 512, isOverlay: true),
    // Sectors, and numbers of clusters that are no power of two.
    TableShape(blockSize: 63 * 512, spelling: .offset(unit: 512), hasZeroes: false),
    TableShape(blockSize: 63 * 512, spelling: .offset(unit: 63 * 512), hasZeroes: false, slack: 31744),
    TableShape(width: 8, spelling: .offset(unit: 512), spare: 16384),
    TableShape(
      isBigEndian: true, blockSize: 16384, lead: 512, spelling: .offset(unit: 512), hasZeroes: false,
      bits: .advisory, unit: 512, alignment: 4096, hasTrailer: true),
  ]

  static let bitmapped: [TableShape] = [
    TableShape(
      isBigEndian: true, blockSize: 16384, lead: 512, spelling: .offset(unit: 512), hasZeroes: false,
      isOverlay: true, bits: .lead, unit: 512, alignment: 4096),
    TableShape(
      isBigEndian: true, blockSize: 8192, lead: 512, spelling: .offset(unit: 512), hasZeroes: false,
      isOverlay: true, bits: .lead, unit: 512, alignment: 4096, hasTrailer: true),
    TableShape(blockSize: 5 * 512, lead: 512, isOverlay: true, bits: .lead),
    TableShape(width: 8, blockSize: 8192, isOverlay: true, bits: .apart(every: 4), unit: 4096),
    TableShape(width: 8, blockSize: 4096, isOverlay: true, bits: .apart(every: 9)),
  ]

  static let twoLevel: [TableShape] = [
    TableShape(width: 8, spelling: .offset(unit: 1), perTable: 512),
    TableShape(
      width: 8, isBigEndian: true, blockSize: 512, spelling: .offset(unit: 1), hasZeroes: false, perTable: 64),
    TableShape(spelling: .offset(unit: 512), hasZeroes: false, perTable: 16, hasSecond: true, unit: 512),
    TableShape(
      width: 8, blockSize: 1024, spelling: .offset(unit: 1), placesStay: true, isOverlay: true, perTable: 512),
    TableShape(
      isBigEndian: true, blockSize: 2048, spelling: .offset(unit: 512), hasZeroes: false, isOverlay: true,
      perTable: 128, hasSecond: true, unit: 512, alignment: 2048),
    TableShape(blockSize: 3 * 512, spelling: .number(fromOne: true), perTable: 32),
    TableShape(blockSize: 4096, lead: 512, spelling: .offset(unit: 512), perTable: 128, unit: 512),
  ]

  static let journaled: [TableShape] = [
    TableShape(width: 8, spelling: .offset(unit: 512), hasJournal: true),
    TableShape(
      width: 8, blockSize: 8192, isOverlay: true, bits: .apart(every: 4), unit: 4096, hasJournal: true),
    TableShape(blockSize: 5 * 512, lead: 512, isOverlay: true, bits: .lead, hasJournal: true),
    TableShape(width: 8, spelling: .offset(unit: 1), perTable: 512, hasJournal: true),
  ]

  static let all = flat + bitmapped + twoLevel + journaled

  var testDescription: String {
    "\(width) bytes \(isBigEndian ? "big" : "little"), blocks of \(blockSize)+\(lead), \(spelling)"
      + (hasZeroes ? ", zeros" : "") + (isFixed ? ", fixed" : "")
      + (placesStay ? ", staying" : "") + (isOverlay ? ", overlay" : "")
      + (perTable.map { ", tables of \($0)\(hasSecond ? " twice" : "")" } ?? "")
      + (bits == .none ? "" : ", bits \(bits)") + (hasJournal ? ", log" : "")
      + (hasTrailer ? ", trailer" : "")
  }

  /// Bytes of a bitmap that stands apart.
  var bitmapBytes: UInt64 {
    guard case .apart(let every) = bits else { return 0 }
    let unit = unit ?? blockSize + lead
    return (every * (blockSize / 512)).dividedUp(by: 8).dividedUp(by: unit) * unit
  }

  /// Entries that so many blocks need.
  func entries(for blocks: UInt64) -> UInt64 {
    guard case .apart(let every) = bits else { return blocks }
    return blocks.dividedUp(by: every) * (every + 1)
  }

  func index(of block: UInt64) -> UInt64 {
    guard case .apart(let every) = bits else { return block }
    return block + block / every
  }
}

struct TableCoding: BlockEntryCoding {
  let shape: TableShape
  let areaOffset: UInt64
  /// Whether the entries are those of a directory, or of blocks.
  var isDirectory = false
  var width: Int { shape.width }
  var isBigEndian: Bool { shape.isBigEndian }
  private var mask: UInt64 { width == 8 ? .max : 0xffff_ffff }
  private var hole: UInt64 { shape.spelling == .number(fromOne: false) ? mask : 0 }
  private var zero: UInt64 { mask - 1 }
  private var partial: UInt64 { 1 << (UInt64(width) * 8 - 2) }
  private var unit: UInt64 { shape.unit ?? shape.blockSize + shape.lead }

  func entry(of value: UInt64) -> BlockEntry? {
    if isDirectory { return value == 0 ? .hole : .data(value) }
    if value == hole { return .hole }
    if value == zero && shape.hasZeroes { return .zero }
    let isApart = shape.bits != .none && shape.bits != .lead && shape.bits != .advisory
    let isPartial = shape.bits == .lead || isApart && value & partial != 0
    let number = isApart ? value & ~partial : value
    let place: UInt64
    switch shape.spelling {
    case .number(let fromOne):
      guard number < 1 << 40 else { return nil }
      place = areaOffset + (fromOne ? number - 1 : number) * unit + shape.lead
    case .offset(let unit):
      guard let start = number.times(unit), let offset = start.plus(shape.lead) else { return nil }
      place = offset
    }
    return isPartial ? .partial(place) : .data(place)
  }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: return isDirectory ? 0 : hole
    case .zero: return shape.hasZeroes && !isDirectory ? zero : nil
    case .data(let offset): return isDirectory ? offset : number(offset)
    case .partial(let offset): return number(offset).map { shape.bits == .lead ? $0 : $0 | partial }
    case .compressed: return nil
    }
  }

  private func number(_ place: UInt64) -> UInt64? {
    switch shape.spelling {
    case .number(let fromOne): (place - areaOffset - shape.lead) / unit + (fromOne ? 1 : 0)
    case .offset(let unit): (place - shape.lead) % unit == 0 ? (place - shape.lead) / unit : nil
    }
  }
}

/// A format that is nothing but a block table: 512 bytes with the guest's length at 0, how many units are in use at 8,
/// where the table or the directory stands at 16, where units are counted from at 24, where blocks can be at 32, the
/// second directory at 40, and the log at 48; then the table or the directory, and the log.
struct TableFormat: DriverKind {
  let shape: TableShape
  var name: String { "table" }
  var supportsBacking: Bool { true }

  static let tableOffset: UInt64 = 512
  /// Entries of a directory.
  static let tables: UInt64 = 256

  func layout(_ head: RawSpan) -> BlockTableLayout {
    let (length, table, area, start) = (
      head.big64(at: 0), head.big64(at: 16), head.big64(at: 24), head.big64(at: 32)
    )
    let log = head.big64(at: 48)
    let perBlock = (shape.blockSize + shape.lead) / (shape.unit ?? shape.blockSize + shape.lead)
    var layout = BlockTableLayout(
      length: length, blockSize: shape.blockSize, tableOffset: table,
      capacity: ((table < log ? log : start) - table) / UInt64(shape.width), areaOffset: area,
      lead: shape.lead,
      unit: shape.unit, unitLimit: length.dividedUp(by: shape.blockSize) * perBlock,
      isFixed: shape.isFixed, placesStay: shape.placesStay)
    layout.alignment = shape.alignment
    if case .offset = shape.spelling { layout.unitLimit = 1 << 40 }
    layout.reserved = [0..<start]
    if shape.gap > 0 { layout.reserved.append(start + shape.gap..<start + shape.gap + 512) }
    if shape.spare > 0 { layout.spare = [start..<start + shape.spare] }
    if let perTable = shape.perTable {
      layout.capacity = TableFormat.tables * perTable
      layout.unitLimit = 1 << 40
      layout.directory = BlockTableDirectory(
        perTable: perTable, coding: TableCoding(shape: shape, areaOffset: area, isDirectory: true),
        second: shape.hasSecond ? head.big64(at: 40) : nil)
    }
    switch shape.bits {
    case .none: break
    case .lead: layout.bitmap = SectorBitmap(.lead, isMostSignificantFirst: true)
    case .advisory:
      layout.bitmap = SectorBitmap(.lead, isMostSignificantFirst: true)
      layout.bitmap?.isAdvisory = true
      layout.leadFill = 0xff
    case .apart(let every):
      layout.bitmapGroup = every
      layout.bitmap = SectorBitmap(.apart(bytes: shape.bitmapBytes), isMostSignificantFirst: false)
      layout.unitLimit = 1 << 40
    }
    return layout
  }

  /// The bytes of a new image.
  func image(length: UInt64) -> [UInt8] {
    let blocks = length.dividedUp(by: shape.blockSize)
    let isTwoLevel = shape.perTable != nil
    let count = isTwoLevel ? TableFormat.tables * (shape.hasSecond ? 2 : 1) : shape.entries(for: blocks)
    let end = TableFormat.tableOffset + count * UInt64(shape.width)
    let log = (end.roundedUp(to: 512) ?? end) + shape.slack
    let start = log + (shape.hasJournal ? TestJournal.length : 0)
    // Places have offsets of any kind from the file's start, or numbers.
    var area = start
    if case .offset(let unit) = shape.spelling, isTwoLevel || start % unit != 0 { area = 0 }
    if isTwoLevel, shape.spelling == .number(fromOne: true) { area = 0 }
    let stride = shape.blockSize + shape.lead
    let fileEnd = start + (shape.isFixed ? blocks * stride : 0) + (shape.gap > 0 ? shape.gap + 512 : 0)
    let buffer = Buffer(count: Int(fileEnd) + (shape.hasTrailer ? TableTrailer.bytes.count : 0))
    var bytes = buffer.mutableBytes
    if shape.hasTrailer {
      for (index, byte) in TableTrailer.bytes.enumerated() { bytes.store(byte, at: Int(fileEnd) + index) }
    }
    let second = TableFormat.tableOffset + TableFormat.tables * UInt64(shape.width)
    for (offset, number) in [
      (0, length), (8, 0), (16, TableFormat.tableOffset), (24, area), (32, start), (40, second),
      (48, shape.hasJournal ? log : 0),
    ] {
      bytes.storeBig(number, at: offset)
    }
    guard !isTwoLevel else { return buffer.bytes.array }
    let coding = TableCoding(shape: shape, areaOffset: area)
    for index in 0..<count {
      let place = BlockEntry.data(area + index * stride + shape.lead)
      TableFormat.store(
        coding.value(of: shape.isFixed ? place : .hole) ?? 0,
        Int(TableFormat.tableOffset) + Int(index) * shape.width,
        &bytes, shape)
    }
    return buffer.bytes.array
  }

  static func store(_ value: UInt64, _ offset: Int, _ bytes: inout MutableRawSpan, _ shape: TableShape) {
    for index in 0..<shape.width {
      let shift = UInt64(shape.isBigEndian ? shape.width - 1 - index : index) * 8
      bytes.store(UInt8(truncatingIfNeeded: value >> shift), at: offset + index)
    }
  }

  static func load(_ offset: Int, _ bytes: RawSpan, _ shape: TableShape) -> UInt64 {
    (0..<shape.width).reduce(0) { value, index in
      let shift = UInt64(shape.isBigEndian ? shape.width - 1 - index : index) * 8
      return value | UInt64(bytes.byte(at: offset + index)) << shift
    }
  }

  /// Where a block's entry stands in an image's bytes.
  func entryOffset(of block: UInt64, _ bytes: RawSpan) -> Int {
    let table = Int(bytes.big64(at: 16))
    guard let perTable = shape.perTable else { return table + Int(shape.index(of: block)) * shape.width }
    let offset = TableFormat.load(table + Int(block / perTable) * shape.width, bytes, shape)
    return Int(offset) + Int(block % perTable) * shape.width
  }

  func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let file = request.node.file else { throw BlockError(.invalidArgument, "no file") }
    let head = try file.read(at: 0, count: 512)
    var hasTrailer = false
    if shape.hasTrailer, file.length > 1024 {
      let end = try file.read(at: file.length - 512, count: 512)
      hasTrailer = end.array == TableTrailer.bytes
    }
    guard shape.hasJournal else {
      return OpenedDriver(TableDriver(shape, layout(head.bytes), trailerBytes: hasTrailer ? 512 : 0))
    }
    let journal = TestJournal(offset: head.bytes.big64(at: 48))
    try request.recover(try journal.recovery(file))
    if request.node.isWritable { try journal.settle(request.node) }
    return OpenedDriver(TableDriver(shape, layout(head.bytes), journal))
  }
}

struct TableTrailer: BlockTableTrailer {
  static let bytes = [UInt8](repeating: 7, count: 512)
  var length: UInt64 { 512 }

  func write(at offset: UInt64, to file: Edge) throws(BlockError) {
    try file.write(at: offset, TableTrailer.bytes)
  }
}

final class TableDriver: BlockTableDriver, @unchecked Sendable {
  let name = "table"
  let table: BlockTable
  private let shape: TableShape
  private let journal: TestJournal?

  init(
    _ shape: TableShape, _ layout: BlockTableLayout, _ journal: TestJournal? = nil, trailerBytes: UInt64 = 0
  ) {
    self.shape = shape
    self.journal = journal
    table = BlockTable(
      layout, TableCoding(shape: shape, areaOffset: layout.areaOffset), journal: journal,
      trailer: shape.hasTrailer ? TableTrailer() : nil, trailerBytes: trailerBytes)
  }

  func formatInformation(of node: Node) -> FormatInformation? { nil }

  func makeEmpty(_ node: Node) throws(BlockError) { try table.makeEmpty(node) }

  func close(_ node: Node) throws(BlockError) {
    try flush(node)
    if node.isWritable { try journal?.settle(node) }
  }

  func writeCounters(_ usedUnits: UInt64?, of node: Node) throws(BlockError) {
    guard let usedUnits else { return }
    try write([8: usedUnits], node)
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
      try write(
        [0: next.length, 16: next.tableOffset, 24: next.areaOffset, 32: next.reserved[0].upperBound], node)
      try node.file?.flush()
    }
    let entries = shape.entries(for: blocks)
    if entries > table.currentLayout.capacity {
      var next = table.currentLayout
      let unit = shape.unit ?? shape.blockSize + shape.lead
      let count =
        (next.reserved[0].upperBound - next.areaOffset).dividedUp(by: unit)
        + (entries * UInt64(shape.width)).dividedUp(by: unit)
      next.tableOffset = next.reserved[0].upperBound
      let end = next.areaOffset + count * unit
      if case .number = shape.spelling { next.areaOffset = end }
      next.reserved = [0..<end]
      next.capacity = (end - next.tableOffset) / UInt64(shape.width)
      try table.moveTable(
        toFirst: count, next, TableCoding(shape: shape, areaOffset: next.areaOffset), of: node, header: header
      )
    }
    try table.resize(to: length, preallocation: preallocation, of: node, header: header)
  }
}

/// A table image in memory.
typealias TableImage = MemoryImage<TableFormat>

extension TableImage {
  init(_ shape: TableShape, length: UInt64) throws(BlockError) {
    try self.init(shape, TableFormat(shape: shape).image(length: length))
  }

  init(_ shape: TableShape, _ bytes: [UInt8], below: [UInt8]? = nil) throws(BlockError) {
    let below = below ?? TableImage.base
    try self.init(TableFormat(shape: shape), bytes, below: shape.isOverlay ? below : nil)
  }

  /// What lies below an overlay: some noise, shorter than the disks of the tests.
  static let base: [UInt8] = {
    var numbers = SeededNumbers(seed: 77)
    return SampleDisk.noise(90_000, &numbers).bytes.array
  }()

  /// The same bytes with the entries of some blocks changed.
  func changed(_ shape: TableShape, _ values: [UInt64: UInt64]) throws(BlockError) -> TableImage {
    let buffer = Buffer(memory.bytes)
    var bytes = buffer.mutableBytes
    for (block, value) in values {
      let offset = TableFormat(shape: shape).entryOffset(of: block, buffer.bytes)
      TableFormat.store(value, offset, &bytes, shape)
    }
    return try TableImage(shape, buffer.bytes.array)
  }
}
