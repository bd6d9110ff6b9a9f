// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Host
internal import Options

extension Qcow2Driver {
  func formatInformation(of node: Node) -> FormatInformation? {
    let (header, snapshots, bitmaps) = lock.withLock {
      (self.header.current, self.snapshots.entries, self.bitmaps.listing)
    }
    let encryption = codec.currentEncryption
    var information = FormatInformation()
    information.clusterSize = header.geometry.clusterSize
    information.isEncrypted = header.cryptMethod != 0
    information.isDirty = header.incompatible.contains(.dirty)
    information.backing = Qcow2Format.backing(header)
    information.snapshots = snapshots.map(\.information)
    information.specific = .object([
      "type": .string(name), "data": .object(specific(header, bitmaps, encryption)),
    ])
    return information
  }

  /// In `qemu-img`'s order.
  private func specific(
    _ header: Header, _ bitmaps: BitmapListing, _ encryption: ClusterEncryption?
  ) -> OptionObject {
    var data = OptionObject()
    data["compat"] = .string(header.version < 3 ? "0.10" : "1.1")
    data["compression-type"] = .string(codec.compression.name)
    if header.version >= 3 {
      data["lazy-refcounts"] = .bool(header.compatible.contains(.lazyRefcounts))
    }
    if !bitmaps.isEmpty { data["bitmaps"] = .list(TreeList(Array(bitmaps.indices)) { bitmaps[$0].tree }) }
    data["refcount-bits"] = OptionTree(header.geometry.refcountBits)
    if let encryption { data["encrypt"] = .object(encryption.description) }
    guard header.version >= 3 else { return data }
    if header.incompatible.contains(.dataFile) {
      if let name = header.first(.dataFile)?.text { data["data-file"] = .string(name) }
      data["data-file-raw"] = .bool(header.autoclear.contains(.rawDataFile))
    }
    data["corrupt"] = .bool(header.incompatible.contains(.corrupt))
    data["extended-l2"] = .bool(header.geometry.hasExtendedL2)
    return data
  }
}

extension BitmapInformation {
  /// The entry for this bitmap in the list that `info` shows.
  fileprivate var tree: OptionTree {
    var flags: [OptionTree] = []
    if isInconsistent { flags.append("in-use") }
    if isEnabled { flags.append("auto") }
    return .object(["flags": .array(flags), "name": .string(name), "granularity": OptionTree(granularity)])
  }
}

extension SnapshotEntry {
  /// The entry for this snapshot in the list that `info` shows.
  var information: SnapshotInformation {
    SnapshotInformation(
      idBytes: idBytes, nameBytes: nameBytes, stateSize: stateSize, seconds: seconds,
      nanoseconds: nanoseconds,
      machineClock: machineClock, instructionCount: instructionCount)
  }
}
