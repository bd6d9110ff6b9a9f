// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Crypto
import Errors
import Host
import Support
import Testing

/// Known answers: IEEE 1619 for XTS; the others were made with OpenSSL's command line, a sector at a time.
@Suite struct SectorCipherTests {
  struct Answer: Sendable, CustomTestStringConvertible {
    var mode: String
    var key: String
    var sector: UInt64
    var plain: [UInt8]
    /// The first bytes of the encrypted sector.
    var encrypted: String
    var testDescription: String { "\(mode), \(key.count * 4) bits, sector \(sector)" }
  }

  static let counting = (0..<512).map { UInt8(truncatingIfNeeded: $0) }
  static let e = "2718281828459045235360287471352662497757247093699959574966967627"
  static let pi = "3141592653589793238462643383279502884197169399375105820974944592"

  static let answers = [
    Answer(
      mode: "xts-plain64", key: "2718281828459045235360287471352631415926535897932384626433832795", sector: 0,
      plain: counting, encrypted: "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c"),
    Answer(
      mode: "xts-plain64", key: e + pi, sector: 0xff, plain: counting,
      encrypted: "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"),
    Answer(
      mode: "cbc-plain64", key: "27182818284590452353602874713526", sector: 8589934597, plain: counting,
      encrypted: "2eb3d5c2662dc6ce69e369fdf6f08fa09d60518d765343fa2ac2e603a0983fae"),
    Answer(
      mode: "cbc-essiv:sha256", key: "27182818284590452353602874713526", sector: 77, plain: counting,
      encrypted: "8bb8ecd205238951b8097d2af635d7190b4851239454e63bd711f6b097fe05d3"),
    Answer(
      mode: "cbc-plain64", key: "271828182845904523536028747135266249775724709369", sector: 8589934597,
      plain: counting,
      encrypted: "dcfb9bbd2e1099892fd2711439f237244ca7a04675d791b9401e7c2f58c6faa1"),
    Answer(
      mode: "cbc-essiv:sha256", key: "271828182845904523536028747135266249775724709369", sector: 77,
      plain: counting,
      encrypted: "e12b1962463a3dcf370eb4f9a6af847c936c71223ee61d6f435e233d79759990"),
    Answer(
      mode: "cbc-plain64", key: "2718281828459045235360287471352662497757247093699959574966967627",
      sector: 8589934597, plain: counting,
      encrypted: "0199389b68e40a56b9271f7ce9dd5bb8434151f4855d724e6fd36c4f70fae537"),
    Answer(
      mode: "cbc-essiv:sha256", key: "2718281828459045235360287471352662497757247093699959574966967627",
      sector: 77, plain: counting,
      encrypted: "7d0fa5280ff9f0580e0b7cd0382734a448f8fbc720c577c9006187fae745db3e"),
    Answer(
      mode: "cbc-plain", key: "27182818284590452353602874713526", sector: 8589934597, plain: counting,
      encrypted: "cc1b88097a3afc584db5c36edd1ad5e65d534bc239c5ff8b4a9f6c801fb2cc16"),
  ]

  static func bytes(_ hex: String) -> [UInt8] {
    var result: [UInt8] = []
    var rest = Substring(hex)
    while !rest.isEmpty {
      result.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
      rest = rest.dropFirst(2)
    }
    return result
  }

  static func cipher(_ mode: String, _ key: [UInt8], sectorSize: Int = 512) throws -> SectorCipher {
    let spec = try CipherSpec(cipher: "aes", mode: mode, keyBytes: key.count)
    return try SectorCipher(spec, key: Secret(copying: Buffer(key).bytes), sectorSize: sectorSize)
  }

  @Test("known answers", arguments: answers)
  func known(_ answer: Answer) throws {
    let cipher = try SectorCipherTests.cipher(answer.mode, SectorCipherTests.bytes(answer.key))
    let buffer = Buffer(answer.plain)
    var bytes = buffer.mutableBytes
    try cipher.encrypt(&bytes, from: answer.sector)
    let expected = SectorCipherTests.bytes(answer.encrypted)
    #expect(Array(buffer.bytes.array.prefix(expected.count)) == expected)
    try cipher.decrypt(&bytes, from: answer.sector)
    #expect(buffer.bytes.array == answer.plain)
  }

  @Test("large sectors count in units of 512 bytes, unless told otherwise", arguments: [1024, 2048, 4096])
  func largeSectors(_ size: Int) throws {
    let key = SectorCipherTests.bytes(SectorCipherTests.e + SectorCipherTests.pi)
    let units = UInt64(size / 512)
    for counts in [false, true] {
      let spec = try CipherSpec(.xts, .plain64, keyBytes: 64)
      let secret = Secret(copying: Buffer(key).bytes)
      let cipher = try SectorCipher(spec, key: secret, sectorSize: size, countsSectors: counts)
      let two = Buffer(Array(repeating: 0x5A, count: size * 2))
      var bytes = two.mutableBytes
      try cipher.encrypt(&bytes, from: 8)
      let second = Buffer(Array(repeating: 0x5A, count: size))
      var other = second.mutableBytes
      try cipher.encrypt(&other, from: 8 + (counts ? 1 : units))
      #expect(Array(two.bytes.array[size...]) == second.bytes.array)
      try cipher.decrypt(&bytes, from: 8)
      #expect(two.bytes.array == Array(repeating: 0x5A, count: size * 2))
    }
  }

  static let lacking: [(cipher: String, mode: String, keyBytes: Int, name: String)] = [
    ("foo", "xts-plain64", 64, "'foo' with key size 32 bytes in mode 'xts'"),
    ("twofish", "xts-plain64", 48, "'twofish' with key size 24 bytes"),
    ("aes", "xts-plain64", 33, "multiple of 2"), ("aes", "lrw-plain64", 32, "'lrw'"),
    ("aes", "cbc-foo", 32, "'foo'"), ("aes", "cbc-essiv:sha1", 32, "No AES cipher with key size 20"),
    ("serpent", "cbc-essiv:sha224", 32, "No Serpent cipher with key size 28"),
    ("aes", "cbc-essiv", 32, "Missing IV generator hash"), ("aes", "cbc-essiv:foo", 32, "'foo'"),
    ("aes", "cbc", 32, "'cbc'"), ("aes", "cbc-plain64", 0, "0 bytes"),
    ("aes", "adiantum-plain64", 32, "'adiantum'"), ("cast5", "xts-plain64", 32, "mode xts"),
    ("cast5", "cbc-essiv:md5", 16, "cast5-128 not supported with essiv"),
    ("capi:aes", "plain64", 32, "'capi:aes'"),
    ("capi:xts(aes)", "foo", 64, "'foo'"), ("capi:authenc(hmac(sha256),xts(aes))", "random", 64, "supported"),
  ]

  @Test("what is lacking is refused by name", arguments: lacking)
  func refused(_ row: (cipher: String, mode: String, keyBytes: Int, name: String)) {
    do {
      _ = try CipherSpec(cipher: row.cipher, mode: row.mode, keyBytes: row.keyBytes)
      Issue.record("accepted")
    } catch {
      #expect(error.kind == .unsupported && error.message.contains(row.name), "\(error.message)")
    }
  }

  static let spellings: [(written: [String], mode: String, keyBytes: Int)] = [
    (["capi:xts(aes)", "plain64"], "xts-plain64", 64),
    (["capi:cbc(aes)", "essiv:sha256"], "cbc-essiv:sha256", 32),
    (["capi:essiv(cbc(aes),sha256)", "plain64"], "cbc-essiv:sha256", 32),
    (["capi:ctr(aes)", "null"], "ctr-null", 16), (["aes", "xts-plain64:sha256"], "xts-plain64", 64),
    (["aes", "cbc-plain:md5"], "cbc-plain", 32),
  ]

  @Test("ways to write one cipher", arguments: spellings)
  func names(_ row: (written: [String], mode: String, keyBytes: Int)) throws {
    let key = Secret(copying: Buffer(Array(repeating: 7, count: row.keyBytes)).bytes)
    let key2 = row.mode.hasPrefix("xts") ? try Secret(random: row.keyBytes) : key
    var results: [[UInt8]] = []
    for (cipher, mode) in [(row.written[0], row.written[1]), ("aes", row.mode)] {
      let spec = try CipherSpec(cipher: cipher, mode: mode, keyBytes: row.keyBytes)
      let buffer = Buffer(SectorCipherTests.counting)
      var bytes = buffer.mutableBytes
      try SectorCipher(spec, key: key2).encrypt(&bytes, from: 77)
      results.append(buffer.bytes.array)
    }
    #expect(results[0] == results[1])
    let whole = CipherName.divide(row.written[0] + "-" + row.written[1])
    #expect(whole.cipher == row.written[0] && whole.mode == row.written[1])
  }
}
