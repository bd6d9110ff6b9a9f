// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Compression
import Testing

@Suite struct CRC32CTests {
  /// The vectors of RFC 3720, B.4, and the usual one.
  static let vectors: [([UInt8], UInt32)] = [
    ([], 0), (Array("123456789".utf8), 0xe306_9283), (Array(repeating: 0, count: 32), 0x8a91_36aa),
    (Array(repeating: 0xff, count: 32), 0x62a8_ab43), (Array(0..<32), 0x46dd_794e),
    ((0..<32).reversed(), 0x113f_db5c),
  ]

  @Test("known bytes have their known checksums, in one piece or in several", arguments: vectors)
  func known(_ bytes: [UInt8], _ wanted: UInt32) {
    var whole = CRC32C()
    whole.add(Buffer(bytes).bytes)
    #expect(whole.value == wanted)
    var pieces = CRC32C()
    for start in stride(from: 0, to: bytes.count, by: 5) {
      pieces.add(Buffer(Array(bytes[start..<min(bytes.count, start + 5)])).bytes)
    }
    #expect(pieces.value == wanted)
  }
}
