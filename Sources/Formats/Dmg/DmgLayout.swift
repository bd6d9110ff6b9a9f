// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// All that an image says of where its disk is stored.
struct DmgLayout: Sendable {
  let trailer: DmgTrailer
  /// In the order of the file.
  let tables: [DmgTable]
  /// In the order of the tables.
  let chunks: [DmgChunk]
  /// The numbers of the chunks in the order of the disk.
  let order: [UInt32]

  /// The limits that chunks were held to.
  let limits: DmgLimits

  /// Reads trailer, resources and tables.
  ///
  /// - Parameters:
  ///   - fileLength: bytes of the file.
  ///   - read: gives bytes of the file.
  /// - Throws: where there is no trailer, or what it leads to makes no sense.
  init(
    fileLength: UInt64, limits: DmgLimits = DmgLimits(), _ read: (UInt64, Int) throws(BlockError) -> Buffer
  ) throws(BlockError) {
    let tailLength = min(fileLength, UInt64(2 * DmgTrailer.length))
    let tail = try read(fileLength - tailLength, Int(tailLength))
    if let refusal = try DmgLayout.refusal(tail, fileLength, read) { throw refusal }
    guard fileLength >= UInt64(DmgTrailer.length) else {
      throw BlockError(.corrupt, "dmg file must be at least 512 bytes long")
    }
    guard let offset = AppleTrailer.offset(in: tail.bytes) else {
      throw BlockError(.corrupt, "Could not locate UDIF trailer in dmg file")
    }
    let trailer = try DmgTrailer(
      parsing: tail.bytes.slice(offset..<offset + DmgTrailer.length), fileLength: fileLength, limits)
    var tables: [DmgTable] = []
    var chunks: [DmgChunk] = []
    func add(_ table: Buffer) throws(BlockError) {
      tables.append(try DmgTable(parsing: table, data: trailer.data.lowerBound, into: &chunks, limits))
    }
    if !trailer.resourceFork.isEmpty {
      let fork = try read(trailer.resourceFork.lowerBound, trailer.resourceFork.count)
      try DmgResources.forEachTable(inFork: fork) { (table) throws(BlockError) in try add(table) }
    } else if !trailer.propertyList.isEmpty {
      let list = try read(trailer.propertyList.lowerBound, trailer.propertyList.count)
      try DmgResources.forEachTable(inPropertyList: list) { (table) throws(BlockError) in try add(table) }
    } else {
      throw BlockError(.corrupt, "the image has neither a property list nor a resource fork")
    }
    self.limits = limits
    self.trailer = trailer
    self.tables = tables
    self.chunks = chunks
    order = DmgLayout.sorted(chunks)
  }

  private static func refusal(
    _ tail: Buffer, _ fileLength: UInt64, _ read: (UInt64, Int) throws(BlockError) -> Buffer
  ) throws(BlockError) -> BlockError? {
    let head = try read(0, Int(min(fileLength, 8)))
    return DmgRelative.refusal(head: head.bytes, tail: tail.bytes)
  }

  private static func sorted(_ chunks: [DmgChunk]) -> [UInt32] {
    var order: [UInt32] = []
    order.reserveCapacity(chunks.count)
    for number in chunks.indices { order.append(UInt32(number)) }
    let starts = chunks.map(\.sectors.lowerBound)
    // Of those that start at one sector, the first in the tables comes first.
    order.sort { (starts[Int($0)], $0) < (starts[Int($1)], $1) }
    return order
  }

  /// What follows where in the order of the disk, with what is between.
  enum Finding {
    /// Two chunks say what these sectors hold.
    case overlap(Range<UInt64>, Int, Int)
    /// No chunk does.
    case gap(Range<UInt64>)
    /// A chunk goes on past the end of the disk.
    case pastEnd(Int)

    var text: String {
      switch self {
      case .overlap(let sectors, let first, let second):
        "chunks \(first) and \(second) overlap in sectors \(sectors.text)"
      case .gap(let sectors): "no chunk has sectors \(sectors.text)"
      case .pastEnd(let number): "chunk \(number) goes on past the end of the disk"
      }
    }
  }

  /// Calls `body` with each contradiction between the chunks, in the order of the disk, until it answers false.
  func forEachFinding(_ body: (Finding) -> Bool) {
    var end: UInt64 = 0
    var last = 0
    for index in order {
      let number = Int(index)
      let sectors = chunks[number].sectors
      let limit = trailer.sectorCount
      if sectors.lowerBound > end, end < limit {
        guard body(.gap(end..<min(sectors.lowerBound, limit))) else { return }
      } else if sectors.lowerBound < end {
        let common = sectors.lowerBound..<min(sectors.upperBound, end)
        guard body(.overlap(common, last, number)) else { return }
      }
      if sectors.upperBound > limit {
        guard body(.pastEnd(number)) else { return }
      }
      if sectors.upperBound > end { (end, last) = (sectors.upperBound, number) }
    }
    if end < trailer.sectorCount { _ = body(.gap(end..<trailer.sectorCount)) }
  }

  /// - Throws: kind `corrupt` where two chunks say what a sector holds: programs differ in which one they believe.
  func refuseOverlap() throws(BlockError) {
    var found: Finding?
    forEachFinding { finding in
      guard case .overlap = finding else { return true }
      found = finding
      return false
    }
    if let found { throw BlockError(.corrupt, found.text) }
  }

  /// The place in the order of the disk of the last chunk that starts at a sector or before; nil where none does.
  func place(of sector: UInt64) -> Int? {
    let behind = order.firstIndexSorted { chunks[Int($0)].sectors.lowerBound > sector }
    return behind > 0 ? behind - 1 : nil
  }

  /// Bytes of the largest chunk that is decoded as a whole.
  var largestDecoded: UInt64 {
    var largest: UInt64 = 0
    for chunk in chunks where chunk.kind.isCompressed { largest = max(largest, chunk.size) }
    return largest
  }
}

extension Range<UInt64> {
  /// First and last sector.
  var text: String { "\(lowerBound) to \(upperBound - 1)" }
}
