// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Storage that is filled in place, and whose first bytes reach it last: until then it starts with zeros, so that
/// an interrupted job leaves nothing that looks like a whole image.
final class HeaderLastDriver: StorageDriver, @unchecked Sendable {
  /// Long enough for the magic of every format and for a partition table.
  private static let headerLength = 4096

  let name: String
  private let base: any InPlaceStorage
  private let monitor = Monitor()
  private let header = Buffer(count: HeaderLastDriver.headerLength)

  /// Wipes the header of what stands there.
  init(_ base: any InPlaceStorage) throws(BlockError) {
    self.base = base
    name = base.name
    let blank = Buffer(count: HeaderLastDriver.headerLength)
    try base.writeInPlace(at: 0, from: blank.bytes.slice(0..<storedHeader))
  }

  /// How much of the header there is room for.
  private var storedHeader: Int { Int(min(UInt64(HeaderLastDriver.headerLength), base.length)) }

  /// The header as it was written, for the storage to hold at last.
  func writeHeader() throws(BlockError) {
    let header = header
    try base.synchronize()
    try base.writeInPlace(at: 0, from: header.bytes.slice(0..<storedHeader))
    try base.synchronize()
  }

  func length(of node: Node) -> UInt64 { base.length(of: node) }
  func limits(of node: Node) -> Limits { base.limits(of: node) }
  func checkPermissions(_ claim: Claim, of node: Node) throws(BlockError) {
    try base.checkPermissions(claim, of: node)
  }
  func commitPermissions(of node: Node) { base.commitPermissions(of: node) }
  func abortPermissions(of node: Node) { base.abortPermissions(of: node) }
  func flush(_ node: Node) throws(BlockError) { try base.flush(node) }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    try base.truncate(to: length, exact: exact, preallocation: preallocation, of: node)
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    try base.extent(at: offset, length: length, of: node)
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard offset >= UInt64(HeaderLastDriver.headerLength) else { return }
    try base.discard(at: offset, length: length, of: node)
  }

  /// The header is written as data like any other.
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    guard offset >= UInt64(HeaderLastDriver.headerLength) else { return false }
    return try base.writeZeroes(at: offset, length: length, mayUnmap: mayUnmap, of: node)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    let inHeader = partInHeader(offset, buffer.byteCount)
    if inHeader > 0 {
      let start = Int(offset)
      let header = header
      monitor.lock()
      buffer.copy(header.bytes.slice(start..<start + inHeader))
      monitor.unlock()
    }
    guard inHeader < buffer.byteCount else { return }
    var rest = buffer.slice(inHeader..<buffer.byteCount)
    try base.read(at: offset + UInt64(inHeader), into: &rest, of: node)
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    let inHeader = partInHeader(offset, data.byteCount)
    if inHeader > 0 {
      let header = header
      monitor.lock()
      var bytes = header.mutableBytes
      bytes.copy(data.slice(0..<inHeader), at: Int(offset))
      monitor.unlock()
    }
    guard inHeader < data.byteCount else { return }
    try base.write(
      at: offset + UInt64(inHeader), from: data.slice(inHeader..<data.byteCount), unchanged: unchanged,
      of: node)
  }

  /// How many bytes of a request lie in the header.
  private func partInHeader(_ offset: UInt64, _ count: Int) -> Int {
    let end = UInt64(HeaderLastDriver.headerLength)
    return offset >= end ? 0 : min(Int(end - offset), count)
  }
}
