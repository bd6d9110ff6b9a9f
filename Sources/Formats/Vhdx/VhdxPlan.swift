// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Options

/// The places of everything in a new image, and what stands there.
struct VhdxPlan {
  /// The text in the file's identifier, which no reader relies on.
  private static let creator = "Strata"
  /// Disks of up to so many bytes have blocks of the given size, as `qemu-img` makes them.
  private static let usualBlocks: [(largestDisk: UInt64, blockSize: UInt64)] = [
    (1 << 30, 8 << 20), (100 << 30, 16 << 20), (32 << 40, 32 << 20),
  ]
  private static let largestUsualBlock: UInt64 = 64 << 20

  /// The metadata.
  var metadata: VhdxMetadata
  /// Whether each block has a place from the start.
  let hasPlaces: Bool
  /// Whether blocks without a place are said to be zeros.
  let statesZeroes: Bool
  /// How places get their space.
  let preallocation: Preallocation
  /// Bytes of the log.
  let logLength: UInt32

  /// - Throws: the defect of the creation options, in `qemu-img`'s words; kind `tooLarge` for a disk that there is not.
  ///
  /// - Parameters:
  ///   - parent: what the backing file is known by, where it was opened.
  ///   - file: the name of the image's file.
  init(
    size: UInt64, _ options: OptionObject, parent identity: ImageIdentity? = nil, file: String = ""
  ) throws(BlockError) {
    var options = options
    let backing = try options.takeString("backing_file")
    if let format = try options.takeString("backing_fmt"), format != "vhdx" { throw VhdxParent.foreign }
    let isFixed = try VhdxPlan.takeIsFixed(&options)
    statesZeroes = try options.takeBool("block_state_zero") ?? true
    preallocation = try options.takePreallocation() ?? .off
    guard size <= VhdxMetadata.largestDisk else { throw VhdxMetadata.tooLarge }
    logLength = try VhdxPlan.takeLogLength(&options)
    let blockSize = try VhdxPlan.takeBlockSize(&options, for: size)
    let parent = try identity.map { (identity) throws(BlockError) in try VhdxParent(identity) }
    let sectorSize = try options.takeSize("logical_sector_size") ?? parent?.sectorSize ?? 512
    if let backing { try parent?.requireSectors(of: sectorSize, backing) }
    guard sectorSize == 512 || sectorSize == 4096 else {
      throw BlockError(.invalidArgument, "The logical sector size must be 512 or 4096")
    }
    guard size.isMultiple(of: sectorSize) else {
      throw BlockError(
        .invalidArgument, "The disk's length must be a multiple of its sectors of \(sectorSize) bytes")
    }
    guard preallocation != .metadata else {
      throw BlockError.noPreallocation(.metadata)
    }
    guard backing == nil || !isFixed else {
      throw BlockError(.invalidArgument, "A fixed image cannot have a backing file")
    }
    // What is not stored shows the parent.
    hasPlaces = backing == nil && (isFixed || preallocation == .falloc || preallocation == .full)
    metadata = VhdxMetadata(
      blockSize: blockSize, isFixed: isFixed, hasParent: backing != nil, diskSize: size, diskID: .random(),
      sectorSize: sectorSize, physicalSectorSize: UInt32(sectorSize), parent: nil)
    guard let backing else { return }
    if let parent { metadata.diskID = parent.diskID }
    metadata.parent = try VhdxParentLocator(
      of: backing, parent ?? VhdxParent(dataWriteID: .none, diskID: .none), in: file)
  }

  private static func takeIsFixed(_ options: inout OptionObject) throws(BlockError) -> Bool {
    switch try options.takeString("subformat") {
    case nil, "dynamic": return false
    case "fixed": return true
    case .some(let other):
      throw BlockError(.invalidArgument, "Parameter 'subformat' does not accept value '\(other)'")
    }
  }

  private static func takeLogLength(_ options: inout OptionObject) throws(BlockError) -> UInt32 {
    let stated = try options.takeSize("log_size") ?? VhdxHeader.section
    guard stated < 1 << 32 else { throw BlockError(.invalidArgument, "Log size must be smaller than 4 GB") }
    guard stated > 0 else { throw BlockError(.invalidArgument, "Log size must be a multiple of 1 MB") }
    guard let length = UInt32(exactly: stated.dividedUp(by: VhdxHeader.section) * VhdxHeader.section) else {
      throw BlockError(.invalidArgument, "Log size must be smaller than 4 GB")
    }
    return length
  }

  private static func takeBlockSize(_ options: inout OptionObject, for size: UInt64) throws(BlockError)
    -> UInt64
  {
    let stated = try options.takeSize("block_size") ?? 0
    guard stated != 0 else {
      return usualBlocks.first { size <= $0.largestDisk }?.blockSize ?? largestUsualBlock
    }
    guard stated.isPowerOfTwo else { throw BlockError(.invalidArgument, "Block size must be a power of two") }
    return min(max(stated, VhdxMetadata.blockSizes.lowerBound), VhdxMetadata.blockSizes.upperBound)
  }

  private var mapOffset: UInt64 { VhdxHeader.section + UInt64(logLength) }
  private var mapLength: UInt64 { metadata.mapLength(for: metadata.diskSize) }
  private var metadataOffset: UInt64 { mapOffset + mapLength }
  private var blocks: UInt64 { metadata.diskSize.dividedUp(by: metadata.blockSize) }
  /// The offset of the first block.
  var dataOffset: UInt64 { metadataOffset + UInt64(VhdxMetadata.regionLength) }
  /// Bytes of the file when all is written.
  var fullLength: UInt64 { dataOffset + blocks * metadata.blockSize }
  /// Bytes of the new file.
  var fileLength: UInt64 { hasPlaces ? fullLength : dataOffset }

  /// Writes everything but blocks into zeros, the headers last.
  func writeTables(to file: Edge) throws(BlockError) {
    try writeMap(to: file)
    let region = try metadata.newRegion()
    try file.write(at: metadataOffset, from: region.bytes)
    let regions = VhdxRegions(regions: [
      VhdxRegions.Region(
        id: VhdxRegions.blockMap, offset: mapOffset, length: UInt32(clamping: mapLength), isRequired: true),
      VhdxRegions.Region(
        id: VhdxRegions.metadata, offset: metadataOffset, length: VhdxMetadata.regionLength,
        isRequired: true),
    ])
    var header = VhdxHeader(
      sequence: 1, fileWriteID: .random(), dataWriteID: .random(), logID: .none, logLength: logLength,
      logOffset: VhdxHeader.section)
    for copy in 0..<2 {
      try regions.write(to: file, copy: copy)
      try header.write(to: file, copy: copy)
      header.sequence += 1
    }
    let head = Buffer(count: 8 + VhdxPlan.creator.utf16.count * 2)
    var bytes = head.mutableBytes
    bytes.storeLittle(VhdxHeader.signature, at: 0)
    for (index, unit) in VhdxPlan.creator.utf8.enumerated() { bytes.store(unit, at: 8 + index * 2) }
    try file.write(at: 0, from: head.bytes)
  }

  /// Writes the block map, with an entry for a bitmap behind those of its blocks.
  private func writeMap(to file: Edge) throws(BlockError) {
    let coding = VhdxCoding(hasParent: metadata.hasParent)
    let hole = coding.value(of: .hole) ?? 0
    let blank = statesZeroes && !metadata.hasParent ? coding.value(of: .zero) ?? hole : hole
    guard hasPlaces || blank != 0 else { return }
    let group = metadata.blocksPerBitmap + 1
    // The map of a disk without a parent ends with the last block.
    try coding.writeTable(
      of: metadata.entries(for: metadata.diskSize), at: mapOffset, period: hasPlaces ? nil : group, to: file
    ) { index in
      guard index % group != group - 1 else { return hole }
      let block = index - index / group
      guard block < blocks else { return hole }
      return hasPlaces ? coding.value(of: .data(dataOffset + block * metadata.blockSize)) ?? hole : blank
    }
  }
}
