// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

extension Qcow2Format: MeasuringKind {
  /// Header, L1 table, all L2 tables and refcounts of the full image, as `qemu-img` counts them; then the data.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    let creation = try CreationOptions(request.options)
    if let encryption = creation.encryption, encryption.recipe != nil {
      _ = try encryption.passphrase(request.secrets)
    }
    let geometry = creation.geometry
    let layout: ImageLayout
    do throws(BlockError) {
      layout = try ImageLayout(
        geometry, length: request.wholeLength, allocatesTables: true, hasDataFile: false,
        encryptionHeader: creation.encryption?.headerLength ?? 0, isMeasured: true)
    } catch {
      throw BlockError(error.kind, "The image size is too large (try using a larger cluster size)")
    }
    let tables = (layout.totalClusters - layout.dataClusters) << geometry.clusterBits
    let full = layout.totalClusters << geometry.clusterBits
    let reserves = creation.preallocation == .full || creation.preallocation == .falloc
    return ImageMeasure(
      empty: reserves ? full : tables, full: full, unit: geometry.clusterSize,
      fullyAllocated: reserves || creation.backingName != nil)
  }

  /// Every bitmap with all of its bits, and the directory, as `qemu-img` counts them.
  package func measureBitmaps(_ bitmaps: [BitmapInformation], _ request: MeasureRequest) throws(BlockError)
    -> UInt64?
  {
    let creation = try CreationOptions(request.options)
    guard creation.version >= 3 else { return nil }
    let geometry = creation.geometry
    var clusters: UInt64 = 0
    var directory: UInt64 = 0
    for bitmap in bitmaps {
      let shape = BitmapShape(
        granularityBits: UInt8(clamping: bitmap.granularity.trailingZeroBitCount),
        clusterBits: geometry.clusterBits, length: request.wholeLength)
      let tableBytes = shape.tableSize * UInt64(BitmapTableEntry.size)
      clusters += shape.tableSize + geometry.clusters(covering: tableBytes)
      directory += UInt64(BitmapEntry.size(named: bitmap.name.spelledCount))
    }
    return (clusters + geometry.clusters(covering: directory)) << geometry.clusterBits
  }
}
