// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The metadata of a VHDX image ([MS-VHDX] 2.6): a table of items in the first 64 KiB of a region, and the items.
struct VhdxMetadata {
  /// Bytes of the table, before which no item stands.
  static let tableLength = 64 << 10
  /// Bytes of the region of a new image.
  static let regionLength: UInt32 = 1 << 20
  /// The most items that a table has.
  static let mostItems = 2047
  /// The largest item in bytes.
  static let largestItem: UInt32 = 1 << 20
  /// Bytes of a block, a power of two.
  static let blockSizes: ClosedRange<UInt64> = 1 << 20...256 << 20
  /// The largest disk in bytes.
  static let largestDisk: UInt64 = 64 << 40
  /// `metadata`.
  private static let mark: UInt64 = 0x6174_6164_6174_656d

  /// The items that are known.
  enum Item: CaseIterable {
    case fileParameters, diskSize, diskID, sectorSize, physicalSectorSize, parentLocator

    var id: GUID {
      switch self {
      case .fileParameters: GUID(0xcaa1_6737, 0xfa36, 0x4d43, 0xb3b6_33f0_aa44_e76b)
      case .diskSize: GUID(0x2fa5_4224, 0xcd1b, 0x4876, 0xb211_5dbe_d83b_f4b8)
      case .diskID: GUID(0xbeca_12ab, 0xb2e6, 0x4523, 0x93ef_c309_e000_c746)
      case .sectorSize: GUID(0x8141_bf1d, 0xa96f, 0x4709, 0xba47_f233_a8fa_ab5f)
      case .physicalSectorSize: GUID(0xcda3_48c7, 0x445d, 0x4471, 0x9cc9_e988_5251_c556)
      case .parentLocator: GUID(0xa8d3_5f2d, 0xb30b, 0x454d, 0xabf7_d3d8_4834_ab0c)
      }
    }

    /// The name in messages.
    var name: String {
      switch self {
      case .fileParameters: "file parameters"
      case .diskSize: "virtual disk size"
      case .diskID: "virtual disk id"
      case .sectorSize: "logical sector size"
      case .physicalSectorSize: "physical sector size"
      case .parentLocator: "parent locator"
      }
    }

    /// Bytes that it has at least.
    var length: UInt32 {
      switch self {
      case .fileParameters, .diskSize: 8
      case .diskID: 16
      case .sectorSize, .physicalSectorSize: 4
      case .parentLocator: 20
      }
    }

    /// Of the disk (bit 1), and to be known by readers (bit 2).
    var flags: UInt32 { self == .fileParameters || self == .parentLocator ? 4 : 6 }
  }

  /// Bytes of a block.
  var blockSize: UInt64
  /// Whether blocks keep the places that they have from the start: a fixed disk.
  var isFixed: Bool
  /// Whether a parent shows through.
  var hasParent: Bool
  /// Guest-visible length in bytes.
  var diskSize: UInt64
  /// The id of the disk, which parent and child share.
  var diskID: GUID
  /// Bytes of the disk's sectors: 512 or 4096.
  var sectorSize: UInt64
  /// Bytes of the sectors of what the disk stands on.
  var physicalSectorSize: UInt32
  /// The parent, where there is one.
  var parent: VhdxParentLocator?
  /// The places of items in the file.
  var places: [Item: Range<UInt64>] = [:]
  /// The places of items that are not known, which stay as they are.
  private(set) var otherPlaces: [Range<UInt64>] = []
}

extension VhdxMetadata {
  /// Reads table and items.
  ///
  /// - Throws: kind `unsupported` or `corrupt`, naming the item.
  init(in region: VhdxRegions.Region, _ read: VhdxReader) throws(BlockError) {
    let (places, otherPlaces) = try VhdxMetadata.readTable(in: region, read)
    func bytes(_ item: Item) throws(BlockError) -> Buffer {
      guard let place = places[item] else {
        throw BlockError(.corrupt, "the VHDX metadata has no item '\(item.name)'")
      }
      return try read(place.lowerBound, place.count)
    }
    let parameters = try bytes(.fileParameters)
    blockSize = UInt64(parameters.bytes.little32(at: 0))
    isFixed = parameters.bytes.little32(at: 4) & 1 != 0
    hasParent = parameters.bytes.little32(at: 4) & 2 != 0
    guard VhdxMetadata.blockSizes.contains(blockSize), blockSize.isPowerOfTwo else {
      throw BlockError(.corrupt, "the VHDX block size is \(blockSize)")
    }
    let sector = try bytes(.sectorSize)
    sectorSize = UInt64(sector.bytes.little32(at: 0))
    guard sectorSize == 512 || sectorSize == 4096 else {
      throw BlockError(.unsupported, "the VHDX logical sector size is \(sectorSize)")
    }
    let physical = try bytes(.physicalSectorSize)
    physicalSectorSize = physical.bytes.little32(at: 0)
    let size = try bytes(.diskSize)
    let stated = size.bytes.little64(at: 0)
    guard stated <= VhdxMetadata.largestDisk else { throw VhdxMetadata.tooLarge }
    // Disks are made of whole sectors.
    diskSize = stated.roundedDown(to: sectorSize)
    let id = try bytes(.diskID)
    diskID = GUID(parsing: id.bytes, at: 0)
    parent = hasParent ? try VhdxParentLocator(parsing: try bytes(.parentLocator)) : nil
    self.places = places
    self.otherPlaces = otherPlaces
  }

  /// The error for a disk that is too long.
  static var tooLarge: BlockError { BlockError(.tooLarge, "Image size too large; max of 64TB") }

  private static func readTable(in region: VhdxRegions.Region, _ read: VhdxReader) throws(BlockError)
    -> (known: [Item: Range<UInt64>], others: [Range<UInt64>])
  {
    guard region.length >= UInt32(tableLength) else {
      throw BlockError(.corrupt, "the VHDX metadata region has \(region.length) bytes")
    }
    let table = try read(region.offset, tableLength)
    let count = Int(table.bytes.little16(at: 10))
    guard table.bytes.little64(at: 0) == mark else {
      throw BlockError(.corrupt, "the VHDX metadata table has no signature")
    }
    guard count <= mostItems else { throw BlockError(.corrupt, "the VHDX metadata table has \(count) items") }
    var places: [Item: Range<UInt64>] = [:]
    var others: [Range<UInt64>] = []
    for index in 0..<count {
      let place = 32 + index * 32
      let id = GUID(parsing: table.bytes, at: place)
      let offset = table.bytes.little32(at: place + 16)
      let length = table.bytes.little32(at: place + 20)
      let flags = table.bytes.little32(at: place + 24)
      guard let item = Item.allCases.first(where: { $0.id == id }) else {
        guard flags & 4 == 0 else {
          throw BlockError(.unsupported, "the VHDX metadata item \(id) is not known, and cannot be ignored")
        }
        let start = region.offset + UInt64(offset)
        others.append(start..<start + UInt64(length))
        continue
      }
      guard places[item] == nil else {
        throw BlockError(.corrupt, "the VHDX metadata has two items '\(item.name)'")
      }
      guard length >= item.length, length <= largestItem, offset >= UInt32(tableLength),
        UInt64(offset) + UInt64(length) <= UInt64(region.length)
      else {
        throw BlockError(
          .corrupt,
          "the VHDX metadata item '\(item.name)' (offset \(offset), \(length) bytes) is where none can be")
      }
      let start = region.offset + UInt64(offset)
      places[item] = start..<start + UInt64(length)
    }
    return (places, others)
  }

  /// Bytes from the region's start at which the items of a new image stand; the parent locator is the last.
  private static let newPlaces: [(item: Item, offset: Int)] = [
    (.fileParameters, 0x10000), (.diskSize, 0x10008), (.diskID, 0x10010), (.sectorSize, 0x10020),
    (.physicalSectorSize, 0x10024), (.parentLocator, newLocator),
  ]
  /// The parent locator's offset in a new image, a multiple of 4096: there is room for it up to the region's end.
  static let newLocator = 0x11000

  /// The bytes of a new image's region, up to the last item.
  func newRegion() throws(BlockError) -> Buffer {
    let locator = try parent?.bytes()
    let buffer = Buffer(count: VhdxMetadata.newLocator + (locator?.count ?? 0))
    var bytes = buffer.mutableBytes
    bytes.storeLittle(VhdxMetadata.mark, at: 0)
    let items = VhdxMetadata.newPlaces.filter { $0.item != .parentLocator || locator != nil }
    bytes.storeLittle(UInt32(items.count) << 16, at: 8)
    for (index, (item, offset)) in items.enumerated() {
      let place = 32 + index * 32
      item.id.write(to: &bytes, at: place)
      bytes.storeLittle(UInt32(offset), at: place + 16)
      bytes.storeLittle(item == .parentLocator ? UInt32(locator?.count ?? 0) : item.length, at: place + 20)
      bytes.storeLittle(item.flags, at: place + 24)
    }
    bytes.storeLittle(UInt32(blockSize), at: 0x10000)
    bytes.storeLittle((isFixed ? 1 : 0) | (hasParent ? 2 : 0) as UInt32, at: 0x10004)
    bytes.storeLittle(diskSize, at: 0x10008)
    diskID.write(to: &bytes, at: 0x10010)
    bytes.storeLittle(UInt32(sectorSize), at: 0x10020)
    bytes.storeLittle(physicalSectorSize, at: 0x10024)
    if let locator { bytes.copy(locator.bytes, at: VhdxMetadata.newLocator) }
    return buffer
  }
}
