// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Crypto
import Errors
import Host
import Support
import Testing

/// A header's place that notes what is written and flushed, in order.
final class NotingArea: LuksArea {
  enum Step {
    case write(Int, [UInt8])
    case flush
  }
  let inner: MemoryArea
  var steps: [Step] = []
  init(_ inner: MemoryArea) { self.inner = inner }
  var length: UInt64 { inner.length }
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    try inner.read(at: offset, into: &buffer)
  }
  func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    steps.append(.write(Int(offset), data.array))
    try inner.write(at: offset, from: data)
  }
  func flush() throws(BlockError) { steps.append(.flush) }
}

/// Whatever write of a change of keys is the last to arrive, whole or in part, keys that stay open the image.
@Suite struct KeyFaultTests {
  enum Change: String, CaseIterable, Sendable {
    case add
    case erase
  }

  @Test("a crash at any moment", arguments: [1, 2], Change.allCases)
  func crash(_ version: Int, _ change: Change) throws {
    let area = MemoryArea(version == 1 ? 3 << 20 : 17 << 20)
    let recipe = try LuksHeaderTests.recipe(version, .pbkdf2)
    let (made, key) = try LuksHeader.create(recipe, passphrase: LuksHeaderTests.secret("a"), in: area)
    let header = try made.adding(
      LuksHeaderTests.secret("b"), for: key, slot: 6, iterationTime: 1, in: area)
    let before = area.bytes
    let noting = NotingArea(area)
    switch change {
    case .add:
      _ = try header.adding(
        LuksHeaderTests.secret("c"), for: key, slot: nil, iterationTime: 1, in: noting)
    case .erase: _ = try header.erasing([6], in: noting)
    }
    var durable = before
    var pending: [(Int, [UInt8])] = []
    var states = 0
    for step in noting.steps {
      switch step {
      case .write(let offset, let bytes):
        #expect(offset + bytes.count <= Int(header.payloadOffset), "the payload is not touched")
        // Nothing, a part, or all of it, with and without what was written just before.
        for part in [0, 512, 1024, 4096, 8192, bytes.count - 512, bytes.count]
        where (0...bytes.count).contains(part) {
          for earlier in [0, pending.count] {
            var state = durable
            for (place, data) in pending[..<earlier] {
              state.replaceSubrange(place..<place + data.count, with: data)
            }
            state.replaceSubrange(offset..<offset + part, with: bytes[..<part])
            states += 1
            check(state, key, "\(change) of version \(version), \(part) of \(bytes.count) bytes at \(offset)")
          }
        }
        pending.append((offset, bytes))
      case .flush:
        for (place, data) in pending { durable.replaceSubrange(place..<place + data.count, with: data) }
        pending = []
      }
    }
    #expect(pending.isEmpty, "everything is durable at the end")
    #expect(durable == area.bytes)
    #expect(states > 10)
  }

  private func check(_ state: [UInt8], _ key: LuksVolumeKey, _ moment: String) {
    let area = MemoryArea(0)
    area.bytes = state
    do {
      let header = try LuksHeader(in: area)
      let found = try header.unlock(LuksHeaderTests.secret("a"), in: area)
      #expect(found.secret.bytes.array == key.secret.bytes.array, "\(moment)")
    } catch {
      Issue.record("\(moment): \(error.message)")
    }
  }
}
