// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
import Bytes
package import Errors
import Options

/// Files in memory that fail and forget, opened by name like any others: whole chains on faulty storage.
package final class FaultFiles: DriverKind, @unchecked Sendable {
  /// `file`.
  package let name = "file"
  /// Storage.
  package var isProtocol: Bool { true }
  /// What fails, over all files together.
  package let counter: FaultCounter
  private let contents: [String: MemoryStorage]
  private let isFull: Bool
  private let lengths: [String: UInt64]
  private var opened: [(storage: FaultStorage, node: Node)] = []

  /// Files with names and bytes; where the disk `isFull`, none of them gets more space.
  package init(_ files: [String: [UInt8]], counter: FaultCounter = FaultCounter(), isFull: Bool = false) {
    self.counter = counter
    self.isFull = isFull
    lengths = files.mapValues { UInt64($0.count) }
    contents = files.mapValues { MemoryStorage($0) }
  }

  /// The bytes of all files.
  package var bytes: [String: [UInt8]] { contents.mapValues(\.bytes) }

  /// Opens a file that is there. Called on the graph thread.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let path = try request.options.takeString("filename"), let memory = contents[path] else {
      throw BlockError(.notFound, "No such file or directory")
    }
    let storage = FaultStorage(memory, counter: counter, room: isFull ? lengths[path] : nil)
    opened.append((storage, request.node))
    return OpenedDriver(storage)
  }

  /// Loses the changes that were not made durable, but for those that `survives` keeps.
  package func crash(survives: (Int) -> Bool) throws(BlockError) {
    for (storage, node) in opened { try storage.crash(of: node, survives: survives) }
  }
}
