// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Options

// The answers of drivers that have none of their own.
extension BlockDriver {
  /// The whole length: nothing is filled up.
  package func unpaddedLength(of node: Node) -> UInt64 { length(of: node) }

  /// Takes any request.
  package func limits(of node: Node) -> Limits { Limits() }

  /// The permissions that `role` implies.
  package func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    parents.derived(for: role, flags: flags)
  }

  /// Accepts every request.
  package func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {}
  /// Does nothing.
  package func commitPermissions(of node: Node) {}
  /// Does nothing.
  package func abortPermissions(of node: Node) {}
  /// None.
  package var mutableOptions: Set<String> { [] }
  /// Accepts the flags.
  package func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {}
  /// Does nothing.
  package func commitReopen(of node: Node) {}
  /// Does nothing.
  package func abortReopen(of node: Node) {}
  /// Does nothing.
  package func finishReopen(of node: Node) throws(BlockError) {}
  /// Does nothing.
  package func close(_ node: Node) throws(BlockError) {}

  /// Refuses.
  package func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    throw BlockError(.unsupported, "Image format driver does not support resize")
  }

  /// Leaves the zeros to be written.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node)
    throws(BlockError)
    -> Bool
  {
    false
  }

  /// Makes no use of the promise.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    try writeZeroes(at: offset, length: length, mayUnmap: mayUnmap, of: node)
  }

  /// Keeps the space.
  package func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {}
  /// Refuses.
  package func setBackingFile(_ name: String?, format: String?, of node: Node) throws(BlockError) {
    throw BlockError(.unsupported, "Operation not supported")
  }
  /// Refuses.
  package func makeEmpty(_ node: Node) throws(BlockError) {
    throw BlockError(.unsupported, "Image format driver does not support emptying")
  }
  /// Knows nothing.
  package func invalidateCache(_ node: Node) throws(BlockError) {}
  /// None: the content is the driver's.
  package var filteredSlot: EdgeSlot? { nil }
  /// Takes no notice.
  package func note(_ event: BlockEvent) {}
  /// Tells of nothing.
  package func tells(of event: BlockEvent) -> Bool { false }
  /// Nothing beyond the common lines.
  package func formatInformation(of node: Node) -> FormatInformation? { nil }

  /// What a driver tells that shows `below` as it is: the unit of allocation there, and nothing else.
  package func unitInformation(of below: Node?) -> FormatInformation? {
    guard let below, let size = below.driver.formatInformation(of: below)?.clusterSize else { return nil }
    var information = FormatInformation()
    information.clusterSize = size
    return information
  }
}

extension PermissionRequest {
  /// The permissions that a parent asks for of a child in `role`, where this is the request of all the parent's users.
  ///
  /// - Parameter flags: those that the parent will have.
  package func derived(for role: EdgeRole, flags: NodeFlags) -> PermissionRequest {
    var request = role.contains(.cow) ? derivedForBacking : derivedForFilter
    if !role.isDisjoint(with: [.data, .metadata]) { request = request.forStorage(role: role, flags: flags) }
    // An inactive node does not mind what happens to the image.
    if flags.contains(.inactive) { request.shared.formUnion([.write, .resize]) }
    return request
  }

  private var derivedForFilter: PermissionRequest {
    PermissionRequest(
      held: held.intersection(.passThrough), shared: shared.intersection(.passThrough).union(.graphMod))
  }

  private var derivedForBacking: PermissionRequest {
    var result = PermissionRequest(
      held: held.intersection(.consistentRead), shared: [.consistentRead, .writeUnchanged, .graphMod])
    // A backing file may change below an overlay only if the overlay's users expect changes themselves.
    if shared.contains(.write) { result.shared.formUnion([.write, .resize]) }
    return result
  }

  private func forStorage(role: EdgeRole, flags: NodeFlags) -> PermissionRequest {
    var request = derivedForFilter
    if role.contains(.metadata) {
      // Tables are written even when the guest only reads.
      if flags.contains(.writable), !flags.contains(.inactive) { request.held.formUnion([.write, .resize]) }
      if flags.isDisjoint(with: [.noIO, .inactive]) { request.held.insert(.consistentRead) }
      request.shared.subtract([.write, .resize])
    }
    if role.contains(.data) {
      request.shared.remove(.resize)
      // Unchanged guest data may land in a place that held something else.
      if request.held.contains(.writeUnchanged) { request.held.insert(.write) }
      if request.held.contains(.write) { request.held.insert(.resize) }
    }
    return request
  }
}

extension StorageDriver {
  /// Not known.
  package func allocatedLength(of node: Node) -> UInt64? { nil }
  /// Nothing is given up.
  package func requireRoom(for length: UInt64, _ preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {}
}

extension FormatDriver {
  /// Has nothing to add.
  package func seal(_ node: Node) throws(BlockError) {}

  /// Nothing is compressed or encrypted.
  package func readEncoded(
    _ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node
  ) throws(BlockError) {
    throw BlockError(.unsupported, "\(name) stores nothing encoded")
  }
  /// Any may.
  package func mayHaveHoles(of node: Node) -> Bool { true }
}
