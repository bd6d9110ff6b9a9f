// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Errors

/// The changes that an image's log asks for, before the image means anything: a bounded list of steps, in order.
///
/// Steps state what is to stand where, whatever stands there now: to take them twice does no harm.
package struct Recovery {
  /// One change of the file.
  package enum Step {
    /// Bytes come to stand at an offset; the buffer must not change afterwards.
    case write(at: UInt64, Buffer)
    /// A range comes to be zeros.
    case zero(Range<UInt64>)
    /// The file comes to have at least so many bytes.
    case lengthen(to: UInt64)

    /// The bytes of the file that come to be others.
    var range: Range<UInt64> {
      switch self {
      case .write(let offset, let buffer): offset..<offset + UInt64(buffer.count)
      case .zero(let range): range
      case .lengthen: 0..<0
      }
    }

    /// The bytes that the file has afterwards, at least; nil where they do not fit 63 bits.
    var end: UInt64? {
      let end =
        switch self {
        case .write(let offset, let buffer): offset.plus(UInt64(buffer.count))
        case .zero(let range): Optional(range.upperBound)
        case .lengthen(let length): Optional(length)
        }
      return end.flatMap { Int64(exactly: $0) } == nil ? nil : end
    }
  }

  /// The largest number of bytes that all steps write together.
  package static let mostBytes = 64 << 20
  /// The largest number of steps.
  package static let mostSteps = 1 << 16

  /// The steps, in the order in which they are taken.
  package private(set) var steps: [Step] = []
  /// The bytes that the file has afterwards, at least.
  package private(set) var end: UInt64 = 0
  private var bytes = 0

  /// Asks for nothing.
  package init() {}

  /// Adds a step behind the others.
  ///
  /// - Throws: kind `tooLarge` for more than is taken into memory; kind `corrupt` for an offset past the largest one.
  package mutating func add(_ step: Step) throws(BlockError) {
    guard let end = step.end else {
      throw BlockError(.corrupt, "the image's log leads past the largest offset")
    }
    if case .write(_, let buffer) = step { bytes += buffer.count }
    guard steps.count < Recovery.mostSteps, bytes <= Recovery.mostBytes else {
      throw BlockError(
        .tooLarge,
        "the image's log asks for more than \(Recovery.mostSteps) changes or \(Recovery.mostBytes) bytes")
    }
    steps.append(step)
    self.end = max(self.end, end)
  }

  /// Takes all steps in order and makes them durable.
  func write(to file: any FilteredStorage) throws(BlockError) {
    if file.length < end { try file.truncate(to: end, exact: false, preallocation: .off) }
    for step in steps {
      switch step {
      case .write(let offset, let buffer):
        try file.write(at: offset, from: buffer.bytes, unchanged: false)
      case .zero(let range):
        guard !range.isEmpty else { continue }
        _ = try file.zero(
          at: range.lowerBound, length: UInt64(range.count), mayUnmap: true, unchanged: false)
      case .lengthen: break
      }
    }
    try file.flush()
  }

  /// The ranges of the file that come to be others, sorted, each with the number of the last step that changes it.
  func lastChanges() -> [(range: Range<UInt64>, step: Int)] {
    var bounds: [UInt64] = []
    for step in steps where !step.range.isEmpty { bounds += [step.range.lowerBound, step.range.upperBound] }
    bounds.sort()
    // Between two bounds the file is one step's. From the last step on, each takes what is left of its range; `next`
    // leads past what is taken.
    var owner = [Int?](repeating: nil, count: bounds.count)
    var next = Array(0...bounds.count)
    func firstLeft(from index: Int) -> Int {
      var end = index
      while next[end] != end { end = next[end] }
      var passed = index
      while passed != end { (next[passed], passed) = (end, next[passed]) }
      return end
    }
    for (number, step) in steps.enumerated().reversed() where !step.range.isEmpty {
      var index = firstLeft(from: bounds.firstIndexSorted { $0 >= step.range.lowerBound })
      while index < bounds.count, bounds[index] < step.range.upperBound {
        owner[index] = number
        next[index] = index + 1
        index = firstLeft(from: index + 1)
      }
    }
    var changes: [(range: Range<UInt64>, step: Int)] = []
    for (index, number) in owner.enumerated() {
      guard let number, bounds[index] < bounds[index + 1] else { continue }
      let range = bounds[index]..<bounds[index + 1]
      if let last = changes.last, last.step == number, last.range.upperBound == range.lowerBound {
        changes[changes.count - 1].range = last.range.lowerBound..<range.upperBound
      } else {
        changes.append((range, number))
      }
    }
    return changes
  }
}

extension OpenRequest {
  /// Lets the image be what its log makes of it, from here on: an image that is opened for writing has it written, so
  /// that the driver can clear its log on return; one that is only read has it in memory, above the file, until it is
  /// reopened for writing.
  ///
  /// The driver that is not `node.isWritable` clears its log in `finishReopen`; all steps are in the file before the
  /// first change then.
  ///
  /// - Parameter isWritten: whether it is; by default as said. What has it in memory although it may be written changes
  ///   nothing else either: the steps would be written before.
  package func recover(_ recovery: Recovery, isWritten: Bool? = nil) throws(BlockError) {
    guard !recovery.steps.isEmpty else { return }
    let file = try file()
    if isWritten ?? node.isWritable { return try recovery.write(to: file) }
    let below = file.child
    try graph.change(draining: [node, below]) { (edit: GraphEdit) throws(BlockError) in
      let shown = try edit.makeNode(
        RecoveredFile(recovery), fileName: below.fileName,
        flags: (node.isWritable ? below.flags : below.flags.subtracting(.writable)).union(.implicit))
      try edit.insertFollower(shown, into: file)
    }
  }
}
