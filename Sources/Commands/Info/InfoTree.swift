// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Jobs
internal import Options

/// The tree that `info` prints for programs. The order of the keys is one that other programs compare against.
struct InfoTree {
  /// The object.
  private(set) var object = OptionObject()

  /// The internal snapshots; nil where there are none.
  var snapshots: TreeList? {
    if case .list(let list) = object["snapshots"] { list } else { nil }
  }

  /// The object as a value.
  var tree: OptionTree { .object(object) }

  init(_ image: ImageInformation, withLimits: Bool) {
    let format = image.format
    if let name = format?.backing?.format { object["backing-filename-format"] = .string(name) }
    if let snapshots = format?.snapshots, !snapshots.isEmpty {
      object["snapshots"] = .list(InfoTree.list(snapshots))
    }
    object["virtual-size"] = OptionTree(image.virtualSize)
    object["filename"] = .string(image.name)
    if let size = format?.clusterSize { object["cluster-size"] = OptionTree(size) }
    if format?.isCompressed == true { object["compressed"] = true }
    object["format"] = .string(image.driver)
    if let size = image.actualSize { object["actual-size"] = OptionTree(size) }
    object["format-specific"] = format?.specific
    if let path = image.backingPath { object["full-backing-filename"] = .string(path) }
    if format?.isEncrypted == true { object["encrypted"] = true }
    if let name = format?.backing?.name { object["backing-filename"] = .string(name) }
    object["dirty-flag"] = image.isDirty.map { .bool($0) }
    if withLimits { object["limits"] = .object(InfoTree.limits(image.limits)) }
  }

  /// The limits that an image sets to requests, in bytes.
  private static func limits(_ limits: Limits) -> OptionObject {
    [
      "request-alignment": OptionTree(limits.requestAlignment),
      "max-transfer": OptionTree(limits.maximumTransfer),
    ]
  }

  /// Internal snapshots.
  static func list(_ snapshots: [SnapshotInformation]) -> TreeList {
    TreeList(snapshots) { snapshot($0) }
  }

  /// An internal snapshot.
  private static func snapshot(_ snapshot: SnapshotInformation) -> OptionTree {
    var object = OptionObject()
    if let count = snapshot.instructionCount { object["icount"] = OptionTree(count) }
    object["vm-clock-nsec"] = OptionTree(snapshot.machineClock % 1_000_000_000)
    object["name"] = .string(snapshot.name)
    object["date-sec"] = OptionTree(UInt64(snapshot.seconds))
    object["date-nsec"] = OptionTree(UInt64(snapshot.nanoseconds))
    object["vm-clock-sec"] = OptionTree(snapshot.machineClock / 1_000_000_000)
    object["id"] = .string(snapshot.id)
    object["vm-state-size"] = OptionTree(snapshot.stateSize)
    return .object(object)
  }
}
