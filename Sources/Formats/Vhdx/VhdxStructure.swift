// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The first mebibyte of an image, which leads to all else: what counts of its two headers and two region tables.
struct VhdxStructure {
  /// The copies of something that stands in the file twice.
  struct Copies<Value: Equatable> {
    /// The copies, nil where one is not valid.
    var values: [Value?]
    /// The name in messages.
    var name: String

    /// The copies that are not valid, in words.
    var damage: [String] {
      values.indices.filter { values[$0] == nil }.map { "\(name) \($0 + 1) is not valid" }
    }
  }

  let headers: Copies<VhdxHeader>
  let regionTables: Copies<VhdxRegions>
  /// The copy of the header that counts.
  let current: Int
  let header: VhdxHeader
  let regions: VhdxRegions
  /// Whether `qemu-img` made the image, by its name as the creator: it leaves a gap in front of the first block.
  let leavesGap: Bool
  /// The log's bytes in the file.
  let log: Range<UInt64>

  /// - Throws: kind `invalidArgument` for a file of another format; kind `corrupt` where neither copy is valid.
  init(_ read: VhdxReader) throws(BlockError) {
    let head = try read(0, 16)
    guard VhdxHeader.hasSignature(head.bytes) else {
      throw BlockError(.invalidArgument, "Image not in VHDX format")
    }
    var headers: [VhdxHeader?] = []
    for offset in VhdxHeader.offsets {
      let copy = try read(offset, VhdxHeader.length)
      headers.append(VhdxHeader(parsing: copy.bytes))
    }
    var tables: [VhdxRegions?] = []
    for offset in VhdxRegions.offsets {
      let copy = try read(offset, VhdxRegions.length)
      tables.append(VhdxRegions(parsing: copy.bytes))
    }
    current = headers[1]?.sequence ?? 0 > headers[0]?.sequence ?? 0 || headers[0] == nil ? 1 : 0
    guard let header = headers[current] else { throw BlockError(.corrupt, "No valid VHDX header found") }
    guard let regions = tables[0] ?? tables[1] else {
      throw BlockError(.corrupt, "No valid VHDX region table found")
    }
    leavesGap = head.bytes.bytes(8..<16) == [0x51, 0, 0x45, 0, 0x4d, 0, 0x55, 0]
    self.headers = Copies(values: headers, name: "header")
    regionTables = Copies(values: tables, name: "region table")
    self.header = header
    self.regions = regions
    log = try header.logRange()
    try regions.validate(log: log)
  }

  /// Whether the header that does not count is valid and says the same.
  var isEven: Bool {
    guard var other = headers.values[1 - current] else { return false }
    other.sequence = header.sequence
    return other == header
  }

  /// Whether there is a log that may have to be replayed.
  var hasLog: Bool { header.logID != .none }

  /// The copies that are not valid, in words.
  var damage: [String] { headers.damage + regionTables.damage }

  /// Whether the second region table is another than the first, as a crash leaves it while the block map moves.
  var hasStaleTable: Bool { regionTables.damage.isEmpty && regionTables.values[0] != regionTables.values[1] }

  /// The layout of the file.
  ///
  /// - Throws: kind `corrupt` where the block map has no room for the disk.
  func layout(_ metadata: VhdxMetadata) throws(BlockError) -> BlockTableLayout {
    var layout = try metadata.layout(regions, log: log)
    // Where the block map has moved, its former place among the other regions stays empty.
    var end = try regions.region(VhdxRegions.metadata, "metadata").range.upperBound
    // Of a fixed image, `qemu-img` takes the space of all blocks and then gives them others.
    let unused = VhdxStructure.gap + (metadata.isFixed ? layout.blockCount * layout.blockSize : 0)
    if leavesGap { end = end.plus(unused) ?? end }
    layout.spare = [VhdxHeader.section..<end]
    return layout
  }

  /// Bytes of the gap.
  private static let gap: UInt64 = 4 << 20

  /// The changes that the log asks for.
  ///
  /// - Parameter fileLength: bytes of the file.
  func recovery(fileLength: UInt64, _ read: @escaping VhdxReader) throws(BlockError) -> Recovery {
    guard hasLog else { return Recovery() }
    var log = VhdxLog(log, id: header.logID, read)
    return try log.recovery(fileLength: fileLength)
  }

  /// The metadata, once the log has been replayed.
  func metadata(_ read: VhdxReader) throws(BlockError) -> VhdxMetadata {
    try VhdxMetadata(in: regions.region(VhdxRegions.metadata, "metadata"), read)
  }
}
