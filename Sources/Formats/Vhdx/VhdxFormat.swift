// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BlockTables
internal import Bytes
package import Errors
package import Options

/// Disks of Hyper-V: two headers, a log, and blocks of 1 to 256 MiB.
package struct VhdxFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `vhdx`.
  package var name: String { "vhdx" }
  /// Its driver.
  package var driverTypes: [any BlockDriver.Type] { [VhdxDriver.self] }

  /// Differencing images have one.
  package var supportsBacking: Bool { true }

  /// The options that `create` accepts.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size; max of 64TB."),
      OptionSpec("backing_file", .string, "File name of the parent of a differencing image"),
      OptionSpec("backing_fmt", .string, "Image format of the parent: vhdx", values: ["vhdx"]),
      OptionSpec(
        "log_size", .size, "Log size; min 1MB.", default: 1_048_576,
        bounds: .init(1...4095 << 20, roundedUpTo: 1 << 20)),
      OptionSpec(
        "block_size", .size,
        "Block Size; min 1MB, max 256MB. 0 means auto-calculate based on image size.", default: 0,
        values: ["0"] + SizeText.powersOfTwo(20...28)),
      OptionSpec(
        "subformat", .string,
        "VHDX format type, can be either 'dynamic' or 'fixed'. Default is 'dynamic'.",
        values: ["dynamic", "fixed"]),
      OptionSpec(
        "block_state_zero", .bool,
        "Force use of payload blocks of type 'ZERO'. Non-standard, but default."),
      OptionSpec(
        "logical_sector_size", .size, "Sector size of the disk; 512 or 4096. Default is 512.",
        values: ["512", "4k"]),
    ]
  }

  /// Certain of the signature.
  package func probe(_ input: ProbeInput) -> Recognition? {
    VhdxHeader.hasSignature(input.head.bytes) ? Recognition(by: "the signature at byte 0") : nil
  }

  /// Disks have whole sectors.
  package func lengthOfNew(_ size: UInt64, options: OptionObject) throws(BlockError) -> UInt64 {
    guard options["logical_sector_size"] == 4096 else { return size }
    guard let length = size.roundedUp(to: 4096) else {
      throw VhdxMetadata.tooLarge
    }
    return length
  }

  /// Parts that were never written read as zero, unless they have a place on storage that does not.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool {
    let hasPlaces =
      options["subformat"] == "fixed" || !["off", nil].contains(options["preallocation"]?.string)
    return storageReadsZero || !hasPlaces
  }

  /// Reads headers and metadata, after the log has been replayed; the block map is read when it is needed.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    let read: VhdxReader = { (offset, count) throws(BlockError) in try file.read(at: offset, count: count) }
    let structure = try VhdxStructure(read)
    try request.recover(try structure.recovery(fileLength: file.length, read))
    let driver = try VhdxDriver(structure, try structure.metadata(read))
    let reference = driver.reference
    guard reference != nil || !driver.hasParent else {
      throw BlockError(.corrupt, "the VHDX parent locator names no file")
    }
    if request.node.isWritable { try driver.clearLog(request.node) }
    return OpenedDriver(driver, references: reference.map { [$0] } ?? [])
  }

  /// Writes headers, region tables, metadata and a block map, in an order in which the image is one at the end.
  package func create(_ request: CreateRequest) throws(BlockError) {
    let plan = try VhdxPlan(
      size: request.size, request.options, parent: request.backing, file: request.file.child.fileName)
    let file = request.file
    try file.truncate(to: plan.fileLength, exact: false, preallocation: plan.preallocation)
    // What was here before must be taken for nothing of the new image.
    try file.writeZeroes(at: 0, length: plan.dataOffset, mayUnmap: true)
    try plan.writeTables(to: file)
  }
}

extension VhdxFormat: MeasuringKind {
  /// Headers, log, map and metadata, and the blocks.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    let plan = try VhdxPlan(
      size: try lengthOfNew(request.wholeLength, options: request.options), request.options)
    return plan.hasPlaces
      ? ImageMeasure(empty: plan.fullLength, full: plan.fullLength, fullyAllocated: true)
      : ImageMeasure(empty: plan.dataOffset, full: plan.fullLength, unit: plan.metadata.blockSize)
  }
}

extension VhdxFormat: InspectingKind {
  /// Reads headers, region tables and metadata, and tells of a log that is to be replayed.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let read: VhdxReader = { (offset, count) throws(BlockError) in try file.read(at: offset, count: count) }
    let structure = try VhdxStructure(read)
    let metadata = try structure.metadata(read)
    var findings = HeaderFindings(virtualSize: metadata.diskSize)
    findings.defects = structure.damage
    if let reference = metadata.parent?.reference(sectorSize: metadata.sectorSize) {
      findings.references.append(reference)
    }
    do throws(BlockError) {
      _ = try structure.layout(metadata)
      let recovery = try structure.recovery(fileLength: file.length, read)
      if !recovery.steps.isEmpty {
        findings.remarks.append(
          "the log has changes (\(recovery.steps.count - 1)) that are not in the file yet; they count when it is read"
        )
      }
    } catch {
      findings.defects.append(error.message)
    }
    findings.details = try structure.details(metadata)
    return findings
  }
}

extension VhdxStructure {
  /// What the headers and the metadata say of the image and its parent.
  fileprivate func details(_ metadata: VhdxMetadata) throws(BlockError) -> [HeaderDetail] {
    let map = try regions.region(VhdxRegions.blockMap, "block map")
    var details = [
      HeaderDetail("subformat", .text(metadata.kindWords)),
      HeaderDetail("block-size", .bytes(metadata.blockSize)),
      HeaderDetail("logical-sector-size", .bytes(metadata.sectorSize)),
      HeaderDetail("physical-sector-size", .bytes(UInt64(metadata.physicalSectorSize))),
      HeaderDetail("log-size", .bytes(UInt64(header.logLength))),
      HeaderDetail("block-map-offset", .number(map.offset)),
      HeaderDetail("disk-id", .text("\(metadata.diskID)")),
      HeaderDetail("data-write-id", .text("\(header.dataWriteID)")),
    ]
    for (key, value) in metadata.parent?.known ?? [] {
      let name = key.hasPrefix("parent") ? key : "parent-" + key
      details.append(HeaderDetail(name.replacing("_", with: "-"), .text(value)))
    }
    return details
  }
}
