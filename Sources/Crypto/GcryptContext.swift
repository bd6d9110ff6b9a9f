// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CGcrypt
internal import Errors

/// A key in one of libgcrypt's ciphers.
@safe
final class GcryptContext: CipherContext {
  private let library: LibGcrypt
  private let handle: OpaquePointer
  private let setIV: strata_gcry_cipher_setiv?
  private let work: strata_gcry_cipher_crypt
  private let blockBytes: Int

  /// - Throws: kind `unsupported` where the library lacks the cipher; `invalidArgument` where it refuses the key.
  init(_ spec: CipherSpec, _ mode: CipherSpec.Mode, key: RawSpan, encrypts: Bool) throws(BlockError) {
    library = try LibGcrypt.shared()
    let keyBytes = mode == .xts ? key.byteCount / 2 : key.byteCount
    guard let algorithm = GcryptContext.algorithm(spec.algorithm, keyBytes: keyBytes) else {
      throw CipherSpec.lacking(spec.algorithm.rawValue, keyBytes: keyBytes, mode: mode.rawValue)
    }
    var handle: OpaquePointer?
    let opened = unsafe library.open(&handle, algorithm, GcryptContext.number(of: mode), 0)
    guard opened == 0, let handle = unsafe handle else {
      throw CipherSpec.lacking(spec.algorithm.rawValue, keyBytes: keyBytes, mode: mode.rawValue)
    }
    unsafe self.handle = handle
    unsafe work = encrypts ? library.encrypt : library.decrypt
    switch mode {
    case .xts, .cbc: unsafe setIV = library.setIV
    case .ctr: unsafe setIV = library.setCounter
    case .ecb: unsafe setIV = nil
    }
    blockBytes = spec.algorithm.blockBytes
    let accepted = unsafe key.withUnsafeBytes { unsafe library.setKey(handle, $0.baseAddress, $0.count) }
    guard accepted == 0 else {
      throw BlockError(
        .invalidArgument, "Key is not suitable for cipher '\(spec.algorithm.rawValue)-\(mode.rawValue)'")
    }
  }

  deinit { unsafe library.close(handle) }

  private static func algorithm(_ name: CipherSpec.Algorithm, keyBytes: Int) -> Int32? {
    switch (name, keyBytes) {
    case (.aes, 24): STRATA_GCRY_AES192
    case (.cast5, 16): STRATA_GCRY_CAST5
    case (.serpent, 16): STRATA_GCRY_SERPENT128
    case (.serpent, 24): STRATA_GCRY_SERPENT192
    case (.serpent, 32): STRATA_GCRY_SERPENT256
    case (.twofish, 16): STRATA_GCRY_TWOFISH128
    case (.twofish, 32): STRATA_GCRY_TWOFISH256
    case (.camellia, 16): STRATA_GCRY_CAMELLIA128
    case (.camellia, 24): STRATA_GCRY_CAMELLIA192
    case (.camellia, 32): STRATA_GCRY_CAMELLIA256
    default: nil
    }
  }

  private static func number(of mode: CipherSpec.Mode) -> Int32 {
    switch mode {
    case .xts: STRATA_GCRY_XTS
    case .cbc: STRATA_GCRY_CBC
    case .ctr: STRATA_GCRY_CTR
    case .ecb: STRATA_GCRY_ECB
    }
  }

  func run(
    _ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, count: Int, unit: Int,
    numbers: SectorNumbers, ivs: UnsafePointer<UInt8>?
  ) -> Bool {
    var words: (UInt64, UInt64) = (0, 0)
    var number = numbers.first
    var done = 0
    var index = 0
    while done < count {
      if let setIV = unsafe setIV {
        let started: UInt32
        if let ivs = unsafe ivs {
          started = unsafe setIV(handle, ivs + blockBytes * index, blockBytes)
        } else {
          words.0 = (number & numbers.mask).littleEndian
          started = unsafe withUnsafeBytes(of: &words) { iv in
            unsafe setIV(handle, iv.baseAddress, blockBytes)
          }
        }
        guard started == 0 else { return false }
      }
      // Without a source the library works in place.
      let from: UnsafePointer<UInt8>? = unsafe source == UnsafePointer(target) ? nil : source + done
      guard unsafe work(handle, target + done, unit, from, from == nil ? 0 : unit) == 0 else { return false }
      number &+= numbers.step
      done += unit
      index += 1
    }
    return true
  }

  func runBlocks(_ bytes: UnsafeMutablePointer<UInt8>, count: Int) -> Bool {
    count == 0 || (unsafe work(handle, bytes, count, nil, 0)) == 0
  }
}
