// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Host

/// A header that is written to its image's file with one write.
package protocol StorableHeader: Sendable {
  /// Writes all fields.
  func write(to file: Edge) throws(BlockError)
}

/// The header of an open image, in memory as it is in the file.
package final class StoredHeader<Header: StorableHeader>: @unchecked Sendable {
  private let lock = ConditionLock()
  /// Guarded by `lock`, also while it is written.
  private var header: Header

  /// A header that is in the file already.
  package init(_ header: Header) { self.header = header }

  /// The header as it is in the file.
  package var current: Header { lock.withLock { header } }

  /// Changes the header with one write, durable on return.
  package func change(_ node: Node, _ edit: (inout Header) throws(BlockError) -> Void) throws(BlockError) {
    guard let file = node.file else { return }
    try lock.withLock { () throws(BlockError) in
      var next = header
      try edit(&next)
      try next.write(to: file)
      try file.flush()
      header = next
    }
  }
}
