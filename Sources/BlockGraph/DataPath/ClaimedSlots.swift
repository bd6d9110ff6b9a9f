// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// Places that a format claimed for pieces of a range, one behind the other.
///
/// Each is linked once, when its bytes are there. Places that are not linked when the value ends are given back then: a
/// claim cannot be forgotten, whatever fails.
package struct ClaimedSlots: ~Copyable, Sendable {
  /// The places, in order.
  package private(set) var slots: [WriteSlot] = []
  /// How many of them are finished.
  private var finished = 0
  let node: Node
  private let format: (any FormatDriver)?
  /// Whether the node counts the write as a request until the value ends.
  private let isRequest: Bool

  /// Claims nothing yet.
  package init(of node: Node) { self.init(of: node, isRequest: false) }

  /// With `isRequest`, waits until the node takes requests, and is one.
  init(of node: Node, isRequest: Bool) {
    self.node = node
    self.isRequest = isRequest
    // Storage has every place already.
    format = node.driver as? any FormatDriver
    if isRequest { node.gate.enter() }
  }

  deinit {
    if let format {
      // Code that gives up has an error to report already.
      for slot in slots[finished...] where slot.allocation != nil {
        try? format.finishWrite(slot, written: false, of: node)
      }
    }
    if isRequest { node.gate.leave() }
  }

  /// Claims a place for the start of a range, behind those that there are.
  package mutating func claim(at offset: UInt64, length: UInt64) throws(BlockError) -> WriteSlot? {
    guard let format else { return nil }
    let slot = try format.prepareWrite(at: offset, length: length, of: node)
    slots.append(slot)
    return slot
  }

  /// Links the first place that is not, whose bytes are there. When that fails its claim is gone, too.
  package mutating func linkNext() throws(BlockError) {
    guard let format, finished < slots.count else { return }
    let slot = slots[finished]
    finished += 1
    if slot.allocation != nil { try format.finishWrite(slot, written: true, of: node) }
  }

  /// Links all that are not.
  mutating func linkAll() throws(BlockError) {
    while finished < slots.count { try linkNext() }
  }
}
