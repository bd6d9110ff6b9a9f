// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Errors
import Options
import Support
import Testing

/// Text as it is read: names are spelled by their bytes.
private func name(_ text: String) -> OptionTree { .string(text.spelled) }

struct JSONTests {
  /// Swift's literals cannot hold these.
  private static let nonCharacters = [[0xFFFE], [0xDBFF, 0xDFFF], [0xFDD0]].map {
    String(decoding: $0 as [UInt16], as: UTF16.self)
  }

  @Test(
    "values are read",
    arguments: [
      ("null", .null), (" true ", true), ("false", false), ("0", 0), ("-0", 0), ("-1", -1),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .unsigned(1 << 63)), ("18446744073709551615", .unsigned(.max)),
      ("18446744073709551616", .real(18_446_744_073_709_551_616)),
      ("-9223372036854775809", .real(-9_223_372_036_854_775_808)),
      ("1.5", .real(1.5)), ("1e3", .real(1000)), ("1E+3", .real(1000)), ("25e-2", .real(0.25)),
      ("''", ""), (#"'a"b'"#, #"a"b"#), (#""a'b""#, "a'b"), (#"'it\'s'"#, "it's"),
      (#""\"\\\/\b\f\n\r\t""#, name("\"\\/\u{08}\u{0C}\n\r\t")),
      (#""\u0041\u00e9\ud83d\ude00""#, name("Aé😀")), ("\"é😀\"", name("é😀")),
      (#""\udbff\udee9\uDBFF\uDE41""#, .string(String(spelling: [0xE9, 0xF4, 0x8F, 0xB9, 0x81]))),
      ("[]", []), ("{}", [:]), ("[1,[2],{}]", [1, [2], [:]]),
      ("\r\n{'b' : 1 ,\t'a':{'c':[null]}}", ["b": 1, "a": ["c": [.null]]]),
    ] as [(String, OptionTree)])
  func reads(text: String, value: OptionTree) throws {
    #expect(try JSONParser.parse(text) == value)
  }

  /// Reasons as recorded from the peer, where it has the same opinion.
  @Test(
    "mistakes are named with their place",
    arguments: [
      ("", "Expecting a JSON value", 0), ("  ", "Expecting a JSON value", 2),
      ("{} x", "JSON parse error, invalid keyword 'x'", 3), ("{}{}", "Expecting at most one JSON value", 2),
      ("{'a':1} ,", "Expecting at most one JSON value", 8),
      ("{", "JSON parse error, premature EOI", 1), ("{'a'", "JSON parse error, premature EOI", 4),
      ("[1", "JSON parse error, premature EOI", 2), ("{'a':1,}", "JSON parse error, expecting value", 7),
      ("[1,]", "JSON parse error, expecting value", 3), ("[}", "JSON parse error, expecting value", 1),
      (":", "JSON parse error, expecting value", 0), ("{,}", "JSON parse error, expecting value", 1),
      ("{'a' 1}", "JSON parse error, missing : in object pair", 5),
      ("{'a'}", "JSON parse error, missing : in object pair", 4),
      ("{1:2}", "JSON parse error, key is not a string in object", 1),
      ("{null:2}", "JSON parse error, key is not a string in object", 1),
      ("{'a':1 'b':2}", "JSON parse error, expected separator in dict", 7),
      ("{'a':1]", "JSON parse error, expected separator in dict", 6),
      ("[1 2]", "JSON parse error, expected separator in list", 3),
      ("{'a':1,'a':2}", "JSON parse error, duplicate key", 7),
      ("nul", "JSON parse error, invalid keyword 'nul'", 0), ("True", "JSON parse error, stray 'T'", 0),
      ("01", "JSON parse error, stray '01'", 0), ("+1", "JSON parse error, stray '+'", 0),
      ("[-]", "JSON parse error, stray '-]'", 1), ("[1.]", "JSON parse error, stray '1.]'", 1),
      ("[1e]", "JSON parse error, stray '1e]'", 1), (".5", "JSON parse error, stray '.'", 0),
      ("1e400", "JSON parse error, number too large", 0), ("'ab", "JSON parse error, stray ''ab'", 0),
      ("\"a\tb\"", "JSON parse error, stray '\"a\u{10FE09}'", 0),
      ("\u{1}", "JSON parse error, stray '\u{10FE01}'", 0),
      ("'\\", "JSON parse error, stray ''\\'", 0),
      ("'\\q'", "JSON parse error, invalid escape sequence in string", 1),
      ("'\\u00zz'", "JSON parse error, \\u00zz is not a valid Unicode character", 1),
      ("'\\u12'", "JSON parse error, \\u12' is not a valid Unicode character", 1),
      ("'\\ud83d'", "JSON parse error, \\ud83d is not a valid Unicode character", 1),
      ("'\\ud800\\u0041'", "JSON parse error, \\ud800 is not a valid Unicode character", 1),
      ("'\\udc00'", "JSON parse error, \\udc00 is not a valid Unicode character", 1),
      ("'\\ufffe'", "JSON parse error, \\ufffe is not a valid Unicode character", 1),
      ("['a\u{FFFF}']", "JSON parse error, invalid UTF-8 sequence in string", 1),
      ("{'\u{1FFFE}': 1}", "JSON parse error, invalid UTF-8 sequence in string", 1),
      ("'\\u+123'", "JSON parse error, \\u+123 is not a valid Unicode character", 1),
    ])
  func refuses(text: String, reason: String, offset: Int) {
    #expect(throws: JSONParser.Failure(reason: reason, offset: offset)) { try JSONParser.parse(text) }
  }

  @Test("depth and length have limits, and huge depth does not use up the stack")
  func limits() throws {
    func nest(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try JSONParser.parse(nest(JSONParser.maximumDepth))
    #expect(throws: JSONParser.Failure.self) { try JSONParser.parse(nest(JSONParser.maximumDepth + 1)) }
    #expect(throws: JSONParser.Failure.self) { try JSONParser.parse(nest(500_000)) }
    #expect(throws: JSONParser.Failure.self) {
      try JSONParser.parse(String(repeating: "{'a':", count: 100_000))
    }
    #expect(try JSONParser.parse("[[1]]", maximumDepth: 2) == [[1]])
    #expect(throws: JSONParser.Failure.self) { try JSONParser.parse("[[1]]", maximumDepth: 1) }
    #expect(try JSONParser.parse("1234", maximumLength: 4) == 1234)
    #expect(throws: JSONParser.Failure.self) { try JSONParser.parse("12345", maximumLength: 4) }
  }

  @Test("the failure becomes an error that says where")
  func error() {
    let error = JSONParser.Failure(reason: "JSON parse error, expecting value", offset: 7).error
    #expect(error.kind == .invalidArgument)
    #expect(error.message == "JSON parse error, expecting value")
    #expect(error.hint?.contains("byte 7") == true)
  }

  @Test("the pretty form is the peer's")
  func pretty() {
    let tree: OptionTree = [
      "virtual-size": 1024, "flags": [], "nothing": [:], "list": [1, [2], ["a": true]], "gone": .null,
    ]
    let expected = """
      {
          "virtual-size": 1024,
          "flags": [
          ],
          "nothing": {
          },
          "list": [
              1,
              [
                  2
              ],
              {
                  "a": true
              }
          ],
          "gone": null
      }
      """
    #expect(JSONWriter.pretty(tree) == expected)
    #expect(JSONWriter.pretty([]) == "[\n]")
  }

  @Test("a list is written as an array is, in pieces")
  func list() {
    let tree = OptionTree.list(TreeList(Array(0..<50_000 as Range<UInt64>)) { ["number": OptionTree($0)] })
    var pieces: [String] = []
    JSONWriter.pretty(tree) { pieces.append($0) }
    #expect(pieces.joined() == JSONWriter.pretty(.array(tree.array ?? [])))
    #expect(pieces.count > 20 && pieces.allSatisfy { $0.utf8.count < 1 << 17 })
    #expect(tree == .array(tree.array ?? []))
  }

  @Test(
    "the compact form",
    arguments: [
      (
        ["offset": 0, "driver": "raw", "file": ["driver": "file"]],
        #"{"offset": 0, "driver": "raw", "file": {"driver": "file"}}"#
      ),
      (
        [[], [:], 1, .unsigned(.max), .integer(.min), false, .null],
        "[[], {}, 1, 18446744073709551615, -9223372036854775808, false, null]"
      ),
      (
        [.real(1.5), .real(1000), .real(0.1), .real(1e300), .real(.infinity)],
        "[1.5, 1000, 0.1, 1e+300, null]"
      ),
      // What a file name may hold; recorded from the peer.
      (
        .string(
          "q\"b\\s\tt\nn\rr\u{1}\u{1F}\u{7F}\u{8}b\u{C}f\u{E9}\u{6F22}\u{1F600}\u{80}\u{2028}"
            + nonCharacters[0] + "</"),
        #""q\"b\\s\tt\nn\rr\u0001\u001F\u007F\bb\ff\u00E9\u6F22\uD83D\uDE00\u0080\u2028\uDBFF\uDEEF\uDBFF\uDEBF\uDBFF\uDEBE</""#
      ),
      (
        .string("\u{0}" + nonCharacters[1] + nonCharacters[2] + "\u{FFFD}"),
        #""\u0000\uDBFF\uDEF4\uDBFF\uDE8F\uDBFF\uDEBF\uDBFF\uDEBF\uDBFF\uDEEF\uDBFF\uDEB7\uDBFF\uDE90\uFFFD""#
      ),
      (["a\"\n": 1], #"{"a\"\n": 1}"#),
    ] as [(OptionTree, String)])
  func compact(tree: OptionTree, text: String) {
    #expect(JSONWriter.compact(tree) == text)
  }

  @Test("what is written is read back the same, in both forms")
  func roundTrip() throws {
    var random = SeededNumbers(seed: 11)
    for _ in 0..<500 {
      let tree = RandomTree.make(depth: 5, &random)
      #expect(try JSONParser.parse(JSONWriter.compact(tree)) == tree)
      #expect(try JSONParser.parse(JSONWriter.pretty(tree)) == tree)
    }
  }

  @Test("damaged text ends in a value or a failure")
  func damaged() {
    var random = SeededNumbers(seed: 13)
    var failures = 0
    for _ in 0..<5000 {
      var bytes = Array(JSONWriter.compact(RandomTree.make(depth: 3, &random)).utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        default: bytes = Array(bytes[...place])
        }
      }
      do {
        _ = try JSONParser.parse(String(decoding: bytes, as: UTF8.self))
      } catch {
        failures += 1
      }
    }
    #expect(failures > 1000)
  }
}

enum RandomTree {
  static func make(depth: Int, _ random: inout SeededNumbers) -> OptionTree {
    switch Int.random(in: 0..<(depth > 0 ? 9 : 7), using: &random) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .integer(Int64.random(in: .min ... .max, using: &random))
    case 3: return .unsigned(UInt64.random(in: 1 << 63 ... .max, using: &random))
    case 4: return .real(Double.random(in: -1...1, using: &random))
    case 5, 6: return .string(text(&random))
    case 7:
      var elements: [OptionTree] = []
      for _ in 0..<Int.random(in: 0...4, using: &random) { elements.append(make(depth: depth - 1, &random)) }
      return .array(elements)
    default:
      var object = OptionObject()
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        object[text(&random)] = make(depth: depth - 1, &random)
      }
      return .object(object)
    }
  }

  static func text(_ random: inout SeededNumbers) -> String {
    let parts: [[UInt8]] =
      [
        "a", "b", "\"", "'", "\\", "/", "\n", "\u{1}", "\u{7F}", "é", "漢", "😀", " ", ".", "\u{10FEE9}",
        "\u{10FE41}",
      ].map { Array($0.utf8) } + [[0xE9], [0xC3], [0xA9], [0xF4, 0x8F], [0xBB, 0xBF], [0xEF, 0xBF, 0xBE]]
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 0...6, using: &random) {
      bytes += parts[Int.random(in: parts.indices, using: &random)]
    }
    return String(spelling: bytes)
  }
}
