// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
import Bytes
package import Errors
import Host

/// Storage in memory that holds the data path to its contract: a request that breaks the limits traps.
package final class MemoryStorage: StorageDriver, @unchecked Sendable {
  /// What a storage counted and saw.
  package struct Record: Sendable, Equatable {
    /// Requests that arrived, by verb.
    package var reads = 0
    /// Writes that arrived.
    package var writes = 0
    /// Writes that promised unchanged content.
    package var unchangedWrites = 0
    /// Flushes that arrived.
    package var flushes = 0
    /// The largest request in bytes.
    package var largest = 0
  }

  /// `memory`.
  package let name = "memory"
  private let lock = ConditionLock()
  private let asked: Limits
  private var content: [UInt8]
  /// For each block of 512 bytes, whether it holds data rather than a hole.
  private var isData: [Bool]
  private var log = Record()
  private let zeroes: Bool
  private let delay: Double
  private static let block = 512

  /// Storage that starts as `bytes`.
  ///
  /// - Parameters:
  ///   - alignment: what offsets, lengths and memory of requests must be multiples of, in bytes.
  ///   - maximumTransfer: the largest request in bytes.
  ///   - zeroes: whether it can zero a range without data.
  ///   - delay: seconds that pass between reading and handing over, and before the length changes, to let
  ///     others come between.
  package init(
    _ bytes: [UInt8] = [], alignment: UInt64 = 1, maximumTransfer: UInt64 = 1 << 30, zeroes: Bool = true,
    delay: Double = 0
  ) {
    var limits = Limits()
    limits.requestAlignment = alignment
    limits.maximumTransfer = maximumTransfer
    asked = limits
    content = bytes
    isData = Array(repeating: true, count: (bytes.count + MemoryStorage.block - 1) / MemoryStorage.block)
    self.zeroes = zeroes
    self.delay = delay
  }

  /// The bytes it holds.
  package var bytes: [UInt8] { lock.withLock { content } }
  /// What it saw.
  package var record: Record { lock.withLock { log } }

  /// The limits it was made with.
  package func limits(of node: Node) -> Limits { asked }
  /// Length in bytes.
  package func length(of node: Node) -> UInt64 { lock.withLock { UInt64(content.count) } }

  /// Data and holes, in blocks of 512 bytes.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    lock.withLock {
      precondition(offset < UInt64(content.count) && length > 0, "status outside the length")
      precondition(length <= UInt64(content.count) - offset, "status past the end")
      let first = Int(offset) / MemoryStorage.block
      var last = first
      let end = Int(offset + length)
      while (last + 1) * MemoryStorage.block < end && isData[last + 1] == isData[first] { last += 1 }
      let stop = min(end, (last + 1) * MemoryStorage.block)
      return Extent(
        isData[first] ? .data : .zero, length: UInt64(stop) - offset, location: Extent.Location(.file, offset)
      )
    }
  }

  /// Reads; what the alignment adds past the end is zero.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    check(offset, buffer.byteCount, buffer.isAligned(to: asked.requestAlignment))
    lock.lock()
    defer {
      lock.unlock()
      Clock.sleep(seconds: delay)
    }
    let length = UInt64(content.count).roundedUp(to: asked.requestAlignment) ?? 0
    precondition(offset + UInt64(buffer.byteCount) <= length, "read past the end")
    log.reads += 1
    log.largest = max(log.largest, buffer.byteCount)
    buffer.fill()
    let end = min(Int(offset) + buffer.byteCount, content.count)
    if Int(offset) < end { unsafe buffer.copy(content.span.bytes.slice(Int(offset)..<end)) }
  }

  /// Writes, growing where needed.
  package func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError)
  {
    check(offset, data.byteCount, data.isAligned(to: asked.requestAlignment))
    lock.lock()
    defer { lock.unlock() }
    log.writes += 1
    if unchanged { log.unchangedWrites += 1 }
    log.largest = max(log.largest, data.byteCount)
    put(data.array, at: Int(offset))
  }

  /// Under the lock.
  private func put(_ bytes: [UInt8], at offset: Int) {
    resize(to: max(content.count, offset + bytes.count))
    content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    mark(offset, bytes.count, isData: true)
  }

  private func check(_ offset: UInt64, _ count: Int, _ isAligned: Bool) {
    let unit = asked.requestAlignment
    precondition(offset % unit == 0 && UInt64(count) % unit == 0 && isAligned, "request is not aligned")
    precondition(UInt64(count) <= max(asked.maximumTransfer, unit), "request is too large")
    precondition(count > 0, "empty request")
  }

  /// Puts bytes into memory past all requests.
  package func store(_ bytes: [UInt8], at offset: Int) {
    lock.withLock { content.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
  }

  /// Counts.
  package func flush(_ node: Node) throws(BlockError) { lock.withLock { log.flushes += 1 } }

  /// Sets the length; new bytes are a hole.
  package func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    Clock.sleep(seconds: delay)
    lock.withLock { resize(to: Int(length)) }
  }

  private func resize(to count: Int) {
    let blocks = (count + MemoryStorage.block - 1) / MemoryStorage.block
    if count < content.count {
      content.removeLast(content.count - count)
      isData.removeLast(isData.count - blocks)
    } else {
      content += Array(repeating: 0, count: count - content.count)
      isData += Array(repeating: false, count: blocks - isData.count)
    }
  }

  private func mark(_ offset: Int, _ count: Int, isData: Bool) {
    for block in offset / MemoryStorage.block..<(offset + count + MemoryStorage.block - 1)
      / MemoryStorage.block
    {
      let isWhole =
        block * MemoryStorage.block >= offset
        && min((block + 1) * MemoryStorage.block, content.count) <= offset + count
      if isData || isWhole { self.isData[block] = isData }
    }
  }

  /// Zeros a range as a hole, where it was made to be able to.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node)
    throws(BlockError)
    -> Bool
  {
    guard zeroes else { return false }
    lock.lock()
    defer { lock.unlock() }
    let end = Int(offset + length)
    precondition(
      offset % asked.requestAlignment == 0
        && (UInt64(end) % asked.requestAlignment == 0 || end == content.count), "request is not aligned")
    resize(to: max(content.count, end))
    content.replaceSubrange(Int(offset)..<end, with: Array(repeating: 0, count: end - Int(offset)))
    mark(Int(offset), end - Int(offset), isData: false)
    return true
  }

  /// As zeroing.
  package func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    _ = try writeZeroes(at: offset, length: length, mayUnmap: true, of: node)
  }
}

extension MemoryStorage: CopyingDriver {
  /// Copies to other memory.
  package func copyRange(
    at offset: UInt64, length: UInt64, to target: any StorageDriver, at targetOffset: UInt64
  ) throws(BlockError) -> Bool {
    guard let target = target as? MemoryStorage else { return false }
    let content = bytes
    guard let end = offset.plus(length), end <= UInt64(content.count) else { return false }
    target.lock.withLock { target.put(Array(content[Int(offset)..<Int(end)]), at: Int(targetOffset)) }
    return true
  }

}
