// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// One key in one direction, ready to work; used by one thread at a time. Its library wipes the key at the end.
protocol CipherContext: AnyObject {
  /// Bytes of a block, and of an IV.
  var blockBytes: Int { get }

  /// Starts a unit with its IV; false where the library failed.
  func start(_ iv: UnsafePointer<UInt8>) -> Bool

  /// Works through `count` bytes of a unit, whole blocks; `source` and `target` are the same or do not overlap.
  ///
  /// - Returns: false where the library failed.
  func work(_ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, count: Int) -> Bool
}

extension CipherContext {
  /// Works through `count` bytes in units that each start with their IV: the number of the unit, little-endian,
  /// or, with `ivs`, the block that stands there for it. `source` and `target` are the same or do not overlap.
  ///
  /// - Returns: false where the library failed.
  func run(
    _ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, count: Int, unit: Int,
    numbers: SectorNumbers, ivs: UnsafePointer<UInt8>?
  ) -> Bool {
    var words: (UInt64, UInt64) = (0, 0)
    var number = numbers.first
    var next = unsafe ivs
    for done in stride(from: 0, to: count, by: unit) {
      let started: Bool
      if let iv = unsafe next {
        started = unsafe start(iv)
        unsafe next = iv + blockBytes
      } else {
        words.0 = (number & numbers.mask).littleEndian
        started = unsafe withUnsafeBytes(of: &words) { iv in
          guard let base = iv.baseAddress else { return false }
          return unsafe start(base.assumingMemoryBound(to: UInt8.self))
        }
      }
      guard started, unsafe work(source + done, target + done, count: unit) else { return false }
      number &+= numbers.step
    }
    return true
  }

  /// Works through whole blocks without IVs.
  func runBlocks(_ bytes: UnsafeMutablePointer<UInt8>, count: Int) -> Bool {
    count == 0 || (unsafe work(bytes, bytes, count: count))
  }
}

/// The numbers that IVs of successive sectors are made of.
struct SectorNumbers {
  var first: UInt64
  var step: UInt64
  /// The bits that count.
  var mask: UInt64
}
