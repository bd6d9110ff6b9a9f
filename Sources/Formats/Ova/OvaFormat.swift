// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
internal import Compression
package import Errors
internal import Host
package import Options

/// Virtual appliances in an archive: a tar file whose first member describes the others.
package struct OvaFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `ova`.
  package var name: String { "ova" }
  /// The driver.
  package var driverTypes: [any BlockDriver.Type] { [ApplianceDriver.self] }
  /// The disks.
  package var referenceSlots: [EdgeSlot] { [ApplianceDriver.disks] }

  /// The options for the virtual machine and the digests.
  package var creationOptions: OptionList {
    [
      OptionSpec(
        "digest", .string, "Hash function of the manifest", default: "sha256",
        values: ["sha256", "sha1", "sha512"]),
      OptionSpec(
        "controller", .string, "Controller of the disks", default: "lsilogic", values: ["lsilogic", "sata"]),
      OptionSpec(
        "cpus", .number, "Number of virtual CPUs", default: 1, bounds: .init(OvfDescription.processors)),
      OptionSpec(
        "memory", .size, "Memory of the virtual machine, in whole MiB", default: 1_073_741_824,
        bounds: .init(OvfDescription.memory)),
    ]
  }

  /// Certain where the first member of an archive is a description, or one behind other files of an appliance; also of
  /// what is compressed as a whole, to be refused in words.
  package func probe(_ input: ProbeInput) -> Recognition? {
    if ApplianceHead.isArchive(input) { return Recognition(by: "the names of the members") }
    guard let unpacked = OvaFormat.unpacked(input.head), ApplianceHead.mayBeArchive(unpacked.bytes) else {
      return nil
    }
    return Recognition(by: "the name of the first member in what gzip compressed")
  }

  /// The first bytes of what gzip compressed, from its own; nil for what it did not.
  private static func unpacked(_ head: Buffer) -> Buffer? {
    guard head.count > 18, head.bytes.bytes(0..<3) == Signature.gzip else { return nil }
    let buffer = Buffer(count: ProbeInput.headLength)
    var output = buffer.mutableBytes
    guard let filled = try? GunzipStream().next(head.bytes, into: &output).filled else { return nil }
    return filled >= TarHeader.length ? buffer : nil
  }

  fileprivate static func refuseCompressed(_ start: Buffer) throws(BlockError) {
    guard start.array == Signature.gzip else { return }
    throw BlockError(
      .unsupported, "the archive is compressed with gzip, which is not read",
      advice: "'gunzip' makes an archive of it that is read in place.")
  }

  /// Reads the headers of the members and the description.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    try OvaFormat.refuseCompressed(try file.read(at: 0, count: Int(min(file.length, 3))))
    let appliance = try Appliance(archiveOf: file.length) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    return try appliance.open(&request, name: name, isArchive: true)
  }
}

/// Virtual appliances whose files stand beside the one that describes them.
package struct OvfFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `ovf`.
  package var name: String { "ovf" }
  /// The driver.
  package var driverTypes: [any BlockDriver.Type] { [ApplianceDriver.self] }
  /// The disks.
  package var referenceSlots: [EdgeSlot] { [ApplianceDriver.disks, ApplianceDriver.manifest] }

  /// Certain of the outermost element and its namespace.
  package func probe(_ input: ProbeInput) -> Recognition? {
    ApplianceHead.isEnvelope(input.head.bytes) ? Recognition(by: "the outermost element of the text") : nil
  }

  /// Reads the description.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    let text = try OvfFormat.text(fileLength: file.length) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    let appliance = try Appliance(description: text, name: FilePaths.name(of: request.node.fileName))
    return try appliance.open(&request, name: name, isArchive: false)
  }

  fileprivate static func text(
    fileLength: UInt64, _ read: (UInt64, Int) throws(BlockError) -> Buffer
  ) throws(BlockError) -> Buffer {
    guard fileLength <= OvfManifest.longest else {
      throw BlockError(
        .tooLarge, "the description has \(fileLength) bytes; no more than \(OvfManifest.longest) are read")
    }
    return try read(0, Int(fileLength))
  }
}

extension Appliance {
  /// The driver for the disk that the option `disk` chooses.
  fileprivate func open(_ request: inout OpenRequest, name: String, isArchive: Bool) throws(BlockError)
    -> OpenedDriver
  {
    guard !request.flags.contains(.writable) else { throw ApplianceDriver.onlyRead }
    let index = try index(of: try request.options.takeString("disk"))
    // Looking at the tables alone tells of all.
    guard index != nil || request.flags.contains(.noIO) else {
      throw request.isPart ? Appliance.nested : ambiguity
    }
    let driver = ApplianceDriver(self, name: name, shows: index, isArchive: isArchive)
    var opened = OpenedDriver(driver, fileRole: [.metadata, .primary], references: driver.references)
    opened.warnings = remarks.map { .remark("'\(request.node.fileName)': \($0)") }
    return opened
  }

  /// What can be told without opening a disk.
  ///
  /// - Throws: kind `notFound` where there is none.
  fileprivate func findings(isArchive: Bool) throws(BlockError) -> HeaderFindings {
    guard disks.contains(where: { $0.description.file != nil }) else { throw Appliance.noDisk }
    var size: UInt64 = 0
    for disk in disks { size = size.plus(disk.description.capacity ?? 0) ?? .max }
    var findings = HeaderFindings(virtualSize: size)
    for (index, disk) in disks.enumerated() {
      let format = disk.description.format.map { ", \($0)" } ?? ""
      let capacity = disk.description.capacity.map { ", \(SizeText.human($0))" } ?? ""
      findings.remarks.append("disk \(index + 1): '\(disk.name)'\(capacity)\(format)")
    }
    for disk in disks {
      if disk.description.file == nil {
        if let defect = disk.defect { findings.remarks.append(defect.finding) }
      } else if isArchive {
        findings.contained.append(disk.contained)
      } else if let defect = disk.defect {
        findings.defects.append(defect.finding)
      }
    }
    findings.remarks += remarks
    findings.details = [HeaderDetail("disks", .number(UInt64(disks.count)))]
    if isArchive {
      findings.details.append(HeaderDetail("description", .text(description.name)))
      findings.details.append(HeaderDetail("members", .number(UInt64(memberCount))))
      addManifest(to: &findings)
    } else {
      findings.references = ApplianceDriver(self, name: "ovf", shows: nil, isArchive: false).references
        .filter { $0.slot != ApplianceDriver.manifest }
    }
    return findings
  }

  /// What an archive's digests tell without reading a disk.
  private func addManifest(to findings: inout HeaderFindings) {
    guard let manifest else {
      findings.remarks.append("no manifest")
      return
    }
    do throws(BlockError) {
      let manifest = try manifest.get()
      findings.details.append(HeaderDetail("manifest-digest", .text(manifest.algorithms)))
      findings.remarks.append(
        "a manifest with the digests of \(manifest.entries.count) files, of which 'check' verifies all and 'inspect' that of the description"
      )
      try verify(manifest, but: disks.count == 1 ? 0 : nil) { _ in false }
    } catch {
      findings.defects.append(error.message)
    }
  }
}

extension Appliance.Disk {
  /// The disk as a part of its archive.
  fileprivate var contained: ContainedImage {
    var image = ContainedImage(name)
    image.ranges = pieces.map(\.range)
    image.format = description.knownFormat
    image.isCompressed = description.compression != nil
    image.defect = defect?.finding
    return image
  }
}

extension OvaFormat: BundlingKind {
  /// Starts an archive.
  package func makeBundle(_ name: String, lengths: [UInt64], options: OptionObject) throws(BlockError)
    -> any Bundle
  {
    try OvaBundle(name, lengths: lengths, options)
  }
}

extension OvaFormat: InspectingKind {
  /// Reads the headers of the members and the description. No disk is opened.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    try OvaFormat.refuseCompressed(try file.read(at: 0, count: Int(min(file.length, 3))))
    let appliance = try Appliance(archiveOf: file.length) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    return try appliance.findings(isArchive: true)
  }
}

extension OvfFormat: InspectingKind {
  /// Reads the description. No file that it names is opened.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let text = try OvfFormat.text(fileLength: file.length) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    return try Appliance(description: text, name: "").findings(isArchive: false)
  }
}
