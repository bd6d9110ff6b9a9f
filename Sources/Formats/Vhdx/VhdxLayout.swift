// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The entries of the block allocation table ([MS-VHDX] 2.5): 8 bytes, of which the lowest 3 bits are a state and the upper 44
/// an offset in MiB.
struct VhdxCoding: BlockEntryCoding {
  let width = 8
  let isBigEndian = false
  /// Whether a parent shows through where a block is not present, and blocks may be there in part.
  let hasParent: Bool

  /// The states of blocks; a sector bitmap is not present or fully present.
  private enum State {
    static let notPresent: UInt64 = 0
    static let undefined: UInt64 = 1
    static let zero: UInt64 = 2
    static let unmapped: UInt64 = 3
    /// Unmapped, in images of a draft.
    static let draftUnmapped: UInt64 = 5
    static let fullyPresent: UInt64 = 6
    static let partiallyPresent: UInt64 = 7
  }

  func entry(of value: UInt64) -> BlockEntry? {
    let offset = value & ~0xf_ffff
    switch value & 7 {
    case State.notPresent: return .hole
    case State.undefined, State.zero, State.unmapped, State.draftUnmapped: return .zero
    case State.fullyPresent: return Int64(exactly: offset) == nil ? nil : .data(offset)
    case State.partiallyPresent where hasParent: return Int64(exactly: offset) == nil ? nil : .partial(offset)
    default: return nil
    }
  }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: State.notPresent
    case .zero: State.zero
    case .data(let offset): offset % VhdxHeader.section == 0 ? offset | State.fullyPresent : nil
    case .partial(let offset):
      offset % VhdxHeader.section == 0 && hasParent ? offset | State.partiallyPresent : nil
    case .compressed: nil
    }
  }
}

extension VhdxMetadata {
  /// Blocks whose sectors one bitmap of 1 MiB tells of; its entry follows theirs in the block map.
  var blocksPerBitmap: UInt64 { (sectorSize << 23) / blockSize }

  /// The kind of the image, in a word.
  var kindWords: String { hasParent ? "differencing" : isFixed ? "fixed" : "dynamic" }

  /// Entries that the map of a disk of so many bytes has at least.
  func entries(for length: UInt64) -> UInt64 {
    let blocks = length.dividedUp(by: blockSize)
    if hasParent { return roomyEntries(for: length) }
    return blocks == 0 ? 0 : blocks + (blocks - 1) / blocksPerBitmap
  }

  /// Entries of a map with one for the bitmap of every block.
  func roomyEntries(for length: UInt64) -> UInt64 {
    length.dividedUp(by: blockSize).dividedUp(by: blocksPerBitmap) * (blocksPerBitmap + 1)
  }

  /// Bytes of the region of a new map, for a disk of so many bytes.
  func mapLength(for length: UInt64) -> UInt64 {
    // `qemu-img` counts 2^32 - 1 blocks before none: it opens no disk without bytes whose map has no room for their bitmaps.
    // Of larger blocks it opens none at all: it reads the map as a whole, and a map of gigabytes fails.
    let isForPeer = length == 0 && blockSize <= 64 << 20
    let entries = isForPeer ? (1 << 32) / blocksPerBitmap : roomyEntries(for: length)
    return max(VhdxHeader.section, (entries * 8).dividedUp(by: VhdxHeader.section) * VhdxHeader.section)
  }

  /// The layout of an image's file, as far as it follows from these.
  ///
  /// - Throws: kind `corrupt` where the map has no room for the disk.
  func layout(_ regions: VhdxRegions, log: Range<UInt64>) throws(BlockError) -> BlockTableLayout {
    let map = try regions.region(VhdxRegions.blockMap, "block map")
    let needed = entries(for: diskSize)
    guard UInt64(map.length) / 8 >= needed else {
      throw BlockError(
        .corrupt, "the VHDX block map has room for \(map.length / 8) entries, and the disk needs \(needed)")
    }
    var layout = BlockTableLayout(
      length: diskSize, blockSize: blockSize, tableOffset: map.offset, capacity: UInt64(map.length) / 8,
      areaOffset: VhdxHeader.section, unit: VhdxHeader.section,
      unitLimit: UInt64(Int64.max) / VhdxHeader.section - 1, isFixed: isFixed, placesStay: isFixed)
    layout.bitmapGroup = blocksPerBitmap
    layout.bitmap = bitmap
    layout.reserved = [0..<VhdxHeader.section, log] + regions.regions.map(\.range)
    return layout
  }
}
