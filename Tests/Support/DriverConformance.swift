// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
import Bytes
package import Errors

/// What every driver must do, whatever it is: run over an edge that holds write and is not shared.
///
/// The node is treated as a disk of bytes next to an array that is one; after every operation both must read
/// the same, and what is said about extents must be true.
package struct DriverConformance {
  private let edge: Edge
  private let length: Int
  private var model: [UInt8]
  private var numbers: SeededNumbers
  private let discardZeroes: Bool
  private let mayHaveHoles: Bool
  /// What was found wrong; empty for a driver that conforms.
  package private(set) var findings: [String] = []

  /// A run that follows from `seed`. `discardZeroes` says that discarded whole clusters read as zero; otherwise
  /// their content is not looked at until written. `mayHaveHoles` says that data may be a hole below.
  package init(_ edge: Edge, seed: UInt64, discardZeroes: Bool = true, mayHaveHoles: Bool = false)
    throws(BlockError)
  {
    self.mayHaveHoles = mayHaveHoles
    self.edge = edge
    length = Int(edge.length)
    numbers = SeededNumbers(seed: seed)
    self.discardZeroes = discardZeroes
    let buffer = try edge.read(at: 0, count: length)
    model = buffer.bytes.array
  }

  /// The whole check: the given number of operations, then everything once more.
  ///
  /// - Returns: what was found wrong, each with the operation after which it was found.
  package static func check(
    _ edge: Edge, seed: UInt64, operations: Int = 200, discardZeroes: Bool = true, mayHaveHoles: Bool = false
  )
    throws(BlockError) -> [String]
  {
    var run = try DriverConformance(
      edge, seed: seed, discardZeroes: discardZeroes, mayHaveHoles: mayHaveHoles)
    for number in 1...operations {
      let text = try run.step()
      guard run.findings.isEmpty else {
        return run.findings.map { "seed \(seed), operation \(number), \(text): \($0)" }
      }
    }
    try run.compareAll()
    try run.checkExtents(0..<run.length)
    try run.checkPastEnd()
    return run.findings.map { "seed \(seed), at the end: \($0)" }
  }

  /// A range that is often ragged, sometimes aligned, sometimes at an end.
  private mutating func range() -> Range<Int> {
    let unit = [1, 1, 512, 4096, 65536].randomElement(using: &numbers) ?? 1
    var start = Int.random(in: 0..<length, using: &numbers) / unit * unit
    var count = Int.random(in: 1...min(length, 4 * unit + 3000), using: &numbers)
    if unit > 1 { count = max(count / unit, 1) * unit }
    if Int.random(in: 0..<8, using: &numbers) == 0 { start = max(0, length - count) }
    return start..<min(start + count, length)
  }

  /// One operation of the program; its name and range.
  private mutating func step() throws(BlockError) -> String {
    let range = range()
    let choice = Int.random(in: 0..<10, using: &numbers)
    switch choice {
    case 0..<4:
      let bytes = SampleDisk.noise(range.count, &numbers)
      try edge.write(at: UInt64(range.lowerBound), from: bytes.bytes)
      model.replaceSubrange(range, with: bytes.bytes.array)
    case 4, 5:
      try edge.writeZeroes(
        at: UInt64(range.lowerBound), length: UInt64(range.count), mayUnmap: choice == 4)
      model.replaceSubrange(range, with: Array(repeating: 0, count: range.count))
    case 6: try discard(range)
    case 7: try checkExtents(range)
    case 8: try edge.flush()
    default: break
    }
    try compare(max(0, range.lowerBound - 700)..<min(length, range.upperBound + 700))
    let names = [4: "zero, unmap", 5: "zero", 6: "discard", 7: "extents", 8: "flush", 9: "read"]
    return "\(names[choice] ?? "write") \(range)"
  }

  /// Whole clusters inside the range may change; the ragged ends may not.
  private mutating func discard(_ range: Range<Int>) throws(BlockError) {
    try edge.discard(at: UInt64(range.lowerBound), length: UInt64(range.count))
    let present = try bytes(at: range.lowerBound, count: range.count)
    if present == Array(model[range]) { return }
    for (index, byte) in present.enumerated() where byte != model[range.lowerBound + index] {
      if discardZeroes && byte != 0 {
        findings.append("discarded byte \(range.lowerBound + index) reads \(byte)")
      }
      model[range.lowerBound + index] = byte
    }
  }

  private mutating func compareAll() throws(BlockError) { try compare(0..<length) }

  private mutating func compare(_ range: Range<Int>) throws(BlockError) {
    let present = try bytes(at: range.lowerBound, count: range.count)
    if let index = present.firstDifference(from: Array(model[range])) {
      let place = range.lowerBound + index
      findings.append("byte \(place) reads \(present[index]), not \(model[place])")
    }
  }

  private func bytes(at offset: Int, count: Int) throws(BlockError) -> [UInt8] {
    let buffer = try edge.read(at: UInt64(offset), count: count)
    return buffer.bytes.array
  }

  /// The extents cover the range without gaps, and what is called zero is zero.
  private mutating func checkExtents(_ range: Range<Int>) throws(BlockError) {
    var position = range.lowerBound
    while position < range.upperBound {
      let status = try edge.chainStatus(at: UInt64(position), length: UInt64(range.upperBound - position))
      guard status.length > 0, status.length <= UInt64(range.upperBound - position) else {
        findings.append("extent at \(position) is \(status.length) bytes long")
        return
      }
      let end = position + Int(status.length)
      if status.isZero, !model[position..<end].consists(of: 0),
        let other = model[position..<end].firstIndex(where: { $0 != 0 })
      {
        findings.append("extent \(position)..<\(end) is called zero, byte \(other) is not")
      }
      if status.isZero && status.isData && status.isPresent && !mayHaveHoles {
        findings.append("extent at \(position) is zero and data")
      }
      position = end
    }
  }

  private mutating func checkPastEnd() throws(BlockError) {
    let tail = min(length, 100)
    let bytes = try self.bytes(at: length - tail, count: tail + 5000)
    if bytes[..<tail] != model[(length - tail)...] {
      findings.append("reading across the end changes what is before it")
    }
    if bytes[tail...].contains(where: { $0 != 0 }) { findings.append("bytes past the end are not zero") }
    let far = try self.bytes(at: length + 1 << 20, count: 512)
    if far.contains(where: { $0 != 0 }) { findings.append("bytes far past the end are not zero") }
  }
}
