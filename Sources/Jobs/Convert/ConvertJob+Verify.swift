// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

extension ConvertJob {
  /// Opens the target anew, as its readers will, and holds what it reads as against the source.
  ///
  /// - Throws: kind `inputOutput` naming the first byte that differs, or what could not be read.
  func verify(_ source: ConvertSource, _ graph: Graph, _ context: JobContext) throws(BlockError) {
    let name = options.target.text
    let user = graph.makeUser(
      "convert: verifying '\(name)'",
      request: PermissionRequest(held: .consistentRead, shared: .consistentRead))
    defer { try? graph.release(user) }
    try inFile(name, "Could not verify") { () throws(BlockError) in
      try openForReading(user)
      guard let edge = user.edge else { return }
      let written = try ConvertSource([edge], base: nil, salvage: nil)
      try ContentComparison(source, written).run(threads: options.threads ?? Threads.processors, context)
    }
  }

  private func openForReading(_ user: RootUser) throws(BlockError) {
    if let image { return try image.open(for: user, isReadOnly: true) }
    let flags = options.targetCache.flags
    try opener.open(options.target, OpenSettings(format: options.targetFormat, flags: flags), for: user)
  }
}

/// Holds a copy against what it was made from.
struct ContentComparison {
  private let original: any CopySource
  private let copy: any CopySource
  /// Two of them are in memory for each thread.
  private static let segment: UInt64 = 256 << 10

  /// `copy` may be longer than `original`: the part behind does not matter.
  init(_ original: any CopySource, _ copy: any CopySource) {
    self.original = original
    self.copy = copy
  }

  /// Reads both; the work is expected already.
  ///
  /// - Throws: kind `inputOutput` naming the first byte that differs.
  func run(threads: Int, _ context: JobContext) throws(BlockError) {
    guard copy.length >= original.length else {
      throw BlockError(.inputOutput, "it has \(copy.length) bytes, not \(original.length)")
    }
    let (original, copy) = (original, copy)
    let pool = BufferPool()
    let joint = JointContent(original: original, copy: copy)
    let reading = ContentReading<Void>(source: joint, segment: ContentComparison.segment, threads: threads)
    try reading.run(
      context,
      work: { range throws(BlockError) in
        guard let offset = try ContentComparison.difference(in: range, original, copy, pool) else { return }
        throw BlockError(.inputOutput, "the content differs from the source's at offset \(offset)")
      },
      fold: { _ in })
  }

  /// The offset of the first byte in `range` that differs.
  private static func difference(
    in range: Range<UInt64>, _ original: any CopySource, _ copy: any CopySource, _ pool: BufferPool
  ) throws(BlockError) -> UInt64? {
    let left = try LoadedSegment(range, of: original, pool)
    let right = try LoadedSegment(range, of: copy, pool)
    let (mine, theirs) = (left.buffer, right.buffer)
    defer {
      pool.put(mine)
      pool.put(theirs)
    }
    let (a, b) = (mine.bytes.slice(0..<left.count), theirs.bytes.slice(0..<right.count))
    if a.equals(b) { return nil }
    for index in 0..<left.count {
      let same = a.slice(index..<index + 1).equals(b.slice(index..<index + 1))
      if !same { return range.lowerBound + UInt64(index) }
    }
    return nil
  }
}

/// Two contents side by side: zero where both are known to be.
private struct JointContent: CopySource {
  let original: any CopySource
  let copy: any CopySource

  var length: UInt64 { original.length }

  func content(at offset: UInt64, length: UInt64) throws(BlockError) -> (content: CopyContent, length: UInt64)
  {
    let mine = try original.content(at: offset, length: length)
    let theirs = try copy.content(at: offset, length: mine.length)
    return (mine.content == .zero && theirs.content == .zero ? .zero : .data, theirs.length)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    try original.read(at: offset, into: &buffer)
  }
}
