// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BlockTables
internal import Bytes
package import Errors
package import Options

/// Disks of VirtualBox: a header, a block map, and blocks of 1 MiB.
package struct VdiFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `vdi`.
  package var name: String { "vdi" }
  /// Its driver.
  package var driverTypes: [any BlockDriver.Type] { [VdiDriver.self] }

  /// The options that `create` accepts.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size"),
      OptionSpec("static", .bool, "VDI static (pre-allocated) image", default: .bool(false)),
    ]
  }

  /// Certain of the signature.
  package func probe(_ input: ProbeInput) -> Recognition? {
    VdiHeader.hasSignature(input.head.bytes) ? Recognition(by: "the signature at byte 64") : nil
  }

  /// Parts that were never written read as zero, unless they have a place on storage that does not.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool {
    let hasPlaces = options["static"] == true || !["off", nil].contains(options["preallocation"]?.string)
    return storageReadsZero || !hasPlaces
  }

  /// Reads the header; the map is read when it is needed.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    let head = try file.read(at: 0, count: VdiHeader.length)
    let header = try VdiHeader(parsing: head.bytes)
    let layout = try header.layout(fileLength: file.length)
    return OpenedDriver(VdiDriver(header, layout))
  }

  /// Writes a header and a map; the places behind the map start at a multiple of 1 MiB, which leaves the disk room to
  /// grow.
  package func create(_ request: CreateRequest) throws(BlockError) {
    let plan = try VdiPlan(size: request.size, request.options)
    let file = request.file
    // An old image's map must not be taken for the new one's.
    try file.truncate(to: plan.fileLength, exact: false, preallocation: plan.preallocation)
    try plan.writeMap(to: file)
    let head = Buffer(count: VdiHeader.length)
    var bytes = head.mutableBytes
    plan.header.writeNew(to: &bytes)
    try file.write(at: 0, from: head.bytes)
  }
}

extension VdiFormat: MeasuringKind {
  /// Header and map, and the blocks.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    let plan = try VdiPlan(size: request.wholeLength, request.options)
    let empty = UInt64(plan.header.dataOffset)
    let full = empty + UInt64(plan.header.blockCount) * UInt64(VdiHeader.blockSize)
    return plan.hasPlaces
      ? ImageMeasure(empty: full, full: full, fullyAllocated: true)
      : ImageMeasure(empty: empty, full: full, unit: UInt64(VdiHeader.blockSize))
  }
}

extension VdiFormat: InspectingKind {
  /// Reads the header, and compares where the map and the blocks ought to be with the length of the file.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let area = try file.read(at: 0, count: VdiHeader.length)
    let header = try VdiHeader(parsing: area.bytes)
    var findings = HeaderFindings(virtualSize: header.diskSize)
    let isFixed = header.imageType == VdiHeader.ImageType.fixed.rawValue
    findings.details = [
      HeaderDetail("subformat", .text(isFixed ? "static" : "dynamic")),
      HeaderDetail("block-size", .bytes(UInt64(VdiHeader.blockSize))),
      HeaderDetail("disk-id", .text("\(header.imageID)")),
    ]
    do throws(BlockError) {
      _ = try header.layout(fileLength: file.length)
    } catch {
      findings.defects.append(error.message)
    }
    if VdiHeader.ImageType(rawValue: header.imageType) == nil {
      findings.remarks.append("image type \(header.imageType) is read as a dynamic image")
    }
    return findings
  }
}

/// The header and the places of a new image.
struct VdiPlan {
  /// Its header.
  let header: VdiHeader
  /// Whether each block has a place from the start.
  let hasPlaces: Bool
  /// How these get their space.
  let preallocation: Preallocation

  /// - Throws: kind `tooLarge` for a disk that the format cannot have; the defect of the creation options.
  init(size: UInt64, _ options: OptionObject) throws(BlockError) {
    var options = options
    let isFixed = try options.takeBool("static") ?? false
    preallocation = try options.takePreallocation() ?? .off
    guard preallocation != .metadata else {
      throw BlockError.noPreallocation(.metadata)
    }
    guard size <= VdiHeader.largestDisk else { throw VdiHeader.tooLarge(size) }
    let blocks = size.dividedUp(by: UInt64(VdiHeader.blockSize))
    let mapEnd = UInt64(VdiHeader.length) + blocks * 4
    let data = mapEnd.dividedUp(by: UInt64(VdiHeader.blockSize)) * UInt64(VdiHeader.blockSize)
    hasPlaces = isFixed || preallocation == .falloc || preallocation == .full
    header = VdiHeader(
      imageType: (isFixed ? VdiHeader.ImageType.fixed : .dynamic).rawValue,
      mapOffset: UInt32(VdiHeader.length), dataOffset: UInt32(data), diskSize: size, blockExtra: 0,
      blockCount: UInt32(blocks), allocatedCount: hasPlaces ? UInt32(blocks) : 0, imageID: .random(),
      modificationID: .random())
  }

  /// Bytes of the file.
  var fileLength: UInt64 {
    UInt64(header.dataOffset) + (hasPlaces ? UInt64(header.blockCount) << 20 : 0)
  }

  /// Writes the map.
  func writeMap(to file: Edge) throws(BlockError) {
    try header.coding.writeTable(
      of: UInt64(header.blockCount), at: UInt64(header.mapOffset), to: file
    ) { hasPlaces ? $0 : UInt64(UInt32.max) }
  }
}
