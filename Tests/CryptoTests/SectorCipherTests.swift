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
}
