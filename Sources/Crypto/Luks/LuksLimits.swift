// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

/// What a header may cost: the numbers in it come from whoever made the image.
public enum LuksLimits {
  /// Bytes of the longest volume key: XTS with two keys of 256 bits, twice over for what is to come.
  public static let keyBytes = 128
  /// Iterations of PBKDF2: about two minutes for one key slot on a processor of today.
  public static let iterations: UInt64 = 200_000_000
  /// KiB of memory of Argon2, as cryptsetup has it.
  public static let argonMemory: UInt64 = 4 << 20
  /// Passes times KiB of Argon2: 16 passes over all of it, about half a minute.
  public static let argonWork: UInt64 = 64 << 20
  /// Threads of Argon2, as cryptsetup has it.
  public static let argonThreads: UInt64 = 4
  /// Bytes of the longest key material area: the longest key in the usual number of stripes, in whole blocks.
  public static let slotArea: UInt64 = 1 << 20
  /// Key material is split into so many stripes.
  public static let stripes: UInt64 = 4000

  static func check(iterations: UInt64, of owner: String) throws(BlockError) {
    guard iterations > 0 else { throw BlockError(.corrupt, "\(owner) iteration count is zero") }
    guard iterations <= LuksLimits.iterations else {
      throw BlockError(
        .refused,
        "\(owner) iteration count \(iterations) is larger than the limit of \(LuksLimits.iterations)")
    }
  }

  static func checkArgon2(passes: UInt64, kibibytes: UInt64, threads: UInt64, of owner: String)
    throws(BlockError)
  {
    guard passes > 0, kibibytes > 0, threads > 0 else {
      throw BlockError(.corrupt, "\(owner) Argon2 cost is zero")
    }
    guard kibibytes <= argonMemory else {
      throw BlockError(
        .refused, "\(owner) Argon2 memory of \(kibibytes) KiB is larger than the limit of \(argonMemory) KiB")
    }
    guard passes <= argonWork / kibibytes else {
      throw BlockError(
        .refused,
        "\(owner) Argon2 work of \(passes) passes over \(kibibytes) KiB is larger than the limit of "
          + "\(argonWork) KiB")
    }
    guard threads <= argonThreads else {
      throw BlockError(
        .refused, "\(owner) Argon2 thread count \(threads) is larger than the limit of \(argonThreads)")
    }
  }

  /// Names in headers end up in messages and in the library: they are words.
  static func check(name: String, field: String) throws(BlockError) {
    let isWord =
      !name.isEmpty
      && name.utf8.allSatisfy {
        (0x30...0x3A).contains($0) || (0x61...0x7A).contains($0 | 0x20)
          || [0x28, 0x29, 0x2D, 0x2E, 0x5F].contains($0)
      }
    guard isWord else { throw BlockError(.corrupt, "LUKS \(field) is not a name") }
  }
}
