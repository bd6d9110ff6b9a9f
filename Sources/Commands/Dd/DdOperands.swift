// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Options

/// The operands of `dd`, of the form `name=value`; a later one wins.
struct DdOperands {
  /// The source as it was written.
  private(set) var input: String?
  /// The target as it was written.
  private(set) var output: String?
  /// The length that the target is to have, in bytes.
  private(set) var outputSize: UInt64?
  /// The length that the source has to have, in bytes.
  private(set) var inputSize: UInt64?
  /// Whether what an existing target holds is kept.
  private(set) var keepsTarget = false
  /// Whether zeros take no space.
  private(set) var isSparse = false
  private var blockSize: UInt64 = 512
  private var count: Amount?
  private var skip = Amount(value: 0)
  private var seek = Amount(value: 0)
  private var countsBytes = false
  private var skipsBytes = false
  private var seeksBytes = false

  /// A number of blocks, or of bytes where it was written with a `B` at the end.
  private struct Amount {
    var value: UInt64
    var isBytes = false
  }

  /// - Throws: for the first operand that is wrong.
  init(_ operands: [String], warn: (String) -> Void) throws(BlockError) {
    for operand in operands {
      let equal = operand.firstIndex(of: "=")
      let name = equal.map { String(operand[..<$0]) } ?? operand
      let value = equal.map { String(operand[operand.index(after: $0)...]) }
      guard let value, try take(name, value, warn) else {
        throw BlockError(.invalidArgument, "unrecognized operand \(name)")
      }
    }
  }

  private mutating func take(_ name: String, _ value: String, _ warn: (String) -> Void) throws(BlockError)
    -> Bool
  {
    switch name {
    case "if": input = value
    case "of": output = value
    case "bs": blockSize = try DdOperands.number(value, name, 1...UInt64(Int32.max), warn)
    case "count": count = try DdOperands.amount(value, name, warn)
    case "skip", "iseek": skip = try DdOperands.amount(value, name, warn)
    case "seek", "oseek": seek = try DdOperands.amount(value, name, warn)
    case "osize": outputSize = try DdOperands.number(value, name, 0...UInt64(Int64.max), warn)
    case "isize": inputSize = try DdOperands.number(value, name, 0...UInt64(Int64.max), warn)
    case "conv", "iflag", "oflag": for word in value.split(separator: ",") { try take(word, of: name) }
    default: return false
    }
    return true
  }

  /// The words that the operand called `name` takes, several with commas between.
  static func words(of name: String) -> [String] {
    switch name {
    case "conv": ["notrunc", "sparse"]
    case "iflag": ["count_bytes", "skip_bytes", "fullblock"]
    case "oflag": ["seek_bytes"]
    default: []
    }
  }

  private mutating func take(_ word: Substring, of name: String) throws(BlockError) {
    switch (name, word) {
    case ("conv", "notrunc"): keepsTarget = true
    case ("conv", "sparse"): isSparse = true
    case ("iflag", "count_bytes"): countsBytes = true
    case ("iflag", "skip_bytes"): skipsBytes = true
    // Blocks that come short are always filled.
    case ("iflag", "fullblock"): break
    case ("oflag", "seek_bytes"): seeksBytes = true
    default: throw BlockError(.invalidArgument, "Invalid \(name) specified: '\(word)'")
    }
  }

  // MARK: Numbers

  /// The most that is copied, in bytes.
  var countBytes: UInt64? { count.map { bytes($0, countsBytes) } }
  /// The part at the start of the source that is left out, in bytes.
  var skipBytes: UInt64 { bytes(skip, skipsBytes) }
  /// Where the copy starts in the target, in bytes.
  var seekBytes: UInt64 { bytes(seek, seeksBytes) }

  /// More than can be is as good as endless.
  private func bytes(_ amount: Amount, _ isBytes: Bool) -> UInt64 {
    if amount.isBytes || isBytes { return amount.value }
    let (product, overflow) = amount.value.multipliedReportingOverflow(by: blockSize)
    return overflow ? .max : product
  }

  private static func amount(_ text: String, _ name: String, _ warn: (String) -> Void) throws(BlockError)
    -> Amount
  {
    let value = try number(text, name, 0...UInt64(Int64.max), warn)
    return Amount(value: value, isBytes: text.hasSuffix("B") && !isHexadecimal(text))
  }

  private static func isHexadecimal(_ text: String) -> Bool { text.hasPrefix("0x") || text.hasPrefix("0X") }

  /// A number as GNU dd and the other commands write it: `2x512`, `3c`, `5w`, `7kB`, `7KiB` besides `7k`.
  private static func number(
    _ text: String, _ name: String, _ range: ClosedRange<UInt64>, _ warn: (String) -> Void
  ) throws(BlockError) -> UInt64 {
    let isHex = isHexadecimal(text)
    let parts = isHex ? [text[...]] : text.split(separator: "x", omittingEmptySubsequences: false)
    var product: UInt64 = 1
    for part in parts {
      let (plain, unit) = isHex ? (String(part), 1) : withoutUnit(String(part))
      let limit = 0...UInt64(Int64.max)
      let value = try parseSize(plain, name, in: parts.count == 1 && unit == 1 ? range : limit, warn: warn)
      for factor in [value, unit] {
        let (result, overflow) = product.multipliedReportingOverflow(by: factor)
        product = overflow ? .max : result
      }
    }
    guard range.contains(product) else {
      throw BlockError(
        .tooLarge, "Invalid \(name) specified. Must be between \(range.lowerBound) and \(range.upperBound).")
    }
    return product
  }

  /// The text without a unit that only GNU dd knows, and that unit in bytes.
  private static func withoutUnit(_ text: String) -> (String, UInt64) {
    let powers: [(letter: String, power: Int)] = [("k", 1), ("K", 1), ("M", 2), ("G", 3), ("T", 4), ("P", 5)]
    for (letter, power) in powers {
      for (suffix, base) in [("iB", UInt64(1024)), ("B", 1000)] where text.hasSuffix(letter + suffix) {
        var unit: UInt64 = 1
        for _ in 0..<power { unit *= base }
        return (String(text.dropLast(1 + suffix.count)), unit)
      }
    }
    if text.hasSuffix("c") { return (String(text.dropLast()), 1) }
    if text.hasSuffix("w") { return (String(text.dropLast()), 2) }
    return (text, 1)
  }
}
