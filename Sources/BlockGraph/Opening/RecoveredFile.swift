// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host

/// A file as its image's log makes of it: the log's steps stand in memory, and before the first change they are written.
final class RecoveredFile: FilterDriver, @unchecked Sendable {
  let name = "recovered"
  private let lock = ConditionLock()
  /// Nil once the file has everything.
  private var overlay: RecoveryOverlay?

  init(_ recovery: Recovery) { overlay = RecoveryOverlay(recovery) }

  private var shown: RecoveryOverlay? { lock.withLock { overlay } }

  /// Writes the steps, unless that is done. Others that are about to change something wait meanwhile.
  private func settle(_ node: Node) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard let overlay else { return }
    try overlay.recovery.write(to: below(node))
    self.overlay = nil
  }

  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    if request.isChange { try settle(node) }
    try handOn()
  }

  func finishReopen(of node: Node) throws(BlockError) {
    if node.isWritable { try settle(node) }
  }

  func length(of node: Node) -> UInt64 {
    max((try? below(node))?.length ?? 0, shown?.recovery.end ?? 0)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    let overlay = shown
    // Past the end of the file are zeros.
    try below(node).read(at: offset, into: &buffer)
    overlay?.copy(from: offset, into: &buffer)
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let below = try below(node)
    var count = length
    switch shown?.change(at: offset) {
    case .data(let end)?: return Extent(.data, length: min(length, end - offset))
    case .zeroes(let end)?: return Extent(.zero, length: min(length, end - offset))
    case .nothing(let end)?: count = min(length, end - offset)
    case nil: break
    }
    let fileLength = below.length
    guard offset < fileLength else { return Extent(.zero, length: count) }
    let found = try below.extent(at: offset, length: min(count, fileLength - offset))
    return Extent(
      found.kind, length: found.length, location: Extent.Location(.file, offset), isPassThrough: true)
  }
}

/// The steps of a recovery, in memory. Nothing changes in it.
private final class RecoveryOverlay: @unchecked Sendable {
  /// The steps' effect from an offset on, and where it ends.
  enum Change {
    case data(until: UInt64)
    case zeroes(until: UInt64)
    case nothing(until: UInt64)
  }

  let recovery: Recovery
  private let changes: [(range: Range<UInt64>, step: Int)]

  init(_ recovery: Recovery) {
    self.recovery = recovery
    changes = recovery.lastChanges()
  }

  func change(at offset: UInt64) -> Change {
    let index = changes.firstIndexSorted { $0.range.upperBound > offset }
    guard index < changes.count else { return .nothing(until: .max) }
    let change = changes[index]
    guard change.range.lowerBound <= offset else { return .nothing(until: change.range.lowerBound) }
    if case .write = recovery.steps[change.step] { return .data(until: change.range.upperBound) }
    return .zeroes(until: change.range.upperBound)
  }

  /// Puts what the steps change into bytes that stand at an offset in the file.
  func copy(from offset: UInt64, into buffer: inout MutableRawSpan) {
    let wanted = offset..<offset + UInt64(buffer.byteCount)
    var index = changes.firstIndexSorted { $0.range.upperBound > offset }
    while index < changes.count, changes[index].range.lowerBound < wanted.upperBound {
      let change = changes[index]
      let range = change.range.clamped(to: wanted)
      let place = Int(range.lowerBound - offset)
      switch recovery.steps[change.step] {
      case .write(let start, let bytes):
        let first = Int(range.lowerBound - start)
        buffer.copy(bytes.bytes.slice(first..<first + range.count), at: place)
      case .zero, .lengthen:
        var part = buffer.slice(place..<place + range.count)
        part.fill()
      }
      index += 1
    }
  }
}
