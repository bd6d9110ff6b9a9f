// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Options
import Testing

struct OptionSpecTests {
  private static let list: OptionList = [
    OptionSpec("cluster_size", .size, "Size of a cluster", default: 65536),
    OptionSpec("preallocation", .string, "What to allocate", values: ["off", "full"]),
    OptionSpec("size", .size, "Virtual size"),
    OptionSpec("backing_file", .string, "Name of a base image"),
    OptionSpec("lazy_refcounts", .bool, "Postpone refcounts", default: false),
    OptionSpec("refcount_bits", .number, "Width of a refcount", default: 16),
    OptionSpec("encrypt.cipher-mode", .string, "Cipher mode"),
  ]

  private static func parse(_ text: String) throws -> OptionObject {
    try list.parse(KeyValueList(creationOptions: text))
  }

  @Test(
    "values get the option's type",
    arguments: [
      ("lazy_refcounts=on", true), ("lazy_refcounts=yes", true), ("lazy_refcounts=y", true),
      ("lazy_refcounts=true", true),
      ("lazy_refcounts", true), ("lazy_refcounts=off", false), ("lazy_refcounts=no", false),
      ("lazy_refcounts=n", false),
      ("lazy_refcounts=false", false), ("nolazy_refcounts", false), ("cluster_size=64k", 65536),
      ("cluster_size=64k,cluster_size=128k", 131072), ("refcount_bits=16", 16), ("refcount_bits=0x10", 16),
      ("refcount_bits=020", 16), ("refcount_bits= 16", 16), ("refcount_bits=+16", 16), ("refcount_bits=0", 0),
      ("refcount_bits=-16", .unsigned(UInt64.max - 15)),
      ("refcount_bits=18446744073709551615", .unsigned(.max)),
      ("preallocation=bogus", "bogus"), ("preallocation", "on"), ("backing_file=a,,b", "a,b"),
    ] as [(String, OptionTree)])
  func values(text: String, value: OptionTree) throws {
    let values = try OptionSpecTests.parse(text)
    #expect(values.count == 1)
    #expect(values.entries.first?.value == value)
  }

  private static let sizeMessage = "Parameter 'cluster_size' expects a non-negative number below 2^64"

  @Test(
    "mistakes are named in the peer's words",
    arguments: [
      ("bogus=1", "Invalid parameter 'bogus'"), ("nobogus", "Invalid parameter 'bogus'"),
      ("=", "Invalid parameter ''"),
      (" lazy_refcounts=on", "Invalid parameter ' lazy_refcounts'"),
      ("help=1,bogus", "Invalid parameter 'help'"),
      ("lazy_refcounts=ON", "Parameter 'lazy_refcounts' expects 'on' or 'off'"),
      ("lazy_refcounts=1", "Parameter 'lazy_refcounts' expects 'on' or 'off'"),
      ("lazy_refcounts=", "Parameter 'lazy_refcounts' expects 'on' or 'off'"),
      ("cluster_size=64kb", sizeMessage), ("cluster_size=-1", sizeMessage), ("cluster_size", sizeMessage),
      ("cluster_size=16E", "Value '16E' is out of range for parameter 'cluster_size'"),
      ("refcount_bits=16k", "Parameter 'refcount_bits' expects a number"),
      ("refcount_bits=", "Parameter 'refcount_bits' expects a number"),
      ("refcount_bits=08", "Parameter 'refcount_bits' expects a number"),
      ("refcount_bits=1.0", "Parameter 'refcount_bits' expects a number"),
      ("refcount_bits=16 ", "Parameter 'refcount_bits' expects a number"),
      ("refcount_bits", "Parameter 'refcount_bits' expects a number"),
      ("refcount_bits=9999999999999999999999x", "Parameter 'refcount_bits' expects a number"),
      (
        "refcount_bits=18446744073709551616",
        "Value '18446744073709551616' is too large for parameter 'refcount_bits'"
      ),
      ("cluster_size=1k,lazy_refcounts=x,bogus=1", "Parameter 'lazy_refcounts' expects 'on' or 'off'"),
    ])
  func mistakes(text: String, message: String) {
    let error = #expect(throws: BlockError.self) { try OptionSpecTests.parse(text) }
    #expect(error?.message == message)
    #expect((error?.hint != nil) == (message == OptionSpecTests.sizeMessage))
  }

  @Test("the listing has the peer's layout")
  func help() {
    let expected = """
      Supported options:
        backing_file=<str>     - Name of a base image
        cluster_size=<size>    - Size of a cluster
        encrypt.cipher-mode=<str> - Cipher mode
        lazy_refcounts=<bool (on/off)> - Postpone refcounts
        nocow=<bool (on/off)>  - Exactly fits
        preallocation=<str>    - What to allocate
        refcount_bits=<num>    - Width of a refcount
        size=<size>            - Virtual size

      """
    let more: OptionList = [
      OptionSpec("size", .string, "hidden by the first"), OptionSpec("nocow", .bool, "Exactly fits"),
    ]
    #expect(OptionSpecTests.list.adding(more).help == expected)
  }

  @Test("the summary shows what holds, in declared order")
  func summary() throws {
    let given = try OptionSpecTests.parse("lazy_refcounts=on,backing_file=a b,,c'd,size=1M")
    #expect(
      OptionSpecTests.list.summary(of: given)
        == " cluster_size=65536 size=1048576 backing_file=a b,,c'd lazy_refcounts=on refcount_bits=16")
  }
}

struct OptionReaderTests {
  private enum Mode: String, CaseIterable { case off, full }

  @Test("values are taken once, as text or with JSON's types")
  func takes() throws {
    var reader = OptionReader([
      "b": true, "s": 512, "n": 7, "t": "x", "b2": "off", "s2": "1k", "n2": "0x10", "e": .real(1e3),
      "null": .null,
      "neg": -1, "m": "full", "o": ["in": 1], "keep": .null,
    ])
    #expect(try reader.bool("b") == true && reader.bool("b") == nil && reader.bool("b2") == false)
    #expect(try reader.size("s") == 512 && reader.size("s2") == 1024 && reader.size("e") == 1000)
    #expect(try reader.number("n") == 7 && reader.number("n2") == 16 && reader.number("neg") == .max)
    #expect(try reader.string("t") == "x" && reader.string("absent") == nil && reader.size("null") == nil)
    #expect(try reader.choice("m", as: Mode.self) == .full && reader.choice("m", as: Mode.self) == nil)
    #expect(try reader.object("o") == ["in": 1])
    #expect(reader.tree("keep") == .null)
    #expect(reader.rest.isEmpty)
    try reader.finish()
  }

  @Test("what nobody took is named with its path")
  func leftovers() throws {
    var reader = OptionReader(["driver": "raw", "bogus": ["x": 1], "foo": 2])
    _ = try reader.string("driver")
    #expect(reader.unread == ["bogus.x", "foo"])
    #expect(throws: BlockError(.invalidArgument, "Invalid parameter 'bogus.x'")) { try reader.finish() }
  }

  @Test("wrong types")
  func wrongTypes() {
    var reader = OptionReader([
      "a": 1, "b": .real(1.5), "c": true, "d": 3, "e": "half", "f": "x", "g": .integer(-1), "h": .real(1e30),
    ])
    func message(_ body: () throws -> Void) -> String? {
      do { try body() } catch let error as BlockError { return error.message } catch {}
      return nil
    }
    #expect(message { _ = try reader.bool("a") } == "Parameter 'a' expects 'on' or 'off'")
    #expect(message { _ = try reader.size("b") } == "Parameter 'b' expects a non-negative number below 2^64")
    #expect(message { _ = try reader.number("c") } == "Parameter 'c' expects a number")
    #expect(message { _ = try reader.string("d") } == "Invalid parameter type for 'd', expected: string")
    #expect(
      message { _ = try reader.choice("e", as: Mode.self) } == "Parameter 'e' does not accept value 'half'")
    #expect(message { _ = try reader.object("f") } == "Invalid parameter type for 'f', expected: object")
    #expect(message { _ = try reader.size("g") } == "Parameter 'g' expects a non-negative number below 2^64")
    #expect(message { _ = try reader.size("h") } == "Parameter 'h' expects a non-negative number below 2^64")
  }
}
