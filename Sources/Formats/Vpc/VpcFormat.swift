// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BlockTables
internal import Bytes
package import Errors
package import Options

/// VHD images, the format of Virtual PC, Hyper-V and Azure: fixed disks with a footer, dynamic and differencing ones with
/// a block allocation table.
package struct VpcFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `vpc`.
  package var name: String { "vpc" }
  /// Its drivers.
  package var driverTypes: [any BlockDriver.Type] { [VpcDriver.self, VpcFixedDriver.self] }
  /// Differencing images have one.
  package var supportsBacking: Bool { true }

  /// The options that `create` accepts.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size"),
      OptionSpec("backing_file", .string, "File name of the parent of a differencing image"),
      OptionSpec("backing_fmt", .string, "Image format of the parent: vpc", values: ["vpc"]),
      OptionSpec(
        "subformat", .string,
        "Type of virtual hard disk format. Supported formats are {dynamic (default) | fixed} ",
        values: ["dynamic", "fixed"]),
      OptionSpec(
        "force_size", .bool,
        "Force disk size calculation to use the actual size specified, rather than using the nearest CHS-based "
          + "calculation"),
    ]
  }

  /// Certain of the cookie at the start, and less so of a whole footer at the end.
  package func probe(_ input: ProbeInput) -> Recognition? {
    if VpcFooter.hasCookie(input.head.bytes) { return Recognition(by: "the cookie at byte 0") }
    let tail = input.tail.bytes
    for length in [VpcFooter.length, VpcFooter.length - 1] where tail.byteCount >= length {
      let end = tail.slice(tail.byteCount - length..<tail.byteCount)
      guard let footer = VpcFooter(parsing: end), footer.kind != nil else { continue }
      return Recognition(Recognition.tail, by: "the footer at the end")
    }
    return nil
  }

  /// The copy of the footer, and the footer.
  package func tellingRanges(inFileOf length: UInt64) -> [Range<UInt64>] {
    let tail = UInt64(VpcFooter.length)
    return [0..<4096] + (length > 4096 + tail ? [length - tail..<length] : [])
  }

  /// As many bytes as are asked for, but where the geometry is to describe them.
  package func lengthOfNew(_ size: UInt64, options: OptionObject) throws(BlockError) -> UInt64 {
    var options = options
    let choice = try VpcChoice(takingFrom: &options)
    return try choice.length(size)
  }

  /// Parts that were never written read as zero, unless they have a place on storage that does not.
  package func readsZeroWhenNew(_ options: OptionObject, storageReadsZero: Bool) -> Bool {
    var options = options
    guard let choice = try? VpcChoice(takingFrom: &options) else { return false }
    return storageReadsZero || !choice.hasPlaces
  }

  /// Reads the footers and the header; the table is read when it is needed.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let stated = try request.options.takeString("force_size_calc") ?? "auto"
    guard let rule = VpcFooter.LengthRule(rawValue: stated) else {
      throw BlockError(.invalidArgument, "Invalid parameter '\(stated)' for force_size_calc")
    }
    let file = try request.file()
    let found = try VpcFooters(fileLength: file.length) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    let (footer, kind) = try found.chosen()
    let length = footer.diskLength(rule)
    let tail = found.tail == nil ? nil : file.length - found.tailLength
    let store = VpcFooterStore(footer, of: found, tailOffset: tail)
    guard kind != .fixed else {
      let stored = file.length - found.tailLength
      var opened = OpenedDriver(VpcFixedDriver(store, length: length))
      if length > stored, !request.flags.contains(.checking) {
        opened.warnings.append(
          .remark("the disk has \(length) bytes, the file only \(stored): the rest reads as zeros"))
      }
      return opened
    }
    let image = try VpcOpened(footer, kind, length, found.defects(kind), fileLength: file.length) {
      (offset, count) throws(BlockError) in try file.read(at: offset, count: count)
    }
    let driver = VpcDriver(image, store, tailLength: found.tailLength)
    var opened = OpenedDriver(driver)
    if var backing = image.backing {
      // A parent elsewhere may be called as the image is: beside the image that is not it.
      let own = request.node.fileName.split(separator: "/").last.map { String($0) }
      backing.otherNames.removeAll { $0 == own }
      opened.references = [backing]
    }
    if !request.flags.contains(.checking), let defect = image.defects.first {
      opened.warnings.append(.remark("\(defect); 'check -r all' mends that"))
    }
    return opened
  }

  /// Writes footer, header and table, or with a preallocation all blocks.
  package func create(_ request: CreateRequest) throws(BlockError) {
    let plan = try VpcPlan(
      size: request.size, request.options, parent: request.backing, file: request.file.child.fileName)
    try plan.write(to: request.file)
  }

  /// The error for a disk that is too long.
  static let tooLarge = BlockError(.tooLarge, "The image size is too large for file format 'vpc'")
}

/// What opening finds in a file with a block allocation table.
struct VpcOpened {
  let kind: VpcFooter.Kind
  let header: VpcHeader
  let layout: BlockTableLayout
  /// The parent as the image names it.
  let backing: ImageReference?
  /// What is wrong with footers and header, in words.
  let defects: [String]

  /// - Parameter read: gives bytes of the file, zeros past its end.
  init(
    _ footer: VpcFooter, _ kind: VpcFooter.Kind, _ length: UInt64, _ defects: [String], fileLength: UInt64,
    _ read: (UInt64, Int) throws(BlockError) -> Buffer
  ) throws(BlockError) {
    self.kind = kind
    let area = try read(footer.dataOffset, VpcHeader.length)
    header = try VpcHeader(parsing: area.bytes, diskLength: length)
    layout = try header.layout(
      diskLength: length, kind: kind, headerOffset: footer.dataOffset, fileLength: fileLength)
    var defects = defects
    if !header.isWhole { defects.append("the checksum of the dynamic header is wrong") }
    guard kind == .differencing else {
      (backing, self.defects) = (nil, defects)
      return
    }
    let found = try header.reference(headerOffset: footer.dataOffset, inFileOf: fileLength, read)
    guard let reference = found.backing else {
      throw BlockError(.corrupt, "the differencing image names no parent")
    }
    defects += found.defects
    backing = reference
    self.defects = defects
  }
}
