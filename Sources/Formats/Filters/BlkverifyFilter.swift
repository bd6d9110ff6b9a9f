// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// A filter that holds an image against a raw copy: both are written, and what is read has to be the same.
package struct BlkverifyFilter: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `blkverify`.
  package var name: String { "blkverify" }
  /// It is one.
  package var isFilter: Bool { true }
  /// Both have options of their own.
  package var fileOption: String? { nil }
  /// The copy, which is storage, and the image.
  package var childOptions: [ChildOption] {
    [
      ChildOption(.raw, role: [.filtered, .primary], isRequired: true),
      ChildOption(.test, role: .data, isRequired: true, isStorage: false),
    ]
  }
  /// `blkverify:COPY:IMAGE`.
  package var namePrefixes: [StoragePrefix] {
    [
      StoragePrefix(
        name,
        form: .pair(
          .init(
            first: .storage("raw"), second: "test", isProbed: true,
            missing: "blkverify requires raw copy and original image path")))
    ]
  }

  /// Has no options of its own.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    OpenedDriver(BlkverifyDriver())
  }
}

extension EdgeSlot {
  fileprivate static let raw = EdgeSlot(rawValue: "raw")
  fileprivate static let test = EdgeSlot(rawValue: "test")
}

private final class BlkverifyDriver: FilterDriver {
  let name = "blkverify"
  /// The copy says where there is data.
  var filteredSlot: EdgeSlot? { .raw }
  /// The two together take what nobody wants to know.
  func allocatedLength(of node: Node) -> UInt64? { nil }

  /// The image's.
  func length(of node: Node) -> UInt64 { node.edge(.test)?.length ?? 0 }

  /// Data past the copy's end has to be zero, which only reading tells.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let copy = try below(node)
    guard offset < copy.length else { return Extent(.data, length: length) }
    let extent = try copy.extent(at: offset, length: min(length, copy.length - offset))
    return Extent(
      extent.kind, length: extent.length, location: Extent.Location(.raw, offset), isPassThrough: true)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    try below(node).read(at: offset, into: &buffer)
    let other = try node.child(in: .test).read(at: offset, count: buffer.byteCount)
    guard let difference = other.bytes.firstDifference(from: buffer.bytes) else { return }
    throw BlockError(
      .inputOutput,
      "blkverify: read offset=\(offset) bytes=\(buffer.byteCount) contents mismatch at offset "
        + "\(offset + UInt64(difference))")
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    try below(node).write(at: offset, from: data, unchanged: unchanged)
    try node.child(in: .test).write(at: offset, from: data, unchanged: unchanged)
  }

  /// Zeros are written as other data is.
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool
  { false }

  /// Discards nothing: a discarded range need not read the same in both files.
  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {}

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    throw BlockError(.unsupported, "Image format driver does not support resize")
  }

  func flush(_ node: Node) throws(BlockError) {
    try below(node).flush()
    try node.child(in: .test).flush()
  }
}
