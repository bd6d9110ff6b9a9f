// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Options
import Testing

/// Expectations were recorded from the peer's `-o`, `--image-opts` and `--object`.
struct KeyValueListTests {
  private static func full(_ pairs: (String, String)...) -> [KeyValueList.Item] {
    pairs.map { KeyValueList.Item(key: $0.0, value: $0.1) }
  }

  @Test(
    "the short dialect takes any text",
    arguments: [
      ("", []), ("a=1,b=2", full(("a", "1"), ("b", "2"))), ("a=x,,y", full(("a", "x,y"))),
      ("a=,,,b=2", full(("a", ","), ("b", "2"))), ("a=,,=,b=", full(("a", ",="), ("b", ""))),
      ("a=1,", full(("a", "1"))), ("a=1,,", full(("a", "1,"))), ("a=b=c", full(("a", "b=c"))),
      ("=3", full(("", "3"))), (" a= 1 ", full((" a", " 1 "))), ("a=1,a=2", full(("a", "1"), ("a", "2"))),
      ("no-x=", full(("no-x", ""))), ("flag", [.init(key: "flag", value: "on", isShort: true)]),
      ("noflag", [.init(key: "flag", value: "off", isShort: true)]),
      ("no", [.init(key: "", value: "off", isShort: true)]),
      ("nocow=on", full(("nocow", "on"))), ("nocow", [.init(key: "cow", value: "off", isShort: true)]),
      (",", [.init(key: "", value: "on", isShort: true)]),
      (
        "a,,b",
        [
          .init(key: "a", value: "on", isShort: true), .init(key: "", value: "on", isShort: true),
          .init(key: "b", value: "on", isShort: true),
        ]
      ),
    ] as [(String, [KeyValueList.Item])])
  func short(text: String, items: [KeyValueList.Item]) throws {
    let list = try KeyValueList(parsing: text, dialect: .short)
    #expect(list.items == items)
    #expect(!list.asksForHelp)
  }

  @Test(
    "an implied first key",
    arguments: [
      (KeyValueList.Dialect.short, "x", full(("file", "x"))), (.short, "a,,b", full(("file", "a,b"))),
      (.short, "a,,", full(("file", "a,"))), (.short, ",", full(("file", ""))),
      (.short, "no", full(("file", "no"))),
      (.short, ",driver=x", full(("file", ""), ("driver", "x"))), (.short, "a=x", full(("a", "x"))),
      (.strict, "secret,id=s", full(("file", "secret"), ("id", "s"))),
      (.strict, "secret,", full(("file", "secret"))),
      (.strict, "help", full(("file", "help"))),
    ] as [(KeyValueList.Dialect, String, [KeyValueList.Item])])
  func implied(dialect: KeyValueList.Dialect, text: String, items: [KeyValueList.Item]) throws {
    #expect(try KeyValueList(parsing: text, dialect: dialect, impliedKey: "file").items == items)
  }

  @Test(
    "the strict dialect wants names and values",
    arguments: [
      ("t,data", "Expected '=' after parameter 'data'"),
      ("t,nodata", "Expected '=' after parameter 'nodata'"),
      ("t,,id=s", "Invalid parameter ''"), ("t,,", "Invalid parameter ''"), (",t", "Invalid parameter ''"),
      ("t,=", "Invalid parameter ''"), ("t,1a=3", "Invalid parameter '1a'"),
      ("t,-a=3", "Invalid parameter '-a'"),
      ("t,a b=3", "Invalid parameter 'a b'"), ("t,a..b=3", "Invalid parameter 'a..b'"),
      ("t,a.1x=3", "Invalid parameter 'a.1x'"), ("t,aé=2", "Invalid parameter 'aé'"),
      ("t,a.=1", "Invalid parameter 'a.'"), ("t,.a=1", "Invalid parameter '.a'"),
      ("t,0=1", "Invalid parameter '0'"),
    ])
  func strictRefusals(text: String, message: String) {
    #expect(throws: BlockError(.invalidArgument, message)) {
      try KeyValueList(parsing: text, dialect: .strict, impliedKey: "qom-type")
    }
  }

  @Test("the strict dialect takes good names")
  func strict() throws {
    let list = try KeyValueList(
      parsing: "secret,id=s0,data=a,,b=c,a_b=,x-1.y.0=z,", dialect: .strict, impliedKey: "qom-type")
    #expect(
      list.items
        == KeyValueListTests.full(
          ("qom-type", "secret"), ("id", "s0"), ("data", "a,b=c"), ("a_b", ""), ("x-1.y.0", "z")))
  }

  @Test(
    "asking for help",
    arguments: [
      ("help", true), ("?", true), ("x,help", true), ("a=1,?", true), ("help,x", true), ("a=b,help,,x", true),
      ("help=1", false), ("a=help", false), ("helpx", false), ("xhelp", false), ("a=1,,help", false),
    ])
  func help(text: String, asks: Bool) throws {
    #expect(try KeyValueList(creationOptions: text).asksForHelp == asks)
    let strict = try? KeyValueList(parsing: "t," + text, dialect: .strict, impliedKey: "qom-type")
    if asks, text == "a=1,?" { #expect(strict?.asksForHelp == true && strict?.items.count == 2) }
  }

  @Test(
    "option strings of -o that are refused", arguments: ["", ",", ",,a=1", "a=1,", "a=1,,,", "help,", ",a=1"])
  func badCreationOptions(text: String) {
    #expect(throws: BlockError(.invalidArgument, "Invalid option list: \(text)")) {
      try KeyValueList(creationOptions: text)
    }
  }

  @Test("later values win, and lists add up")
  func merging() throws {
    var list = try KeyValueList(creationOptions: "a=1,b=2,a=3")
    list.append(try KeyValueList(creationOptions: "b=4,c=,,"))
    #expect(list["a"] == "3" && list["b"] == "4" && list["c"] == "," && list["d"] == nil)
    #expect(list.object == ["a": "3", "b": "4", "c": ","])
    list.append(try KeyValueList(creationOptions: "help"))
    #expect(list.asksForHelp)
  }
}
