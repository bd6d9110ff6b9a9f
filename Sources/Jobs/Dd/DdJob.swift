// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// Copies a part of an image, or of standard input, into an image or to standard output.
///
/// A new target appears under its name when it is complete; with `seek` or `keepsTarget`, one that exists is
/// written in place.
package final class DdJob: Job {
  /// `dd`.
  package let kind = "dd"
  /// Whether less was there than was to be skipped, so that nothing was copied.
  package private(set) var skippedTooMuch = false
  private let options: DdOptions
  private let opener: Opener
  private var source: RootUser?
  private var target: DdTarget?
  private var part: Range<UInt64> = 0..<0
  private var keepsTarget = false

  /// Opens nothing yet.
  package init(_ options: DdOptions, opener: Opener) {
    self.options = options
    self.opener = opener
  }

  // MARK: Job

  /// Opens the source and makes or opens the target.
  package func prepare(in graph: Graph) throws(BlockError) {
    if case .image(let name) = options.source {
      let user = graph.makeUser(
        "dd: source '\(name.text)'",
        request: PermissionRequest(
          held: .consistentRead, shared: Permissions.all.subtracting([.write, .resize])))
      source = user
      try opener.open(name, options.sourceSettings, for: user)
    }
    var targetName: String?
    if case .image(let name) = options.target { targetName = name.text }
    try about(targetName) { () throws(BlockError) in keepsTarget = try options.keepsTarget(opener) }
    if case .image(let name) = options.source {
      try about(name.text) { () throws(BlockError) in part = try selectPart(source?.edge) }
    }
    try about(targetName) { () throws(BlockError) in try makeTarget(graph) }
  }

  private func makeTarget(_ graph: Graph) throws(BlockError) {
    // Before anything is made, so that a mistake in the name of a format is told as such.
    _ = try opener.creatableFormat(options.targetFormat)
    guard case .image(let name) = options.target else { return }
    target = try DdTarget(
      name, options, length: try targetLength(UInt64(part.count)), isKept: keepsTarget, graph: graph,
      opener: opener)
  }

  /// Copies, and closes the target.
  package func run(_ context: JobContext) throws(BlockError) {
    do throws(BlockError) {
      try fillTarget(context)
    } catch {
      throw target?.explain(error) ?? error
    }
  }

  private func fillTarget(_ context: JobContext) throws(BlockError) {
    switch (source?.edge, target?.user.edge) {
    case (.some(let from), .some(let to)): try copy(from, to, context)
    case (.some(let from), nil): try send(from, context)
    case (nil, .some(let to)): try receive(into: to, context)
    case (nil, nil): try pass(context)
    }
    context.finish()
    try target?.complete()
  }

  /// Lets a new target appear.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    try target?.publish(isFinal: isFinal)
  }

  /// Takes a new target away again.
  package func abort(in graph: Graph) { target?.withdraw() }

  /// Closes everything that is open.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    do throws(BlockError) {
      try target?.close()
    } catch {
      warnings.append(error.prefixed("could not close the target"))
    }
    target = nil
    if let source { try? graph.release(source) }
    source = nil
  }

  // MARK: Sizes

  /// The part of the source that is copied.
  private func selectPart(_ source: Edge?) throws(BlockError) -> Range<UInt64> {
    let length = source?.length ?? 0
    // What fills the last sector up is not to lie over what the target has there.
    var end = keepsTarget ? source?.child.unpaddedLength ?? length : length
    if let size = options.inputSize {
      guard size <= length else {
        throw BlockError(.inputOutput, "the input has \(length) bytes, less than isize=\(size)")
      }
      end = size
    }
    guard options.skip <= end else {
      skippedTooMuch = true
      return end..<end
    }
    return options.skip..<options.skip + min(options.count ?? .max, end - options.skip)
  }

  /// How long the target has to be for `count` bytes; 0 for one that is there and of which nothing is written.
  private func targetLength(_ count: UInt64) throws(BlockError) -> UInt64 {
    guard let needed = options.seek.plus(count), Int64(exactly: needed) != nil else {
      throw BlockError(.tooLarge, "The output would become too large")
    }
    guard let size = options.outputSize else { return keepsTarget && count == 0 ? 0 : needed }
    guard needed <= size else {
      throw BlockError(.invalidArgument, "osize=\(size) is less than the \(needed) bytes that are written")
    }
    return size
  }

  // MARK: Copying

  private func copy(_ from: Edge, _ to: Edge, _ context: JobContext) throws(BlockError) {
    guard !part.isEmpty else { return }
    let source = DdSource(edge: from, part: part, seek: options.seek, kept: keepsTarget ? to : nil)
    try ContentCopy(
      from: source, to: shape(of: to), threads: Threads.processors, rateLimit: nil, context: context
    ).run()
  }

  private func shape(of edge: Edge) -> CopyTarget {
    CopyTarget(
      edge: edge, granule: CopyTarget.granule(of: edge), isSparse: options.isSparse,
      readsZero: target?.readsZero ?? false)
  }

  /// From an image to standard output.
  private func send(_ from: Edge, _ context: JobContext) throws(BlockError) {
    try seekOutput(context)
    let source = DdSource(edge: from, part: part, seek: 0, kept: nil)
    context.expect(source.length)
    let segment: UInt64 = 1 << 20
    let pool = BufferPool()
    let zeroes = LoadedSegment(Buffer(count: Int(segment)), count: 0)
    let reading = ContentReading<LoadedSegment>(
      source: source, segment: segment, threads: Threads.processors)
    try reading.run(
      context,
      work: { range throws(BlockError) in try LoadedSegment(range, of: source, pool) },
      fold: { piece throws(BlockError) in
        switch piece {
        case .zeroes(let length):
          let buffer = zeroes.buffer
          for _ in 0..<length / segment { try DdJob.write(buffer.bytes, context) }
        case .value(let segment):
          let buffer = segment.buffer
          try DdJob.write(buffer.bytes.slice(0..<segment.count), context)
          pool.put(buffer)
        }
      })
  }

  /// From standard input into an image.
  private func receive(into to: Edge, _ context: JobContext) throws(BlockError) {
    var input = try DdInput(options, context)
    skippedTooMuch = input.endedEarly
    var position = options.seek
    var more = !input.endedEarly
    while more {
      more = try input.next { data throws(BlockError) in
        try inContext("error while writing to output image file") { () throws(BlockError) in
          try makeRoom(in: to, upTo: try targetLength(position - options.seek + UInt64(data.byteCount)))
          if options.isSparse && data.isZero {
            try to.writeZeroes(at: position, length: UInt64(data.byteCount), mayUnmap: true)
          } else {
            try to.write(at: position, from: data)
          }
        }
        position += UInt64(data.byteCount)
      }
    }
    // A new image got more room than was needed in the end.
    guard options.outputSize == nil, !keepsTarget else { return }
    try to.truncate(to: position.roundedUp(to: 512) ?? position)
  }

  /// Makes an image of unknown length longer, more than is needed at once: each time costs a flush.
  private func makeRoom(in edge: Edge, upTo end: UInt64) throws(BlockError) {
    guard end > edge.length else { return }
    let step = min(max(edge.length, 16 << 20), 1 << 30)
    try DdTarget.lengthen(edge, to: keepsTarget ? end : max(end, edge.length + step))
  }

  /// From standard input to standard output.
  private func pass(_ context: JobContext) throws(BlockError) {
    var input = try DdInput(options, context)
    skippedTooMuch = input.endedEarly
    try seekOutput(context)
    var more = !input.endedEarly
    while more {
      more = try input.next { data throws(BlockError) in try DdJob.write(data, context) }
    }
  }

  /// A stream cannot be moved forward: zeros go before.
  private func seekOutput(_ context: JobContext) throws(BlockError) {
    let zeroes = Buffer(count: 1 << 20)
    var rest = options.seek
    while rest > 0 {
      let count = Int(min(rest, UInt64(zeroes.count)))
      try DdJob.write(zeroes.bytes.slice(0..<count), context)
      rest -= UInt64(count)
    }
  }

  private static func write(_ data: RawSpan, _ context: JobContext) throws(BlockError) {
    do throws(BlockError) {
      try StandardData.write(data) { () throws(BlockError) in try context.checkInterrupted() }
    } catch {
      throw error.kind == .interrupted ? error : error.prefixed("error while writing to standard output")
    }
  }
}
