// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Errors
import Host

/// Numbers that look random and are the same in every run.
package struct SeededNumbers: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Numbers that follow from `seed`.
  package init(seed: UInt64) { state = seed }

  /// The next number (the SplitMix64 sequence).
  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// Raw disks with data, text, zeros and holes, the same for the same seed.
package enum SampleDisk {
  /// Writes a disk of `length` bytes to `path`: stretches of a few kilobytes to a few hundred, of each kind.
  package static func write(_ path: String, length: UInt64, seed: UInt64) throws(BlockError) {
    let file = try File(path: path, mode: [.writable, .create])
    try file.truncate(to: length)
    var numbers = SeededNumbers(seed: seed)
    var position: UInt64 = 0
    while position < length {
      let wanted = UInt64.random(in: 1...300_000, using: &numbers)
      let count = Int(min(wanted, length - position))
      switch Int.random(in: 0..<6, using: &numbers) {
      case 0, 1: break  // A hole.
      case 2: try file.write(at: position, from: Buffer(count: count).bytes)
      case 3: try file.write(at: position, from: text(count, &numbers).bytes)
      default: try file.write(at: position, from: noise(count, &numbers).bytes)
      }
      position += UInt64(count)
    }
  }

  /// Bytes that do not compress.
  package static func noise(_ count: Int, _ numbers: inout SeededNumbers) -> Buffer {
    let buffer = Buffer(count: count)
    var bytes = buffer.mutableBytes
    var offset = 0
    while offset < count {
      let number = numbers.next()
      if count - offset >= 8 {
        bytes.storeBig(number, at: offset)
      } else {
        for rest in offset..<count {
          bytes.store(UInt8(truncatingIfNeeded: number >> (8 * UInt64(rest & 7))), at: rest)
        }
      }
      offset += 8
    }
    return buffer
  }

  /// Bytes that compress well.
  static func text(_ count: Int, _ numbers: inout SeededNumbers) -> Buffer {
    let words = ["cluster", "refcount", "backing", "snapshot", "extent", "sector", " ", "\n", "0123456789"]
    var text: [UInt8] = []
    text.reserveCapacity(count + 16)
    while text.count < count { text += words[Int.random(in: 0..<words.count, using: &numbers)].utf8 }
    return Buffer(Array(text[..<count]))
  }
}
