// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// The content that an overlay sees of its old backing file, as far as the new one does not show the same.
struct RebaseSource: CopySource {
  /// The overlay, which stands on its old backing file.
  private let overlay: Edge
  private let old: Backing
  private let new: Backing
  private let pool = BufferPool()

  /// A backing file with its chain.
  private struct Backing {
    /// Nil for none.
    var edge: Edge?
    /// The layer from which on both chains are the same files.
    var common: Node?
  }

  /// The status of a range of a backing file.
  private enum Status {
    /// Zeros.
    case zero
    /// The same as in the first layer that both chains have.
    case common
    /// Its bytes have to be looked at.
    case data
  }

  /// - Parameter new: the new backing file; nil for none.
  init(overlay: Edge, new: Edge?) {
    self.overlay = overlay
    let edge = overlay.child.unfiltered.backing
    let shared = SharedLayer(of: edge?.child, and: new?.child)
    old = Backing(edge: edge, common: shared?.first)
    self.new = Backing(edge: new, common: shared?.second)
  }

  var length: UInt64 { overlay.length }

  func content(at offset: UInt64, length: UInt64) throws(BlockError) -> (content: CopyContent, length: UInt64)
  {
    try inContext("error while reading block status at offset \(offset)") { () throws(BlockError) in
      let own = try overlay.extent(at: offset, length: length)
      guard own.kind == .unallocated else { return (.inherited, own.length) }
      let before = try status(of: old, at: offset, own.length)
      let after = try status(of: new, at: offset, before.length)
      let isSame = before.status == after.status && before.status != .data
      return (isSame ? .inherited : .data, after.length)
    }
  }

  private func status(of backing: Backing, at offset: UInt64, _ length: UInt64) throws(BlockError)
    -> (status: Status, length: UInt64)
  {
    guard let edge = backing.edge, offset < edge.length else { return (.zero, length) }
    if edge.child === backing.common { return (.common, min(length, edge.length - offset)) }
    let status = try edge.chainStatus(at: offset, length: length, above: backing.common)
    return (status.reachesBase ? .common : status.isZero ? .zero : .data, status.length)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    try inContext("error while reading at byte \(offset)") { () throws(BlockError) in
      try overlay.read(at: offset, into: &buffer)
    }
  }

  /// Granules that read the same over the new backing file need not be written.
  func dropKnown(at offset: UInt64, _ bytes: RawSpan, granule: Int, _ wanted: inout [Bool]) throws(BlockError)
  {
    let present = pool.take(bytes.byteCount)
    defer { pool.put(present) }
    var index = 0
    while index < wanted.count {
      guard wanted[index] else {
        index += 1
        continue
      }
      var end = index
      while end < wanted.count, wanted[end] { end += 1 }
      let range = index * granule..<min(end * granule, bytes.byteCount)
      let isZero = try readNew(at: offset + UInt64(range.lowerBound), range, into: present)
      for number in index..<end {
        let part = number * granule..<min((number + 1) * granule, bytes.byteCount)
        let known = bytes.slice(part)
        wanted[number] = isZero ? !known.isZero : !known.equals(present.bytes.slice(part))
      }
      index = end
    }
  }

  /// Reads what the new backing file shows, unless it is known to be zeros: true then.
  private func readNew(at offset: UInt64, _ range: Range<Int>, into buffer: Buffer) throws(BlockError) -> Bool
  {
    guard let edge = new.edge, offset < edge.length else { return true }
    return try inContext("error while reading from the new backing file at byte \(offset)") {
      () throws(BlockError) in
      let status = try edge.chainStatus(at: offset, length: UInt64(range.count))
      if status.isZero, status.length == UInt64(range.count) { return true }
      var bytes = buffer.mutableBytes
      var part = bytes.slice(range)
      try edge.read(at: offset, into: &part)
      return false
    }
  }
}

/// The topmost layer that two chains have in common: one file, opened in the same way, once for each chain.
struct SharedLayer {
  /// The layer in the first chain.
  let first: Node
  /// The layer in the second chain.
  let second: Node

  init?(of first: Node?, and second: Node?) {
    var upper = first
    while let node = upper {
      var lower = second
      while let other = lower {
        if node.showsSame(as: other) {
          (self.first, self.second) = (node, other)
          return
        }
        lower = other.backing?.child
      }
      upper = node.backing?.child
    }
    return nil
  }
}
