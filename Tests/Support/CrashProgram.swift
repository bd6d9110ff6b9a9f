// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors

/// Random operations, remembering what a flush made safe and what changed since.
package struct CrashProgram {
  private let edge: Edge
  /// Where the next operations come from.
  package var random: SeededNumbers
  private var shadow: [UInt8]
  private var safe: [UInt8]
  private var isTouched: [Bool]
  /// Whether an operation failed, after which there was none.
  package private(set) var failed = false

  /// A program for the whole disk of `length` bytes, which is as it was flushed.
  package init(_ edge: Edge, length: Int, _ random: SeededNumbers) throws(BlockError) {
    self.edge = edge
    self.random = random
    shadow = try edge.array(at: 0, count: length)
    safe = shadow
    isTouched = [Bool](repeating: false, count: length)
  }

  /// Runs so many operations, or up to the first that fails.
  package mutating func run(operations: Int) {
    for _ in 0..<operations where !failed {
      do throws(BlockError) {
        try step()
      } catch {
        failed = true
      }
    }
  }

  private mutating func step() throws(BlockError) {
    let start = Int.random(in: 0..<shadow.count, using: &random)
    let range = start..<min(start + Int.random(in: 1...40000, using: &random), shadow.count)
    let choice = Int.random(in: 0..<10, using: &random)
    if choice < 8 {
      isTouched.replaceSubrange(range, with: [Bool](repeating: true, count: range.count))
    }
    switch choice {
    case 0..<6:
      let bytes = [UInt8](repeating: UInt8.random(in: 1...255, using: &random), count: range.count)
      try edge.write(at: UInt64(range.lowerBound), bytes)
      shadow.replaceSubrange(range, with: bytes)
    case 6:
      try edge.writeZeroes(
        at: UInt64(range.lowerBound), length: UInt64(range.count), mayUnmap: Bool.random(using: &random))
      shadow.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
    case 7:
      try edge.discard(at: UInt64(range.lowerBound), length: UInt64(range.count))
      let now = try edge.array(at: UInt64(range.lowerBound), count: range.count)
      shadow.replaceSubrange(range, with: now)
    default:
      try edge.flush()
      safe = shadow
      isTouched = [Bool](repeating: false, count: shadow.count)
    }
  }

  /// Whether everything that was flushed and not touched since is there.
  package func isKept(in content: [UInt8]) -> Bool {
    content.count == safe.count && content.firstDifference(from: safe) { !isTouched[$0] } == nil
  }
}
