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
    /// The library does blocks only: XTS is made of them here.
    case blocks(CipherContext, tweaks: CipherContext)
  }

  private let way: Way
  private let scratch: Buffer

  init(_ spec: CipherSpec, key: Secret, encrypts: Bool) throws(BlockError) {
    let bytes = key.bytes
    if let name = spec.libraryName {
      let context = try CipherContext(name, key: bytes, encrypts: encrypts)
      if spec.ivGenerator == .essiv {
        let hash = try Digest.sha256.hash(bytes)
        way = .essiv(context, ivs: try CipherContext("AES-256-ECB", key: hash.bytes, encrypts: true))
      } else {
        way = .plain(context)
      }
    } else {
      let name = "AES-\(spec.aesBytes * 8)-ECB"
      way = .blocks(
        try CipherContext(name, key: bytes.slice(0..<spec.aesBytes), encrypts: encrypts),
        tweaks: try CipherContext(name, key: bytes.slice(spec.aesBytes..<spec.keyBytes), encrypts: true))
    }
    switch way {
    case .plain: scratch = Buffer(count: 0)
    case .essiv: scratch = Buffer(count: SectorWorker.batch * 16)
    case .blocks: scratch = Buffer(count: 4096 + 16)
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
      case .blocks(let context, let tweaks):
        return unsafe runBlocks(base, raw.count, unit, numbers, context, tweaks)
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

  /// XTS as IEEE 1619 has it: block j of a sector is masked, before and after, with its IV's encryption times x^j.
  private func runBlocks(
    _ base: UnsafeMutablePointer<UInt8>, _ count: Int, _ unit: Int, _ numbers: SectorNumbers,
    _ context: CipherContext, _ tweaks: CipherContext
  ) -> Bool {
    let scratch = scratch
    var masks = scratch.mutableBytes
    var number = numbers.first
    var done = 0
    while done < count {
      masks.storeBig((number & numbers.mask).byteSwapped, at: 0)
      masks.storeBig(UInt64(0), at: 8)
      let made = unsafe masks.withUnsafeMutableBytes { raw in
        guard let mask = unsafe raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
        return unsafe tweaks.runBlocks(mask, count: 16)
      }
      guard made else { return false }
      SectorWorker.multiply(&masks, blocks: unit / 16)
      var sector = unsafe MutableRawSpan(_unsafeStart: base + done, byteCount: unit)
      SectorWorker.mix(&sector, masks.bytes)
      guard unsafe context.runBlocks(base + done, count: unit) else { return false }
      SectorWorker.mix(&sector, masks.bytes)
      number &+= numbers.step
      done += unit
    }
    return true
  }

  /// Fills in the masks of all blocks after the first: each is the one before times x in GF(2^128).
  private static func multiply(_ masks: inout MutableRawSpan, blocks: Int) {
    var low = masks.bytes.little64(at: 0)
    var high = masks.bytes.little64(at: 8)
    for block in 1..<blocks {
      let carry: UInt64 = high >> 63 == 1 ? 0x87 : 0
      high = high << 1 | low >> 63
      low = low << 1 ^ carry
      masks.storeBig(low.byteSwapped, at: block * 16)
      masks.storeBig(high.byteSwapped, at: block * 16 + 8)
    }
  }

  private static func mix(_ sector: inout MutableRawSpan, _ masks: RawSpan) {
    var offset = 0
    while offset < sector.byteCount {
      sector.storeBig(sector.bytes.big64(at: offset) ^ masks.big64(at: offset), at: offset)
      offset += 8
    }
  }
}
