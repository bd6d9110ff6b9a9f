// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Support

/// Memory with one thing wrong, to see that the conformance check sees it.
final class BrokenStorage: WrappingDriver {
  enum Fault: String, CaseIterable, Sendable {
    /// Every write loses its last byte.
    case shortWrite
    /// Zeroing does nothing and says it did.
    case idleZeroing
    /// Every range is called zero.
    case zeroStatus
    /// Discarding reaches one byte too far.
    case wideDiscard
    /// Reads are one byte off.
    case shiftedRead
  }

  private let memory: MemoryStorage
  var base: any StorageDriver { memory }
  private let fault: Fault

  init(_ fault: Fault, length: Int) {
    self.fault = fault
    var numbers = SeededNumbers(seed: 1)
    var bytes: [UInt8] = []
    for _ in 0..<length { bytes.append(UInt8.random(in: 1...255, using: &numbers)) }
    memory = MemoryStorage(bytes)
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    if fault == .zeroStatus { return Extent(.zero, length: length) }
    return try memory.extent(at: offset, length: length, of: node)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    let end = offset + UInt64(buffer.byteCount)
    let shift: UInt64 = fault == .shiftedRead && offset > 0 && end < length(of: node) ? 1 : 0
    try memory.read(at: offset + shift, into: &buffer, of: node)
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    let count = fault == .shortWrite ? data.byteCount - 1 : data.byteCount
    guard count > 0 else { return }
    try memory.write(at: offset, from: data.slice(0..<count), unchanged: unchanged, of: node)
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    if fault == .idleZeroing { return true }
    return try memory.writeZeroes(at: offset, length: length, mayUnmap: mayUnmap, of: node)
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    let more: UInt64 = fault == .wideDiscard && offset + length < self.length(of: node) ? 1 : 0
    try memory.discard(at: offset, length: length + more, of: node)
  }
}
