// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Compression
import Testing

@Suite struct CRC32Tests {
  @Test(
    "known bytes have their known checksums",
    arguments: [
      ([], 0), (Array("123456789".utf8), 0xcbf4_3926), (Array(repeating: 0, count: 32), 0x190a_55ad),
      (Array(repeating: 0xff, count: 32), 0xff6c_ab0b),
    ] as [([UInt8], UInt32)])
  func known(_ bytes: [UInt8], _ wanted: UInt32) {
    var whole = CRC32()
    let buffer = Buffer(bytes)
    whole.add(buffer.bytes)
    #expect(whole.value == wanted)
  }

  @Test("zeros are added like other bytes", arguments: [0, 1, 2, 7, 31, 32, 512, 4096, 100_001])
  func zeroes(_ count: Int) {
    let text = Buffer(Array("123456789".utf8))
    var slow = CRC32()
    slow.add(text.bytes)
    var fast = slow
    let zeroes = Buffer(count: count)
    slow.add(zeroes.bytes)
    fast.addZeroes(UInt64(count))
    #expect(fast.value == slow.value)
    slow.add(text.bytes)
    fast.add(text.bytes)
    #expect(fast.value == slow.value)
  }
}
