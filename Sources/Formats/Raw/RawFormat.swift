// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
package import Options

/// Disks without a format: the file's bytes are the guest's.
///
/// With `offset` and `size`, a window into the file.
package struct RawFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `raw`.
  package var name: String { "raw" }

  /// No header, no table.
  package var isPlain: Bool { true }

  /// The file is the disk.
  package var fileRole: EdgeRole { [.filtered, .primary] }

  /// The options that `create` accepts.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size")
    ]
  }

  /// Anything may be a raw disk, but everything else is more likely.
  package func probe(_ input: ProbeInput) -> Recognition? { Recognition(1, by: "no sign of any format") }

  /// Opens the whole file, or the window that `offset` and `size` (bytes) describe.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let offset = try request.options.takeSize("offset") ?? 0
    let size = try request.options.takeSize("size")
    let file = try request.file()
    let real = file.length
    guard offset <= real else {
      throw BlockError(
        .invalidArgument, "Offset (\(offset)) cannot be greater than size of the containing file (\(real))")
    }
    if let size, size > real - offset {
      throw BlockError(
        .invalidArgument,
        "The sum of offset (\(offset)) and size (\(size)) has to be smaller or equal to the  "
          + "actual size of the containing file (\(real))")
    }
    if let size, size % RawDriver.sector != 0 {
      throw BlockError(.invalidArgument, "Specified size is not multiple of \(RawDriver.sector)")
    }
    let isWindow = offset > 0 || size != nil
    let driver = RawDriver(offset: offset, size: size)
    return OpenedDriver(driver, fileRole: isWindow ? [.data, .primary] : [.filtered, .primary])
  }

  /// As the disk is.
  package var orderedOptions: OptionObject? { [:] }

  /// Gives the file its length.
  package func create(_ request: CreateRequest) throws(BlockError) {
    var options = request.options
    let preallocation = try options.takePreallocation() ?? .off
    try request.file.truncate(to: request.size, exact: false, preallocation: preallocation)
  }
}

extension RawFormat: MeasuringKind {
  /// As many bytes as the disk has.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    ImageMeasure(empty: request.wholeLength, full: request.wholeLength)
  }
}

/// Serves a file's bytes as they are.
final class RawDriver: FormatDriver {
  /// Disks are made of whole sectors: the last one is filled up with zeros.
  static let sector: UInt64 = 512

  let name = "raw"
  private let offset: UInt64
  private let size: UInt64?

  init(offset: UInt64, size: UInt64?) {
    self.offset = offset
    self.size = size
  }

  func length(of node: Node) -> UInt64 {
    if let size { return size }
    let stored = storedLength(of: node)
    return stored.roundedUp(to: RawDriver.sector) ?? stored
  }

  func unpaddedLength(of node: Node) -> UInt64 { size ?? storedLength(of: node) }

  /// Bytes of the file that are the disk's.
  private func storedLength(of node: Node) -> UInt64 {
    let file = node.file?.length ?? 0
    return file > offset ? file - offset : 0
  }

  func limits(of node: Node) -> Limits { node.file?.child.limits ?? Limits() }
  func capabilities(of node: Node) -> Capabilities {
    (node.file?.child.capabilities ?? []).union(.anyLength)
  }

  func formatInformation(of node: Node) -> FormatInformation? { unitInformation(of: node.file?.child) }

  func extent(at position: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let location = Extent.Location(.file, position + offset)
    // Past the page cache, the last block of the file is read and written whole.
    let unit = max(node.file?.child.limits.requestAlignment ?? 1, 1)
    let stored = storedLength(of: node).roundedUp(to: unit) ?? storedLength(of: node)
    guard position < stored else { return Extent(.zero, length: length, location: location) }
    return Extent(.data, length: min(length, stored - position), location: location, isPassThrough: true)
  }

  func prepareWrite(at position: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    WriteSlot(length: length, location: Extent.Location(.file, position + offset))
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}

  func tells(of event: BlockEvent) -> Bool { event == .readAIO || event == .writeAIO }

  func flush(_ node: Node) throws(BlockError) { try node.file?.flush() }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard size == nil else {
      throw BlockError(.unsupported, "Cannot resize fixed-size raw disks")
    }
    guard let total = length.plus(offset), Int64(exactly: total) != nil else {
      throw BlockError(.tooLarge, "Disk size too large for the chosen offset")
    }
    try node.file?.truncate(to: total, exact: exact, preallocation: preallocation)
  }

  func writeZeroes(at position: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    try node.file?.writeZeroes(
      at: position + offset, length: length, mayUnmap: mayUnmap, unchanged: unchanged)
    return true
  }

  func writeZeroes(at position: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    try writeZeroes(at: position, length: length, mayUnmap: mayUnmap, unchanged: false, of: node)
  }

  func discard(at position: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    try node.file?.discard(at: position + offset, length: length)
  }
}
