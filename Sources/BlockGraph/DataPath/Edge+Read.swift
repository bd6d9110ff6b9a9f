// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Errors

// The data path: splitting, padding, zero fill, backing files and copy-on-write, once above all drivers.
extension Edge {
  /// Runs `body` as one request of the child.
  func request<Result>(_ body: (Node) throws(BlockError) -> Result) throws(BlockError) -> Result {
    child.gate.enter()
    defer { child.gate.leave() }
    return try about(child.fileName) { () throws(BlockError) in try body(child) }
  }

  /// The child's guest-visible length in bytes.
  package var length: UInt64 { child.length }

  /// Fills `buffer` with the bytes at `offset`; bytes past the end read as zero.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    guard buffer.byteCount > 0 else { return }
    try request { (node: Node) throws(BlockError) in
      let length = node.length
      let inside = offset >= length ? 0 : Int(min(length - offset, UInt64(buffer.byteCount)))
      if inside < buffer.byteCount {
        var rest = buffer.slice(inside..<buffer.byteCount)
        rest.fill()
      }
      guard inside > 0 else { return }
      var part = buffer.slice(0..<inside)
      try node.read(at: offset, into: &part)
    }
  }

  /// Reads `count` bytes at `offset` into a new buffer.
  package func read(at offset: UInt64, count: Int) throws(BlockError) -> Buffer {
    let buffer = Buffer(count: count)
    var bytes = buffer.mutableBytes
    try read(at: offset, into: &bytes)
    return buffer
  }

  /// Reads a range, and gives it to `body` in pieces of at most 1 MiB, from its start to its end.
  package func forEachPiece(
    of range: Range<UInt64>, _ body: (RawSpan) throws(BlockError) -> Void
  ) throws(BlockError) {
    let buffer = Buffer(count: Int(min(range.upperBound - range.lowerBound, 1 << 20)))
    var position = range.lowerBound
    while position < range.upperBound {
      let count = Int(min(UInt64(buffer.count), range.upperBound - position))
      var bytes = buffer.mutableBytes
      var part = bytes.slice(0..<count)
      try read(at: position, into: &part)
      try body(buffer.bytes.slice(0..<count))
      position += UInt64(count)
    }
  }

  /// The answer of the child's own layer about the range; `offset` must lie inside the length.
  package func extent(at offset: UInt64, length: UInt64) throws(BlockError) -> Extent {
    try request { (node: Node) throws(BlockError) in try node.extent(at: offset, length: length) }
  }

  /// Whether the child knows, without reading it, that a range is nothing but zeros, or lies past its end.
  package func isHole(at offset: UInt64, length: UInt64) -> Bool {
    let end = self.length
    guard offset < end else { return true }
    let inside = min(length, end - offset)
    guard inside > 0, let found = try? extent(at: offset, length: inside) else { return false }
    return found.kind == .zero && found.length == inside
  }
}

extension Node {
  /// The answer of this layer about a range inside the length.
  func extent(at offset: UInt64, length: UInt64) throws(BlockError) -> Extent {
    let extent = try driver.extent(at: offset, length: length, of: self)
    invariant(extent.length > 0 && extent.length <= length, "\(driver.name): extent outside the request")
    return extent
  }

  /// Reads a range inside the length.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    if let storage = driver as? any StorageDriver {
      try readAligned(storage, at: offset, into: &buffer)
    } else if let format = driver as? any FormatDriver {
      try readMapped(format, at: offset, into: &buffer)
    } else {
      throw isNotOpen
    }
  }

  /// Gives storage only requests that obey its limits, through memory of our own where the caller's do not.
  func readAligned(_ storage: any StorageDriver, at offset: UInt64, into buffer: inout MutableRawSpan)
    throws(BlockError)
  {
    let unit = limits.requestAlignment
    if unit <= 1 && buffer.byteCount <= limits.maximumTransfer {
      return try storage.read(at: offset, into: &buffer, of: self)
    }
    var done = 0
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      let count = pieceLength(at: position, of: buffer.byteCount - done, largest: limits.largestRequest)
      var part = buffer.slice(done..<done + count)
      if position % unit == 0 && UInt64(count) % unit == 0 && part.isAligned(to: unit) {
        try storage.read(at: position, into: &part, of: self)
        done += count
      } else {
        let count = pieceLength(at: position, of: count, largest: limits.largestBounce)
        var part = buffer.slice(done..<done + count)
        try readThroughBounce(storage, at: position, into: &part)
        done += count
      }
    }
  }

  private func readThroughBounce(
    _ storage: any StorageDriver, at offset: UInt64, into part: inout MutableRawSpan
  )
    throws(BlockError)
  {
    let unit = limits.requestAlignment
    let start = offset.roundedDown(to: unit)
    guard let end = (offset + UInt64(part.byteCount)).roundedUp(to: unit) else {
      throw BlockError(.tooLarge, "request past the largest offset")
    }
    let bounce = Buffer(count: Int(end - start))
    var bytes = bounce.mutableBytes
    try storage.read(at: start, into: &bytes, of: self)
    let skip = Int(offset - start)
    part.copy(bounce.bytes.slice(skip..<skip + part.byteCount))
  }

  /// How many of `count` bytes at `position` make one request of at most `largest` bytes, once its ends are
  /// moved out to the alignment.
  func pieceLength(at position: UInt64, of count: Int, largest: UInt64) -> Int {
    let skip = position % max(limits.requestAlignment, 1)
    return Int(min(UInt64(count), largest - skip))
  }

  private func readMapped(_ format: any FormatDriver, at offset: UInt64, into buffer: inout MutableRawSpan)
    throws(BlockError)
  {
    var done = 0
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      let extent = try self.extent(at: position, length: UInt64(buffer.byteCount - done))
      let count = Int(extent.length)
      var part = buffer.slice(done..<done + count)
      switch (extent.kind, extent.encoding, extent.location) {
      case (.zero, _, _):
        part.fill()
      case (.unallocated, _, _):
        if let backing {
          note(.readBackingAIO, to: file)
          try backing.read(at: position, into: &part)
        } else {
          part.fill()
        }
      case (.data, .plain, .some(let location)):
        let edge = try child(in: location.slot)
        note(.readAIO, to: edge)
        try edge.read(at: location.offset, into: &part)
      case (.data, let encoding, _):
        note(encoding == .compressed ? .readCompressed : .readAIO, to: file)
        try format.readEncoded(extent, at: position, into: &part, of: self)
      }
      done += count
    }
  }
}
