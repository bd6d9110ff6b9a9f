// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Options
import Support
import Testing

/// All expectations were recorded from the peer.
struct SizeTextTests {
  @Test(
    "sizes are read as the peer reads them",
    arguments: [
      ("0", 0), ("1", 1), ("1b", 1), ("1B", 1), ("010", 10), ("00", 0), ("64k", 65536), ("64K", 65536),
      ("1.5G", 1_610_612_736), ("0x10", 16), ("0X10", 16), ("0x10k", 16384), ("0x1B", 27), ("0x1E", 30),
      (" 1M", 1 << 20), ("\t1M", 1 << 20), ("+1M", 1 << 20), ("5.M", 5 << 20), ("5.", 5), ("1.0", 1),
      ("1.0b", 1), ("0.0", 0), ("1t", 1 << 40), ("1p", 1 << 50), ("1e", 1 << 60), ("1E", 1 << 60),
      ("1.0001k", 1024), ("0.1k", 102), ("0.3k", 307), ("0.9999999M", 1 << 20), ("1.9999999k", 2048),
      ("1.00049k", 1025), ("1.0004k", 1024), ("0.0005k", 1), ("1.1M", 1_153_434), ("0.7k", 717),
      ("1.2345M", 1_294_467), ("0.00000001k", 0), ("0.00146484375k", 2), ("0.0001T", 109_951_163),
      ("1.00000001G", 1_073_741_835), ("0.123456789G", 132_560_718), ("1.7976931348623157M", 1_885_018),
      ("0.57k", 584), ("1.15M", 1_205_862), ("1.005k", 1029), ("0.00048828125k", 1), ("0.00244140625k", 3),
      ("1.00048828125k", 1025), ("1.000488281249k", 1024), ("0.0625M", 65536),
      ("18446744073709551615", UInt64.max), ("0xffffffffffffffff", UInt64.max), ("7.5E", 15 << 59),
    ] as [(String, UInt64)])
  func reads(text: String, bytes: UInt64) throws {
    #expect(try SizeText.parse(text) == bytes)
  }

  @Test(
    "texts that are no sizes",
    arguments: [
      ("", SizeText.Failure.invalid), (" ", .invalid), ("1 ", .invalid), ("1 M", .invalid), ("-1", .invalid),
      (" -1", .invalid), ("-0", .invalid), ("0x", .invalid), ("0xg", .invalid), ("0x10.8", .invalid),
      ("0x1.8p3", .invalid), ("1e3", .invalid), ("1ek", .invalid), (".5M", .invalid), ("1.5", .invalid),
      ("1.5b", .invalid), ("0.5B", .invalid), ("1MM", .invalid), ("1MB", .invalid), ("1MiB", .invalid),
      ("1,5M", .invalid), ("inf", .invalid), ("nan", .invalid), ("--1", .invalid), ("+-1", .invalid),
      ("1.e3k", .invalid), ("1..2k", .invalid), ("64X", .invalid), ("1é", .invalid), ("1\u{0}", .invalid),
      ("99999999999999999999x", .invalid), ("99999999999999999999.5", .invalid),
      ("18446744073709551616", .outOfRange), ("16E", .outOfRange),
      ("123456789012345678901234567890", .outOfRange), ("-99999999999999999999", .outOfRange),
      ("16384P", .outOfRange), ("0x10000000000000000", .outOfRange), ("15.9999999999999999999E", .outOfRange),
    ])
  func refuses(text: String, failure: SizeText.Failure) {
    #expect(throws: failure) { try SizeText.parse(text) }
  }

  @Test("the limit belongs to the range")
  func limit() throws {
    #expect(try SizeText.parse("1k", limit: 1024) == 1024)
    #expect(throws: SizeText.Failure.outOfRange) { try SizeText.parse("1025", limit: 1024) }
    #expect(throws: SizeText.Failure.outOfRange) { try SizeText.parse("8E", limit: UInt64(Int64.max)) }
    #expect(throws: SizeText.Failure.invalid) { try SizeText.parse("8Ex", limit: UInt64(Int64.max)) }
  }

  @Test("no text makes the parser trap, and sizes survive being printed in full")
  func anyText() throws {
    var random = SeededNumbers(seed: 7)
    let alphabet = Array("0123456789abkKMGTPEex.+- \t")
    for _ in 0..<20_000 {
      let length = Int.random(in: 0...24, using: &random)
      var text = ""
      for _ in 0..<length { text.append(alphabet[Int.random(in: alphabet.indices, using: &random)]) }
      _ = try? SizeText.parse(text)
      _ = try? SizeText.parseChange(text)
      let number =
        UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0...63, using: &random)
      #expect(try SizeText.parse(String(number)) == number)
      #expect(try SizeText.parse("0x" + String(number, radix: 16)) == number)
    }
  }

  @Test(
    "changes",
    arguments: [
      ("1M", .set(1 << 20)), ("+1M", .grow(1 << 20)), ("-512k", .shrink(512 << 10)), ("++1", .grow(1)),
      (" 1M", .set(1 << 20)), ("+ 1M", .grow(1 << 20)), ("-0", .shrink(0)), ("1.1k", .set(1126)),
    ] as [(String, SizeText.Change)])
  func changes(text: String, change: SizeText.Change) throws {
    #expect(try SizeText.parseChange(text) == change)
  }

  @Test(
    "texts that are no changes",
    arguments: [
      ("+", SizeText.Failure.invalid), ("-", .invalid), ("", .invalid), ("+-1", .invalid), ("--1", .invalid),
      ("+16E", .outOfRange), ("-16E", .outOfRange),
    ])
  func noChanges(text: String, failure: SizeText.Failure) {
    #expect(throws: failure) { try SizeText.parseChange(text) }
  }

  @Test("a suffix behind a hexadecimal number is noticed")
  func hexSuffix() {
    for text in ["0x1k", " +0x10M"] { #expect(SizeText.hasSuffixOnHex(text)) }
    for text in ["0x1b", "0x10", "10k", "x"] { #expect(!SizeText.hasSuffixOnHex(text)) }
  }

  @Test(
    "sizes are printed as the peer prints them",
    arguments: [
      (0, "0 B"), (1, "1 B"), (512, "512 B"), (994, "994 B"), (999, "999 B"), (1000, "0.977 KiB"),
      (1001, "0.978 KiB"), (1009, "0.985 KiB"), (1012, "0.988 KiB"), (1023, "0.999 KiB"), (1024, "1 KiB"),
      (1029, "1 KiB"), (1030, "1.01 KiB"), (1075, "1.05 KiB"), (1126, "1.1 KiB"), (1536, "1.5 KiB"),
      (9728, "9.5 KiB"), (10190, "9.95 KiB"), (10234, "9.99 KiB"), (10235, "10 KiB"), (10291, "10 KiB"),
      (10292, "10.1 KiB"), (102348, "99.9 KiB"), (102349, "100 KiB"), (102912, "100 KiB"),
      (1_023_487, "999 KiB"), (1_023_488, "1e+03 KiB"), (1_023_999, "1e+03 KiB"), (1_024_000, "0.977 MiB"),
      (1_030_144, "0.982 MiB"), (1_038_336, "0.99 MiB"), (1_047_552, "0.999 MiB"), (1_048_064, "1 MiB"),
      (1_053_696, "1 MiB"), (1_054_208, "1.01 MiB"), (1_500_000_256, "1.4 GiB"), (1_600_000_000, "1.49 GiB"),
      (107_374_182_400, "100 GiB"), (1_072_693_248, "0.999 GiB"), (1_024_000_000_000, "954 GiB"),
      (1_099_511_627_775, "1 TiB"), (1_125_899_906_842_623, "1 PiB"), (1_152_921_504_606_846_975, "1 EiB"),
      (5_000_000_000_000_000_000, "4.34 EiB"), (1 << 63, "8 EiB"), (UInt64.max, "16 EiB"),
    ] as [(UInt64, String)])
  func human(bytes: UInt64, text: String) {
    #expect(SizeText.human(bytes) == text)
    #expect(SizeText.humanAndBytes(bytes) == "\(text) (\(bytes) bytes)")
  }
}
