// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Options

/// Reads which snapshot of a source is meant: an id or name, or `snapshot.id=…,snapshot.name=…`.
func parseSnapshotSelector(_ text: String?) throws(BlockError) -> SnapshotSelector? {
  guard let text else { return nil }
  guard text.hasPrefix("snapshot.") else { return .idOrName(text) }
  let list = try KeyValueList(parsing: text, dialect: .short)
  for item in list.items where item.key != "snapshot.id" && item.key != "snapshot.name" {
    throw BlockError(
      .invalidArgument, "Invalid parameter '\(item.key)'\nFailed in parsing snapshot param '\(text)'")
  }
  return .exactly(id: list["snapshot.id"], name: list["snapshot.name"])
}
