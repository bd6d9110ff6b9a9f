// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host
internal import Synchronization

/// Hands every request on to the storage below, unless a rule lets it fail.
final class BlkdebugDriver: StorageDriver {
  let name = "blkdebug"
  private let rules: Mutex<[FaultRule]>

  init(_ rules: [FaultRule]) { self.rules = Mutex(rules) }

  /// Throws the error of the first rule that the trigger and the range meet.
  private func fail(_ range: Range<UInt64>?, where isMet: (FaultRule.Trigger) -> Bool) throws(BlockError) {
    let number = rules.withLock { rules -> Int32? in
      guard let index = rules.firstIndex(where: { isMet($0.trigger) && $0.covers(range) }) else { return nil }
      let rule = rules[index]
      if rule.isOnce { rules.remove(at: index) }
      return rule.number
    }
    if let number { throw BlockError(system: number) }
  }

  private func fail(_ kind: FaultRule.RequestKind, at offset: UInt64, length: UInt64) throws(BlockError) {
    try fail(offset..<(offset.plus(length) ?? .max)) { trigger in
      if case .requests(let kinds) = trigger { kinds.contains(kind) } else { false }
    }
  }

  /// Lets accesses to guest data fail.
  func noteAccess(_ access: DataAccess, at offset: UInt64, length: UInt64) throws(BlockError) {
    try fail(offset..<(offset.plus(length) ?? .max)) { $0 == .data(access) }
  }

  // MARK: The storage's

  func limits(of node: Node) -> Limits { node.file?.child.limits ?? Limits() }
  func length(of node: Node) -> UInt64 { node.file?.length ?? 0 }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    try fail(.read, at: offset, length: UInt64(buffer.byteCount))
    try storage(of: node).read(at: offset, into: &buffer)
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    try fail(.blockStatus, at: offset, length: length)
    return try storage(of: node).extent(at: offset, length: length)
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    try fail(.write, at: offset, length: UInt64(data.byteCount))
    try storage(of: node).write(at: offset, from: data, unchanged: unchanged)
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    try writeZeroes(at: offset, length: length, mayUnmap: mayUnmap, unchanged: false, of: node)
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    try fail(.writeZeroes, at: offset, length: length)
    try storage(of: node).writeZeroes(at: offset, length: length, mayUnmap: mayUnmap, unchanged: unchanged)
    return true
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    try fail(.discard, at: offset, length: length)
    try storage(of: node).discard(at: offset, length: length)
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    try storage(of: node).truncate(to: length, exact: exact, preallocation: preallocation)
  }

  func flush(_ node: Node) throws(BlockError) {
    try fail(nil) { trigger in
      if case .requests(let kinds) = trigger { kinds.contains(.flush) } else { false }
    }
    try storage(of: node).flush()
  }

  private func storage(of node: Node) throws(BlockError) -> Edge {
    guard let edge = node.file else {
      throw BlockError(.notFound, "node '\(node.name)' has no child 'file'")
    }
    return edge
  }
}
