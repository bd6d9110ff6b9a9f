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
    if target.length < source.length { try resize(target, to: source.length) }
    let shape = CopyTarget(
      edge: target, granule: CopyTarget.granule(of: target), isSparse: true, readsZero: false)
    let copy = ContentCopy(
      from: try ConvertSource([source], base: target.child, salvage: nil), to: shape,
      threads: pace.threads ?? Threads.processors, rateLimit: pace.rateLimit, context: context)
    try copy.run()
    try target.flush()
  }

  /// Lets the base show, past the image's end, what the image shows there: nothing but zeros up to `length`, or
  /// with nil, the end of the disk.
  func hideRest(upTo length: UInt64?) throws(BlockError) {
    guard let source = source?.edge, let target = target?.edge, source.length < target.length else { return }
    guard let length else { return try resize(target, to: source.length) }
    let end = min(length, target.length)
    guard source.length < end else { return }
    try target.writeZeroes(at: source.length, length: end - source.length, mayUnmap: true)
    try target.flush()
  }

  private func resize(_ target: Edge, to length: UInt64) throws(BlockError) {
    try inFile(target.child.fileName, "Could not resize") { () throws(BlockError) in
      try target.truncate(to: length, exact: false)
    }
  }
}
