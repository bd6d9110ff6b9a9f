// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host

/// The contexts that one thread needs to work on sectors in one direction, and its memory for IVs.
final class SectorWorker {
  /// Sectors whose IVs are made at once.
  private static let batch = 128

  private let context: any CipherContext
  private let generator: CipherSpec.IVGenerator
  private let blockBytes: Int
  /// The context with which ESSIV encrypts IVs; nil for other generators.
  private let vectorContext: (any CipherContext)?
  /// Room for a batch of IVs; none where the context makes them of the numbers.
  private let scratch: Buffer

  init(_ spec: CipherSpec, key: Secret, encrypts: Bool) throws(BlockError) {
    context = try spec.makeContext(key.bytes, encrypts: encrypts)
    vectorContext = try spec.makeVectorContext(key.bytes)
    generator = spec.ivGenerator
    blockBytes = spec.algorithm.blockBytes
    let usesNumbers = [.plain, .plain64].contains(generator) || spec.mode == .ecb
    scratch = Buffer(count: usesNumbers ? 0 : SectorWorker.batch * blockBytes)
  }

  /// Works on whole sectors in place; false where the library failed.
  func run(_ bytes: inout MutableRawSpan, unit: Int, _ numbers: SectorNumbers) -> Bool {
    unsafe bytes.withUnsafeMutableBytes { raw in
      guard let base = unsafe raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return true }
      if scratch.count == 0 {
        return unsafe context.run(base, base, count: raw.count, unit: unit, numbers: numbers, ivs: nil)
      }
      return unsafe runBatches(base, raw.count, unit, numbers)
    }
  }

  private func runBatches(
    _ base: UnsafeMutablePointer<UInt8>, _ count: Int, _ unit: Int, _ numbers: SectorNumbers
  ) -> Bool {
    let scratch = scratch
    var numbers = numbers
    var done = 0
    while done < count {
      let sectors = min(SectorWorker.batch, (count - done) / unit)
      var iv = scratch.mutableBytes
      iv.fill()
      for index in 0..<sectors { store(numbers.first &+ UInt64(index) &* numbers.step, &iv, index) }
      let worked = unsafe iv.withUnsafeMutableBytes { raw in
        guard let ready = unsafe raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
        if let vectorContext, !(unsafe vectorContext.runBlocks(ready, count: sectors * blockBytes)) {
          return false
        }
        return unsafe context.run(
          base + done, base + done, count: sectors * unit, unit: unit, numbers: numbers, ivs: ready)
      }
      guard worked else { return false }
      done += sectors * unit
      numbers.first &+= UInt64(sectors) &* numbers.step
    }
    return true
  }

  /// Stores what becomes the IV of sector `number`, or is it, into zeros.
  private func store(_ number: UInt64, _ iv: inout MutableRawSpan, _ index: Int) {
    let start = index * blockBytes
    switch generator {
    case .null: break
    case .plain64be: iv.storeBig(number, at: start + blockBytes - 8)
    case .benbi:
      let blocks = UInt64(SectorCipher.ivUnit) / UInt64(blockBytes)
      iv.storeBig(number &* blocks &+ 1, at: start + blockBytes - 8)
    case .plain, .plain64, .essiv: iv.storeBig(number.byteSwapped, at: start)
    }
  }
}
