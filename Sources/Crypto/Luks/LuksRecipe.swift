// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The properties of a new LUKS header.
package struct LuksRecipe: Sendable, Equatable {
  /// 1 or 2.
  package var version = 1
  /// The cipher of the encrypted data.
  package var cipher: CipherSpec
  /// The hash function of key derivation and digest.
  package var hash = "sha256"
  /// Bytes that are encrypted as one; 512 in version 1.
  package var sectorSize = 512
  /// Whether the encrypted data is to lie in another file, from its first byte on.
  package var isDetached = false
  /// How keys follow from passphrases.
  package var derivation = LuksDerivation.pbkdf2
  /// Milliseconds that unlocking is to take.
  package var iterationTime: UInt64 = LuksRecipe.defaultIterationTime

  /// The time that unlocking takes unless the user gives another, in milliseconds.
  package static let defaultIterationTime: UInt64 = 2000

  /// A header of version 1 for this cipher.
  package init(cipher: CipherSpec) { self.cipher = cipher }

  /// The offset of the encrypted data, in bytes.
  package var payloadOffset: UInt64 { isDetached ? 0 : headerLength }

  /// Bytes of the header: with room for eight keys, or for what version 2 usually has.
  package var headerLength: UInt64 {
    guard version == 1 else { return 16 << 20 }
    let material = UInt64(cipher.keyBytes) * LuksLimits.stripes
    return 4096 + 8 * (material.dividedUp(by: 4096) * 4096)
  }
}

/// How keys follow from passphrases.
package enum LuksDerivation: String, Sendable, CaseIterable {
  /// Many hashes.
  case pbkdf2
  /// Many passes over memory; not in version 1.
  case argon2i
  /// As `argon2i`, with protection against other attacks; not in version 1.
  case argon2id
}

/// The costs of a key's derivation, as libcryptsetup is told them.
struct KeyCost: Sendable, Equatable {
  var kind: String
  var hash: String
  var milliseconds: UInt64
  /// 0 for the library to measure.
  var iterations: UInt64 = 0
  var kibibytes: UInt64 = 0
  var threads: UInt64 = 0

  /// Unlocking is to take so many milliseconds.
  ///
  /// - Throws: kind `invalidArgument` for 0, `tooLarge` for more than readers would accept.
  init(_ derivation: LuksDerivation, hash: String, milliseconds: UInt64, keyBytes: Int) throws(BlockError) {
    guard milliseconds > 0 else { throw BlockError(.invalidArgument, "iter-time must be at least 1") }
    kind = derivation.rawValue
    self.hash = hash
    // The library's own measurement takes a second, whatever the answer.
    self.milliseconds = milliseconds
    switch derivation {
    case .pbkdf2:
      let measured = try Digest(hash).iterations(taking: milliseconds, keyBytes: keyBytes)
      iterations = max(measured, KeyCost.leastIterations)
      guard iterations <= LuksLimits.usual.iterations else {
        throw BlockError(
          .tooLarge, "An iter-time of \(milliseconds) ms is too long")
      }
    case .argon2i, .argon2id:
      guard milliseconds <= 600_000 else {
        throw BlockError(.tooLarge, "An iter-time of \(milliseconds) ms is too long")
      }
      kibibytes = KeyCost.argonMemory
      threads = LuksLimits.argonThreads
      // Too short a time to be measured: a pass over 1 MiB takes about one.
      if milliseconds < 100 {
        iterations = KeyCost.leastPasses
        kibibytes = max(milliseconds * 1024 / iterations, 64)
      }
    }
  }

  /// The least costs that the standards ask for, and the library insists on.
  private static let leastIterations: UInt64 = 1000
  private static let leastPasses: UInt64 = 4
  /// KiB, the most that the library may choose by default.
  private static let argonMemory: UInt64 = 1 << 20
}
