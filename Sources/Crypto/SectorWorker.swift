// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host

/// The contexts that one thread needs to work on sectors in one direction, and its memory for IVs.
final class SectorWorker {
  /// Sectors whose IVs are made at once.
  private static let batch = 128

  private enum Way {
    /// The library does whole sectors; the IV is the number.
    case plain(CipherContext)
    /// The library does whole sectors; the IVs are encrypted by another context.
    case essiv(CipherContext, ivs: CipherContext)
  }

  private let way: Way
  private let scratch: Buffer

  init(_ spec: CipherSpec, key: Secret, encrypts: Bool) throws(BlockError) {
    let bytes = key.bytes
    let context = try CipherContext(spec.libraryName, key: bytes, encrypts: encrypts)
    if spec.ivGenerator == .essiv {
      let hash = try Digest.sha256.hash(bytes)
      way = .essiv(context, ivs: try CipherContext("AES-256-ECB", key: hash.bytes, encrypts: true))
      scratch = Buffer(count: SectorWorker.batch * 16)
    } else {
      way = .plain(context)
      scratch = Buffer(count: 0)
    }
  }

  /// Works on whole sectors in place; false where the library failed.
  func run(_ bytes: inout MutableRawSpan, unit: Int, _ numbers: SectorNumbers) -> Bool {
    unsafe bytes.withUnsafeMutableBytes { raw in
      guard let base = unsafe raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return true }
      switch way {
      case .plain(let context):
        return unsafe context.run(base, base, count: raw.count, unit: unit, numbers: numbers, ivs: nil)
      case .essiv(let context, let ivs):
        return unsafe runHashed(base, raw.count, unit, numbers, context, ivs)
      }
    }
  }

  private func runHashed(
    _ base: UnsafeMutablePointer<UInt8>, _ count: Int, _ unit: Int, _ numbers: SectorNumbers,
    _ context: CipherContext, _ ivs: CipherContext
  ) -> Bool {
    let scratch = scratch
    var numbers = numbers
    var done = 0
    while done < count {
      let sectors = min(SectorWorker.batch, (count - done) / unit)
      var iv = scratch.mutableBytes
      for index in 0..<sectors {
        let number = numbers.first &+ UInt64(index) &* numbers.step
        iv.storeBig(number.byteSwapped, at: index * 16)
        iv.storeBig(UInt64(0), at: index * 16 + 8)
      }
      let worked = unsafe iv.withUnsafeMutableBytes { raw in
        guard let ready = unsafe raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
        guard unsafe ivs.runBlocks(ready, count: sectors * 16) else { return false }
        return unsafe context.run(
          base + done, base + done, count: sectors * unit, unit: unit, numbers: numbers, ivs: ready)
      }
      guard worked else { return false }
      done += sectors * unit
      numbers.first &+= UInt64(sectors) &* numbers.step
    }
    return true
  }
}
