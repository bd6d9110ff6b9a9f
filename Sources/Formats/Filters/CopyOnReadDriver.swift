// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Synchronization

/// Copies what a read finds below an image into the image, in whole clusters, before it hands it out.
///
/// Nobody sees the image change, so that permission for unchanged writes is all it needs. Nobody else may write the
/// image beside it: data copied a moment ago might replace data written since.
final class CopyOnReadDriver: FilterDriver {
  let name = "copy-on-read"
  /// Clusters that are being copied, and writes from above, which must not come in between.
  private let busy = BusyRanges()
  var handsOnCompressed: Bool { true }
  /// Whether compressed clusters come from above, with which no copy must get mixed up: from then on none is made.
  private let isCompressed = Atomic(false)
  /// As much is copied at once.
  private static let largestCopy: UInt64 = 1 << 20

  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    var request = parents.derived(for: role, flags: flags)
    guard !flags.contains(.inactive) else { return request }
    request.held.insert(.writeUnchanged)
    request.shared.subtract([.write, .resize])
    return request
  }

  // MARK: Reading

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    let image = try node.child(in: .file)
    let unit = max(node.limits.clusterSize, node.limits.requestAlignment, 1)
    let end = min(offset + UInt64(buffer.byteCount), image.length)
    var position = offset
    while position < end {
      let extent = try image.extent(at: position, length: end - position)
      if extent.kind == .unallocated {
        let start = position.roundedDown(to: unit)
        let stop = min((position + extent.length).roundedUp(to: unit) ?? image.length, image.length)
        try populate(start..<stop, of: image, unit)
      }
      position += extent.length
    }
    try image.read(at: offset, into: &buffer)
  }

  /// Writes what the image does not have of a range to it, a part at a time.
  private func populate(_ range: Range<UInt64>, of image: Edge, _ unit: UInt64) throws(BlockError) {
    let step = max(CopyOnReadDriver.largestCopy, unit)
    var start = range.lowerBound
    while start < range.upperBound {
      let part = start..<min(start + step, range.upperBound)
      try busy.run(part, alone: true) { () throws(BlockError) in
        guard !isCompressed.load(ordering: .acquiring) else { return }
        var position = part.lowerBound
        while position < part.upperBound {
          // Looked at again: somebody else may have written or copied it meanwhile.
          let extent = try image.extent(at: position, length: part.upperBound - position)
          if extent.kind == .unallocated { try copy(at: position, length: extent.length, in: image) }
          position += extent.length
        }
      }
      start = part.upperBound
    }
  }

  private func copy(at offset: UInt64, length: UInt64, in image: Edge) throws(BlockError) {
    let buffer = try image.read(at: offset, count: Int(length))
    image.note(.corWrite)
    guard !buffer.bytes.isZero else {
      return try image.writeZeroes(at: offset, length: length, unchanged: true)
    }
    try image.write(at: offset, from: buffer.bytes, unchanged: true)
  }

  // MARK: Changes

  /// Changes keep out of the clusters that are being copied.
  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    try busy.run(request, handOn)
  }

  func admitCompressed(_ request: FilteredRequest, of node: Node) throws(BlockError) {
    try busy.run(request.range, alone: true) { isCompressed.store(true, ordering: .releasing) }
  }
}
