// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Compression
import Errors
import Support

/// Contents of blocks.
enum Sample: String, CaseIterable, Sendable {
  case zero, text, noise, mixed, period4001, farRepeat

  /// Whether a compressor must save something in so many bytes.
  func isCompressible(_ count: Int) -> Bool {
    switch self {
    case .noise: false
    case .zero, .text: count >= 512
    case .mixed, .period4001, .farRepeat: count >= 65536
    }
  }

  /// `count` bytes; the same for the same seed.
  func make(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededNumbers(seed: seed)
    switch self {
    case .zero: return [UInt8](repeating: 0, count: count)
    case .noise: return Sample.noise(count, &random)
    case .text: return Sample.text(count, &random)
    case .mixed:
      var bytes: [UInt8] = []
      while bytes.count < count {
        let run = Int.random(in: 1...700, using: &random)
        let kind = [Sample.zero, .text, .noise][Int.random(in: 0..<3, using: &random)]
        bytes += kind.make(run, seed: random.next())
      }
      return Array(bytes.prefix(count))
    case .period4001: return Sample.repeating(Sample.noise(4001, &random), count)
    // The only repetition is further back than a window of 4 KiB.
    case .farRepeat: return Sample.repeating(Sample.noise(20_000, &random), count)
    }
  }

  private static func noise(_ count: Int, _ random: inout SeededNumbers) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
      let word = random.next()
      for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
    }
    return Array(bytes.prefix(count))
  }

  private static func text(_ count: Int, _ random: inout SeededNumbers) -> [UInt8] {
    var words: [[UInt8]] = []
    for _ in 0..<50 {
      words.append(noise(Int.random(in: 2...9, using: &random), &random).map { $0 % 26 + 0x61 })
    }
    var bytes: [UInt8] = []
    while bytes.count < count { bytes += words[Int(random.next() % 50)] + [0x20] }
    return Array(bytes.prefix(count))
  }

  private static func repeating(_ period: [UInt8], _ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count { bytes += period }
    return Array(bytes.prefix(count))
  }
}

/// Codecs on arrays. The output is a slice of a larger buffer whose other bytes must not change.
enum Codec {
  private static let margin = 64
  private static let canary: UInt8 = 0xA5

  private static func guarded(_ room: Int) -> Buffer {
    let buffer = Buffer(count: room + 2 * margin)
    var bytes = buffer.mutableBytes
    bytes.fill(canary)
    return buffer
  }

  private static func content(_ buffer: Buffer, _ room: Int, count: Int) -> [UInt8]? {
    for offset in 0..<margin where buffer.bytes.byte(at: offset) != canary { return nil }
    for offset in margin + room..<buffer.count where buffer.bytes.byte(at: offset) != canary { return nil }
    let filled = buffer.bytes.slice(margin..<margin + count)
    return unsafe filled.withUnsafeBytes { unsafe Array($0) }
  }

  /// What the compressor makes, nil where it does not fit; traps where it writes elsewhere.
  static func compress(_ codec: any BlockCompressor, _ bytes: [UInt8], room: Int) -> [UInt8]? {
    let source = Buffer(bytes)
    let target = guarded(room)
    var span = target.mutableBytes
    var output = span.slice(margin..<margin + room)
    let count = codec.compress(source.bytes, into: &output)
    guard let written = content(target, room, count: count ?? 0) else { fatalError("written out of bounds") }
    return count == nil ? nil : written
  }

  /// What the decompressor makes; traps where it writes elsewhere.
  static func decompress(_ codec: any BlockDecompressor, _ bytes: [UInt8], count: Int) throws(BlockError)
    -> [UInt8]
  {
    let source = Buffer(bytes)
    let target = guarded(count)
    var span = target.mutableBytes
    var output = span.slice(margin..<margin + count)
    var failure: BlockError?
    do throws(BlockError) { try codec.decompress(source.bytes, into: &output) } catch { failure = error }
    guard let written = content(target, count, count: count) else { fatalError("written out of bounds") }
    if let failure { throw failure }
    return written
  }
}
