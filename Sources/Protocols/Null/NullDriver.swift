// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Takes every request, and does nothing.
final class NullDriver: StorageDriver {
  let name: String
  private let length: UInt64
  /// Seconds that a request takes.
  private let latency: Double
  private let readsZero: Bool

  init(_ name: String, length: UInt64, latency: Double, readsZero: Bool) {
    self.name = name
    self.length = length
    self.latency = latency
    self.readsZero = readsZero
  }

  func length(of node: Node) -> UInt64 { length }
  func allocatedLength(of node: Node) -> UInt64? { 0 }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    Clock.sleep(seconds: latency)
    if readsZero { buffer.fill() }
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    guard readsZero else { return Extent(.unallocated, length: length) }
    return Extent(.zero, length: length, location: Extent.Location(.file, offset))
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    guard let end = offset.plus(UInt64(data.byteCount)), end <= length else {
      throw BlockError(.inputOutput, "write past the end of node '\(node.name)'")
    }
    Clock.sleep(seconds: latency)
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    Clock.sleep(seconds: latency)
    return true
  }

  func flush(_ node: Node) throws(BlockError) { Clock.sleep(seconds: latency) }
}
