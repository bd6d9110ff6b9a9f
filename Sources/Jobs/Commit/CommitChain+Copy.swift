// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// How fast a commit may be.
struct CommitPace {
  /// How many threads work, or nil for one on each processor.
  var threads: Int?
  /// Bytes a second, or nil for as fast as can be.
  var rateLimit: UInt64?
}

/// The work itself. I/O API.
extension CommitChain {
  /// Writes what the layers above the base hold to the base, which grows where it is shorter, and makes it durable.
  func copy(_ pace: CommitPace, _ context: JobContext) throws(BlockError) {
    guard let source = source?.edge, let target = target?.edge else { return }
    try keepInStep(source, target)
    if target.length < source.length { try resize(target, to: source.length) }
    let shape = CopyTarget(
      edge: target, granule: CopyTarget.granule(changing: target), isSparse: true, readsZero: false)
    let copy = ContentCopy(
      from: try ConvertSource([reader?.edge ?? source], base: target.child, salvage: nil), to: shape,
      threads: pace.threads ?? Threads.processors, rateLimit: pace.rateLimit, context: context)
    try copy.run()
    try target.flush(named: target.child.fileName)
  }

  /// Where the base gets another identity by its content, the layer that stands on it knows that before anything is written,
  /// so that the image can be opened also if the copy, or the way there, is broken off.
  private func keepInStep(_ source: Edge, _ target: Edge) throws(BlockError) {
    guard let above = follower?.child, let driver = above.driver as? any IdentifiedDriver,
      let below = target.child.driver as? any IdentifiedDriver, try hasContent(source, above: target.child)
    else { return }
    if below.nextIdentity != below.identity { try driver.announceBacking(below.nextIdentity, of: above) }
    try below.renewIdentity(of: target.child)
    try driver.adoptBacking(of: above)
  }

  /// Whether a layer above the base holds anything.
  private func hasContent(_ source: Edge, above base: Node) throws(BlockError) -> Bool {
    var layer: Edge? = source
    while let edge = layer, edge.child !== base {
      var position: UInt64 = 0
      while position < edge.length {
        let extent = try edge.extent(at: position, length: edge.length - position)
        guard extent.kind == .unallocated else { return true }
        position += extent.length
      }
      layer = edge.child.backing
    }
    return false
  }

  /// Lets the base show, past the image's end, what the image shows there: nothing but zeros up to `length`, or
  /// with nil, the end of the disk.
  func hideRest(upTo length: UInt64?) throws(BlockError) {
    guard let source = source?.edge, let target = target?.edge, source.length < target.length else { return }
    guard let length else { return try resize(target, to: source.length) }
    let end = min(length, target.length)
    guard source.length < end else { return }
    try target.writeZeroes(at: source.length, length: end - source.length, mayUnmap: true)
    try target.flush(named: target.child.fileName)
  }

  private func resize(_ target: Edge, to length: UInt64) throws(BlockError) {
    try inFile(target.child.fileName, "Could not resize") { () throws(BlockError) in
      try target.truncate(to: length, exact: false)
    }
  }
}
