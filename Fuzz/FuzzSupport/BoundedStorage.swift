// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// Storage in memory that is full at some point, as offsets from a fuzzer can be any.
package final class BoundedStorage: StorageDriver, @unchecked Sendable {
  /// `memory`.
  package let name = "memory"
  private let lock = ConditionLock()
  private var content: [UInt8]
  private let capacity: Int
  private var isForgetful = false
  private var wasFull = false

  /// Storage that holds `bytes` and takes `capacity` of them.
  package init(_ bytes: [UInt8] = [], capacity: Int = 8 << 20) {
    content = bytes
    self.capacity = max(capacity, bytes.count)
  }

  /// The bytes it holds.
  package var bytes: [UInt8] { lock.withLock { content } }

  /// Whether a qcow2 header here says that guest data is in another file.
  var hasDataFile: Bool { lock.withLock { content.count > 80 && content[79] & 4 != 0 } }

  /// Whether a request was refused for want of space.
  package var refused: Bool { lock.withLock { wasFull } }

  /// Changes the first byte of every write from now on that is no whole sector: how the harness tests itself.
  package func becomeForgetful() { lock.withLock { isForgetful = true } }

  /// Length in bytes.
  package func length(of node: Node) -> UInt64 { lock.withLock { UInt64(content.count) } }

  /// All is data.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    Extent(.data, length: length, location: Extent.Location(.file, offset))
  }

  /// Reads; the data path keeps to the length.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    let start = Int(offset)
    unsafe buffer.copy(content.span.bytes.slice(start..<start + buffer.byteCount))
  }

  /// Writes, growing as far as there is space.
  package func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError)
  {
    lock.lock()
    defer { lock.unlock() }
    let end = try grow(to: offset.plus(UInt64(data.byteCount)))
    let start = end - data.byteCount
    for index in 0..<data.byteCount { content[start + index] = data.byte(at: index) }
    if isForgetful && data.byteCount % 512 != 0 { content[start] = content[start] &+ 1 }
  }

  /// The end as an index, once the content reaches so far.
  private func grow(to end: UInt64?) throws(BlockError) -> Int {
    guard let end, end <= UInt64(capacity) else {
      wasFull = true
      throw BlockError(.noSpace, "No space left on device")
    }
    if Int(end) > content.count { content += [UInt8](repeating: 0, count: Int(end) - content.count) }
    return Int(end)
  }

  /// Nothing to do.
  package func flush(_ node: Node) throws(BlockError) {}

  /// Sets the length; new bytes are zero.
  package func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    lock.lock()
    defer { lock.unlock() }
    let end = try grow(to: length)
    content.removeLast(content.count - end)
  }

  /// Zeros a range.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node)
    throws(BlockError)
    -> Bool
  {
    lock.lock()
    defer { lock.unlock() }
    let end = try grow(to: offset.plus(length))
    for index in end - Int(length)..<end { content[index] = 0 }
    return true
  }

  /// As zeroing.
  package func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    _ = try writeZeroes(at: offset, length: length, mayUnmap: true, of: node)
  }
}
