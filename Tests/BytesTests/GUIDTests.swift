// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@Suite struct GUIDTests {
  @Test("bytes and digits stand in the mixed order")
  func spelling() {
    let id = GUID(0x2dc2_7766, 0xf623, 0x4200, 0x9d64_115e_9bfd_4a08)
    let buffer = Buffer(count: 16)
    var bytes = buffer.mutableBytes
    id.write(to: &bytes, at: 0)
    #expect(
      buffer.array == [
        0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08,
      ])
    #expect(GUID(parsing: buffer.bytes, at: 0) == id)
    #expect(id.description == "2dc27766-f623-4200-9d64-115e9bfd4a08")
    #expect(GUID("{2DC27766-F623-4200-9D64-115E9BFD4A08}") == id && GUID(id.description) == id)
  }

  @Test(
    "what is no GUID is none",
    arguments: [
      "", "{}", "2dc27766", "{2dc27766-f623-4200-9d64-115e9bfd4a08", "2dc27766-f623-4200-9d64-115e9bfd4a0g",
      "2dc27766-f623-4200-9d64115e9bfd4a08-", "+dc27766-f623-4200-9d64-115e9bfd4a08x",
    ])
  func refused(_ text: String) { #expect(GUID(text) == nil) }

  @Test("random ones differ, and say that they are random")
  func random() {
    let (one, other) = (GUID.random(), GUID.random())
    #expect(one != other && one != .none)
    let digits = one.description
    #expect(digits.dropFirst(14).first == "4" && "89ab".contains(digits.dropFirst(19).first ?? "0"))
  }
}
