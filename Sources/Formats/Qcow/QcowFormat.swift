// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BlockTables
internal import Bytes
package import Errors
package import Options

/// qcow images, version 1: tables in two levels, backing files, compression and AES.
package struct QcowFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `qcow`.
  package var name: String { "qcow" }
  /// Its driver.
  package var driverTypes: [any BlockDriver.Type] { [QcowDriver.self] }
  /// `qcow1`, as some call it to tell it from the second version.
  package var alias: String? { "qcow1" }
  /// Images may have one.
  package var supportsBacking: Bool { true }
  /// Clusters may be.
  package var supportsCompression: Bool { true }

  /// The options that `create` accepts.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size"),
      OptionSpec("backing_file", .string, "File name of a base image"),
      OptionSpec("backing_fmt", .string, "Format of the backing image"),
      OptionSpec(
        "encryption", .bool,
        "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)"),
      OptionSpec("encrypt.format", .string, "Encrypt the image, format choices: 'aes'", values: ["aes"]),
      OptionSpec(
        "encrypt.key-secret", .string, "ID of the secret that provides the AES encryption key"),
    ]
  }

  /// Certain of magic and version.
  package func probe(_ input: ProbeInput) -> Recognition? {
    QcowHeader.hasMagic(input.head.bytes) ? Recognition(by: "the magic and the version at byte 0") : nil
  }

  /// Parts that were never written read as zero, unless they have a place on storage that does not.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool {
    storageReadsZero || ["off", nil].contains(options["preallocation"]?.string)
  }

  /// The secret.
  package func openOptions(forNew options: OptionObject) -> OptionObject {
    var result = OptionObject()
    result["encrypt.key-secret"] = options["encrypt.key-secret"]
    return result
  }

  /// Reads the header; tables are read when they are needed.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    let encryption = try QcowEncryption(taking: &request.options)
    let header = try QcowHeader { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    let driver = QcowDriver(header, try encryption.cipher(for: header, request))
    return OpenedDriver(driver, references: header.backing.map { [$0] } ?? [])
  }

  /// Writes a header and an L1 table that names no tables, or with a preallocation all of them.
  package func create(_ request: CreateRequest) throws(BlockError) {
    let plan = try QcowPlan(size: request.size, request.options)
    guard request.size > 0 else {
      throw BlockError(.invalidArgument, "Image size is too small, cannot be zero length")
    }
    if let encryption = plan.encryption {
      _ = try request.secrets.newKey(named: encryption.requireSecret(isNew: true))
    }
    let file = request.file
    try file.truncate(to: plan.fileLength, exact: false, preallocation: plan.preallocation)
    // An old image's tables must not be taken for the new one's.
    try file.writeZeroes(at: 0, length: plan.emptyLength, mayUnmap: true)
    if plan.hasPlaces { try plan.writeTables(to: file) }
    if let name = plan.header.backingName {
      try file.write(at: plan.header.nameOffset, from: Buffer(name.spelledBytes).bytes)
    }
    try plan.header.write(to: file)
  }
}

extension QcowFormat: MeasuringKind {
  /// Header and tables, and the clusters.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    let plan = try QcowPlan(size: request.wholeLength, request.options)
    return ImageMeasure(
      empty: plan.hasPlaces ? plan.fullLength : plan.tablesLength, full: plan.fullLength,
      unit: plan.hasPlaces ? 0 : plan.header.clusterSize, fullyAllocated: plan.hasPlaces)
  }
}

extension QcowFormat: InspectingKind {
  /// Reads the header, and compares where the L1 table ought to be with the length of the file.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let header = try QcowHeader { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    var findings = HeaderFindings(virtualSize: header.size)
    findings.details = [HeaderDetail("cluster-size", .bytes(header.clusterSize))]
    if header.tableOffset + header.tables(for: header.size) * 8 > file.length {
      findings.defects.append("the L1 table (offset \(header.tableOffset)) lies past the end of the file")
    }
    if let backing = header.backing { findings.references.append(backing) }
    if header.isEncrypted { findings.encryption = "AES, without a check of the key" }
    if header.statedSize != header.size {
      findings.remarks.append("the last \(header.statedSize - header.size) bytes are no whole sector")
    }
    return findings
  }
}

/// The header, the encryption and the allocation of a new image.
struct QcowPlan {
  /// Its header.
  let header: QcowHeader
  /// How guest data is to be encrypted, if it is.
  let encryption: QcowEncryption?
  /// How clusters get their space.
  let preallocation: Preallocation

  /// The longest disk that `qemu-img` makes and opens; of longer ones, tables and clusters are larger.
  private static let usualLength: UInt64 = 1 << 49 - 1 << 21

  /// - Throws: the defect of the creation options, in `qemu-img`'s words.
  init(size: UInt64, _ options: OptionObject) throws(BlockError) {
    encryption = try QcowEncryption(creating: options)
    try encryption.map { (encryption) throws(BlockError) in _ = try encryption.requireSecret(isNew: true) }
    var options = options
    let name = try options.takeString("backing_file")
    preallocation = try options.takePreallocation() ?? .off
    guard preallocation != .metadata else {
      throw BlockError.noPreallocation(.metadata)
    }
    guard preallocation == .off || encryption == nil else {
      throw BlockError(.unsupported, "Preallocation of encrypted images is not supported")
    }
    guard name?.spelledCount ?? 0 <= QcowHeader.longestName else {
      throw BlockError(.tooLarge, "Backing file name too long")
    }
    let nameLength = (UInt64(name?.spelledCount ?? 0) + 7) / 8 * 8
    var header = QcowHeader(
      statedSize: size.roundedUp(to: 512) ?? .max, clusterBits: name == nil ? 12 : 9,
      tableBits: name == nil ? 9 : 12, isEncrypted: encryption != nil,
      tableOffset: UInt64(QcowHeader.length) + nameLength)
    if size > QcowPlan.usualLength { (header.clusterBits, header.tableBits) = (16, 13) }
    if let name {
      header.backingName = name
      header.nameOffset = UInt64(QcowHeader.length)
    }
    guard header.tables(for: header.statedSize) <= QcowHeader.largestTable else {
      throw BlockError(.tooLarge, "Image too large")
    }
    self.header = header
  }

  /// Whether each cluster has a place from the start: clusters without one show the backing file.
  var hasPlaces: Bool {
    header.backingName == nil && (preallocation == .falloc || preallocation == .full)
  }
  private var clusters: UInt64 { header.size.dividedUp(by: header.clusterSize) }
  private var tables: UInt64 { header.tables(for: header.size) }
  private var tableBytes: UInt64 { header.perTable * 8 }
  /// Bytes of header, name and L1 table, which `qemu-img` writes in whole sectors.
  var emptyLength: UInt64 { header.tableOffset + (tables * 8).dividedUp(by: 512) * 512 }
  /// The start of the first L2 table.
  private var start: UInt64 { emptyLength.dividedUp(by: header.clusterSize) * header.clusterSize }
  /// The start of an L2 table's clusters behind it.
  private var lead: UInt64 { tableBytes.dividedUp(by: header.clusterSize) * header.clusterSize }
  /// Bytes of header and all tables.
  var tablesLength: UInt64 { start + tables * lead }
  /// Bytes of the file when all is written.
  var fullLength: UInt64 { tablesLength + clusters * header.clusterSize }
  /// Bytes of the new file.
  var fileLength: UInt64 { hasPlaces ? fullLength : emptyLength }

  /// Writes the tables of an image whose clusters all have places: each table before its clusters.
  func writeTables(to file: Edge) throws(BlockError) {
    let perTable = lead + header.perTable * header.clusterSize
    for table in 0..<tables {
      let place = start + table * perTable
      let count = min(header.perTable, clusters - table * header.perTable)
      try header.coding.writeTable(of: count, at: place, to: file) { place + lead + $0 * header.clusterSize }
    }
    try header.coding.writeTable(of: tables, at: header.tableOffset, to: file) { start + $0 * perTable }
  }
}
