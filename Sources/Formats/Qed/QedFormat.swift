// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BlockTables
internal import Bytes
package import Errors
package import Options

/// QED images: tables in two levels, backing files, and no counts of what is in use.
package struct QedFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `qed`.
  package var name: String { "qed" }
  /// Its driver.
  package var driverTypes: [any BlockDriver.Type] { [QedDriver.self] }
  /// Images may have one.
  package var supportsBacking: Bool { true }

  /// The options that `create` accepts.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size"),
      OptionSpec("backing_file", .string, "File name of a base image"),
      OptionSpec("backing_fmt", .string, "Image format of the base image"),
      OptionSpec(
        "cluster_size", .size, "Cluster size (in bytes)", default: 65536,
        values: SizeText.powersOfTwo(12...26)),
      OptionSpec(
        "table_size", .size, "L1/L2 table size (in clusters)", values: ["1", "2", "4", "8", "16"]),
    ]
  }

  /// Certain of the magic.
  package func probe(_ input: ProbeInput) -> Recognition? {
    QedHeader.hasMagic(input.head.bytes) ? Recognition(by: "the magic at byte 0") : nil
  }

  /// Parts that were never written read as zero, unless they have a place on storage that does not.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool {
    storageReadsZero || ["off", nil].contains(options["preallocation"]?.string)
  }

  /// Reads the header; tables are read when they are needed.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    let header = try QedHeader { (offset, count) throws(BlockError) in try file.read(at: offset, count: count)
    }
    let driver = QedDriver(header, try header.layout(fileLength: file.length))
    return OpenedDriver(driver, references: header.backing.map { [$0] } ?? [])
  }

  /// Writes a header and an L1 table that names no tables, or with a preallocation all of them.
  package func create(_ request: CreateRequest) throws(BlockError) {
    let plan = try QedPlan(size: request.size, request.options)
    let file = request.file
    try file.truncate(to: plan.fileLength, exact: false, preallocation: plan.preallocation)
    // An old image's tables must not be taken for the new one's.
    try file.writeZeroes(at: 0, length: plan.header.headerBytes + plan.header.tableBytes, mayUnmap: true)
    if plan.hasPlaces { try plan.writeTables(to: file) }
    var header = plan.header
    try header.setBacking(plan.backingName, format: plan.backingFormat, in: file)
    try header.write(to: file)
  }
}

extension QedFormat: MeasuringKind {
  /// Header and tables, and the clusters.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    let plan = try QedPlan(size: request.wholeLength, request.options)
    return ImageMeasure(
      empty: plan.hasPlaces ? plan.fileLength : plan.tablesLength, full: plan.fullLength,
      unit: plan.hasPlaces ? 0 : plan.header.clusterSize, fullyAllocated: plan.hasPlaces)
  }
}

extension QedFormat: InspectingKind {
  /// Reads the header, and compares where the L1 table ought to be with the length of the file.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let header = try QedHeader { (offset, count) throws(BlockError) in try file.read(at: offset, count: count)
    }
    var findings = HeaderFindings(virtualSize: header.size)
    findings.details = [
      HeaderDetail("cluster-size", .bytes(header.clusterSize)),
      HeaderDetail("table-size", .number(header.tableSize)),
    ]
    do throws(BlockError) {
      _ = try header.layout(fileLength: file.length)
    } catch {
      findings.defects.append(error.message)
    }
    if let backing = header.backing { findings.references.append(backing) }
    for (kind, bits) in [("compatible", header.compatible), ("autoclear", header.autoclear)] where bits != 0 {
      findings.unknownFeatures.append("\(kind) features 0x\(String(bits, radix: 16))")
    }
    if header.features.contains(.needsCheck) { findings.remarks.append("the image was not closed") }
    return findings
  }
}

/// The header, the backing file and the allocation of a new image.
struct QedPlan {
  /// Its header, without a backing file.
  let header: QedHeader
  /// The backing file, if it has one.
  let backingName: String?
  /// That file's format.
  let backingFormat: String?
  /// How clusters get their space.
  let preallocation: Preallocation

  /// - Throws: the defect of the creation options, in `qemu-img`'s words.
  init(size: UInt64, _ options: OptionObject) throws(BlockError) {
    var options = options
    let clusterSize = try options.takeSize("cluster_size") ?? 65536
    let tableSize = try options.takeSize("table_size") ?? 4
    backingName = try options.takeString("backing_file")
    backingFormat = try options.takeString("backing_fmt")
    preallocation = try options.takePreallocation() ?? .off
    guard preallocation != .metadata else {
      throw BlockError.noPreallocation(.metadata)
    }
    guard QedHeader.clusterSizes.contains(clusterSize), clusterSize.isPowerOfTwo else {
      throw BlockError(
        .invalidArgument, "QED cluster size must be within range [4096, 67108864] and power of 2")
    }
    guard QedHeader.tableSizes.contains(tableSize), tableSize.isPowerOfTwo else {
      throw BlockError(.invalidArgument, "QED table size must be within range [1, 16] and power of 2")
    }
    header = QedHeader(
      clusterSize: clusterSize, tableSize: tableSize, l1Offset: clusterSize,
      size: size.roundedUp(to: 512) ?? .max)
    guard header.size <= header.largestDisk else {
      throw BlockError(
        .tooLarge,
        "QED image size must be a non-zero multiple of cluster size and less than \(header.largestDisk) bytes"
      )
    }
  }

  /// Whether each cluster has a place from the start: clusters without one show the backing file.
  var hasPlaces: Bool { backingName == nil && (preallocation == .falloc || preallocation == .full) }
  private var clusters: UInt64 { header.size.dividedUp(by: header.clusterSize) }
  private var tables: UInt64 { clusters.dividedUp(by: header.entries) }
  private var emptyLength: UInt64 { header.headerBytes + header.tableBytes }
  /// Bytes of header and all tables.
  var tablesLength: UInt64 { emptyLength + tables * header.tableBytes }
  /// Bytes of the file when all is written.
  var fullLength: UInt64 { tablesLength + clusters * header.clusterSize }
  /// Bytes of the new file.
  var fileLength: UInt64 { hasPlaces ? fullLength : emptyLength }

  /// Writes the tables of an image whose clusters all have places: each table before its clusters.
  func writeTables(to file: Edge) throws(BlockError) {
    let perTable = header.tableBytes + header.entries * header.clusterSize
    let coding = QedCoding()
    for table in 0..<tables {
      let start = emptyLength + table * perTable
      let count = min(header.entries, clusters - table * header.entries)
      try coding.writeTable(of: count, at: start, to: file) {
        start + header.tableBytes + $0 * header.clusterSize
      }
    }
    try coding.writeTable(of: tables, at: header.l1Offset, to: file) { emptyLength + $0 * perTable }
  }
}
