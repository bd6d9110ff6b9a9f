// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BlockTables
internal import Bytes
package import Errors
package import Options
internal import XML

/// Expanding disks of Parallels: a header, a block map, and clusters of any size.
package struct ParallelsFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `parallels`.
  package var name: String { "parallels" }
  /// Its drivers.
  package var driverTypes: [any BlockDriver.Type] { [ParallelsDriver.self, ParallelsDiskDriver.self] }

  /// The options that `create` accepts.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size"),
      OptionSpec(
        "cluster_size", .size, "Parallels image cluster size", default: 1_048_576,
        bounds: .init(1...UInt64(ParallelsHeader.largestTracks) * 512, roundedUpTo: 512)),
    ]
  }

  /// The images of a disk in several files.
  package var referenceSlots: [EdgeSlot] { [ParallelsDiskDriver.slots] }
  /// The description of such a disk.
  package var folderEntry: String? { "DiskDescriptor.xml" }

  /// Certain of the magic, where the version is the one that there is, and of the text of a description.
  package func probe(_ input: ProbeInput) -> Recognition? {
    if ParallelsHeader.kind(of: input.head.bytes) != nil {
      return Recognition(by: "the magic and the version at byte 0")
    }
    return XMLHead.isParallelsDisk(input.head.bytes)
      ? Recognition(by: "the outermost element of the text") : nil
  }

  /// Parts that were never written read as zero, unless they have a place on storage that does not.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool {
    storageReadsZero || ["off", nil].contains(options["preallocation"]?.string)
  }

  /// Reads the header; the map is read when it is needed, and the format extension where something may be written.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    let head = try file.read(at: 0, count: ParallelsHeader.length)
    if ParallelsHeader.kind(of: head.bytes) == nil {
      let disk = try ParallelsFormat.description(fileLength: file.length) {
        (offset, count) throws(BlockError) in
        try file.read(at: offset, count: count)
      }
      if let disk { return try ParallelsFormat.open(disk, request.flags) }
    }
    let header = try ParallelsHeader(parsing: head.bytes)
    var features: ParallelsExtension?
    var defect: BlockError?
    if header.extensionOffset != 0, !request.flags.isDisjoint(with: [.writable, .checking]) {
      do throws(BlockError) {
        features = try ParallelsExtension(
          at: header.extensionOffset, clusterSize: header.clusterSize, in: file)
      } catch {
        guard error.kind == .corrupt || error.kind == .unsupported else { throw error }
        defect = error
      }
    }
    if request.flags.contains(.writable) {
      try ParallelsFormat.requireWritable(header, features, defect, request.flags)
    }
    let layout = try header.layout(fileLength: file.length, extensions: features?.places ?? [])
    return OpenedDriver(ParallelsDriver(header, layout, features, defect))
  }

  /// The description that a file is; nil where it is none.
  private static func description(
    fileLength: UInt64, _ read: (UInt64, Int) throws(BlockError) -> Buffer
  ) throws(BlockError) -> ParallelsDisk? {
    let head = try read(0, Int(min(fileLength, UInt64(ProbeInput.headLength))))
    guard XMLHead.isParallelsDisk(head.bytes) else { return nil }
    guard fileLength <= UInt64(XMLLimits.descriptor.bytes) else {
      throw BlockError(.tooLarge, "the description is longer than \(XMLLimits.descriptor.bytes) bytes")
    }
    let text = try read(0, Int(fileLength))
    return try ParallelsDisk(parsing: text.bytes)
  }

  private static func open(_ disk: ParallelsDisk, _ flags: NodeFlags) throws(BlockError) -> OpenedDriver {
    guard !flags.contains(.writable) else { throw ParallelsDiskDriver.onlyRead }
    let driver = ParallelsDiskDriver(disk)
    return OpenedDriver(driver, fileRole: [.metadata, .primary], references: driver.references)
  }

  /// Throws where an image may not be written.
  static func requireWritable(
    _ header: ParallelsHeader, _ features: ParallelsExtension?, _ defect: BlockError?, _ flags: NodeFlags
  ) throws(BlockError) {
    if let feature = features?.forbidding {
      throw BlockError(
        .unsupported,
        "Feature 0x\(String(feature.magic, radix: 16)) of the format extension forbids changes by programs "
          + "that do not know it")
    }
    if let defect, defect.kind != .corrupt { throw defect }
    guard !flags.contains(.checking) else { return }
    if let defect { throw defect.advising("'check -r all' takes the format extension away.") }
    guard header.use != ParallelsHeader.Use.open else {
      throw BlockError(
        .refused, "parallels: Image was not closed correctly; cannot be opened read/write",
        advice: "'check -r all' mends it; it can be read as it is.")
    }
  }

  /// Writes a header and a map that is empty, or with a preallocation full.
  package func create(_ request: CreateRequest) throws(BlockError) {
    let plan = try ParallelsPlan(size: request.size, request.options)
    let file = request.file
    try file.truncate(to: plan.fileLength, exact: false, preallocation: plan.preallocation)
    // An old image's map must not be taken for the new one's.
    try file.writeZeroes(at: 0, length: plan.dataOffset, mayUnmap: true)
    if plan.hasPlaces {
      try plan.header.coding.writeTable(
        of: UInt64(plan.header.entries), at: UInt64(ParallelsHeader.length), to: file
      ) { plan.dataOffset / plan.header.clusterSize + $0 }
    }
    try plan.header.write(to: file)
  }
}

extension ParallelsFormat: MeasuringKind {
  /// Header and map, and the clusters.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    let plan = try ParallelsPlan(size: request.wholeLength, request.options)
    return plan.hasPlaces
      ? ImageMeasure(empty: plan.fullLength, full: plan.fullLength, fullyAllocated: true)
      : ImageMeasure(empty: plan.dataOffset, full: plan.fullLength, unit: plan.header.clusterSize)
  }
}

extension ParallelsFormat: InspectingKind {
  /// Reads the header, and compares where map and clusters ought to be with the length of the file.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let disk = try ParallelsFormat.description(fileLength: file.length) {
      (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    if let disk {
      var findings = HeaderFindings(virtualSize: disk.size)
      findings.references = ParallelsDiskDriver(disk).references
      return findings
    }
    let area = try file.read(at: 0, count: ParallelsHeader.length)
    let header = try ParallelsHeader(parsing: area.bytes)
    var findings = HeaderFindings(virtualSize: header.size)
    findings.details = [
      HeaderDetail("magic", .text(String(decoding: header.kind.magic, as: UTF8.self))),
      HeaderDetail("cluster-size", .bytes(header.clusterSize)),
    ]
    do throws(BlockError) {
      _ = try header.layout(fileLength: file.length)
    } catch {
      findings.defects.append(error.message)
    }
    if header.statedData(fileLength: file.length) == nil {
      findings.defects.append("clusters cannot start at sector \(header.dataOffset)")
    }
    let mapped = UInt64(header.entries) * header.clusterSize
    if header.size > mapped {
      findings.defects.append("the block map is for \(mapped) of \(header.size) bytes")
    }
    if header.use == ParallelsHeader.Use.open { findings.remarks.append("the image was not closed") }
    if header.extensionOffset != 0 {
      findings.remarks.append("there is a format extension at sector \(header.extensionOffset)")
    }
    return findings
  }
}

/// The header and the places of a new image.
struct ParallelsPlan {
  /// Its header.
  let header: ParallelsHeader
  /// How clusters get their space.
  let preallocation: Preallocation

  /// - Throws: the defect of the creation options, in `qemu-img`'s words.
  init(size: UInt64, _ options: OptionObject) throws(BlockError) {
    var options = options
    let wanted = try options.takeSize("cluster_size") ?? 1 << 20
    preallocation = try options.takePreallocation() ?? .off
    guard preallocation != .metadata else {
      throw BlockError.noPreallocation(.metadata)
    }
    guard let clusterSize = wanted.roundedUp(to: 512), clusterSize / 512 <= ParallelsHeader.largestTracks
    else {
      throw BlockError(
        .invalidArgument, "Cluster size is too large",
        advice: "\(ParallelsHeader.largestTracks * 512) bytes are the most.")
    }
    guard clusterSize > 0, size.dividedUp(by: clusterSize) <= UInt64(ParallelsHeader.largestEntries),
      Int64(exactly: size) != nil
    else {
      throw BlockError(.tooLarge, "Image size is too large for this cluster size")
    }
    var header = ParallelsHeader(
      kind: .extended, cylinders: 0, tracks: UInt32(clusterSize / 512), entries: 0, sectors: 0, dataOffset: 0)
    header.setSize(size)
    header.dataOffset = UInt32(clamping: header.firstData(mapEnd: header.mapEnd) / 512)
    self.header = header
  }

  /// Whether each cluster has a place from the start.
  var hasPlaces: Bool { preallocation == .falloc || preallocation == .full }
  /// The start of the first cluster, in bytes.
  var dataOffset: UInt64 { UInt64(header.dataOffset) * 512 }
  /// Bytes of the file when all is written.
  var fullLength: UInt64 { dataOffset + UInt64(header.entries) * header.clusterSize }
  /// Bytes of the new file.
  var fileLength: UInt64 { hasPlaces ? fullLength : dataOffset }
}
