// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors

/// The count of stored blocks in the header.
struct VdiCount: TableCount {
  let header: StoredHeader<VdiHeader>

  var units: UInt64 { UInt64(header.current.allocatedCount) }

  func set(_ units: UInt64, in file: Edge) throws(BlockError) {
    try header.change(in: file, isDurable: false) { $0.allocatedCount = UInt32(clamping: units) }
  }
}
