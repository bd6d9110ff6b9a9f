// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host
internal import Synchronization

/// A filter above a file that is written behind its end: the file gets longer in large steps, with space, and is cut off
/// where the data ends when it is closed.
package struct PreallocateFilter: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `preallocate`.
  package var name: String { "preallocate" }
  /// It is one.
  package var isFilter: Bool { true }
  /// The filter shows the file.
  package var fileRole: EdgeRole { [.filtered, .primary] }

  /// Takes `prealloc-size`, bytes that are taken behind what is written, and `prealloc-align`, of which the length is a
  /// multiple then.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let size = try request.options.takeSize("prealloc-size") ?? 128 << 20
    let unit = try request.options.takeSize("prealloc-align") ?? 1 << 20
    guard unit.isMultiple(of: 512) else {
      throw BlockError(
        .invalidArgument, "prealloc-align parameter of preallocate filter is not aligned to 512")
    }
    return OpenedDriver(PreallocateDriver(size: size, unit: max(unit, 1)), fileRole: fileRole)
  }
}

private final class PreallocateDriver: FilterDriver {
  let name = "preallocate"
  private let size: UInt64
  private let unit: UInt64
  /// Where the data ends, and the file; nil before anything is taken.
  private let ends = Mutex<Ends?>(nil)
  /// Held while the file gets longer or shorter.
  private let resizing = ConditionLock()

  private struct Ends {
    var data: UInt64
    var file: UInt64
  }

  init(size: UInt64, unit: UInt64) {
    self.size = size
    self.unit = unit
  }

  /// The length changes without a wish from above, and nobody else may rely on it.
  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    var request = parents.derived(for: role, flags: flags)
    guard flags.contains(.writable), !flags.contains(.inactive) else { return request }
    request.held.formUnion([.write, .resize])
    request.shared.subtract([.write, .resize])
    return request
  }

  /// What is taken is not there for anybody.
  func length(of node: Node) -> UInt64 { ends.withLock { $0?.data } ?? node.filtered?.length ?? 0 }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let extent = try below(node).extent(at: offset, length: length)
    return Extent(
      extent.kind, length: min(extent.length, length), location: Extent.Location(.file, offset),
      isPassThrough: true)
  }

  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    guard request.kind == .write || request.kind == .writeZeroes else { return try handOn() }
    let end = request.range.upperBound
    if end > length(of: node) { take(for: end, of: node) }
    try handOn()
    ends.withLock { ends in
      guard var now = ends else { return }
      now.data = max(now.data, end)
      now.file = max(now.file, end)
      ends = now
    }
  }

  /// Takes space where a write would pass the end of the file. Without it, the write itself makes the file longer.
  private func take(for end: UInt64, of node: Node) {
    resizing.withLock {
      guard let file = node.filtered, size > 0 else { return }
      let present = ends.withLock { $0 } ?? Ends(data: file.length, file: file.length)
      guard end > present.file, let wanted = end.plus(size)?.roundedUp(to: unit) else { return }
      // From here on the length of the file tells nothing about the data.
      ends.withLock { $0 = $0 ?? present }
      do throws(BlockError) {
        try file.truncate(to: wanted, exact: true, preallocation: .falloc)
        ends.withLock { $0?.file = wanted }
      } catch {
        // It may have become longer by a part.
        let reached = max(present.file, file.length)
        ends.withLock { $0?.file = reached }
      }
    }
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    try resizing.withLock { () throws(BlockError) in
      try cutOff(node)
      try below(node).truncate(to: length, exact: exact, preallocation: preallocation)
    }
  }

  func close(_ node: Node) throws(BlockError) {
    try resizing.withLock { () throws(BlockError) in try cutOff(node) }
  }

  /// Gives back what was not written.
  private func cutOff(_ node: Node) throws(BlockError) {
    guard let present = ends.withLock({ $0 }) else { return }
    if present.file > present.data {
      try node.filtered?.truncate(to: present.data, exact: true, preallocation: .off)
    }
    ends.withLock { $0 = nil }
  }
}
