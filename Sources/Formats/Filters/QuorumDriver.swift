// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Asks all its children, and goes by what enough of them say. Children come and go as edges do.
final class QuorumDriver: StorageDriver {
  let name = "quorum"
  private let rules: QuorumRules

  init(_ rules: QuorumRules) { self.rules = rules }

  /// The edges to the images, in the order attached.
  static func children(of node: Node) -> [Edge] {
    node.children.filter { $0.slot.rawValue.hasPrefix(EdgeSlot.children.rawValue + ".") }
  }

  /// Images of different lengths cannot hold the same disk.
  static func refuseLengths(of children: [Edge]) throws(BlockError) {
    guard let length = children.first?.length else { return }
    for child in children where child.length != length {
      throw BlockError(
        .inputOutput, "Could not refresh total sector count: Input/output error",
        advice: "'\(child.child.fileName)' is not as long as '\(children[0].child.fileName)'.")
    }
  }

  // MARK: Graph hooks

  /// The abilities that all children have, but copying: each child gets its own bytes.
  func capabilities(of node: Node) -> Capabilities {
    var common: Capabilities = [.appendOnly, .nativeZeroes]
    for child in QuorumDriver.children(of: node) { common.formIntersection(child.capabilities) }
    return common
  }

  /// With rewriting, even reading may write.
  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    var request = parents.derived(for: role, flags: flags)
    guard !flags.contains(.inactive) else { return request }
    if rules.rewrites { request.held.insert(.write) }
    request.shared.subtract([.write, .resize])
    return request
  }

  /// A change of the children must leave a quorum.
  func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {
    let children = QuorumDriver.children(of: node)
    // A node that closes lets all of them go.
    guard !node.children.isEmpty else { return }
    if rules.mustAgree, children.count != 2 {
      throw BlockError(.refused, "Cannot add a child to a quorum in blkverify mode")
    }
    guard children.count >= rules.threshold else {
      throw BlockError(
        .refused, "The number of children cannot be lower than the vote threshold \(rules.threshold)")
    }
    try QuorumDriver.refuseLengths(of: children)
  }

  // MARK: I/O

  func length(of node: Node) -> UInt64 { QuorumDriver.children(of: node).first?.length ?? 0 }

  func allocatedLength(of node: Node) -> UInt64? {
    var sum: UInt64 = 0
    for child in QuorumDriver.children(of: node) {
      guard let length = child.allocatedLength, let next = sum.plus(length) else { return nil }
      sum = next
    }
    return sum
  }

  /// Zero where all say so.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    var length = length
    var isZero = true
    for child in QuorumDriver.children(of: node) {
      let status = try child.chainStatus(at: offset, length: length)
      length = status.length
      isZero = isZero && status.isZero
    }
    return Extent(isZero ? .zero : .data, length: length)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    switch rules.pattern {
    case .fifo: try readFirst(at: offset, into: &buffer, of: node)
    case .quorum: try readVoted(at: offset, into: &buffer, of: node)
    }
  }

  private func readFirst(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)
  {
    var failure = BlockError(system: BlockError.mediumFailure)
    for child in QuorumDriver.children(of: node) {
      do throws(BlockError) {
        return try child.read(at: offset, into: &buffer)
      } catch {
        failure = error
      }
    }
    throw failure
  }

  private func readVoted(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)
  {
    /// Content that some of the children agree on.
    struct Version {
      var content: Buffer
      var voters: [Edge]
    }
    var versions: [Version] = []
    var failures: [BlockError] = []
    let children = QuorumDriver.children(of: node)
    for child in children {
      do throws(BlockError) {
        let content = try child.read(at: offset, count: buffer.byteCount)
        let known = versions.firstIndex { QuorumDriver.difference($0.content, content) == nil }
        if let known {
          versions[known].voters.append(child)
        } else {
          versions.append(Version(content: content, voters: [child]))
        }
      } catch {
        failures.append(error)
      }
    }
    guard children.count - failures.count >= rules.threshold else { throw QuorumDriver.vote(on: failures) }
    if rules.mustAgree, versions.count > 1 {
      let place = QuorumDriver.difference(versions[0].content, versions[1].content) ?? 0
      throw BlockError(
        .inputOutput,
        "quorum: offset=\(offset) bytes=\(buffer.byteCount) contents mismatch at offset "
          + "\(offset + UInt64(place))")
    }
    var winner = versions[0]
    for version in versions where version.voters.count > winner.voters.count { winner = version }
    guard winner.voters.count >= rules.threshold else { throw BlockError(system: BlockError.mediumFailure) }
    buffer.copy(winner.content.bytes)
    guard rules.rewrites else { return }
    for child in children where !winner.voters.contains(where: { $0 === child }) {
      // A child that cannot be mended is outvoted again.
      try? child.write(at: offset, from: winner.content.bytes)
    }
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    try change(node) { (child) throws(BlockError) in
      try child.write(at: offset, from: data, unchanged: unchanged)
    }
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    try change(node) { (child) throws(BlockError) in
      try child.writeZeroes(at: offset, length: length, mayUnmap: mayUnmap)
    }
    return true
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    try change(node) { (child) throws(BlockError) in try child.discard(at: offset, length: length) }
  }

  func flush(_ node: Node) throws(BlockError) {
    try change(node) { (child) throws(BlockError) in try child.flush() }
  }

  /// Asks all children for the same; enough of them have to do it.
  private func change(_ node: Node, _ body: (Edge) throws(BlockError) -> Void) throws(BlockError) {
    let children = QuorumDriver.children(of: node)
    var failures: [BlockError] = []
    for child in children {
      do throws(BlockError) { try body(child) } catch { failures.append(error) }
    }
    if children.count - failures.count < rules.threshold { throw QuorumDriver.vote(on: failures) }
  }

  /// The error that most of the failed children had.
  private static func vote(on failures: [BlockError]) -> BlockError {
    var counts: [String: Int] = [:]
    for failure in failures { counts[failure.message, default: 0] += 1 }
    var winner = failures.first ?? BlockError(system: BlockError.mediumFailure)
    for failure in failures where counts[failure.message] ?? 0 > counts[winner.message] ?? 0 {
      winner = failure
    }
    return winner
  }

  private static func difference(_ one: Buffer, _ other: Buffer) -> Int? {
    let (mine, theirs) = (one.bytes, other.bytes)
    return mine.firstDifference(from: theirs)
  }
}
