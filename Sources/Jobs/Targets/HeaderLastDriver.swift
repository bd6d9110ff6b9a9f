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
  private static let leastHead: UInt64 = 4096

  let name: String
  private let base: any InPlaceStorage
  private let monitor = Monitor()
  /// The first bytes as they will be: whole units of the storage's requests.
  private let head: Buffer
  /// How many of them were written or cut to, where the storage is a file that has not become as long yet.
  private var reached: UInt64 = 0

  /// What messages call it, nil for nothing.
  private let path: String?
  /// Whether it is empty to all who look before the first change.
  private let startsEmpty: Bool
  private var isBegun = false

  /// Changes nothing yet: what stands there stays until the first change, which a job that is refused never makes.
  init(_ base: any InPlaceStorage, path: String? = nil, startsEmpty: Bool = false) {
    self.base = base
    self.path = path
    self.startsEmpty = startsEmpty
    name = base.name
    let whole = HeaderLastDriver.leastHead.roundedUp(to: max(base.requestUnit, 1))
    head = Buffer(count: Int(whole ?? HeaderLastDriver.leastHead))
  }

  /// Gives up what stands there.
  func begin() throws(BlockError) {
    monitor.withLock { isBegun = true }
    try base.giveUpContent(head: head.count)
  }

  /// Gives up what stands there, where that has not happened. The first change comes from one thread.
  private func beginOnce() throws(BlockError) {
    guard !monitor.withLock({ isBegun }) else { return }
    guard let path else { return try begin() }
    try inFile(path, "Could not create") { () throws(BlockError) in try begin() }
  }

  /// Makes everything but the head durable, whatever the node was opened not to care about.
  func synchronize() throws(BlockError) { try base.synchronize() }

  /// Lets the storage hold the head as it was written.
  func writeHead() throws(BlockError) {
    try beginOnce()
    let head = head
    let count = Int(min(UInt64(head.count), max(base.length, monitor.withLock { reached })))
    try base.synchronize()
    try base.writeInPlace(at: 0, from: head.bytes.slice(0..<count))
    try base.synchronize()
  }

  func length(of node: Node) -> UInt64 {
    if startsEmpty, !monitor.withLock({ isBegun }) { return 0 }
    return max(base.length(of: node), monitor.withLock { reached })
  }
  func limits(of node: Node) -> Limits { base.limits(of: node) }
  func allocatedLength(of node: Node) -> UInt64? { base.allocatedLength(of: node) }
  func checkPermissions(_ claim: Claim, of node: Node) throws(BlockError) {
    try base.checkPermissions(claim, of: node)
  }
  func commitPermissions(of node: Node) { base.commitPermissions(of: node) }
  func abortPermissions(of node: Node) { base.abortPermissions(of: node) }
  func flush(_ node: Node) throws(BlockError) { try base.flush(node) }
  func close(_ node: Node) throws(BlockError) { try base.close(node) }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    // What storage knows nothing of, it refuses before it changes anything.
    if preallocation != .metadata { try beginOnce() }
    try base.truncate(to: length, exact: exact, preallocation: preallocation, of: node)
    let end = base.length
    guard end < UInt64(head.count) else { return }
    let head = head
    monitor.lock()
    var bytes = head.mutableBytes
    var cut = bytes.slice(Int(end)..<head.count)
    cut.fill()
    reached = min(reached, end)
    monitor.unlock()
  }

  /// What the head holds, the storage does not know.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let inHead = partInHead(offset, length)
    if inHead > 0 { return Extent(.data, length: inHead, location: Extent.Location(.file, offset)) }
    return try base.extent(at: offset, length: length, of: node)
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    try beginOnce()
    let inHead = partInHead(offset, length)
    guard inHead < length else { return }
    try base.discard(at: offset + inHead, length: length - inHead, of: node)
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    try beginOnce()
    let inHead = partInHead(offset, length)
    if inHead > 0 {
      let head = head
      monitor.lock()
      var bytes = head.mutableBytes
      var zeroed = bytes.slice(Int(offset)..<Int(offset + inHead))
      zeroed.fill()
      reached = max(reached, offset + inHead)
      monitor.unlock()
    }
    guard inHead < length else { return true }
    return try base.writeZeroes(at: offset + inHead, length: length - inHead, mayUnmap: mayUnmap, of: node)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    let inHead = Int(partInHead(offset, UInt64(buffer.byteCount)))
    if inHead > 0 {
      let start = Int(offset)
      let head = head
      monitor.lock()
      buffer.copy(head.bytes.slice(start..<start + inHead))
      monitor.unlock()
    }
    guard inHead < buffer.byteCount else { return }
    var rest = buffer.slice(inHead..<buffer.byteCount)
    try base.read(at: offset + UInt64(inHead), into: &rest, of: node)
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    try beginOnce()
    let inHead = Int(partInHead(offset, UInt64(data.byteCount)))
    if inHead > 0 {
      let head = head
      monitor.lock()
      var bytes = head.mutableBytes
      bytes.copy(data.slice(0..<inHead), at: Int(offset))
      reached = max(reached, offset + UInt64(inHead))
      monitor.unlock()
    }
    guard inHead < data.byteCount else { return }
    try base.write(
      at: offset + UInt64(inHead), from: data.slice(inHead..<data.byteCount), unchanged: unchanged,
      of: node)
  }

  /// How many bytes of a request lie in the head.
  private func partInHead(_ offset: UInt64, _ count: UInt64) -> UInt64 {
    let end = UInt64(head.count)
    return offset >= end ? 0 : min(end - offset, count)
  }
}
