// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// A filter that logs every change to another file, in the form of Linux' device-mapper target `log-writes`: what a disk
/// was like after each of them can be made again from the log, by `replay-log` for example.
package struct BlklogwritesFilter: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `blklogwrites`.
  package var name: String { "blklogwrites" }
  /// It is one.
  package var isFilter: Bool { true }
  /// The filter shows the image.
  package var fileRole: EdgeRole { [.filtered, .primary] }
  /// The log.
  package var childOptions: [ChildOption] { [ChildOption(.log, role: .metadata, isRequired: true)] }

  /// Takes `log-sector-size`, the unit of the log in bytes, `log-append`, which goes on with a log that is there, and
  /// `log-super-update-interval`, after how many changes the log's start tells of them without a flush.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let appends = try request.options.takeBool("log-append") ?? false
    let stated = try request.options.takeSize("log-sector-size")
    let interval = try request.options.takeSize("log-super-update-interval") ?? 4096
    guard let log = request.node.edge(.log) else {
      throw BlockError(.invalidArgument, "A block device must be specified for \"log\"")
    }
    guard stated == nil || !appends else {
      throw BlockError(.invalidArgument, "log-append and log-sector-size are mutually exclusive")
    }
    var end = WriteLog.End(sectorSize: stated ?? 512, entries: 0)
    if appends, log.length > 0 { end = try WriteLog.End(readFrom: log) }
    try WriteLog.refuse(sectorSize: end.sectorSize)
    guard interval > 0 else {
      throw BlockError(.invalidArgument, "Invalid log superblock update interval \(interval)")
    }
    return OpenedDriver(BlklogwritesDriver(WriteLog(end, interval: interval)), fileRole: fileRole)
  }
}

extension EdgeSlot {
  fileprivate static let log = EdgeSlot(rawValue: "log")
}

private final class BlklogwritesDriver: FilterDriver {
  let name = "blklogwrites"
  private let log: WriteLog

  init(_ log: WriteLog) { self.log = log }

  /// The log tells whole sectors.
  func limits(of node: Node) -> Limits {
    var limits = node.filtered?.child.limits ?? Limits()
    limits.requestAlignment = max(limits.requestAlignment, log.sectorSize)
    return limits
  }

  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    var request = parents.derived(for: role, flags: flags)
    guard !flags.contains(.inactive) else { return request }
    // A write that is padded past the end takes `resize`: the padding is cut off again.
    if slot != .log, request.held.contains(.write) { request.held.insert(.resize) }
    return request
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    try below(node).write(at: offset, from: data, unchanged: unchanged)
    try log.append(data, at: offset, to: node.child(in: .log))
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    // Zeros that are not whole sectors are written as data.
    guard offset.isMultiple(of: log.sectorSize), length.isMultiple(of: log.sectorSize),
      try below(node).zero(at: offset, length: length, mayUnmap: mayUnmap, unchanged: unchanged)
    else { return false }
    try log.appendZeroes(at: offset, length: length, to: node.child(in: .log))
    return true
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    let start = offset.roundedUp(to: log.sectorSize) ?? .max
    let end = (offset + length).roundedDown(to: log.sectorSize)
    guard start < end else { return }
    try below(node).discard(at: start, length: end - start)
    try log.appendDiscard(at: start, length: end - start, to: node.child(in: .log))
  }

  func flush(_ node: Node) throws(BlockError) {
    try below(node).flush()
    if node.flags.contains(.writable) { try log.appendFlush(to: node.child(in: .log)) }
  }

  func close(_ node: Node) throws(BlockError) { try log.finish(node.child(in: .log)) }
}
