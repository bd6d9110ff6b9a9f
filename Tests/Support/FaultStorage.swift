// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
import Bytes
package import Errors
import Host

/// Storage over storage that fails when told to, and knows what a crash would lose.
///
/// Until a flush, every change may or may not reach the disk; `crash` takes changes back as a power cut would.
package final class FaultStorage: WrappingDriver, CopyingDriver, @unchecked Sendable {
  /// What is counted and can be made to fail.
  package enum Operation: Sendable, CaseIterable {
    /// Reading.
    case read
    /// Writing.
    case write
    /// Zeroing.
    case zero
    /// Discarding.
    case discard
    /// Setting the length.
    case truncate
    /// Flushing.
    case flush
    /// Copying from here.
    case copy
    /// Closing, which tells what went wrong before.
    case close

    /// All but closing: what the work itself asks for.
    package static let work = Set(allCases).subtracting([.close])

    /// What a request counts as, if it does.
    init?(_ request: FilteredRequest) {
      switch request.kind {
      case .read: self = .read
      case .write: self = .write
      case .writeZeroes: self = .zero
      case .discard: self = .discard
      case .truncate: self = .truncate
      case .flush: self = .flush
      case .blockStatus: return nil
      }
    }
  }

  /// One change since the last flush: what was there, and what came.
  private struct Change {
    var offset: UInt64
    var before: [UInt8]
    var after: [UInt8]
    var lengthBefore: UInt64
    var lengthAfter: UInt64
  }

  /// What lies below.
  package let base: any StorageDriver
  private let lock = ConditionLock()
  private let counter: FaultCounter
  private var changes: [Change] = []
  private var recorded: StorageHistory?
  private let room: UInt64?
  private var flushHook: (@Sendable () -> Void)?

  /// Wraps `base`; `counter` may count for several storages. With `room`, there is no space behind so many bytes.
  package init(_ base: any StorageDriver, counter: FaultCounter = FaultCounter(), room: UInt64? = nil) {
    self.base = base
    self.counter = counter
    self.room = room
  }

  /// Refuses what takes space behind the end of a full disk.
  private func takeRoom(upTo end: UInt64) throws(BlockError) {
    guard let room, end > room else { return }
    throw BlockError(.noSpace, "No space left on device")
  }

  /// Lets the `number`th of the `operations` from here fail, counted from 1; 0 for none. With `forGood`, all
  /// after it fail too.
  package func fail(
    _ number: Int, of operations: Set<Operation> = Operation.work, forGood: Bool = false
  ) {
    counter.fail(number, of: operations, forGood: forGood)
  }

  /// How many of the counted operations arrived since `fail`.
  package var operations: Int { counter.operations }
  /// How many changes a crash could lose.
  package var unflushed: Int { lock.withLock { changes.count } }

  /// Lets `hook` run whenever a flush arrives, before anything comes of it; nothing with nil.
  package func beforeFlush(_ hook: (@Sendable () -> Void)?) { lock.withLock { flushHook = hook } }

  /// Notes what arrives from now on, where `start` is what is there.
  package func record(from start: [UInt8]) { lock.withLock { recorded = StorageHistory(start) } }
  /// What arrived since.
  package var history: StorageHistory? { lock.withLock { recorded } }

  /// Takes the changes since the last flush back, but for those that `survives` keeps, by their number.
  package func crash(of node: Node, survives: (Int) -> Bool) throws(BlockError) {
    let lost = lock.withLock {
      defer { changes = [] }
      return changes
    }
    for change in lost.reversed() {
      try put(change.before, at: change.offset, length: change.lengthBefore, node)
    }
    for (number, change) in lost.enumerated() where survives(number) {
      try put(change.after, at: change.offset, length: max(base.length(of: node), change.lengthAfter), node)
    }
  }

  /// Takes the changes since the last flush back but for those sectors that `survives` keeps: writes reach a disk in
  /// pieces, and in any order.
  package func tear(of node: Node, survives: () -> Bool) throws(BlockError) {
    let lost = lock.withLock {
      defer { changes = [] }
      return changes
    }
    for change in lost.reversed() {
      try put(change.before, at: change.offset, length: change.lengthBefore, node)
    }
    for change in lost {
      if survives() {
        let length = max(base.length(of: node), change.lengthAfter)
        try base.truncate(to: length, exact: true, preallocation: .off, of: node)
      }
      var start = 0
      while start < change.after.count {
        let end = min(start + 512 - Int((change.offset + UInt64(start)) % 512), change.after.count)
        let offset = change.offset + UInt64(start)
        if survives() {
          let length = max(base.length(of: node), offset + UInt64(end - start))
          try put(Array(change.after[start..<end]), at: offset, length: length, node)
        }
        start = end
      }
    }
  }

  private func put(_ bytes: [UInt8], at offset: UInt64, length: UInt64, _ node: Node) throws(BlockError) {
    if !bytes.isEmpty { try base.write(at: offset, from: Buffer(bytes).bytes, unchanged: false, of: node) }
    try base.truncate(to: length, exact: true, preallocation: .off, of: node)
  }

  /// Runs a change and notes what it changed.
  private func change(at offset: UInt64, length: UInt64, _ node: Node, _ body: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    let lengthBefore = base.length(of: node)
    let before = try present(offset, length, node)
    try body()
    note(
      Change(
        offset: offset, before: before, after: try present(offset, length, node), lengthBefore: lengthBefore,
        lengthAfter: base.length(of: node)))
  }

  private func note(_ change: Change) {
    let end = change.offset + UInt64(change.after.count)
    lock.withLock {
      changes.append(change)
      if !change.after.isEmpty { recorded?.add(.bytes(offset: change.offset, change.after)) }
      if change.after.isEmpty || change.lengthAfter != max(change.lengthBefore, end) {
        recorded?.add(.length(change.lengthAfter))
      }
    }
  }

  private func present(_ offset: UInt64, _ length: UInt64, _ node: Node) throws(BlockError) -> [UInt8] {
    let end = min(offset + length, base.length(of: node))
    guard offset < end else { return [] }
    let buffer = Buffer(count: Int(end - offset))
    var bytes = buffer.mutableBytes
    try base.read(at: offset, into: &bytes, of: node)
    return buffer.bytes.array
  }

  // MARK: The driver

  /// Counts, fails when it is its turn, and notes what changed.
  package func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    if let operation = Operation(request) { try counter.pass(operation) }
    guard request.isChange else {
      if request.kind == .flush { lock.withLock { flushHook }?() }
      try handOn()
      if request.kind == .flush { noteFlush() }
      return
    }
    if request.kind == .write || request.kind == .writeZeroes { try takeRoom(upTo: request.range.upperBound) }
    try change(
      at: request.range.lowerBound, length: UInt64(request.range.count), node, handOn)
  }

  private func noteFlush() {
    lock.withLock {
      changes = []
      recorded?.add(.flush)
    }
  }

  /// Space that is reserved has to be there.
  package func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    if preallocation == .falloc || preallocation == .full { try takeRoom(upTo: length) }
    let present = max(base.length(of: node), length)
    try run(FilteredRequest(.truncate, at: length, length: present - length), of: node) {
      () throws(BlockError) in
      try base.truncate(to: length, exact: exact, preallocation: preallocation, of: node)
    }
  }

  /// Those of what it stands before.
  package func capabilities(of node: Node) -> Capabilities { base.capabilities(of: node) }

  /// Copies to memory, or fails.
  package func copyRange(
    at offset: UInt64, length: UInt64, to target: any StorageDriver, at targetOffset: UInt64
  ) throws(BlockError) -> Bool {
    try counter.pass(.copy)
    guard let source = base as? MemoryStorage, let target = target as? FaultStorage,
      let memory = target.base as? MemoryStorage
    else { return false }
    let before = memory.bytes
    guard try source.copyRange(at: offset, length: length, to: memory, at: targetOffset) else { return false }
    let (after, range) = (memory.bytes, Int(targetOffset)..<Int(targetOffset + length))
    target.note(
      Change(
        offset: targetOffset, before: Array(before[range.clamped(to: 0..<before.count)]),
        after: Array(after[range]), lengthBefore: UInt64(before.count), lengthAfter: UInt64(after.count)))
    return true
  }

  /// Closes, or fails.
  package func close(_ node: Node) throws(BlockError) {
    try counter.pass(.close)
    try base.close(node)
  }
}

/// Counts operations and lets some fail.
package final class FaultCounter: @unchecked Sendable {
  private let lock = ConditionLock()
  private var passed = 0
  private var failing = 0
  private var counted = FaultStorage.Operation.work
  private var failsForGood = false

  /// Lets nothing fail.
  package init() {}

  /// Lets the `number`th of the `operations` from here fail, counted from 1; 0 for none. With `forGood`, all
  /// after it fail too.
  package func fail(
    _ number: Int, of operations: Set<FaultStorage.Operation> = FaultStorage.Operation.work,
    forGood: Bool = false
  ) {
    lock.withLock {
      passed = 0
      failing = number
      counted = operations
      failsForGood = forGood
    }
  }

  /// How many of the counted operations arrived since `fail`.
  package var operations: Int { lock.withLock { passed } }

  func pass(_ operation: FaultStorage.Operation) throws(BlockError) {
    let fails = lock.withLock {
      guard counted.contains(operation) else { return false }
      passed += 1
      return failing != 0 && (passed == failing || (failsForGood && passed > failing))
    }
    if fails { throw BlockError(.inputOutput, "injected failure of \(operation)") }
  }
}

extension RawSpan {
  /// A copy of all bytes.
  package var array: [UInt8] {
    unsafe withUnsafeBytes { unsafe Array($0) }
  }
}

extension Edge {
  /// Bytes at `offset`, as an array.
  package func array(at offset: UInt64, count: Int) throws(BlockError) -> [UInt8] {
    let buffer = try read(at: offset, count: count)
    return buffer.bytes.array
  }

  /// Writes bytes from an array.
  package func write(at offset: UInt64, _ bytes: [UInt8], unchanged: Bool = false) throws(BlockError) {
    let buffer = Buffer(bytes)
    try write(at: offset, from: buffer.bytes, unchanged: unchanged)
  }
}
