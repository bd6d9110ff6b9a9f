// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Storage that is filled in place, and whose ranges that tell a format reach it last: until then they hold zeros, so
/// that an interrupted job leaves nothing that looks like a whole image.
final class HeaderLastDriver: WrappingDriver, @unchecked Sendable {
  /// A range that is held back, in whole units of the storage's requests, with its bytes as they will be.
  fileprivate struct Part {
    let range: Range<UInt64>
    let bytes: Buffer
  }

  private let storage: any InPlaceStorage
  var base: any StorageDriver { storage }
  private let lock = ConditionLock()
  /// The parts that are held back, in ascending order; ranges do not overlap.
  private let parts: [Part]
  /// Up to where something was written to parts, or cut, where the storage is a file that has not become as long yet.
  private var reached: UInt64 = 0

  /// The path that errors name, nil for none.
  private let path: String?
  /// Whether it is empty to all who look before the first change.
  private let startsEmpty: Bool
  private var isBegun = false

  /// Changes nothing yet: what stands there stays until the first change, which a job that is refused never makes.
  ///
  /// - Parameter withheld: the ranges that reach the storage last.
  init(
    _ base: any InPlaceStorage, path: String? = nil, startsEmpty: Bool = false,
    withheld: [Range<UInt64>] = [0..<WithheldRanges.head]
  ) {
    storage = base
    self.path = path
    self.startsEmpty = startsEmpty
    parts = WithheldRanges.inUnits(withheld, of: max(base.requestUnit, 1)).map { range in
      Part(range: range, bytes: Buffer(count: range.count))
    }
  }

  /// Gives up what stands there.
  func begin() throws(BlockError) {
    lock.withLock { isBegun = true }
    try storage.giveUpContent(parts.map(\.range))
  }

  /// Gives up what stands there, where that has not happened. The first change comes from one thread.
  private func beginOnce() throws(BlockError) {
    guard !lock.withLock({ isBegun }) else { return }
    guard let path else { return try begin() }
    try inFile(path, "Could not create") { () throws(BlockError) in try begin() }
  }

  /// Makes everything but the parts durable, whatever the node was opened not to care about.
  func synchronize() throws(BlockError) { try storage.synchronize() }

  /// Lets the storage hold the parts as they were written, the first one last.
  func writeParts() throws(BlockError) {
    try beginOnce()
    let end = max(storage.length, lock.withLock { reached })
    for part in parts.reversed() {
      try storage.synchronize()
      let inside = part.range.clamped(to: 0..<end)
      let bytes = part.bytes
      guard !inside.isEmpty else { continue }
      try storage.writeInPlace(at: inside.lowerBound, from: bytes.bytes.slice(0..<inside.count))
    }
    try storage.synchronize()
  }

  func length(of node: Node) -> UInt64 {
    if startsEmpty, !lock.withLock({ isBegun }) { return 0 }
    return max(base.length(of: node), lock.withLock { reached })
  }

  func below(_ node: Node) throws(BlockError) -> any FilteredStorage {
    PartsAndRest(driver: self, node: node)
  }

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
    try requireRoom(for: length, preallocation, of: node)
    try run(FilteredRequest(.truncate), of: node) { () throws(BlockError) in
      try PartsAndRest(driver: self, node: node).truncate(
        to: length, exact: exact, preallocation: preallocation)
    }
  }

  /// As long as something stands there that would be given up.
  func requireRoom(for length: UInt64, _ preallocation: Preallocation, of node: Node) throws(BlockError) {
    guard !lock.withLock({ isBegun }) else { return }
    try storage.requireRoom(for: length, preallocation)
  }

  // MARK: Parts

  /// A range cut where parts begin and end; each piece with the part that it lies in, if any.
  private func pieces(_ range: Range<UInt64>) -> [(part: Part?, range: Range<UInt64>)] {
    var pieces: [(part: Part?, range: Range<UInt64>)] = []
    var position = range.lowerBound
    for part in parts {
      let inside = part.range.clamped(to: range)
      guard !inside.isEmpty else { continue }
      if position < inside.lowerBound { pieces.append((nil, position..<inside.lowerBound)) }
      pieces.append((part, inside))
      position = inside.upperBound
    }
    if position < range.upperBound { pieces.append((nil, position..<range.upperBound)) }
    return pieces
  }

  /// Changes bytes of a part, which a file reaches by that.
  private func change(_ part: Part, _ range: Range<UInt64>, _ body: (inout MutableRawSpan) -> Void) {
    let buffer = part.bytes
    lock.lock()
    var bytes = buffer.mutableBytes
    var changed = bytes.slice(part.places(of: range))
    body(&changed)
    reached = max(reached, range.upperBound)
    lock.unlock()
  }

  /// Forgets what the parts hold behind the end of the storage.
  private func cutParts() {
    let end = storage.length
    for (part, range) in pieces(end..<UInt64.max) {
      if let part { change(part, range) { $0.fill() } }
    }
    lock.withLock { reached = min(reached, end) }
  }

  /// The storage with the parts as they will be.
  private struct PartsAndRest: FilteredStorage {
    let driver: HeaderLastDriver
    let node: Node

    var length: UInt64 { driver.length(of: node) }
    var limits: Limits { driver.base.limits(of: node) }
    var capabilities: Capabilities { driver.base.capabilities(of: node) }
    var allocatedLength: UInt64? { driver.base.allocatedLength(of: node) }

    func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
      for (part, range) in driver.pieces(offset..<offset + UInt64(buffer.byteCount)) {
        var target = buffer.slice(Int(range.lowerBound - offset)..<Int(range.upperBound - offset))
        guard let part else {
          try driver.base.read(at: range.lowerBound, into: &target, of: node)
          continue
        }
        let bytes = part.bytes
        driver.lock.lock()
        target.copy(bytes.bytes.slice(part.places(of: range)))
        driver.lock.unlock()
      }
    }

    /// Bytes of the parts are data: the storage does not have them yet.
    func extent(at offset: UInt64, length: UInt64) throws(BlockError) -> Extent {
      guard let (part, range) = driver.pieces(offset..<offset + length).first else {
        return try driver.base.extent(at: offset, length: length, of: node)
      }
      let count = UInt64(range.count)
      guard part == nil else { return Extent(.data, length: count, location: Extent.Location(.file, offset)) }
      return try driver.base.extent(at: offset, length: count, of: node)
    }

    func write(at offset: UInt64, from data: RawSpan, unchanged: Bool) throws(BlockError) {
      for (part, range) in driver.pieces(offset..<offset + UInt64(data.byteCount)) {
        let source = data.slice(Int(range.lowerBound - offset)..<Int(range.upperBound - offset))
        if let part {
          driver.change(part, range) { $0.copy(source) }
        } else {
          try driver.base.write(at: range.lowerBound, from: source, unchanged: unchanged, of: node)
        }
      }
    }

    func zero(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool) throws(BlockError) -> Bool {
      var isDone = true
      for (part, range) in driver.pieces(offset..<offset + length) {
        if let part {
          driver.change(part, range) { $0.fill() }
        } else if isDone {
          isDone = try driver.base.writeZeroes(
            at: range.lowerBound, length: UInt64(range.count), mayUnmap: mayUnmap, unchanged: unchanged,
            of: node)
        }
      }
      return isDone
    }

    func discard(at offset: UInt64, length: UInt64) throws(BlockError) {
      for (part, range) in driver.pieces(offset..<offset + length) where part == nil {
        try driver.base.discard(at: range.lowerBound, length: UInt64(range.count), of: node)
      }
    }

    func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation) throws(BlockError) {
      try driver.base.truncate(to: length, exact: exact, preallocation: preallocation, of: node)
      driver.cutParts()
    }

    func flush() throws(BlockError) { try driver.base.flush(node) }
  }
}

extension HeaderLastDriver.Part {
  /// Where a range of the file is in the bytes.
  fileprivate func places(of range: Range<UInt64>) -> Range<Int> {
    Int(range.lowerBound - self.range.lowerBound)..<Int(range.upperBound - self.range.lowerBound)
  }
}

/// Ranges of a file that reach it last.
enum WithheldRanges {
  /// Long enough for the magic of most formats and for a partition table.
  static let head: UInt64 = 4096

  /// The ranges in whole units, in ascending order, those that touch as one.
  static func inUnits(_ ranges: [Range<UInt64>], of unit: UInt64) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      let start = range.lowerBound.roundedDown(to: unit)
      let end = range.upperBound.roundedUp(to: unit) ?? range.upperBound
      if let last = result.last, last.upperBound >= start {
        result[result.count - 1] = last.lowerBound..<max(last.upperBound, end)
      } else {
        result.append(start..<end)
      }
    }
    return result
  }
}
