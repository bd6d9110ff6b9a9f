// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

struct SpellingTests {
  @Test("D-03 every string of two bytes is spelled by a text of its own, which gives the same bytes")
  func everyPair() {
    var known: Set<String> = []
    for first in UInt8.min...(.max) {
      for second in UInt8.min...(.max) {
        let bytes = [first, second]
        let text = String(spelling: bytes)
        if text.spelledBytes != bytes || text.spelledCount != 2 || !known.insert(text).inserted {
          Issue.record("\(bytes)")
        }
      }
    }
  }

  @Test(
    "D-03 names that Unicode takes for the same are different, and are cut where their bytes say",
    arguments: [
      ("\u{E9}", "e\u{301}"), ("\u{212B}", "\u{C5}"), ("\u{1100}\u{1161}", "\u{AC00}"),
      ("\u{10FEE9}", "\u{FFFD}"),
    ])
  func equality(_ one: String, _ other: String) {
    let spelled = String(spelling: one.utf8)
    #expect(spelled != String(spelling: other.utf8))
    #expect(spelled.spelledBytes == Array(one.utf8))
    #expect(spelled.spelled == spelled)
    let path = ("a/" + other + "/\u{301}\r\nb").spelled
    #expect(path.split(separator: "/").map { $0.unicodeScalars.count } == [1, other.utf8.count, 5])
  }

  @Test("printable ASCII stands for itself; a C string ends with a zero byte")
  func ascii() {
    let printable = String(decoding: Array(UInt8(0x20)...0x7E), as: UTF8.self)
    #expect(printable.spelled == printable)
    #expect("a\u{10FEE9}\u{E9}".cName == [0x61, -0x17, -0x3D, -0x57, 0])
    #expect(
      unsafe "a\n".cName.withUnsafeBufferPointer { unsafe String(cName: $0.baseAddress!) } == "a\u{10FE0A}")
  }
}
