// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
import Bytes
package import Errors
package import Options
import Synchronization

/// A format whose images can be amended: a header of 512 bytes that holds one changeable byte, then the disk.
///
/// The driver writes the byte through a permission that it takes for the change only, unless it is made without
/// hooks; then it writes as its node may.
package struct AmendableFormat: DriverKind {
  /// What drivers of one kind do and saw.
  package final class Record: Sendable {
    private let entries = Mutex<[String]>([])
    private let faults = Mutex<Set<String>>([])

    /// Makes a record; the steps named in `failing` fail: `amend`, or `refresh` in cleaning up.
    package init(failing: Set<String> = []) { faults.withLock { $0 = failing } }

    /// What happened, in order.
    package var steps: [String] { entries.withLock { $0 } }
    func note(_ step: String) { entries.withLock { $0.append(step) } }
    func fails(_ step: String) -> Bool { faults.withLock { $0.contains(step) } }
  }

  /// What happened to the drivers.
  package let record: Record
  /// Called inside the body of each change.
  package let inside: @Sendable (JobContext) -> Void
  private let hasHooks: Bool

  /// Makes the kind.
  package init(
    _ record: Record = Record(), hasHooks: Bool = true,
    inside: @escaping @Sendable (JobContext) -> Void = { _ in }
  ) {
    self.record = record
    self.hasHooks = hasHooks
    self.inside = inside
  }

  /// `amendable`.
  package var name: String { "amendable" }
  /// The changeable byte, and what only creation takes.
  package var creationOptions: OptionList { [OptionSpec("unit", .size, "Unit"), AmendableFormat.byte] }
  /// The changeable byte.
  package var amendOptions: OptionList { [AmendableFormat.byte] }
  private static let byte = OptionSpec("byte", .number, "The byte")

  /// Takes any file that is long enough.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let file = request.node.file, file.length >= 512 else {
      throw BlockError(.invalidArgument, "Image is not in amendable format")
    }
    if hasHooks {
      return OpenedDriver(HookedDriver(self, file.length - 512), fileRole: [.filtered, .primary])
    }
    return OpenedDriver(PlainDriver(self, file.length - 512))
  }

  /// What both drivers share: the disk.
  private class Base: @unchecked Sendable {
    let kind: AmendableFormat
    let size: UInt64
    let name = "amendable"

    init(_ kind: AmendableFormat, _ size: UInt64) {
      self.kind = kind
      self.size = size
    }

    func length(of node: Node) -> UInt64 { size }
    func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
      Extent(.data, length: length, location: Extent.Location(.file, offset + 512))
    }
    func readEncoded(_ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
      throws(BlockError)
    {
      throw BlockError(.unsupported, "nothing is encoded")
    }
    func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
      WriteSlot(length: length, location: Extent.Location(.file, offset + 512))
    }
    func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}
    func flush(_ node: Node) throws(BlockError) { try node.file?.flush() }

    func amend(_ request: AmendRequest, of node: Node, _ context: JobContext) throws(BlockError)
      -> AmendEffect?
    {
      kind.record.note("amend")
      context.expect(100)
      context.advance(50)
      kind.inside(context)
      context.expect(300)
      context.advance(120)
      if kind.record.fails("amend") { throw BlockError(.inputOutput, "the body fails") }
      let byte = UInt8(truncatingIfNeeded: request.options["byte"]?.unsigned ?? 0)
      try node.file?.write(at: 0, [byte])
      return nil
    }
  }

  private final class PlainDriver: Base, FormatDriver, AmendingDriver, @unchecked Sendable {}

  private final class HookedDriver: Base, FormatDriver, AmendingDriver, @unchecked Sendable {
    private let isUpdating = Atomic(false)
    private let isCleaning = Atomic(false)

    func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
      -> PermissionRequest
    {
      var request = parents.derived(for: role, flags: flags)
      guard isUpdating.load(ordering: .relaxed) else { return request }
      request.held.insert(.write)
      request.shared.subtract([.consistentRead, .write])
      return request
    }

    func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {
      kind.record.note("check")
      if isCleaning.load(ordering: .relaxed), kind.record.fails("refresh") {
        throw BlockError(.inputOutput, "the refresh fails")
      }
    }

    func prepareAmend(of node: Node, in graph: Graph) throws(BlockError) {
      kind.record.note("prepare")
      isUpdating.store(true, ordering: .relaxed)
      do throws(BlockError) {
        try refresh(node, graph)
      } catch {
        isUpdating.store(false, ordering: .relaxed)
        throw error
      }
    }

    func cleanUpAmend(of node: Node, in graph: Graph) throws(BlockError) {
      kind.record.note("clean")
      isUpdating.store(false, ordering: .relaxed)
      isCleaning.store(true, ordering: .relaxed)
      defer { isCleaning.store(false, ordering: .relaxed) }
      try refresh(node, graph)
    }

    private func refresh(_ node: Node, _ graph: Graph) throws(BlockError) {
      try graph.change(draining: [node]) { (edit: GraphEdit) throws(BlockError) in
        try edit.setFlags(node.flags, of: node)
      }
    }
  }
}
