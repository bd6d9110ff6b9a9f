// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Standard input as far as `dd` looks at it: without what is skipped, cut where the copy ends.
struct DdInput {
  private let options: DdOptions
  private let context: JobContext
  /// The number of bytes that may still be read; nil for all there are.
  private var rest: UInt64?
  private var position: UInt64 = 0
  private let buffer = Buffer(count: 1 << 20)

  /// Reads past what is skipped.
  ///
  /// - Throws: kind `inputOutput` where the input ends before the size it was said to have.
  init(_ options: DdOptions, _ context: JobContext) throws(BlockError) {
    self.options = options
    self.context = context
    while position < options.skip {
      let count = try read(min(options.skip - position, UInt64(buffer.count)))
      if count == 0 { break }
    }
    let known = options.inputSize.map { $0 - min($0, position) }
    rest = [known, options.count].compactMap(\.self).min()
  }

  /// Whether the input ended within what was to be skipped.
  var endedEarly: Bool { position < options.skip }

  /// Hands what comes next to `use`; false at the end.
  mutating func next(_ use: (RawSpan) throws(BlockError) -> Void) throws(BlockError) -> Bool {
    let wanted = min(rest ?? .max, UInt64(buffer.count))
    let count = try read(wanted)
    rest = rest.map { $0 - UInt64(count) }
    let buffer = buffer
    if count > 0 { try use(buffer.bytes.slice(0..<count)) }
    return UInt64(count) == wanted && rest != 0
  }

  private mutating func read(_ wanted: UInt64) throws(BlockError) -> Int {
    let buffer = buffer
    var bytes = buffer.mutableBytes
    var part = bytes.slice(0..<Int(wanted))
    let context = context
    let count: Int
    do throws(BlockError) {
      count = try StandardData.read(into: &part) { () throws(BlockError) in try context.checkInterrupted() }
    } catch {
      throw error.kind == .interrupted ? error : error.prefixed("error while reading from standard input")
    }
    position += UInt64(count)
    if count < Int(wanted), let size = options.inputSize, position < size {
      throw BlockError(.inputOutput, "standard input ended after \(position) bytes, not isize=\(size)")
    }
    return count
  }
}
