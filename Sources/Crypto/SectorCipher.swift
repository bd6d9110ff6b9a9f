// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
package import Host

/// Encrypts and decrypts the sectors of a disk, from any number of threads at once.
///
/// Sectors are numbered in units of 512 bytes whatever their size, as Linux does, unless `countsSectors` says that
/// each counts as one.
package final class SectorCipher: @unchecked Sendable {
  // Sendable because the kept contexts are guarded by `lock` and each is used by one thread at a time.

  /// The bytes that a cipher's IV counts as one.
  package static let ivUnit: UInt64 = 512

  /// Algorithm, mode and IV generator.
  package let spec: CipherSpec
  /// Bytes that are encrypted as one, with one IV.
  package let sectorSize: Int
  private let key: Secret
  private let step: UInt64
  private let lock = ConditionLock()
  private var encryptors: [SectorWorker] = []
  private var decryptors: [SectorWorker] = []

  /// - Parameters:
  ///   - key: the volume key, of the length that `spec` says.
  ///   - sectorSize: 512, 1024, 2048 or 4096.
  ///   - countsSectors: whether IVs count sectors instead of units of 512 bytes.
  /// - Throws: kind `unsupported` where the library for the cipher lacks it, or is not there.
  package init(_ spec: CipherSpec, key: Secret, sectorSize: Int = 512, countsSectors: Bool = false)
    throws(BlockError)
  {
    guard key.count == spec.keyBytes, [512, 1024, 2048, 4096].contains(sectorSize) else {
      throw BlockError(.invalidArgument, "Volume key or sector size does not fit the cipher")
    }
    self.spec = spec
    self.sectorSize = sectorSize
    self.key = key
    step = countsSectors ? 1 : UInt64(sectorSize) / SectorCipher.ivUnit
    // So that what cannot work fails here.
    encryptors.append(try SectorWorker(spec, key: key, encrypts: true))
    decryptors.append(try SectorWorker(spec, key: key, encrypts: false))
  }

  /// Encrypts whole sectors into `target`, which is as long as `source`.
  ///
  /// - Parameter number: the IV's number of the first sector.
  package func encrypt(_ source: RawSpan, into target: inout MutableRawSpan, from number: UInt64)
    throws(BlockError)
  {
    precondition(source.byteCount == target.byteCount, "encryption into a buffer of another length")
    target.copy(source)
    try run(&target, from: number, encrypts: true)
  }

  /// Encrypts whole sectors in place.
  package func encrypt(_ bytes: inout MutableRawSpan, from number: UInt64) throws(BlockError) {
    try run(&bytes, from: number, encrypts: true)
  }

  /// Decrypts whole sectors in place.
  package func decrypt(_ bytes: inout MutableRawSpan, from number: UInt64) throws(BlockError) {
    try run(&bytes, from: number, encrypts: false)
  }

  private func run(_ bytes: inout MutableRawSpan, from number: UInt64, encrypts: Bool) throws(BlockError) {
    precondition(bytes.byteCount % sectorSize == 0, "part of a sector")
    let worker = try take(encrypts)
    let mask: UInt64 = spec.ivGenerator == .plain ? 0xffff_ffff : .max
    let done = worker.run(
      &bytes, unit: sectorSize, SectorNumbers(first: number, step: step, mask: mask))
    lock.withLock { if encrypts { encryptors.append(worker) } else { decryptors.append(worker) } }
    if !done { throw BlockError(.inputOutput, "Cipher '\(spec.algorithm.rawValue)-\(spec.modeName)' failed") }
  }

  /// A worker that nobody uses, or a new one.
  private func take(_ encrypts: Bool) throws(BlockError) -> SectorWorker {
    let kept = lock.withLock { encrypts ? encryptors.popLast() : decryptors.popLast() }
    if let kept { return kept }
    return try SectorWorker(spec, key: key, encrypts: encrypts)
  }
}

extension SectorCipher {
  /// The cipher of qcow images and of qcow2 images of the old kind: AES with the start of the passphrase as its key, zeros
  /// behind it.
  package convenience init(qcowPassphrase passphrase: Secret) throws(BlockError) {
    let length = 16
    let key = Secret(count: length) { bytes in
      bytes.copy(passphrase.bytes.slice(0..<min(length, passphrase.count)), at: 0)
    }
    try self.init(CipherSpec(.cbc, .plain64, keyBytes: length), key: key)
  }
}
