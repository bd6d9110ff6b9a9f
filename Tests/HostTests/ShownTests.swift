// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Host
import Testing

struct ShownTests {
  @Test(
    "D-03 names are shown as what they are in UTF-8, with escapes for the rest",
    arguments: [
      ("plain name", "plain name"), ("\u{FC}\u{6F22}\u{1F600}e\u{301}", "\u{FC}\u{6F22}\u{1F600}e\u{301}"),
      ("a\\xE9", "a\\xE9"), ("\u{1F468}\u{200D}\u{1F469}", "\u{1F468}\u{200D}\u{1F469}"),
      ("a\nb\tc\r\0", #"a\x0Ab\x09c\x0D\x00"#), ("\u{1B}[31m\u{7F}", #"\x1B[31m\x7F"#),
      ("\u{85}\u{9B}m", #"\xC2\x85\xC2\x9Bm"#),
      ("\u{202E}\u{2066}\u{200F}", #"\xE2\x80\xAE\xE2\x81\xA6\xE2\x80\x8F"#),
      ("\u{2028}\u{2029}", #"\xE2\x80\xA8\xE2\x80\xA9"#),
      ("\u{FEFF}\u{E0041}", #"\xEF\xBB\xBF\xF3\xA0\x81\x81"#),
      ("\u{10FEE9}", #"\xF4\x8F\xBB\xA9"#),
    ])
  func text(_ name: String, _ shown: String) {
    // Our own line feeds stay, whatever stands in the name.
    #expect(("one '\n" + String(spelling: name.utf8) + "'\n\u{E9}").shown == "one '\n" + shown + "'\n\u{E9}")
  }

  @Test(
    "D-03 bytes that are no UTF-8 are shown one by one, what is between them as it is",
    arguments: [
      ([0xE9], #"\xE9"#), ([0x61, 0xC3, 0x62], #"a\xC3b"#), ([0xC0, 0xAF], #"\xC0\xAF"#), ([0x80], #"\x80"#),
      ([0xE2, 0x82], #"\xE2\x82"#), ([0xED, 0xA0, 0x80], #"\xED\xA0\x80"#),
      ([0xC3, 0xC3, 0xA9], "\\xC3\u{E9}"),
      ([0xF4, 0x90, 0x80, 0x80], #"\xF4\x90\x80\x80"#), ([0xFF, 0xFE], #"\xFF\xFE"#),
    ] as [([UInt8], String)])
  func bytes(_ name: [UInt8], _ shown: String) {
    #expect(String(spelling: name).shown == shown)
  }
}
