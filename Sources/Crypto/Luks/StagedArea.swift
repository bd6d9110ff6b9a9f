// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// The place of a header whose changes are kept in memory, in order, until they are let through.
package final class StagedArea: LuksArea {
  /// One thing that is to happen to the place.
  private enum Step {
    case write(UInt64, Buffer)
    case flush
  }

  private let base: any LuksArea
  private var steps: [Step] = []
  /// The former content of the ranges that `commit` wrote, the last write first.
  private var replaced: [(offset: UInt64, content: Buffer)] = []

  /// Keeps changes of `base`.
  package init(_ base: any LuksArea) { self.base = base }

  /// That of the place.
  package var length: UInt64 { base.length }
  /// That of the place.
  package var fileName: String? { base.fileName }

  /// Reads what the place will hold.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    try base.read(at: offset, into: &buffer)
    let range = offset..<offset + UInt64(buffer.byteCount)
    for case .write(let start, let content) in steps {
      let common = (start..<start + UInt64(content.count)).clamped(to: range)
      guard !common.isEmpty else { continue }
      let source = Int(common.lowerBound - start)..<Int(common.upperBound - start)
      buffer.copy(content.bytes.slice(source), at: Int(common.lowerBound - offset))
    }
  }

  /// Keeps a write.
  package func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    steps.append(.write(offset, Buffer(copying: data)))
  }

  /// Keeps the order of what was written and what will be.
  package func flush() throws(BlockError) { steps.append(.flush) }

  /// Lets the changes through.
  ///
  /// - Throws: where the place fails; `takeBack` then undoes what has arrived.
  package func commit() throws(BlockError) {
    for step in steps {
      switch step {
      case .flush: try base.flush()
      case .write(let offset, let content):
        let before = Buffer(count: content.count)
        var bytes = before.mutableBytes
        try base.read(at: offset, into: &bytes)
        replaced.insert((offset, before), at: 0)
        try base.write(at: offset, from: content.bytes)
      }
    }
    steps = []
  }

  /// Writes back what was there before `commit`, in the opposite order.
  package func takeBack() throws(BlockError) {
    for (offset, content) in replaced {
      try base.write(at: offset, from: content.bytes)
      try base.flush()
    }
    replaced = []
  }
}
