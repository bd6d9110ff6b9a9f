// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Storage that is filled in place, and whose first bytes reach it last: until then it starts with zeros, so that
/// an interrupted job leaves nothing that looks like a whole image.
final class HeaderLastDriver: WrappingDriver, @unchecked Sendable {
  /// Long enough for the magic of every format and for a partition table.
  private static let leastHead: UInt64 = 4096

  private let storage: any InPlaceStorage
  var base: any StorageDriver { storage }
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
    storage = base
    self.path = path
    self.startsEmpty = startsEmpty
    let whole = HeaderLastDriver.leastHead.roundedUp(to: max(base.requestUnit, 1))
    head = Buffer(count: Int(whole ?? HeaderLastDriver.leastHead))
  }

  /// Gives up what stands there.
  func begin() throws(BlockError) {
    monitor.withLock { isBegun = true }
    try storage.giveUpContent(head: head.count)
  }

  /// Gives up what stands there, where that has not happened. The first change comes from one thread.
  private func beginOnce() throws(BlockError) {
    guard !monitor.withLock({ isBegun }) else { return }
    guard let path else { return try begin() }
    try inContext("Could not create '\(path)'") { () throws(BlockError) in try begin() }
  }

  /// Makes everything but the head durable, whatever the node was opened not to care about.
  func synchronize() throws(BlockError) { try storage.synchronize() }

  /// Lets the storage hold the head as it was written.
  func writeHead() throws(BlockError) {
    try beginOnce()
    let head = head
    let count = Int(min(UInt64(head.count), max(storage.length, monitor.withLock { reached })))
    try storage.synchronize()
    try storage.writeInPlace(at: 0, from: head.bytes.slice(0..<count))
    try storage.synchronize()
  }

  func length(of node: Node) -> UInt64 {
    if startsEmpty, !monitor.withLock({ isBegun }) { return 0 }
    return max(base.length(of: node), monitor.withLock { reached })
  }

  func below(_ node: Node) throws(BlockError) -> any FilteredStorage { HeadAndRest(driver: self, node: node) }

  /// The storage keeps what it has until the first change.
  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    if request.isChange { try beginOnce() }
    try handOn()
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    let present = HeadAndRest(driver: self, node: node)
    // What storage knows nothing of, it refuses before it changes anything.
    guard preallocation != .metadata else {
      return try present.truncate(to: length, exact: exact, preallocation: preallocation)
    }
    try run(FilteredRequest(.truncate), of: node) { () throws(BlockError) in
      try present.truncate(to: length, exact: exact, preallocation: preallocation)
    }
  }

  // MARK: The head

  /// How many bytes of a request lie in the head.
  private func partInHead(_ offset: UInt64, _ count: UInt64) -> UInt64 {
    let end = UInt64(head.count)
    return offset >= end ? 0 : min(end - offset, count)
  }

  /// Changes bytes of the head, which a file reaches by that.
  private func changeHead(_ range: Range<UInt64>, _ body: (inout MutableRawSpan) -> Void) {
    let head = head
    monitor.lock()
    var bytes = head.mutableBytes
    var part = bytes.slice(Int(range.lowerBound)..<Int(range.upperBound))
    body(&part)
    reached = max(reached, range.upperBound)
    monitor.unlock()
  }

  /// Forgets what the head holds behind the end of the storage.
  private func cutHead() {
    let end = storage.length
    guard end < UInt64(head.count) else { return }
    changeHead(end..<UInt64(head.count)) { $0.fill() }
    monitor.withLock { reached = min(reached, end) }
  }

  /// The storage with the head as it will be.
  private struct HeadAndRest: FilteredStorage {
    let driver: HeaderLastDriver
    let node: Node

    var length: UInt64 { driver.length(of: node) }
    var limits: Limits { driver.base.limits(of: node) }
    var allocatedLength: UInt64? { driver.base.allocatedLength(of: node) }

    func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
      let inHead = Int(driver.partInHead(offset, UInt64(buffer.byteCount)))
      if inHead > 0 {
        let start = Int(offset)
        let head = driver.head
        driver.monitor.lock()
        buffer.copy(head.bytes.slice(start..<start + inHead))
        driver.monitor.unlock()
      }
      guard inHead < buffer.byteCount else { return }
      var rest = buffer.slice(inHead..<buffer.byteCount)
      try driver.base.read(at: offset + UInt64(inHead), into: &rest, of: node)
    }

    /// What the head holds, the storage does not know.
    func extent(at offset: UInt64, length: UInt64) throws(BlockError) -> Extent {
      let inHead = driver.partInHead(offset, length)
      if inHead > 0 { return Extent(.data, length: inHead, location: Extent.Location(.file, offset)) }
      return try driver.base.extent(at: offset, length: length, of: node)
    }

    func write(at offset: UInt64, from data: RawSpan, unchanged: Bool) throws(BlockError) {
      let inHead = Int(driver.partInHead(offset, UInt64(data.byteCount)))
      if inHead > 0 {
        driver.changeHead(offset..<offset + UInt64(inHead)) { $0.copy(data.slice(0..<inHead)) }
      }
      guard inHead < data.byteCount else { return }
      try driver.base.write(
        at: offset + UInt64(inHead), from: data.slice(inHead..<data.byteCount), unchanged: unchanged,
        of: node)
    }

    func zero(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool) throws(BlockError) -> Bool {
      let inHead = driver.partInHead(offset, length)
      if inHead > 0 { driver.changeHead(offset..<offset + inHead) { $0.fill() } }
      guard inHead < length else { return true }
      return try driver.base.writeZeroes(
        at: offset + inHead, length: length - inHead, mayUnmap: mayUnmap, unchanged: unchanged, of: node)
    }

    func discard(at offset: UInt64, length: UInt64) throws(BlockError) {
      let inHead = driver.partInHead(offset, length)
      guard inHead < length else { return }
      try driver.base.discard(at: offset + inHead, length: length - inHead, of: node)
    }

    func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation) throws(BlockError) {
      try driver.base.truncate(to: length, exact: exact, preallocation: preallocation, of: node)
      driver.cutHead()
    }

    func flush() throws(BlockError) { try driver.base.flush(node) }
  }
}
