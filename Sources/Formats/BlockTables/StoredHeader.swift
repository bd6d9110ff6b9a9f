// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// A header at the start of its image's file, written with one write.
package protocol StorableHeader: Sendable {
  /// Bytes of the fields, from the start of the file on.
  static var length: Int { get }

  /// Puts all fields into `length` bytes.
  func write(to bytes: inout MutableRawSpan)

  /// Writes all fields.
  func write(to file: Edge) throws(BlockError)
}

extension StorableHeader {
  package func write(to file: Edge) throws(BlockError) {
    let buffer = Buffer(count: Self.length)
    var bytes = buffer.mutableBytes
    write(to: &bytes)
    try file.write(at: 0, from: buffer.bytes)
  }
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
    try change(in: file, isDurable: true, edit)
  }

  /// Changes the header with one write.
  ///
  /// - Parameter isDurable: whether it is durable on return, with all that was written before.
  package func change(
    in file: Edge, isDurable: Bool, _ edit: (inout Header) throws(BlockError) -> Void
  ) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      var next = header
      try edit(&next)
      try next.write(to: file)
      if isDurable { try file.flush() }
      header = next
    }
  }
}
