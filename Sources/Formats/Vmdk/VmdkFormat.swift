// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BlockTables
internal import Bytes
package import Errors
internal import Host
package import Options

/// Gives bytes of a file, zeros past its end.
typealias VmdkReader = (UInt64, Int) throws(BlockError) -> Buffer

/// Disks of VMware: a descriptor, and one file or several that hold the disk.
package struct VmdkFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `vmdk`.
  package var name: String { "vmdk" }
  /// Its drivers.
  package var driverTypes: [any BlockDriver.Type] {
    [SparseDriver.self, ExtentsDriver.self, StreamDriver.self, CowdDriver.self]
  }
  /// Images may have one.
  package var supportsBacking: Bool { true }
  /// Of the subformat `streamOptimized`.
  package var supportsCompression: Bool { true }
  /// The subformat decides: one stores nothing else, the others nothing compressed.
  package func compressesOnDemand(_ options: OptionObject) -> Bool { false }
  /// The parts of a disk.
  package var referenceSlots: [EdgeSlot] { [ExtentsDriver.slots] }

  /// The options that `create` accepts.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size"),
      OptionSpec(
        "adapter_type", .string,
        "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or legacyESX",
        values: VmdkPlan.Adapter.allCases.map(\.rawValue)),
      OptionSpec("backing_file", .string, "File name of a base image"),
      OptionSpec("backing_fmt", .string, "Must be 'vmdk' if present", values: ["vmdk"]),
      OptionSpec("compat6", .bool, "VMDK version 6 image", default: .bool(false)),
      OptionSpec("hwversion", .string, "VMDK hardware version", default: "undefined"),
      OptionSpec("toolsversion", .string, "VMware guest tools version"),
      OptionSpec(
        "subformat", .string,
        "VMDK flat extent format, can be one of {monolithicSparse (default) | monolithicFlat | "
          + "twoGbMaxExtentSparse | twoGbMaxExtentFlat | streamOptimized} ",
        values: VmdkPlan.Subformat.allCases.map(\.rawValue)),
      OptionSpec(
        "zeroed_grain", .bool, "Enable efficient zero writes using the zeroed-grain GTE feature"),
    ]
  }

  /// The options that `amend` accepts: what the descriptor's data base says.
  package var amendOptions: OptionList { VmdkAmendment.options }

  /// Certain of the magic, and of the text of a descriptor, which has none.
  package func probe(_ input: ProbeInput) -> Recognition? {
    if SparseHeader.hasMagic(input.head.bytes) || CowdHeader.hasMagic(input.head.bytes) {
      return Recognition(by: "the magic at byte 0")
    }
    return DescriptorFile.isIn(input.head.bytes) ? Recognition(by: "the text of a descriptor") : nil
  }

  /// Parts that were never written read as zero, but for those that have their place on storage that does not.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool {
    let isFlat = options["subformat"]?.string.flatMap(VmdkPlan.Subformat.init(rawValue:))?.isFlat == true
    return storageReadsZero || !isFlat && ["off", nil].contains(options["preallocation"]?.string)
  }

  /// Streams are.
  package var orderedOptions: OptionObject? {
    ["subformat": .string(VmdkPlan.Subformat.streamOptimized.rawValue)]
  }

  /// Reads header or text; tables are read when they are needed.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    let head = try file.read(at: 0, count: CowdHeader.length)
    if SparseHeader.hasMagic(head.bytes) {
      return try openSparse(try SparseHeader(parsing: head.bytes), &request, file)
    }
    if CowdHeader.hasMagic(head.bytes) {
      let header = try CowdHeader(parsing: head.bytes)
      let driver = CowdDriver(header, try header.layout(fileLength: file.length))
      try refuseLonePart(driver, request)
      return OpenedDriver(driver)
    }
    guard file.length <= VmdkDescriptor.longest || DescriptorFile.isIn(head.bytes) else {
      throw BlockError(.invalidArgument, "Image not in VMDK format")
    }
    let descriptor = try VmdkFormat.text(fileLength: file.length) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    return OpenedDriver(
      try ExtentsDriver(descriptor), fileRole: [.metadata, .primary],
      references: descriptor.current.references)
  }

  private func openSparse(_ first: SparseHeader, _ request: inout OpenRequest, _ file: Edge)
    throws(BlockError) -> OpenedDriver
  {
    let read: VmdkReader = { (offset, count) throws(BlockError) in try file.read(at: offset, count: count) }
    let isChecked = request.flags.contains(.checking)
    var (header, end, lost) = try present(first, isChecked: isChecked, &request, file)
    var findings: [OpeningFinding] = []
    let isWritten = isMended(request)
    if let mend = try DirectoryMend(
      header, fileLength: file.length, looksIntoTables: isChecked, read)
    {
      guard isChecked || !request.node.isWritable || !mend.isDamage else {
        throw BlockError(
          .corrupt, "the grain directory is damaged",
          advice: "'check -r all' mends it: of the two that there are, one has the tables.")
      }
      try request.recover(mend.recovery, isWritten: isWritten)
      header = mend.header
      findings = mend.findings(isWritten: isWritten)
    }
    var knowsAllGrains = false
    if let lost {
      findings += lost.findings
    } else if isChecked, header.isCompressed, let mend = try markerMend(first, header, &request, file) {
      try request.recover(mend.recovery, isWritten: isWritten)
      if header.directory != mend.header.directory { end = mend.header.endOfStream }
      header = mend.header
      findings += mend.findings(isWritten: isWritten)
      knowsAllGrains = mend.isWhole
    }
    let driver = try VmdkFormat.sparse(first, header, fileLength: file.length, findings: findings, read)
    driver.knowsAllGrains = knowsAllGrains
    driver.endOfStream = end
    try refuseLonePart(driver, request)
    let references = driver.descriptor?.current.backing.map { [$0] } ?? []
    if let lost {
      var opened = OpenedDriver(driver, references: references)
      opened.warnings = [
        .remark("'\(file.child.fileName)' has no footer: \(lost.grains) grains were found by their markers")
      ]
      return opened
    }
    if request.node.isWritable, !isChecked, first.directory == SparseHeader.atEnd, header.isCompressed,
      header.tables <= VmdkPlan.mostStreamTables, references.isEmpty, try isEmpty(driver, file)
    {
      return OpenedDriver(StreamDriver(first, driver))
    }
    return OpenedDriver(driver, references: references)
  }

  /// What markers tell of damaged entries; nil where nobody can tell.
  ///
  /// - Throws: of a repair, kind `tooLarge` where there is more than is mended: what could be is not to be dropped.
  private func markerMend(
    _ first: SparseHeader, _ header: SparseHeader, _ request: inout OpenRequest, _ file: Edge
  ) throws(BlockError) -> MarkerMend? {
    let length = file.length
    guard (try? header.layout(fileLength: length)) != nil else { return nil }
    do throws(BlockError) {
      return try MarkerMend(first, header, fileLength: length) { (offset, count) throws(BlockError) in
        try file.read(at: offset, count: count)
      }
    } catch {
      guard error.kind == .tooLarge, !request.flags.contains(.repairing) else { throw error }
      return nil
    }
  }

  /// Refuses a part of a disk to who wants the disk. Its tables may be looked at.
  private func refuseLonePart(_ driver: any VmdkDriver, _ request: OpenRequest) throws(BlockError) {
    guard driver.descriptor == nil, !request.isPart, request.flags.isDisjoint(with: [.checking, .noIO]) else {
      return
    }
    throw BlockError(
      .invalidArgument, "Image is a part of a disk, and has no descriptor",
      advice: "Open the descriptor that names it: a text file, mostly with the same name but for its end.")
  }

  /// Whether what opening an image mends is written: by who writes to the image, and of checks by a repair of everything.
  private func isMended(_ request: OpenRequest) -> Bool {
    request.node.isWritable && (!request.flags.contains(.checking) || request.flags.contains(.repairing))
  }

  /// The header that counts: the first one, the footer, or where that is missing, one made from the markers. That is done
  /// where all grains are sure to be there and nothing is written, and by a repair. And where the image ends that a footer
  /// is the end of, in bytes.
  private func present(
    _ first: SparseHeader, isChecked: Bool, _ request: inout OpenRequest, _ file: Edge
  ) throws(BlockError) -> (SparseHeader, end: UInt64?, LostEnd?) {
    let read: VmdkReader = { (offset, count) throws(BlockError) in try file.read(at: offset, count: count) }
    let isWritten = isMended(request)
    let (known, end, failure) = VmdkFormat.located(first, fileLength: file.length, read)
    if let known, failure == nil { return (known, end, nil) }
    guard first.isCompressed, isChecked || !request.node.isWritable,
      let scan = try? StreamScan(first, fileLength: file.length, searches: isChecked, read), scan.grains > 0,
      isChecked && request.node.isWritable && known == nil || scan.isWhole
    else {
      if let known { return (known, end, nil) }
      throw failure ?? VmdkFormat.noDirectory
    }
    // More may stand behind the end than is searched for it.
    if scan.isWhole,
      let footer = try VmdkFormat.footer(behind: scan.end, first, fileLength: file.length, read)
    {
      return (footer, footer.endOfStream, nil)
    }
    if isWritten { try file.truncate(to: scan.end * 512, exact: false) }
    try request.recover(try scan.recovery(), isWritten: isWritten)
    let lost = LostEnd(
      grains: scan.grains, hasDirectory: scan.isWhole, lostPlaces: scan.lost.count, isWritten: isWritten)
    return (scan.footer, nil, lost)
  }

  private static let noDirectory = BlockError(.corrupt, "the footer leads to no directory")

  /// The header that counts, where there is one, the end of the image that a footer is part of, in bytes, and what is wrong:
  /// some leave out the marker of the directory, and a footer that leads elsewhere is damaged.
  private static func located(
    _ first: SparseHeader, fileLength: UInt64, _ read: VmdkReader
  ) -> (SparseHeader?, end: UInt64?, BlockError?) {
    do throws(BlockError) {
      guard first.directory == SparseHeader.atEnd else { return (first, nil, nil) }
      let (header, end) = try footer(of: first, fileLength: fileLength, read)
      guard header.describesDisk(of: first) else {
        return (header, end, BlockError(.corrupt, "header and footer tell of different disks"))
      }
      _ = try header.layout(fileLength: fileLength)
      let marker = try read((header.directory - 1) * 512, 512)
      let isMarked = StreamMarker.directory.isMarker(marker.bytes, before: header.directorySectors)
      return (header, end, isMarked ? nil : noDirectory)
    } catch {
      return (nil, nil, error)
    }
  }

  /// The footer that follows a directory whose marker stands at a sector; nil for none that leads there.
  private static func footer(
    behind sector: UInt64, _ first: SparseHeader, fileLength: UInt64, _ read: VmdkReader
  ) throws(BlockError) -> SparseHeader? {
    let place = sector + 1 + first.directorySectors
    guard (place + 2) * 512 <= fileLength else { return nil }
    let bytes = try read(place * 512, 1024)
    let footer = VmdkFormat.footer(at: 1, of: bytes, first, isBehindAll: false)
    guard let footer, footer.directory == sector + 1, (try? footer.layout(fileLength: fileLength)) != nil
    else {
      return nil
    }
    return footer
  }

  /// Whether an image has no tables, and so no grains.
  private func isEmpty(_ driver: SparseDriver, _ file: Edge) throws(BlockError) -> Bool {
    let layout = driver.table.currentLayout
    let bytes = driver.header.tables * 4
    var done: UInt64 = 0
    while done < bytes {
      let count = min(bytes - done, 1 << 20)
      let part = try file.read(at: layout.tableOffset + done, count: Int(count))
      guard part.bytes.isZero else { return false }
      done += count
    }
    return true
  }

  /// Reads the descriptor that a file is.
  ///
  /// - Parameter read: gives bytes of the file, zeros past its end.
  static func text(fileLength: UInt64, _ read: VmdkReader) throws(BlockError)
    -> OpenDescriptor
  {
    guard fileLength <= VmdkDescriptor.longest else {
      throw BlockError(.tooLarge, "the descriptor is longer than \(VmdkDescriptor.longest) bytes")
    }
    let descriptor = try OpenDescriptor(try read(0, Int(fileLength)).array)
    guard !descriptor.current.extents.isEmpty else {
      throw BlockError(.corrupt, "the descriptor names no extents")
    }
    return descriptor
  }

  /// The header that counts: the one at the start, or where that says so, the footer.
  static func present(
    _ first: SparseHeader, fileLength: UInt64, _ read: VmdkReader
  ) throws(BlockError) -> SparseHeader {
    first.directory == SparseHeader.atEnd ? try footer(of: first, fileLength: fileLength, read).header : first
  }

  /// Makes the driver of an extent with tables, and reads the descriptor.
  ///
  /// - Parameters:
  ///   - first: the header at the start of the file.
  ///   - header: the header that counts.
  ///   - read: gives bytes of the file, zeros past its end.
  static func sparse(
    _ first: SparseHeader, _ header: SparseHeader, fileLength: UInt64, findings: [OpeningFinding] = [],
    _ read: VmdkReader
  ) throws(BlockError) -> SparseDriver {
    let layout = try header.layout(fileLength: fileLength)
    guard first.descriptorOffset > 0, first.descriptorSize > 0,
      let offset = first.descriptorOffset.times(512)
    else { return SparseDriver(header, layout, nil, findings: findings) }
    let area = try read(offset, Int(first.descriptorSize) * 512).array
    let text = Array(area.prefix { $0 != 0 })
    // An extent of a disk in several files may have room for a text, and none.
    guard !text.isEmpty else { return SparseDriver(header, layout, nil, findings: findings) }
    return SparseDriver(
      header, layout, try OpenDescriptor(text, at: offset, room: area.count), findings: findings)
  }

  /// The header at the end of a file that was written in one pass: before the marker for its end, which is zeros as well
  /// as what some programs leave behind it. Behind anything else it counts where it has its own marker, too. Also the end of
  /// that marker, in bytes.
  private static func footer(
    of first: SparseHeader, fileLength: UInt64, _ read: VmdkReader
  ) throws(BlockError) -> (header: SparseHeader, end: UInt64) {
    let end = fileLength / 512 * 512
    let start = end - min(end, 64 << 10)
    let tail = try read(start, Int(end - start))
    var isBehindAll = true
    for sector in (1..<max(1, tail.count / 512)).reversed() {
      if tail.bytes.slice(sector * 512..<(sector + 1) * 512).isZero { continue }
      if let footer = footer(at: sector, of: tail, first, isBehindAll: isBehindAll) {
        return (footer, start + UInt64(sector + 2) * 512)
      }
      isBehindAll = false
    }
    throw BlockError(
      .corrupt, "Invalid footer",
      advice:
        "The image was written in one pass, and its end is missing: it was not copied as a whole. 'check -r all' "
        + "makes an end for what there is.")
  }

  /// The footer that a sector of a file's end is, if it is one.
  private static func footer(
    at sector: Int, of tail: Buffer, _ first: SparseHeader, isBehindAll: Bool
  ) -> SparseHeader? {
    let bytes = tail.bytes.slice(sector * 512..<(sector + 1) * 512)
    guard SparseHeader.hasMagic(bytes), let footer = try? SparseHeader(parsing: bytes),
      footer.directory != SparseHeader.atEnd
    else { return nil }
    if isBehindAll { return footer }
    let marker = tail.bytes.slice((sector - 1) * 512..<sector * 512)
    guard StreamMarker.footer.isMarker(marker, before: 1) else { return nil }
    return footer.describesDisk(of: first) ? footer : nil
  }

  /// Refuses a device: grains come to stand at the end of a file, a stream is found by that end, and a descriptor names files
  /// beside it.
  private static func refuseDevice(_ name: String) throws(BlockError) {
    guard FilePaths.kind(of: name) == .blockDevice else { return }
    throw BlockError(
      .unsupported, "images of format 'vmdk' stand in files, not on devices", naming: name,
      advice: "Name a file; or write the disk itself to the device, which is format 'raw'.")
  }

  /// Writes the files that have the disk, and the descriptor last.
  package func create(_ request: CreateRequest) throws(BlockError) {
    try VmdkFormat.refuseDevice(request.file.child.fileName)
    let plan = try VmdkPlan(size: request.size, request.options, file: request.file.child.fileName)
    var descriptor = plan.descriptor
    if let parent = plan.parentName {
      descriptor.parentName = parent
      descriptor.parentContentID = try VmdkPlan.contentID(of: request.backing)
    }
    if plan.isStream {
      return try plan.writeStream(descriptor: plan.text(of: descriptor), to: request.file)
    }
    guard plan.isSplit else {
      return try plan.writeSparse(
        sectors: request.size / 512, descriptor: plan.text(of: descriptor), to: request.file)
    }
    for (index, line) in descriptor.extents.enumerated() {
      let file = try request.files.add(
        line.path, as: ExtentsDriver.slots.element(index), format: line.hasTables ? name : nil)
      try plan.write(line, to: file)
    }
    let text = plan.text(of: descriptor).spelledBytes
    try request.file.truncate(to: UInt64(text.count), exact: false)
    try request.file.write(at: 0, from: Buffer(text).bytes)
  }
}

extension VmdkFormat: MeasuringKind {
  /// Headers and tables, and the grains.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    try VmdkPlan(size: request.wholeLength, request.options, file: "disk.vmdk").measure
  }
}

extension VmdkFormat: InspectingKind {
  /// Reads header and text. No extent is opened.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    func read(_ offset: UInt64, _ count: Int) throws(BlockError) -> Buffer {
      try file.read(at: offset, count: count)
    }
    if CowdHeader.hasMagic(file.head.bytes) {
      let head = try file.read(at: 0, count: CowdHeader.length)
      let header = try CowdHeader(parsing: head.bytes)
      var findings = HeaderFindings(virtualSize: header.capacity * 512)
      findings.details = [HeaderDetail("grain-size", .bytes(header.grain * 512))]
      findings.remarks = ["a part of a disk, without a descriptor"]
      if header.isUnclean { findings.remarks.append("the image was not closed") }
      return findings
    }
    guard SparseHeader.hasMagic(file.head.bytes) else {
      let descriptor = try VmdkFormat.text(fileLength: file.length, read)
      var findings = HeaderFindings(virtualSize: try ExtentParts(descriptor.current.extents).end)
      findings.references = descriptor.current.references
      findings.details = descriptor.current.details
      return findings
    }
    let head = try file.read(at: 0, count: SparseHeader.length)
    let header = try SparseHeader(parsing: head.bytes)
    var findings = HeaderFindings(virtualSize: header.capacity * 512)
    findings.details = [HeaderDetail("grain-size", .bytes(header.grainBytes))]
    do throws(BlockError) {
      let present = try VmdkFormat.present(header, fileLength: file.length, read)
      let driver = try VmdkFormat.sparse(header, present, fileLength: file.length, read)
      if let text = driver.descriptor?.current {
        if let backing = text.backing { findings.references.append(backing) }
        findings.details = text.details + findings.details
      } else {
        findings.remarks.append("a part of a disk, without a descriptor")
      }
    } catch {
      findings.defects.append(error.message)
    }
    if header.isUnclean { findings.remarks.append("the image was not closed") }
    return findings
  }
}

extension VmdkDescriptor {
  /// The kind of the disk, and what it and its parent are known by.
  fileprivate var details: [HeaderDetail] {
    var details = [
      HeaderDetail("subformat", .text(createType)),
      HeaderDetail("content-id", .text(String(contentID, radix: 16))),
    ]
    if parentContentID != VmdkDescriptor.noParent {
      details.append(HeaderDetail("parent-content-id", .text(String(parentContentID, radix: 16))))
    }
    return details
  }
}
