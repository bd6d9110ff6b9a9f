// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// A filter above an image of a format that compresses: what is written is stored compressed.
package struct CompressFilter: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `compress`.
  package var name: String { "compress" }
  /// It is one.
  package var isFilter: Bool { true }
  /// The filter shows the image.
  package var fileRole: EdgeRole { [.filtered, .primary] }

  /// Stands above the image that the option `file` states; has no options of its own.
  ///
  /// - Throws: kind `unsupported` where the image's format stores nothing compressed.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    let unit = file.child.limits.clusterSize
    guard unit > 0, (try? file.makeCompressor()) != nil else {
      throw BlockError(
        .unsupported, "Compression is not supported for underlying format: \(file.child.driver.name)",
        advice: "'formats' tells which formats store clusters compressed.")
    }
    return OpenedDriver(CompressDriver(unit: unit), fileRole: fileRole)
  }
}

/// Compresses what is written, a cluster at a time.
private final class CompressDriver: FilterDriver, @unchecked Sendable {
  let name = "compress"
  var handsOnCompressed: Bool { true }
  private let unit: UInt64
  /// Clusters that are being written: no other change may come in between.
  private let busy = BusyRanges()
  /// Compressors that nobody uses at the moment, guarded by the lock.
  private var free: [any ClusterCompressor] = []
  private let lock = ConditionLock()

  init(unit: UInt64) { self.unit = unit }

  /// A cluster of which only a part is written is read.
  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    var request = parents.derived(for: role, flags: flags)
    if request.held.contains(.write), !flags.contains(.inactive) { request.held.insert(.consistentRead) }
    return request
  }

  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    try busy.run(request, handOn)
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    let edge = try node.child(in: .file)
    let end = offset + UInt64(data.byteCount)
    var position = offset
    while position < end {
      let start = position.roundedDown(to: unit)
      let stop = min(end, start + unit)
      let part = data.slice(Int(position - offset)..<Int(stop - offset))
      try busy.run(start..<start + unit, alone: true) { () throws(BlockError) in
        try writeCluster(at: start, part, Int(position - start), unchanged, edge)
      }
      position = stop
    }
  }

  /// Writes a part of a cluster, of which the rest stays as it is.
  private func writeCluster(
    at start: UInt64, _ part: RawSpan, _ place: Int, _ unchanged: Bool, _ edge: Edge
  ) throws(BlockError) {
    let cluster = Buffer(count: Int(unit))
    let present = min(unit, edge.length > start ? edge.length - start : 0)
    var content = cluster.mutableBytes
    if part.byteCount < Int(unit) {
      content.fill()
      if present > 0 {
        var old = content.slice(0..<Int(present))
        try edge.read(at: start, into: &old)
      }
    }
    var target = content.slice(place..<place + part.byteCount)
    target.copy(part)
    guard try !writeCompressed(cluster, at: start, unchanged, edge) else { return }
    try edge.write(at: start + UInt64(place), from: part, unchanged: unchanged)
  }

  /// Writes a whole cluster, unless it would not become smaller.
  private func writeCompressed(_ cluster: Buffer, at start: UInt64, _ unchanged: Bool, _ edge: Edge)
    throws(BlockError) -> Bool
  {
    var waiting = lock.withLock { free.popLast() }
    if waiting == nil { waiting = try edge.makeCompressor() }
    guard let compressor = waiting else { return false }
    defer { lock.withLock { free.append(compressor) } }
    let packed = Buffer(count: Int(unit) + compressor.slack)
    var room = packed.mutableBytes
    guard let size = compressor.compress(cluster.bytes, into: &room) else { return false }
    let prepared = try edge.prepareCompressed(
      [CompressedCluster(guestOffset: start, size: size)], unchanged: unchanged)
    try edge.complete(prepared, from: packed.bytes.slice(0..<size))
    return true
  }
}
