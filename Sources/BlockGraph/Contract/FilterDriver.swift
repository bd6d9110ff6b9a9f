// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// A driver that shows what something else holds: it states what it changes, and everything else is handed on.
///
/// Every request goes through `run`, which is the one place for filters that act on requests whatever they are.
package protocol FilterDriver: StorageDriver {
  /// The storage that requests are handed on to.
  ///
  /// - Throws: kind `notFound` while there is no such child.
  func below(_ node: Node) throws(BlockError) -> any FilteredStorage

  /// Runs a request: called once for each, with the closure that hands it on.
  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)

  /// Whether clusters that are compressed already go to the child past `write`.
  var handsOnCompressed: Bool { get }

  /// Called before room is made for such a cluster; the request is the write of its content.
  func admitCompressed(_ request: FilteredRequest, of node: Node) throws(BlockError)
}

/// A filter in front of a driver, in the same node.
package protocol WrappingDriver: FilterDriver {
  /// The driver that requests are handed on to.
  var base: any StorageDriver { get }
}

/// A request that arrives at a filter.
package struct FilteredRequest: Sendable, Equatable {
  /// The kinds of requests.
  package enum Kind: String, Sendable, CaseIterable {
    /// Bytes.
    case read
    /// That bytes are stored.
    case write
    /// That a range reads as zero.
    case writeZeroes = "write-zeroes"
    /// That the space of a range is given back.
    case discard
    /// That everything is durable.
    case flush
    /// Where there is data.
    case blockStatus = "block-status"
    /// Another length; the range is what goes.
    case truncate
  }

  /// The kind of the request.
  package var kind: Kind
  /// The bytes that it is about; empty where it is about none.
  package var range: Range<UInt64>

  /// Makes a request; a length past the largest offset ends there.
  package init(_ kind: Kind, at offset: UInt64 = 0, length: UInt64 = 0) {
    self.kind = kind
    range = offset..<(offset &+ length < offset ? .max : offset &+ length)
  }

  /// Whether it changes what is stored, or how long it is.
  package var isChange: Bool {
    switch kind {
    case .write, .writeZeroes, .discard, .truncate: true
    case .read, .flush, .blockStatus: false
    }
  }
}

/// The storage that a filter hands requests on to.
package protocol FilteredStorage {
  /// Its length in bytes.
  var length: UInt64 { get }
  /// The limits that it sets to requests.
  var limits: Limits { get }
  /// The abilities of the storage below.
  var capabilities: Capabilities { get }
  /// Bytes that it takes, where that is known.
  var allocatedLength: UInt64? { get }
  /// Reads.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError)
  /// The answer of its own layer about a range.
  func extent(at offset: UInt64, length: UInt64) throws(BlockError) -> Extent
  /// Writes.
  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool) throws(BlockError)
  /// Makes a range read as zero; false where the zeros have to be written.
  func zero(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool) throws(BlockError) -> Bool
  /// Gives space back.
  func discard(at offset: UInt64, length: UInt64) throws(BlockError)
  /// Sets the length.
  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation) throws(BlockError)
  /// Makes everything durable.
  func flush() throws(BlockError)
}

extension FilterDriver {
  /// `file`.
  package var filteredSlot: EdgeSlot? { .file }

  /// The child.
  package func below(_ node: Node) throws(BlockError) -> any FilteredStorage {
    guard let edge = node.filtered else {
      throw BlockError(.notFound, "node '\(node.name)' has no child '\(filteredSlot?.rawValue ?? "")'")
    }
    return edge
  }

  /// Hands it on.
  package func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    try handOn()
  }

  /// They do not.
  package var handsOnCompressed: Bool { false }

  /// As `run` does.
  package func admitCompressed(_ request: FilteredRequest, of node: Node) throws(BlockError) {
    try run(request, of: node) {}
  }

  /// Those of what lies below.
  package func limits(of node: Node) -> Limits { (try? below(node))?.limits ?? Limits() }
  /// That of what lies below.
  package func length(of node: Node) -> UInt64 { (try? below(node))?.length ?? 0 }
  /// That of what lies below, as far as the filter shows it.
  package func unpaddedLength(of node: Node) -> UInt64 {
    min(length(of: node), node.filtered?.child.unpaddedLength ?? .max)
  }
  /// That of what lies below.
  package func allocatedLength(of node: Node) -> UInt64? { (try? below(node))?.allocatedLength }

  /// Hands it on.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    let request = FilteredRequest(.read, at: offset, length: UInt64(buffer.byteCount))
    try run(request, of: node) { () throws(BlockError) in
      try below(node).read(at: offset, into: &buffer)
    }
  }

  /// Hands it on; the layer below has it at the same offset.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    var extent = Extent(.data, length: length)
    try run(FilteredRequest(.blockStatus, at: offset, length: length), of: node) { () throws(BlockError) in
      extent = try below(node).extent(at: offset, length: length)
    }
    guard let slot = filteredSlot else { return extent }
    return Extent(
      extent.kind, length: extent.length, location: Extent.Location(slot, offset), isPassThrough: true)
  }

  /// Hands it on.
  package func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError)
  {
    let request = FilteredRequest(.write, at: offset, length: UInt64(data.byteCount))
    try run(request, of: node) { () throws(BlockError) in
      try below(node).write(at: offset, from: data, unchanged: unchanged)
    }
  }

  /// Hands it on.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node)
    throws(BlockError)
    -> Bool
  {
    try writeZeroes(at: offset, length: length, mayUnmap: mayUnmap, unchanged: false, of: node)
  }

  /// Hands it on, with the promise.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    var isDone = false
    try run(FilteredRequest(.writeZeroes, at: offset, length: length), of: node) { () throws(BlockError) in
      isDone = try below(node).zero(at: offset, length: length, mayUnmap: mayUnmap, unchanged: unchanged)
    }
    return isDone
  }

  /// Hands it on.
  package func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    try run(FilteredRequest(.discard, at: offset, length: length), of: node) { () throws(BlockError) in
      try below(node).discard(at: offset, length: length)
    }
  }

  /// Hands it on.
  package func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    let present = max(self.length(of: node), length)
    try run(FilteredRequest(.truncate, at: length, length: present - length), of: node) {
      () throws(BlockError) in
      try below(node).truncate(to: length, exact: exact, preallocation: preallocation)
    }
  }

  /// The unit of allocation below, and nothing else.
  package func formatInformation(of node: Node) -> FormatInformation? {
    unitInformation(of: node.filtered?.child)
  }

  /// Hands it on.
  package func flush(_ node: Node) throws(BlockError) {
    try run(FilteredRequest(.flush), of: node) { () throws(BlockError) in try below(node).flush() }
  }
}

extension WrappingDriver {
  /// The driver's own.
  package var name: String { base.name }
  /// None.
  package var filteredSlot: EdgeSlot? { nil }
  /// The driver.
  package func below(_ node: Node) throws(BlockError) -> any FilteredStorage { WrappedDriver(base, of: node) }
  /// As the driver does.
  package func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {
    try base.checkPermissions(request, of: node)
  }
  /// As the driver does.
  package func commitPermissions(of node: Node) { base.commitPermissions(of: node) }
  /// As the driver does.
  package func abortPermissions(of node: Node) { base.abortPermissions(of: node) }
  /// As the driver does.
  package func invalidateCache(_ node: Node) throws(BlockError) { try base.invalidateCache(node) }
  /// As the driver does.
  package func close(_ node: Node) throws(BlockError) { try base.close(node) }
}

/// A driver together with the node that it is asked about.
private struct WrappedDriver: FilteredStorage {
  private let driver: any StorageDriver
  private let node: Node

  init(_ driver: any StorageDriver, of node: Node) {
    self.driver = driver
    self.node = node
  }

  var length: UInt64 { driver.length(of: node) }
  var limits: Limits { driver.limits(of: node) }
  var capabilities: Capabilities { driver.capabilities(of: node) }
  var allocatedLength: UInt64? { driver.allocatedLength(of: node) }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    try driver.read(at: offset, into: &buffer, of: node)
  }

  func extent(at offset: UInt64, length: UInt64) throws(BlockError) -> Extent {
    try driver.extent(at: offset, length: length, of: node)
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool) throws(BlockError) {
    try driver.write(at: offset, from: data, unchanged: unchanged, of: node)
  }

  func zero(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool) throws(BlockError) -> Bool {
    try driver.writeZeroes(
      at: offset, length: length, mayUnmap: mayUnmap, unchanged: unchanged, of: node)
  }

  func discard(at offset: UInt64, length: UInt64) throws(BlockError) {
    try driver.discard(at: offset, length: length, of: node)
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation) throws(BlockError) {
    try driver.truncate(to: length, exact: exact, preallocation: preallocation, of: node)
  }

  func flush() throws(BlockError) { try driver.flush(node) }
}

extension BusyRanges {
  /// Runs a request of a filter that works on units as a whole: changes keep out of those that are worked on.
  package func run(_ request: FilteredRequest, _ handOn: () throws(BlockError) -> Void) throws(BlockError) {
    guard request.isChange else { return try handOn() }
    let isResize = request.kind == .truncate
    try run(isResize ? 0..<UInt64.max : request.range, alone: isResize, handOn)
  }
}
