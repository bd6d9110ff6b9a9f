// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

extension Header {
  /// Refuses feature bits that this program does not know, by the names that the image gives them.
  func checkUnknownFeatures() throws(BlockError) {
    var unknown = incompatible.subtracting(.known).rawValue
    guard unknown != 0 else { return }
    var names: [String] = []
    for feature in first(.featureNames)?.featureNames ?? [] {
      // The table ends there.
      if feature.name.isEmpty { break }
      guard feature.kind == FeatureName.Kind.incompatible.rawValue, feature.bit < 64 else { continue }
      let mask = UInt64(1) << UInt64(feature.bit)
      guard unknown & mask != 0 else { continue }
      names.append(feature.name)
      unknown &= ~mask
    }
    if unknown != 0 { names.append("Unknown incompatible feature: " + String(unknown, radix: 16)) }
    throw BlockError(.unsupported, "Unsupported qcow2 feature(s): " + names.joined(separator: ", "))
  }

  /// Checks features and widths against each other.
  func checkFeatures() throws(BlockError) {
    try checkUnknownFeatures()
    if incompatible.contains(.extendedL2), geometry.subclusterSize < 512 {
      throw BlockError(.corrupt, "Unsupported subcluster size: \(geometry.subclusterSize)")
    }
    guard refcountOrder <= 6 else {
      throw BlockError(.corrupt, "Reference count entry width too large; may not exceed 64 bits")
    }
    guard CryptMethod(rawValue: cryptMethod) != nil else {
      throw BlockError(.unsupported, "Unsupported encryption method \(cryptMethod)")
    }
    guard let type = CompressionType(rawValue: compressionType) else {
      throw BlockError(.unsupported, "qcow2: unknown compression type: \(compressionType)")
    }
    if (type != .zlib) != incompatible.contains(.compressionType) {
      let must = type == .zlib ? "must not be set" : "must be set"
      throw BlockError(.corrupt, "qcow2: Compression type incompatible feature bit \(must)")
    }
  }

  /// Checks sizes and places of all tables against the limits.
  ///
  /// - Throws: the defect, in `qemu-img`'s words.
  package func checkTables() throws(BlockError) {
    let geometry = self.geometry
    guard UInt64(refcountTableClusters) << geometry.clusterBits <= Qcow2Limits.refcountTableBytes else {
      throw BlockError(.tooLarge, "Reference count table too large")
    }
    guard refcountTableClusters > 0 else {
      throw BlockError(.corrupt, "Image does not contain a reference count table")
    }
    try check(
      refcountTableOffset, UInt64(refcountTableClusters) << geometry.clusterBits,
      "Reference count table offset invalid")
    guard snapshotCount <= Qcow2Limits.snapshots else {
      throw BlockError(.tooLarge, "Snapshot table too large")
    }
    try check(snapshotsOffset, 0, "Snapshot table offset invalid")
    let l1Bytes = UInt64(l1Size) * 8
    guard l1Bytes <= Qcow2Limits.l1Bytes else { throw BlockError(.tooLarge, "Active L1 table too large") }
    try check(l1Offset, l1Bytes, "Active L1 table offset invalid")
    let needed = geometry.l1Entries(forLength: size)
    guard size <= UInt64(Int64.max), needed <= UInt64(Int32.max) else {
      throw BlockError(.tooLarge, "Image is too big")
    }
    guard needed <= UInt64(l1Size) else { throw BlockError(.corrupt, "L1 table is too small") }
  }

  /// Refuses an image whose tables, as the header states them, take more memory than `budget` bytes; entries of the
  /// snapshot table, whose size only reading tells, count with the least they can take.
  ///
  /// - Returns: the memory that is left for the snapshot table.
  /// - Throws: kind `tooLarge` with both numbers.
  func checkTables(takingAtMost bytes: UInt64?) throws(BlockError) -> MemoryBudget {
    var budget = MemoryBudget(bytes: bytes)
    try budget.take(tableMemory)
    // The snapshot table takes these bytes, or more.
    var least = budget
    try least.take(UInt64(snapshotCount) * UInt64(SnapshotEntry.leastMemory))
    return budget
  }

  /// Bytes of memory that the tables take which are read when the image is opened, without snapshots.
  private var tableMemory: UInt64 {
    // One that makes no sense is refused for that.
    let extensionData = hasBitmaps ? first(.bitmaps)?.data : nil
    let bitmaps = extensionData.flatMap { try? BitmapsExtension(checking: $0, geometry) }
    // The directory as it is read, and its entries, whose names and extra data are those bytes once more.
    let directory = bitmaps.map { $0.directorySize.times(2) ?? .max } ?? 0
    let entries = UInt64(bitmaps?.count ?? 0) * UInt64(BitmapEntry.fixedMemory)
    let refcounts = UInt64(refcountTableClusters) << UInt64(clusterBits)
    // None of the others is longer than 60 bits.
    return (UInt64(l1Size) * 8 + refcounts + entries).plus(directory) ?? .max
  }

  private func check(_ offset: UInt64, _ bytes: UInt64, _ message: String) throws(BlockError) {
    guard geometry.offsetInCluster(offset) == 0, let end = offset.plus(bytes), end <= UInt64(Int64.max) else {
      throw BlockError(.corrupt, message)
    }
  }
}
