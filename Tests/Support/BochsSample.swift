// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Makes growing images of Bochs, of any version and with extents in any order.
package struct BochsSample {
  /// 0x10000 or 0x20000.
  package var version: UInt32 = 0x20000
  /// Bytes of an extent.
  package var extentSize = 4096
  /// Bytes of a bitmap; no fewer than an extent needs.
  package var bitmapSize = 1
  /// Entries of the catalog; no fewer than the disk needs.
  package var catalogCount = 128
  /// Whether the extents stand in the file from the disk's last to its first.
  package var isReversed = false

  /// The usual image.
  package init() {}

  /// An image that stores the sectors of a disk that are not all zero. What is not stored is noise in the file.
  package func bytes(of disk: [UInt8]) -> [UInt8] {
    let buffer = Buffer(count: 512 + catalogCount * 4)
    var head = buffer.mutableBytes
    for (offset, text) in [(0, "Bochs Virtual HD Image"), (32, "Redolog"), (48, "Growing")] {
      for (index, byte) in text.utf8.enumerated() { head.store(byte, at: offset + index) }
    }
    for (offset, value) in [
      (64, Int(version)), (68, 512), (72, catalogCount), (76, bitmapSize), (80, extentSize),
    ] {
      head.storeLittle(UInt32(value), at: offset)
    }
    head.storeLittle(UInt64(disk.count), at: version == 0x10000 ? 84 : 88)
    for entry in 0..<catalogCount { head.storeLittle(UInt32.max, at: 512 + entry * 4) }
    var blocks: [[UInt8]] = []
    var starts = Array(stride(from: 0, to: disk.count, by: extentSize))
    if isReversed { starts.reverse() }
    for start in starts {
      let content = disk[start..<min(start + extentSize, disk.count)]
      guard content.contains(where: { $0 != 0 }) else { continue }
      head.storeLittle(UInt32(blocks.count), at: 512 + start / extentSize * 4)
      blocks.append(block(Array(content)))
    }
    return buffer.array + blocks.joined()
  }

  /// A bitmap in whole sectors, and an extent.
  private func block(_ content: [UInt8]) -> [UInt8] {
    var bitmap = [UInt8](repeating: 0, count: (bitmapSize + 511) / 512 * 512)
    var stored = [UInt8](repeating: 0xEE, count: extentSize)
    for sector in 0..<(content.count + 511) / 512 {
      let range = sector * 512..<min(sector * 512 + 512, content.count)
      guard content[range].contains(where: { $0 != 0 }) else { continue }
      bitmap[sector / 8] |= 1 << UInt8(sector % 8)
      stored.replaceSubrange(range, with: content[range])
    }
    return bitmap + stored
  }
}
