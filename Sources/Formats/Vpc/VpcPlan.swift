// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Options

/// What a user chooses of a new image.
struct VpcChoice {
  /// Whether blocks are to stand one behind the other, with no table.
  let isFixed: Bool
  /// Whether the disk is as long as asked, or as a geometry describes.
  let isExact: Bool
  /// Whether the disk may be longer than programs take that go by its geometry: Azure goes by the stated length.
  private let isForAzure: Bool
  /// The parent, if there is one.
  let backingName: String?
  /// How blocks get their space.
  let preallocation: Preallocation

  /// - Throws: what is wrong with the options, in `qemu-img`'s words where it has some.
  init(takingFrom options: inout OptionObject) throws(BlockError) {
    let form = try options.takeString("subformat")
    let forces = try options.takeBool("force_size")
    isForAzure = try options.takeString(Destination.option) == Destination.azure.rawValue
    backingName = try options.takeString("backing_file")
    let backingFormat = try options.takeString("backing_fmt")
    preallocation = try options.takePreallocation() ?? .off
    if let form, form != "dynamic", form != "fixed" { throw VpcChoice.notAccepted(form, "subformat") }
    guard preallocation != .metadata else {
      throw BlockError.noPreallocation(.metadata)
    }
    isFixed = form == "fixed"
    isExact = forces ?? true
    guard backingName != nil else { return }
    guard !isFixed else { throw BlockError(.invalidArgument, "A fixed image cannot have a backing file") }
    guard backingFormat == nil || backingFormat == "vpc" else {
      throw VpcChoice.foreignParent
    }
  }

  /// The error for a parent of another format.
  static let foreignParent = BlockError(
    .unsupported, "The backing file of a vpc image must be one itself",
    advice: "Only an image of the same format has an id by which its children know it.")

  private static func notAccepted(_ text: String, _ option: String) -> BlockError {
    BlockError(.invalidArgument, "Parameter '\(option)' does not accept value '\(text)'")
  }

  /// Whether every block has a place from the start.
  var hasPlaces: Bool {
    isFixed || backingName == nil && (preallocation == .falloc || preallocation == .full)
  }

  /// The length in bytes of a disk for which `size` bytes are asked.
  func length(_ size: UInt64) throws(BlockError) -> UInt64 {
    guard let length = size.roundedUp(to: 512), length <= VpcFooter.largestDisk || isForAzure else {
      throw VpcFormat.tooLarge
    }
    return isExact ? size : VpcGeometry.roundedLength(length)
  }
}

/// The footer, the header and the places of a new image.
struct VpcPlan {
  let choice: VpcChoice
  let footer: VpcFooter
  /// Nil of a fixed disk.
  private(set) var header: VpcHeader?
  /// The names of the parent, behind the table.
  private var names: [(offset: UInt64, bytes: [UInt8])] = []
  /// The end of all that is no block.
  private var start: UInt64 = 0

  /// - Parameters:
  ///   - size: the length of the disk, as `VpcChoice.length` has it.
  ///   - parent: the identity of the backing file, where it was opened.
  ///   - file: the name of the image's file.
  init(size: UInt64, _ options: OptionObject, parent: ImageIdentity?, file: String) throws(BlockError) {
    var options = options
    choice = try VpcChoice(takingFrom: &options)
    let kind: VpcFooter.Kind =
      choice.isFixed ? .fixed : choice.backingName == nil ? .dynamic : .differencing
    footer = VpcFooter(
      kind, length: size, creator: choice.isExact ? VpcFooter.Creator.exact : VpcFooter.Creator.qemu,
      geometry: choice.isExact ? .largest : VpcGeometry(sectors: size / 512))
    guard !choice.isFixed else { return }
    var header = VpcHeader(
      tableOffset: UInt64(VpcFooter.length + VpcHeader.length),
      entryCount: UInt32(clamping: size.dividedUp(by: VpcHeader.blockSize)))
    start = max(header.tableEnd, header.tableOffset + 512)
    if let name = choice.backingName { try setParent(name, parent, file, &header) }
    self.header = header
  }

  private mutating func setParent(
    _ name: String, _ parent: ImageIdentity?, _ file: String, _ header: inout VpcHeader
  ) throws(BlockError) {
    if let parent, parent.format != "vpc" { throw VpcChoice.foreignParent }
    var locators: [VpcLocator] = []
    for (code, bytes) in try VpcParentName.locators(of: name, in: file) {
      locators.append(VpcLocator(code: code, length: UInt32(clamping: bytes.count), offset: start))
      names.append((start, bytes))
      start += UInt64(bytes.count).dividedUp(by: 512) * 512
    }
    let id = parent.map { VpcID($0.id) } ?? .none
    header.setParent(name, locators, id: id, time: parent?.time ?? 0)
  }

  /// The layout of table and blocks.
  private func layout(_ header: VpcHeader) throws(BlockError) -> BlockTableLayout {
    var layout = try header.layout(
      diskLength: footer.currentSize, kind: footer.kind ?? .dynamic, headerOffset: UInt64(VpcFooter.length),
      fileLength: start)
    layout.reserved.append(0..<start)
    return layout
  }

  /// Bytes of the file while nothing is written, and when everything is.
  func fileLengths() throws(BlockError) -> (empty: UInt64, full: UInt64) {
    let footerLength = UInt64(VpcFooter.length)
    guard let header else { return (footer.currentSize + footerLength, footer.currentSize + footerLength) }
    let layout = try layout(header)
    let end = layout.blockCount == 0 ? start : place(layout.blockCount - 1, layout) + header.blockSize
    return (start + footerLength, end + footerLength)
  }

  /// Bytes from one block to the next: its data, and its bitmap in front of that.
  func placeBytes() throws(BlockError) -> UInt64 {
    guard let header else { return 0 }
    return step(try layout(header))
  }

  private func step(_ layout: BlockTableLayout) -> UInt64 {
    (layout.blockSize + layout.lead).roundedUp(to: layout.alignment) ?? .max
  }

  /// Where the guest data of a block stands when all blocks have places, in their order.
  private func place(_ block: UInt64, _ layout: BlockTableLayout) -> UInt64 {
    let first = (start + layout.lead).roundedUp(to: layout.alignment) ?? .max
    return first + block * step(layout)
  }

  /// Writes the image; the footers come last.
  func write(to file: Edge) throws(BlockError) {
    let lengths = try fileLengths()
    let length = choice.hasPlaces ? lengths.full : lengths.empty
    // An old image's table must not be taken for the new one's.
    try file.truncate(to: length, exact: false, preallocation: choice.preallocation)
    let end = length - UInt64(VpcFooter.length)
    if let header {
      try writeTable(header, to: file)
      for (offset, bytes) in names {
        try file.writeZeroes(at: offset, length: UInt64(bytes.count).dividedUp(by: 512) * 512, mayUnmap: true)
        try file.write(at: offset, from: Buffer(bytes).bytes)
      }
      try file.write(at: footer.dataOffset, from: header.bytes.bytes)
      try file.write(at: 0, from: footer.bytes.bytes)
    }
    try file.write(at: end, from: footer.bytes.bytes)
  }

  private func writeTable(_ header: VpcHeader, to file: Edge) throws(BlockError) {
    let layout = try layout(header)
    let coding = VpcCoding(lead: layout.lead, isDifferencing: false)
    let hole = coding.value(of: .hole) ?? 0
    let count = max(layout.capacity, 128)
    try coding.writeTable(
      of: count, at: header.tableOffset, period: choice.hasPlaces ? nil : 1, to: file
    ) { block in
      guard choice.hasPlaces, block < layout.blockCount else { return hole }
      return coding.value(of: .data(place(block, layout))) ?? hole
    }
    guard choice.hasPlaces else { return }
    let bits = Buffer([UInt8](repeating: 0xff, count: Int(layout.lead)))
    for block in 0..<layout.blockCount {
      try file.write(at: place(block, layout) - layout.lead, from: bits.bytes)
    }
  }
}
