// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host

/// How the volume key lies in a slot's area: split into stripes all of which are needed, as "LUKS On-Disk Format
/// Specification" has it, and these encrypted in sectors of 512 bytes, counted from 0.
struct KeyMaterial: Sendable, Equatable {
  /// Cipher and mode of the area, as a header of version 1 has them.
  var cipher: String
  var mode: String
  /// Bytes of the area's own key.
  var areaKeyBytes: Int
  /// The hash function that mixes stripes.
  var hash: String
  var stripes: UInt64

  private static let sector = 512

  /// Bytes that a key of `keyBytes` takes, in whole sectors.
  func length(keyBytes: Int) -> Int {
    let bytes = UInt64(keyBytes) * stripes
    return Int(bytes.dividedUp(by: UInt64(KeyMaterial.sector))) * KeyMaterial.sector
  }

  /// The area's cipher.
  ///
  /// - Throws: kind `unsupported`, naming what is lacking.
  func cipherSpec() throws(BlockError) -> CipherSpec {
    try CipherSpec(cipher: cipher, mode: mode, keyBytes: areaKeyBytes)
  }

  /// Gets the volume key out of an area's bytes; it is the right one where `key` is the area's.
  func open(_ area: Secret, key: Secret, keyBytes: Int) throws(BlockError) -> Secret {
    let cipher = try SectorCipher(cipherSpec(), key: key)
    let split = try Secret(count: area.count) { (target: inout MutableRawSpan) throws(BlockError) in
      target.copy(area.bytes)
      try cipher.decrypt(&target, from: 0)
    }
    let mixed = try mix(split, keyBytes: keyBytes)
    let last = (Int(stripes) - 1) * keyBytes
    return Secret(count: keyBytes) { (target: inout MutableRawSpan) in
      target.copy(mixed.bytes.slice(0..<keyBytes))
      target.formXOR(split.bytes.slice(last..<last + keyBytes))
    }
  }

  /// The bytes of an area that holds the volume key.
  func seal(_ volumeKey: Secret, key: Secret) throws(BlockError) -> Secret {
    let cipher = try SectorCipher(cipherSpec(), key: key)
    let keyBytes = volumeKey.count
    let last = (Int(stripes) - 1) * keyBytes
    // Every stripe but the last is random, and that one follows from them.
    let random = try Secret(count: length(keyBytes: keyBytes)) {
      (target: inout MutableRawSpan) throws(BlockError) in try target.fillWithRandomBytes()
    }
    let mixed = try mix(random, keyBytes: keyBytes)
    return try Secret(count: random.count) { (target: inout MutableRawSpan) throws(BlockError) in
      target.copy(random.bytes)
      target.copy(mixed.bytes.slice(0..<keyBytes), at: last)
      target.formXOR(volumeKey.bytes, at: last)
      try cipher.encrypt(&target, from: 0)
    }
  }

  /// All stripes but the last, mixed: in the first `keyBytes` of what is returned.
  private func mix(_ split: Secret, keyBytes: Int) throws(BlockError) -> Secret {
    let digest = try Digest(hash)
    let unit = try digest.size()
    // The mixed bytes, then what is hashed: a number and a part of them.
    let input = keyBytes
    let count = keyBytes + 4 + unit
    return try Secret(count: count) { (work: inout MutableRawSpan) throws(BlockError) in
      for stripe in 0..<(Int(stripes) - 1) {
        work.formXOR(split.bytes.slice(stripe * keyBytes..<(stripe + 1) * keyBytes))
        var start = 0
        var number: UInt32 = 0
        while start < keyBytes {
          let part = min(unit, keyBytes - start)
          work.storeBig(number, at: input)
          work.move(start..<start + part, to: input + 4)
          try digest.hash(input..<input + 4 + part, of: &work, to: input + 4)
          work.move(input + 4..<input + 4 + part, to: start)
          start += part
          number += 1
        }
      }
    }
  }
}

/// The salted hash that tells the volume key from any other key.
package struct VolumeKeyDigest: Sendable, Equatable {
  var hash: String
  var iterations: UInt64
  var salt: [UInt8]
  var value: [UInt8]

  /// Whether `key` is the volume key. Without hash function, salt and value none is.
  func matches(_ key: Secret) throws(BlockError) -> Bool {
    guard !salt.isEmpty, !value.isEmpty, iterations > 0 else { return false }
    let found = try Digest(hash).derive(key, salt: salt, iterations: iterations, count: value.count)
    let known = Buffer(value)
    return found.hasSameBytes(as: known.bytes)
  }
}
