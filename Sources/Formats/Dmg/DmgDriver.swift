// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// An open image.
final class DmgDriver: ReadOnlyDriver {
  /// Chunks looked at for one answer.
  private static let perAnswer = 4096
  /// Bytes that chunks being decoded may take together: of the usual 1 MiB, four at once. The decoders of xz and bzip2 take
  /// as much again.
  private static let memory = 8 << 20

  let name = "dmg"
  let layout: DmgLayout
  private let fillsGaps: Bool
  private let blocks: CompressedBlocks<ChunkDecompressor>

  init(_ layout: DmgLayout, fillsGaps: Bool) {
    self.layout = layout
    self.fillsGaps = fillsGaps
    blocks = CompressedBlocks(blockSize: 0, memory: DmgDriver.memory) { () throws(BlockError) in
      ChunkDecompressor()
    }
  }

  func length(of node: Node) -> UInt64 { layout.trailer.size }

  func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.decodingUnit = layout.largestDecoded
    return limits
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.isDirty = nil
    return information
  }

  // MARK: Places

  /// What the sectors from one on are.
  private enum Piece {
    case chunk(Int)
    case gap
  }

  /// What a sector is, and the end of what is so.
  private func piece(at sector: UInt64) -> (piece: Piece, end: UInt64) {
    let place = layout.place(of: sector)
    if let place {
      let number = Int(layout.order[place])
      let sectors = layout.chunks[number].sectors
      if sectors.contains(sector) { return (.chunk(number), sectors.upperBound) }
    }
    let next = place.map { $0 + 1 } ?? 0
    let end = next < layout.order.count ? layout.chunks[Int(layout.order[next])].sectors.lowerBound : .max
    return (.gap, min(end, layout.trailer.sectorCount))
  }

  /// What the sectors from one on are, as an extent.
  private func extent(at sector: UInt64) -> (extent: Extent, end: UInt64) {
    let (piece, end) = piece(at: sector)
    // Reading what is compressed tells what is wrong.
    let encoded = Extent(.data, length: 0, encoding: .compressed)
    guard case .chunk(let number) = piece else {
      return (fillsGaps ? Extent(.zero, length: 0) : encoded, end)
    }
    let chunk = layout.chunks[number]
    if chunk.kind.isZero { return (Extent(.zero, length: 0), end) }
    guard chunk.kind == .raw else { return (encoded, end) }
    let offset = chunk.place.lowerBound + (sector - chunk.sectors.lowerBound) * 512
    return (Extent(.data, length: 0, location: Extent.Location(.file, offset)), end)
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    var (extent, end) = extent(at: offset / 512)
    extent.location?.offset += offset % 512
    var count = 0
    while extent.location == nil, end * 512 - offset < length, count < DmgDriver.perAnswer {
      let next = self.extent(at: end)
      guard next.extent == extent else { break }
      end = next.end
      count += 1
    }
    extent.length = min(length, end * 512 - offset)
    guard let location = extent.location, let file = node.file else { return extent }
    guard location.offset.plus(extent.length) ?? .max <= file.length else {
      // Other formats read zeros past the end of a file; here it only was cut short.
      return Extent(.data, length: extent.length, encoding: .compressed)
    }
    return extent
  }

  // MARK: Reading

  func readEncoded(
    _ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node
  ) throws(BlockError) {
    let file = try node.child(in: .file)
    var done = 0
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      let (piece, end) = piece(at: position / 512)
      let count = Int(min(UInt64(buffer.byteCount - done), end * 512 - position))
      var part = buffer.slice(done..<done + count)
      guard case .chunk(let number) = piece else {
        throw BlockError(
          .corrupt, DmgLayout.Finding.gap(position / 512..<end).text,
          advice: "--image-opts driver=dmg,fill-gaps=zero,file.filename=FILE reads zeros there.")
      }
      try read(number, from: position, into: &part, file)
      done += count
    }
  }

  /// Reads a part of a chunk that is stored in the file.
  private func read(_ number: Int, from position: UInt64, into part: inout MutableRawSpan, _ file: Edge)
    throws(BlockError)
  {
    let chunk = layout.chunks[number]
    let inside = Int(position - chunk.sectors.lowerBound * 512)
    if chunk.kind == .raw {
      try requireInside(number, file)
      return try file.read(at: chunk.place.lowerBound + UInt64(inside), into: &part)
    }
    let range = inside..<inside + part.byteCount
    try blocks.read(UInt64(number), size: Int(chunk.size), range, into: &part) {
      (decoder, target) throws(BlockError) in
      try self.decode(number, into: &target, decoder, file)
    }
  }

  private func requireInside(_ number: Int, _ file: Edge) throws(BlockError) {
    let chunk = layout.chunks[number]
    guard chunk.place.upperBound <= file.length else {
      throw BlockError(
        .corrupt,
        "chunk \(number) (sectors \(chunk.sectors.text)) lies past the end of the file (offset \(chunk.place.lowerBound), length \(chunk.place.count))"
      )
    }
  }

  /// Reads and decodes a whole chunk, whose length before and after has been held against the limit.
  private func decode(
    _ number: Int, into target: inout MutableRawSpan, _ decoder: CompressedBlocks<ChunkDecompressor>.Decoder,
    _ file: Edge
  ) throws(BlockError) {
    try requireInside(number, file)
    let chunk = layout.chunks[number]
    decoder.makeRoom(chunk.place.count)
    let input = decoder.input
    var room = input.mutableBytes
    var bytes = room.slice(0..<chunk.place.count)
    try file.read(at: chunk.place.lowerBound, into: &bytes)
    try inContext("chunk \(number) (sectors \(chunk.sectors.text))") { () throws(BlockError) in
      try decoder.decompressor.decompress(
        chunk.kind, input.bytes.slice(0..<chunk.place.count), into: &target)
    }
  }

  /// Calls `body` with the bytes of a chunk, a piece at a time, or with the number of its zeros. `buffer` is the memory for
  /// that, which grows to what is needed.
  func forEachPiece(
    of number: Int, _ buffer: inout Buffer, _ file: Edge, _ body: (RawSpan, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    let chunk = layout.chunks[number]
    if chunk.kind.isZero { return try body(buffer.bytes.slice(0..<0), chunk.size) }
    let count = chunk.kind == .raw ? min(1 << 20, chunk.size) : chunk.size
    if buffer.count < Int(count) { buffer = Buffer(count: Int(count)) }
    var done: UInt64 = 0
    while done < chunk.size {
      let length = Int(min(count, chunk.size - done))
      var bytes = buffer.mutableBytes
      var part = bytes.slice(0..<length)
      try read(number, from: chunk.sectors.lowerBound * 512 + done, into: &part, file)
      try body(buffer.bytes.slice(0..<length), 0)
      done += UInt64(length)
    }
  }
}
