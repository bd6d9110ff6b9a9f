// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// The header of an open image, in memory as it is in the file.
final class VdiHeaderStore: TableCount, @unchecked Sendable {
  private let lock = ConditionLock()
  /// Guarded by `lock`, also while it is written.
  private var header: VdiHeader

  init(_ header: VdiHeader) { self.header = header }

  /// The header as the file has it.
  var current: VdiHeader { lock.withLock { header } }

  /// Changes the header with one write of its sector.
  func change(in file: Edge, _ edit: (inout VdiHeader) -> Void) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      var changed = header
      edit(&changed)
      let head = try file.read(at: 0, count: VdiHeader.length)
      var bytes = head.mutableBytes
      changed.write(to: &bytes)
      try file.write(at: 0, from: head.bytes)
      header = changed
    }
  }

  var units: UInt64 { UInt64(current.allocatedCount) }

  func set(_ units: UInt64, in file: Edge) throws(BlockError) {
    try change(in: file) { $0.allocatedCount = UInt32(clamping: units) }
  }
}
