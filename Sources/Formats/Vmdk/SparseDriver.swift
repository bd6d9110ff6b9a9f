// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Compression
internal import Errors
internal import Host
internal import Options

/// An open extent with tables: an image of its own where it has a descriptor, and one part of an image else.
final class SparseDriver: BlockTableDriver, VmdkDriver, @unchecked Sendable {
  let name = "vmdk"
  let table: BlockTable
  let descriptor: OpenDescriptor?
  let header: SparseHeader
  private let lock = ConditionLock()
  /// Whether the header says that the extent is open for writing. Guarded by `lock`, also while that is written.
  private var isMarked = false
  private var inflaters: [Inflater] = []
  private let buffers = BufferPool()

  init(_ header: SparseHeader, _ layout: BlockTableLayout, _ descriptor: OpenDescriptor?) {
    self.header = header
    self.descriptor = descriptor
    let coding = GrainCoding(
      hasZeroes: header.flags.contains(.zeroedGrains), isCompressed: header.isCompressed)
    table = BlockTable(layout, coding)
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.clusterSize = table.blockSize
    information.isDirty = false
    guard let descriptor = descriptor?.current else { return information }
    information.backing = descriptor.backing
    var extent = OptionObject()
    if header.isCompressed { extent["compressed"] = true }
    extent["virtual-size"] = OptionTree(table.length)
    extent["filename"] = .string(node.fileName)
    extent["cluster-size"] = OptionTree(table.blockSize)
    extent["format"] = ""
    information.specific = descriptor.information([extent])
    return information
  }

  // MARK: Compressed grains

  func readEncoded(
    _ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node
  ) throws(BlockError) {
    var done = 0
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      let inside = Int(position % table.blockSize)
      let count = min(buffer.byteCount - done, Int(table.blockSize) - inside)
      var part = buffer.slice(done..<done + count)
      try readGrain(at: position - UInt64(inside), inside..<inside + count, into: &part, node)
      done += count
    }
  }

  /// Reads a range of the compressed grain at a guest offset: behind a marker of 12 bytes.
  private func readGrain(
    at offset: UInt64, _ range: Range<Int>, into part: inout MutableRawSpan, _ node: Node
  ) throws(BlockError) {
    guard case .compressed(let place, _) = try table.entry(at: offset, of: node), let file = node.file else {
      return part.fill()
    }
    let packed = buffers.take(GrainMarker.length + Int(2 * table.blockSize) + 512)
    defer { buffers.put(packed) }
    var bytes = packed.mutableBytes
    var first = bytes.slice(0..<min(512, packed.count))
    try file.read(at: place, into: &first)
    let marker = try GrainMarker(parsing: packed.bytes, of: offset, grain: table.blockSize)
    let end = GrainMarker.length + marker.size
    if end > 512 {
      var rest = bytes.slice(512..<end)
      try file.read(at: place + 512, into: &rest)
    }
    let inflater = lock.withLock { inflaters.popLast() } ?? Inflater(format: .zlib)
    defer { lock.withLock { inflaters.append(inflater) } }
    // The last grain may be stored as far as the disk goes.
    let whole = Int(min(table.blockSize, table.length - offset))
    let source = packed.bytes.slice(GrainMarker.length..<end)
    if range == 0..<whole {
      return try inflater.inflate(source, into: &part, grain: Int(table.blockSize))
    }
    let grain = buffers.take(Int(table.blockSize))
    defer { buffers.put(grain) }
    var target = grain.mutableBytes
    var filled = target.slice(0..<whole)
    try inflater.inflate(source, into: &filled, grain: Int(table.blockSize))
    part.copy(grain.bytes.slice(range))
  }

  // MARK: Changes

  /// Marks the extent as open, and gives the image another identity.
  func beginChanges(_ node: Node) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      guard !isMarked, let file = node.file else { return }
      guard !header.isCompressed else {
        throw BlockError(
          .unsupported, "a stream-optimized image cannot be changed",
          advice: "'convert -O vmdk' makes another of it that can.")
      }
      try setUnclean(true, file)
      try descriptor?.renew(in: file)
      isMarked = true
    }
  }

  private func setUnclean(_ isUnclean: Bool, _ file: Edge) throws(BlockError) {
    let byte = Buffer([isUnclean ? 1 : 0])
    try file.write(at: 72, from: byte.bytes)
    try file.flush()
  }

  private func endChanges(_ node: Node) throws(BlockError) {
    guard node.flags.contains(.writable) else { return }
    try flush(node)
    try lock.withLock { () throws(BlockError) in
      guard isMarked, let file = node.file else { return }
      try setUnclean(false, file)
      isMarked = false
    }
  }

  func close(_ node: Node) throws(BlockError) { try endChanges(node) }

  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    if let left = options.flattened().first?.key {
      throw BlockError(.invalidArgument, "Block format '\(name)' does not support the option '\(left)'")
    }
    try endChanges(node)
  }

  func makeEmpty(_ node: Node) throws(BlockError) {
    try beginChanges(node)
    try table.makeEmpty(node)
    if let file = node.file { try descriptor?.adoptParent(of: node, in: file) }
  }
}

/// The bytes before a compressed grain (Virtual Disk Format 5.0, "Stream-Optimized Compressed Sparse Extents").
struct GrainMarker {
  /// Bytes of a marker.
  static let length = 12

  /// Bytes of compressed data behind the marker.
  let size: Int

  /// The marker of a grain that was compressed to so many bytes.
  init(size: Int) { self.size = size }

  /// The marker of the grain at a guest offset.
  func bytes(of offset: UInt64) -> Buffer {
    let marker = Buffer(count: GrainMarker.length)
    var bytes = marker.mutableBytes
    bytes.storeLittle(offset / 512, at: 0)
    bytes.storeLittle(UInt32(clamping: size), at: 8)
    return marker
  }

  /// Reads a marker, which must be that of the grain at a guest offset.
  ///
  /// - Throws: kind `corrupt` for one of another grain, or of one longer than twice a grain.
  init(parsing bytes: RawSpan, of offset: UInt64, grain: UInt64) throws(BlockError) {
    let sector = bytes.little64(at: 0)
    let size = bytes.little32(at: 8)
    guard sector == offset / 512 else {
      throw BlockError(
        .corrupt, "the compressed grain of sector \(offset / 512) says that it is of sector \(sector)")
    }
    guard size > 0, UInt64(size) <= 2 * grain else {
      throw BlockError(
        .corrupt, "the compressed grain of sector \(sector) has an impossible size (\(size))")
    }
    self.size = Int(size)
  }
}

extension Inflater {
  /// Undoes the compression of a grain of which `target` is the start, or all: writers store the last one whole or
  /// as far as the disk goes.
  fileprivate func inflate(_ source: RawSpan, into target: inout MutableRawSpan, grain: Int)
    throws(BlockError)
  {
    do throws(BlockError) {
      try decompress(source, into: &target)
    } catch {
      guard target.byteCount < grain else { throw error }
      let whole = Buffer(count: grain)
      var bytes = whole.mutableBytes
      try decompress(source, into: &bytes)
      target.copy(whole.bytes.slice(0..<target.byteCount))
    }
  }
}

extension VmdkDescriptor {
  /// The part of `info` that is the format's own.
  func information(_ extents: [OptionObject]) -> OptionTree {
    var data = OptionObject()
    data["cid"] = OptionTree(UInt64(contentID))
    data["parent-cid"] = OptionTree(UInt64(parentContentID))
    data["create-type"] = .string(createType)
    data["extents"] = .array(extents.map { .object($0) })
    return .object(["type": "vmdk", "data": .object(data)])
  }
}
