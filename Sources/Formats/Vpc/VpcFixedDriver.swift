// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// An open fixed VHD: the disk as it is, and a footer behind it.
final class VpcFixedDriver: CheckingDriver, IdentifiedDriver, @unchecked Sendable {
  let name = "vpc"
  let footers: VpcFooterStore
  private let lock = ConditionLock()
  private var length: UInt64

  init(_ footers: VpcFooterStore, length: UInt64) {
    self.footers = footers
    self.length = length
  }

  var identity: ImageIdentity {
    let footer = footers.current
    return ImageIdentity(format: name, id: footer.id.bytes, time: footer.time)
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.isDirty = false
    return information
  }

  func length(of node: Node) -> UInt64 { lock.withLock { length } }

  func limits(of node: Node) -> Limits { node.file?.child.limits ?? Limits() }

  /// Where the disk's bytes end in the file.
  private func end(of node: Node) -> UInt64 { footers.tail ?? node.file?.length ?? 0 }

  /// What the file is too short for reads as zeros.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let end = end(of: node)
    guard offset < end else { return Extent(.zero, length: length) }
    return Extent(
      .data, length: min(length, end - offset), location: Extent.Location(.file, offset))
  }

  /// Every part has its place; the footer is no part of the disk.
  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    try requireWhole(node)
    return WriteSlot(length: length, location: Extent.Location(.file, offset))
  }

  private func requireWhole(_ node: Node) throws(BlockError) {
    let (disk, stored) = (length(of: node), end(of: node))
    guard disk <= stored else {
      throw BlockError(
        .corrupt, "the disk has \(disk) bytes, the file only \(stored)",
        advice: "'check -r all' lets the file be as long as the disk.")
    }
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}

  func mayHaveHoles(of node: Node) -> Bool { true }

  func flush(_ node: Node) throws(BlockError) { try node.file?.flush() }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    try requireWhole(node)
    try node.file?.writeZeroes(at: offset, length: length, mayUnmap: mayUnmap)
    return true
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard node.flags.contains(.unmap) else { return }
    try requireWhole(node)
    try node.file?.discard(at: offset, length: length)
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard preallocation != .metadata else {
      throw BlockError.noGrowth(.metadata)
    }
    guard let length = length.roundedUp(to: 512), length <= VpcFooter.largestFixedDisk else {
      throw VpcFormat.tooLarge
    }
    try requireWhole(node)
    try setLength(length, preallocation, node)
  }

  /// The file ends with a footer at every moment. The last one comes to stand behind the longer of both disks with the old
  /// length first, so that nothing in front of it is part of the disk when the one write comes that changes it.
  private func setLength(_ length: UInt64, _ preallocation: Preallocation, _ node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    let old = end(of: node)
    if length > old {
      try footers.write(at: length, to: file)
      try file.flush()
    }
    // The old footer, and what stands between a disk and its footer, come to be the disk's.
    let added = min(old, self.length(of: node))
    if length > added {
      try file.writeZeroes(at: added, length: length - added, mayUnmap: preallocation == .off)
      if preallocation == .full { try fill(added..<length, file) }
      try file.flush()
    }
    try footers.changeOnly(in: file) { $0.setLength(length) }
    if length < old {
      try footers.write(at: length, to: file)
      try file.flush()
      try file.truncate(to: length + UInt64(VpcFooter.length), exact: false, preallocation: .off)
      try file.flush()
    }
    lock.withLock { self.length = length }
  }

  /// Writes zeros.
  private func fill(_ range: Range<UInt64>, _ file: Edge) throws(BlockError) {
    let zeros = Buffer(count: Int(min(UInt64(range.count), 1 << 20)))
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = min(UInt64(zeros.count), range.upperBound - offset)
      try file.write(at: offset, from: zeros.bytes.slice(0..<Int(count)))
      offset += count
    }
  }

  // MARK: Check

  private func defect(_ node: Node) -> String? {
    let (disk, stored) = (length(of: node), end(of: node))
    return disk > stored ? "the disk has \(disk) bytes, the file only \(stored)" : nil
  }

  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError)
    -> CheckResult
  {
    var result = CheckResult()
    result.imageEndOffset = node.file?.length ?? 0
    if let defect = defect(node) {
      report("ERROR: \(defect)")
      result.corruptions += 1
    }
    return result
  }

  /// Lets the file have room for all of the disk.
  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    var result = try check(node, context, report: report)
    guard what == .all, result.corruptions > 0 else { return result }
    try setLength(length(of: node), .off, node)
    result.corruptionsFixed = result.corruptions
    result.corruptions = 0
    return result
  }
}
