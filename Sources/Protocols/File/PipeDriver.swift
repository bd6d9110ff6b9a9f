// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
package import Host

/// A pipe as the file of an image that is made: it is handed all bytes once and in order.
///
/// Until `begin` all that is written stays in memory, where it can be read and written again as in a file; from then on
/// that holds for what has not been handed on. Bytes between others may come a little later.
package final class PipeDriver: StorageDriver, @unchecked Sendable {
  /// Bytes that are handed on together.
  private static let batch = 1 << 20
  /// Bytes that are held in memory, at most.
  private static let most = 64 << 20

  /// `pipe`.
  package let name = "pipe"
  private let file: File
  private let lock = ConditionLock()
  /// All that follows is guarded by `lock`, also while bytes are handed on.
  private var isBegun = false
  /// Bytes that were handed on.
  private var sent: UInt64 = 0
  /// The bytes behind them; zeros where none were written.
  private var held = Buffer(count: 2 * PipeDriver.batch)
  private var heldCount = 0
  /// The ranges among those that nobody has written, in ascending order.
  private var gaps: [Range<UInt64>] = []
  private var knownLength: UInt64 = 0

  /// - Parameter file: the pipe, open for writing.
  package init(_ file: File) { self.file = file }

  /// Nothing but that.
  package func capabilities(of node: Node) -> Capabilities { .appendOnly }

  /// Bytes from the first to the last one that was written, or as many as was said.
  package func length(of node: Node) -> UInt64 { lock.withLock { knownLength } }

  /// All is data.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    Extent(.data, length: length, location: Extent.Location(.file, offset))
  }

  /// Reads what has not been handed on.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard offset >= sent else {
      throw BlockError(.unsupported, "what was written to a pipe cannot be read again")
    }
    buffer.fill()
    let start = Int(clamping: offset - sent)
    guard start < heldCount else { return }
    let bytes = held
    buffer.copy(bytes.bytes.slice(start..<min(heldCount, start + buffer.byteCount)))
  }

  // MARK: Writing

  /// Takes what comes next, or a little later.
  package func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError)
  {
    lock.lock()
    defer { lock.unlock() }
    var done = 0
    while done < data.byteCount {
      let count = min(PipeDriver.batch, data.byteCount - done)
      try put(data.slice(done..<done + count), at: offset + UInt64(done))
      done += count
    }
  }

  /// Writes them.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    lock.lock()
    defer { lock.unlock() }
    let zeros = Buffer(count: Int(min(UInt64(PipeDriver.batch), length)))
    var done: UInt64 = 0
    while done < length {
      let count = min(UInt64(zeros.count), length - done)
      try put(zeros.bytes.slice(0..<Int(count)), at: offset + done)
      done += count
    }
    return true
  }

  /// Holds bytes, and hands on what nothing is missing before.
  private func put(_ data: RawSpan, at offset: UInt64) throws(BlockError) {
    guard offset >= sent else {
      throw BlockError(.unsupported, "what was written to a pipe cannot be written again")
    }
    let end = offset + UInt64(data.byteCount)
    guard end - sent <= UInt64(PipeDriver.most) else {
      throw BlockError(.unsupported, "a pipe takes what comes next, not byte \(offset) after byte \(sent)")
    }
    let (start, needed) = (Int(offset - sent), Int(end - sent))
    makeRoom(for: needed)
    let buffer = held
    var bytes = buffer.mutableBytes
    if start > heldCount {
      // Memory that is used again holds what was handed on.
      var gap = bytes.slice(heldCount..<start)
      gap.fill()
      gaps.append(sent + UInt64(heldCount)..<offset)
    }
    bytes.copy(data, at: start)
    close(offset..<end)
    heldCount = max(heldCount, needed)
    knownLength = max(knownLength, end)
    let ready = Int((gaps.first?.lowerBound ?? sent + UInt64(heldCount)) - sent)
    if isBegun, ready >= PipeDriver.batch { try handOn(ready) }
  }

  private func makeRoom(for count: Int) {
    guard count > held.count else { return }
    let larger = Buffer(count: max(count, min(2 * held.count, PipeDriver.most)))
    let before = held
    var bytes = larger.mutableBytes
    bytes.copy(before.bytes.slice(0..<heldCount))
    held = larger
  }

  /// Takes a range that was written out of the gaps.
  private func close(_ range: Range<UInt64>) {
    guard gaps.contains(where: { $0.overlaps(range) }) else { return }
    var rest: [Range<UInt64>] = []
    for gap in gaps {
      guard gap.overlaps(range) else {
        rest.append(gap)
        continue
      }
      if gap.lowerBound < range.lowerBound { rest.append(gap.lowerBound..<range.lowerBound) }
      if range.upperBound < gap.upperBound { rest.append(range.upperBound..<gap.upperBound) }
    }
    gaps = rest
  }

  private func handOn(_ count: Int) throws(BlockError) {
    let buffer = held
    try file.append(buffer.bytes.slice(0..<count))
    sent += UInt64(count)
    let rest = Buffer(copying: buffer.bytes.slice(count..<heldCount))
    var bytes = buffer.mutableBytes
    bytes.copy(rest.bytes)
    heldCount -= count
  }

  /// Forgets what is held behind the new end; a new part is zeros.
  package func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard preallocation == .off else {
      throw BlockError.noPreallocation(preallocation, but: [.off])
    }
    try lock.withLock { () throws(BlockError) in
      guard length >= sent else {
        throw BlockError(.unsupported, "what was written to a pipe cannot be cut off again")
      }
      heldCount = min(heldCount, Int(clamping: length - sent))
      gaps = gaps.map { $0.clamped(to: 0..<length) }.filter { !$0.isEmpty }
      knownLength = length
    }
  }

  /// Nothing that was handed on can be made durable.
  package func flush(_ node: Node) throws(BlockError) {}

  // MARK: The pipe

  /// The start of the image stands: from now on, what is written is handed on.
  package func begin() { lock.withLock { isBegun = true } }

  /// Hands on all that is left, with zeros for what was not written.
  package func finish() throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    gaps = []
    try handOn(heldCount)
    let zeros = Buffer(count: Int(min(UInt64(PipeDriver.batch), knownLength - sent)))
    while sent < knownLength {
      let count = min(UInt64(zeros.count), knownLength - sent)
      try file.append(zeros.bytes.slice(0..<Int(count)))
      sent += count
    }
  }
}
