// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Synchronization

/// The metadata context that a server is asked for about the blocks of an export.
enum NBDContext: Equatable {
  /// The allocation: the ranges with data, and those that read as zero.
  case allocation
  /// Anything else that the server knows, such as `qemu:dirty-bitmap:NAME`: shown as holes where its lowest bit is 1.
  case other(String)

  /// Its name in the protocol.
  var name: String {
    switch self {
    case .allocation: "base:allocation"
    case .other(let name): name
    }
  }

  /// The bits of an answer that mean that there is no data. A hole that need not read as zero is data.
  var mask: UInt32 {
    switch self {
    case .allocation: 2
    case .other: 1
    }
  }
}

/// An export of an NBD server as storage.
final class NBDDriver: InPlaceStorage {
  let name = "nbd"
  private let export: NBDExport
  private let context: NBDContext
  private let known = Mutex(KnownStretches())
  /// Whether something was written that no flush has followed.
  private let isUnflushed = Atomic(false)

  /// The longest range in bytes that one command without data covers: their lengths have 32 bits.
  private static let longestCommand: UInt64 = 1 << 30

  init(_ export: NBDExport, _ context: NBDContext) {
    self.export = export
    self.context = context
  }

  func length(of node: Node) -> UInt64 { export.facts.length }

  /// The limits that the server states for its requests.
  func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.requestAlignment = export.facts.unit
    limits.maximumTransfer = export.facts.largestRequest
    return limits
  }

  /// Some servers want zeros as data.
  func capabilities(of node: Node) -> Capabilities { export.canZero ? .nativeZeroes : [] }

  /// A server that lets nobody write is not written to. It has no locks.
  func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {
    if request.held.contains(.write) { try refuseForeignContext() }
    if !request.held.isDisjoint(with: [.write, .writeUnchanged]) { try refuseWritingWhereReadOnly() }
  }

  func refuseWritingWhereReadOnly() throws(BlockError) {
    guard export.facts.isReadOnly else { return }
    throw BlockError(.readOnly, "The NBD server lets this export be read only")
  }

  /// Refuses writing where another context than the allocation is shown as data and holes: the guest's writes would not
  /// show in it.
  private func refuseForeignContext() throws(BlockError) {
    guard case .other(let name) = context else { return }
    throw BlockError(
      .unsupported, "With x-dirty-bitmap=\(name), the export can only be read",
      advice: "Leave x-dirty-bitmap out to write.")
  }

  /// Throws where what the server does not tell is all that the export is opened for.
  private func requireAnswer() throws(BlockError) {
    guard case .other(let name) = context else { return }
    throw BlockError(.unsupported, "The NBD server does not tell '\(name)' of this export")
  }

  // MARK: Reading and status

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    // Rounded up to the unit, a request may pass the end.
    let inside =
      offset >= export.facts.length ? 0 : min(export.facts.length - offset, UInt64(buffer.byteCount))
    if inside < UInt64(buffer.byteCount) {
      var rest = buffer.slice(Int(inside)..<buffer.byteCount)
      rest.fill()
    }
    var part = buffer.slice(0..<Int(inside))
    try export.read(at: offset, into: &part)
  }

  /// Data and zeros as the server tells them; where it does not, everything is data.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let location = Extent.Location(.file, offset)
    var found = known.withLock { ($0.stretch(at: offset), $0.generation) }
    if found.0 == nil {
      let start = offset.roundedDown(to: export.facts.unit)
      guard
        let answer = try export.status(
          at: start, length: min(export.facts.length - start, NBDDriver.longestCommand))
      else {
        try requireAnswer()
        return Extent(.data, length: length, location: location)
      }
      var fresh = KnownStretches()
      fresh.learn(answer, from: start, mask: context.mask)
      found.0 = fresh.stretch(at: offset)
      let stretches = fresh
      // An answer from before a change is void: it is not kept.
      known.withLock { if $0.generation == found.1 { $0.adopt(stretches) } }
    }
    guard let stretch = found.0 else {
      throw BlockError(.inputOutput, "The NBD server told nothing of the range at \(offset)")
    }
    let count = min(length, stretch.end - offset)
    guard stretch.isZero else { return Extent(.data, length: count, location: location) }
    // A dirty bitmap's bits say nothing of the content.
    return context == .allocation
      ? Extent(.zero, length: count, location: location) : Extent(.unallocated, length: count)
  }

  // MARK: Writing

  /// To be called after each change: a flush that began before does not count.
  private func noteChange() {
    known.withLock { $0.forget() }
    isUnflushed.store(true, ordering: .sequentiallyConsistent)
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    defer { noteChange() }
    guard let end = offset.plus(UInt64(data.byteCount)), end <= export.facts.length else {
      throw BlockError(.noSpace, "The NBD export ends at \(export.facts.length)")
    }
    try export.write(at: offset, from: data)
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    guard export.canZero else { return false }
    defer { noteChange() }
    return try eachCommand(at: offset, length: length) { (start, count) throws(BlockError) in
      try export.zero(at: start, length: count, keepsSpace: !mayUnmap)
    }
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard node.flags.contains(.unmap) else { return }
    defer { noteChange() }
    _ = try eachCommand(at: offset, length: length) { (start, count) throws(BlockError) in
      try export.trim(at: start, length: count)
    }
  }

  /// Runs a command for each part of a range, until one is not served; returns whether all were.
  private func eachCommand(
    at offset: UInt64, length: UInt64, _ command: (UInt64, UInt64) throws(BlockError) -> Bool
  ) throws(BlockError) -> Bool {
    guard let end = offset.plus(length), end <= export.facts.length else {
      throw BlockError(.noSpace, "The NBD export ends at \(export.facts.length)")
    }
    var position = offset
    while position < end {
      let count = min(end - position, NBDDriver.longestCommand)
      guard try command(position, count) else { return false }
      position += count
    }
    return true
  }

  /// An export has the length that its server gives it.
  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    try requireNoPreallocation(preallocation)
    if exact && length != export.facts.length { throw BlockError(.unsupported, "Cannot resize NBD nodes") }
    try requireRoom(for: length, preallocation)
  }

  func requireRoom(for length: UInt64, _ preallocation: Preallocation) throws(BlockError) {
    try requireNoPreallocation(preallocation)
    if length > export.facts.length { throw BlockError(.invalidArgument, "Cannot grow NBD nodes") }
  }

  private func requireNoPreallocation(_ preallocation: Preallocation) throws(BlockError) {
    guard preallocation == .off else {
      throw BlockError(
        .unsupported, "Preallocation mode '\(preallocation.rawValue)' unsupported for NBD nodes")
    }
  }

  func flush(_ node: Node) throws(BlockError) {
    guard !export.facts.isReadOnly, !node.flags.contains(.noFlush) else { return }
    try inFile(node.fileName, "Could not flush") { () throws(BlockError) in try synchronize() }
  }

  /// Flushes what no flush has followed, also where the node was opened not to care: a server keeps what it was sent,
  /// and nobody else will ask it. Of a connection that is lost, a request has told.
  func close(_ node: Node) throws(BlockError) {
    guard isUnflushed.load(ordering: .sequentiallyConsistent), !export.isLost else { return }
    try inFile(node.fileName, "Could not flush") { () throws(BlockError) in try synchronize() }
  }

  // MARK: Written in place

  var length: UInt64 { export.facts.length }
  var requestUnit: UInt64 { export.facts.unit }

  func giveUpContent(_ ranges: [Range<UInt64>]) throws(BlockError) {
    for range in ranges {
      let inside = range.clamped(to: 0..<export.facts.length)
      try writeInPlace(at: inside.lowerBound, from: Buffer(count: inside.count).bytes)
    }
    try synchronize()
  }

  func writeInPlace(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    defer { noteChange() }
    try export.write(at: offset, from: data)
  }

  func synchronize() throws(BlockError) {
    isUnflushed.store(false, ordering: .sequentiallyConsistent)
    try export.flush()
  }
}
