// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Synchronization

/// How segments become part of the target.
struct CopyTarget: Sendable {
  let edge: Edge
  /// The unit in bytes in which something is written or left alone.
  let granule: UInt64
  /// The unit in bytes in which data is looked through for zeros: so many in a row at least are left out, where data
  /// goes on that long. A multiple of the granule, or 0 for the granule itself.
  let zeroUnit: UInt64
  /// Whether runs of zeros are left out or made zero; otherwise they are written.
  let isSparse: Bool
  /// Whether the target reads as zero where nothing is written.
  let readsZero: Bool
  /// Whether storage is asked to copy, so that nothing is read beforehand; nil where it is not.
  let offload: CopyOffload?
  /// The cluster size in bytes where clusters are compressed.
  let compressionUnit: Int?
  /// Whether readers of the target see the same bytes before and after.
  let isUnchanged: Bool
  /// Whether the target takes what comes next and nothing else, so that segments are written in order.
  let isOrdered: Bool

  /// - Parameters:
  ///   - isSparse: whether zeros may be left out or made zero; they are where the target has something for them.
  ///   - offloads: whether storage is asked to copy where it can.
  init(
    edge: Edge, granule: UInt64, zeroUnit: UInt64 = 0, isSparse: Bool, readsZero: Bool,
    offloads: Bool = false,
    compressionUnit: Int? = nil, isUnchanged: Bool = false
  ) {
    let capabilities = edge.capabilities
    self.edge = edge
    self.granule = granule
    self.zeroUnit = zeroUnit
    // Content that is written once is nothing before.
    self.readsZero = readsZero || capabilities.contains(.compressedOnly)
    self.compressionUnit = compressionUnit
    self.isUnchanged = isUnchanged
    isOrdered = capabilities.contains(.appendOnly)
    let mayLeaveOut = !isOrdered || capabilities.contains(.compressedOnly)
    self.isSparse = isSparse && mayLeaveOut && (self.readsZero || capabilities.contains(.nativeZeroes))
    offload = offloads && capabilities.contains(.copiesRanges) ? CopyOffload() : nil
  }

  /// The granule for writing to `edge`: the unit in which it is copied to, or where there is none, a page; whole
  /// clusters where they are compressed.
  static func granule(of edge: Edge, compresses: Bool = false) -> UInt64 {
    let limits = edge.child.limits
    let unit = compresses ? limits.clusterSize : limits.copyUnit
    return unit > 0 ? unit : 4096
  }

  /// The granule for changing what `edge` holds: no more than has to be stored of a unit.
  static func granule(changing edge: Edge, compresses: Bool = false) -> UInt64 {
    let whole = granule(of: edge, compresses: compresses)
    let part = edge.child.limits.partSize
    return compresses || part == 0 ? whole : min(part, whole)
  }

  /// Whether storage is still asked to copy.
  var offloads: Bool { offload?.isPossible ?? false }

  /// Whether data gets its place before it is written. Segments that share a new unit cannot: each would wait for the one
  /// before to be written, while nobody writes.
  private var placesAhead: Bool { granule.isMultiple(of: max(edge.child.limits.clusterSize, 1)) }

  // MARK: Sorting

  /// Sorts the bytes of a segment into what is written, compressed and made zero.
  ///
  /// `content` tells what was in the source; granules that are wholly inherited are left alone. `begins` tells where
  /// data begins behind something else: the bytes before it do not keep it from being zero.
  func sort(_ batch: CopyBatch, content: [Bool], begins: [Bool], compressor: (any ClusterCompressor)?) {
    let end = Int(batch.length)
    let (step, unit) = (Int(granule), Int(max(zeroUnit, granule)))
    var position = 0
    while position < end {
      let start = position
      // Together with what follows, up to the next boundary.
      let boundary = min(end, start + unit - Int(batch.offset % UInt64(unit) + UInt64(start)) % unit)
      while position < boundary, content[position / step], position == start || !begins[position / step] {
        position = min(position + step, boundary)
      }
      if position > start {
        place(batch, start..<position, compressor)
      } else {
        position = min(position + step, end)
      }
    }
  }

  private func place(_ batch: CopyBatch, _ range: Range<Int>, _ compressor: (any ClusterCompressor)?) {
    let buffer = batch.buffer
    if isSparse && !batch.isUnread && buffer.bytes.slice(range).isZero {
      return addZeroes(batch, batch.offset + UInt64(range.lowerBound), UInt64(range.count))
    }
    if let compressor, pack(batch, range, compressor) { return }
    batch.addData(range)
  }

  /// Notes zeros, unless the target has them already.
  func addZeroes(_ batch: CopyBatch, _ offset: UInt64, _ length: UInt64) {
    if !readsZero { batch.addZeroes(offset, length) }
  }

  /// Compresses one cluster behind those that are packed already; false where it would not become smaller.
  private func pack(_ batch: CopyBatch, _ range: Range<Int>, _ compressor: any ClusterCompressor) -> Bool {
    guard let unit = compressionUnit else { return false }
    let buffer = batch.buffer
    let packed = batch.packed
    if range.count < unit {
      // The last cluster of an image may be cut short; it is compressed whole.
      var bytes = buffer.mutableBytes
      var rest = bytes.slice(range.upperBound..<range.lowerBound + unit)
      rest.fill()
    }
    let start = batch.packedBytes
    let whole = range.lowerBound..<range.lowerBound + unit
    var target = packed.mutableBytes
    var room = target.slice(
      start..<min(start + unit + min(compressor.slack, CopyBatch.largestSlack), packed.count))
    guard let size = compressor.compress(buffer.bytes.slice(whole), into: &room) else { return false }
    batch.addCluster(CompressedCluster(guestOffset: batch.offset + UInt64(range.lowerBound), size: size))
    return true
  }

  // MARK: Placing, in order

  /// Finds the places of everything in a batch. The order of calls decides about the layout of the target.
  func allocate(_ batch: CopyBatch) throws(BlockError) {
    try inContext("error while writing at byte \(batch.offset)") { () throws(BlockError) in
      if !batch.clusters.isEmpty {
        batch.put(try edge.prepareCompressed(batch.clusters, unchanged: isUnchanged))
      }
      for run in batch.data where placesAhead {
        run.put(
          try edge.prepareWrite(at: run.offset, length: UInt64(run.bytes.count), unchanged: isUnchanged))
      }
      for range in batch.zeroes {
        try edge.writeZeroes(at: range.offset, length: range.length, mayUnmap: true, unchanged: isUnchanged)
      }
    }
  }

  /// Encrypts what has its place, in any order: the bytes of the batch are not the guest's any more.
  func encrypt(_ batch: CopyBatch) throws(BlockError) {
    let buffer = batch.buffer
    for run in batch.data {
      guard var prepared = run.takePlace() else { continue }
      var bytes = buffer.mutableBytes
      var part = bytes.slice(run.bytes)
      try edge.encrypt(&prepared, &part)
      run.put(prepared)
    }
  }

  // MARK: Writing, in any order

  /// Writes everything in a batch that has its place. Bytes that have not been read are copied by storage where it
  /// can.
  func write(_ batch: CopyBatch, from source: any CopySource) throws(BlockError) {
    let buffer = batch.buffer
    let packed = batch.packed
    if let compressed = batch.takeClusterPlaces() {
      do throws(BlockError) {
        try edge.complete(compressed, from: packed.bytes)
      } catch {
        throw error.prefixed("error while writing at byte \(batch.offset)")
      }
    }
    for run in batch.data {
      guard let prepared = run.takePlace() else {
        try writeUnplaced(run, of: batch, from: source)
        continue
      }
      guard let rest = try copy(prepared, run, of: batch, from: source) else { continue }
      do throws(BlockError) {
        try edge.complete(rest, from: buffer.bytes.slice(run.bytes))
      } catch {
        throw error.prefixed("error while writing at byte \(run.offset)")
      }
    }
  }

  /// Writes what has no place yet, with what is around it; the one writer there is keeps the order.
  private func writeUnplaced(_ run: CopyBatch.Run, of batch: CopyBatch, from source: any CopySource)
    throws(BlockError)
  {
    let buffer = batch.buffer
    if batch.isUnread {
      var bytes = buffer.mutableBytes
      var part = bytes.slice(run.bytes)
      try source.read(at: run.offset, into: &part)
    }
    try inContext("error while writing at byte \(run.offset)") { () throws(BlockError) in
      try edge.write(at: run.offset, from: buffer.bytes.slice(run.bytes), unchanged: isUnchanged)
    }
  }

  /// Lets storage copy bytes that have not been read; where it cannot, they are read, so that they can be written.
  private func copy(
    _ prepared: consuming PreparedWrite, _ run: CopyBatch.Run, of batch: CopyBatch,
    from source: any CopySource
  ) throws(BlockError) -> PreparedWrite? {
    guard batch.isUnread else { return prepared }
    var rest: PreparedWrite? = consume prepared
    if offloads, let image = source.image(at: run.offset, length: UInt64(run.bytes.count)),
      let prepared = rest.take()
    {
      rest = try edge.complete(prepared, copyingFrom: image.edge, at: image.offset)
      guard rest != nil else { return nil }
      offload?.giveUp()
    }
    let buffer = batch.buffer
    var bytes = buffer.mutableBytes
    var part = bytes.slice(run.bytes)
    try source.read(at: run.offset, into: &part)
    return rest
  }
}

/// Whether storage copies by itself: after the first refusal nobody asks it again.
final class CopyOffload: Sendable {
  private let hasRefused = Atomic(false)

  /// Whether it may be asked.
  var isPossible: Bool { !hasRefused.load(ordering: .relaxed) }

  /// It refused.
  func giveUp() { hasRefused.store(true, ordering: .relaxed) }
}
