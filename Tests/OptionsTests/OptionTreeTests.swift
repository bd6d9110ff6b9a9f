// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Options
import Support
import Testing

struct OptionTreeTests {
  @Test("an object keeps its order and behaves like an ordered dictionary")
  func model() {
    var random = SeededNumbers(seed: 3)
    var object = OptionObject()
    var model: [(String, Int64)] = []
    for step in 0..<5000 {
      let key = "k\(Int.random(in: 0..<40, using: &random))"
      let place = model.firstIndex { $0.0 == key }
      if Int.random(in: 0..<2, using: &random) == 0 {
        object[key] = .integer(Int64(step))
        if let place { model[place].1 = Int64(step) } else { model.append((key, Int64(step))) }
      } else {
        let removed = object.remove(key)
        #expect(removed == place.map { .integer(model[$0].1) })
        if let place { model.remove(at: place) }
      }
      #expect(object.keys == model.map(\.0))
      #expect(object[key] == model.first { $0.0 == key }.map { .integer($0.1) })
      #expect(object.count == model.count && object.isEmpty == model.isEmpty)
    }
  }

  @Test("equality depends on order")
  func equality() {
    #expect((["a": 1, "b": 2] as OptionObject) != ["b": 2, "a": 1])
    var grown: OptionObject = [:]
    for index in 0..<30 { grown["k\(index)"] = 1 }
    for index in 1..<30 { grown["k\(index)"] = nil }
    #expect(grown == ["k0": 1])
  }

  @Test("accessors give only their own type")
  func accessors() {
    #expect(OptionTree(5) == .integer(5) && OptionTree(1 << 63) == .unsigned(1 << 63))
    #expect(OptionTree.integer(5).unsigned == 5 && OptionTree.integer(-5).unsigned == nil)
    #expect(OptionTree.unsigned(.max).unsigned == .max && OptionTree.string("5").unsigned == nil)
    #expect(OptionTree.string("x").string == "x" && OptionTree.bool(true).string == nil)
    #expect(OptionTree.bool(true).bool == true && OptionTree.null.bool == nil)
    #expect(([1] as OptionTree).array == [1] && ([1] as OptionTree).object == nil)
    #expect((["a": 1] as OptionTree).object == ["a": 1])
  }

  @Test("paths lead into objects and arrays")
  func paths() {
    var object: OptionObject = [
      "driver": "q", "file": ["filename": "x", "server": ["path": "p"]], "children": [["driver": "a"], "b"],
      "with.dot": 1,
    ]
    let found: [(String, OptionTree?)] = [
      ("driver", "q"), ("file.filename", "x"), ("file.server.path", "p"), ("children.0.driver", "a"),
      ("children.1", "b"), ("with.dot", 1), ("children.2", nil), ("children.-1", nil), ("children.x", nil),
      ("driver.x", nil), ("file.none", nil), ("", nil), ("file.", nil), ("children", [["driver": "a"], "b"]),
    ]
    for (path, value) in found { #expect(object.value(at: path) == value, "\(path)") }
    object.set("y", at: "file.filename")
    object.set("z", at: "backing.file.filename")
    object.set(2, at: "driver.now.an.object")
    #expect(object.value(at: "file.filename") == "y" && object.value(at: "file.server.path") == "p")
    #expect(object["backing"] == ["file": ["filename": "z"]])
    #expect(object["driver"] == ["now": ["an": ["object": 2]]])
  }

  @Test(
    "trees and keys with dots say the same",
    arguments: [
      (
        "driver=raw,file.driver=file,file.filename=x",
        ["driver": "raw", "file": ["driver": "file", "filename": "x"]]
      ),
      ("children.0.driver=a,children.1.driver=b", ["children": [["driver": "a"], ["driver": "b"]]]),
      ("children.1=b,children.0=a", ["children": ["a", "b"]]), ("a.0.0=x", ["a": [["x"]]]),
      ("0=x,1=y", ["0": "x", "1": "y"]), ("=x", ["": "x"]),
      ("a.b=1,c=2,a.d=3", ["a": ["b": "1", "d": "3"], "c": "2"]),
    ] as [(String, OptionObject)])
  func nests(text: String, object: OptionObject) throws {
    #expect(try KeyValueList(parsing: text, dialect: .short).tree() == object)
  }

  @Test(
    "numbers that are not those of an array stay names",
    arguments: [
      ("a.1=x", ["a": ["1": "x"]]), ("a.0=x,a.2=y", ["a": ["0": "x", "2": "y"]]),
      ("a.0=x,a.b=y", ["a": ["0": "x", "b": "y"]]), ("a.0=x,a.00=y", ["a": ["0": "x", "00": "y"]]),
      ("b.a.99999999999999999999=x", ["b": ["a": ["99999999999999999999": "x"]]]),
    ] as [(String, OptionObject)])
  func noArrays(text: String, object: OptionObject) throws {
    #expect(try KeyValueList(parsing: text, dialect: .short).tree() == object)
  }

  @Test(
    "keys that contradict each other",
    arguments: [
      ("a.x=3,a=2", "Parameters 'a.*' used inconsistently"),
      ("a=2,a.x=3", "Parameters 'a.*' used inconsistently"),
      ("a..b=1", "Invalid parameter 'a..b'"), (".a=1", "Invalid parameter '.a'"),
      ("a.=1", "Invalid parameter 'a.'"),
    ])
  func contradictions(text: String, message: String) {
    #expect(throws: BlockError(.invalidArgument, message)) {
      try KeyValueList(parsing: text, dialect: .short).tree()
    }
  }

  @Test("depth of keys is limited")
  func depth() throws {
    func key(_ steps: Int) -> String { [String](repeating: "a", count: steps).joined(separator: ".") }
    _ = try OptionObject.nested([.init(key: key(OptionObject.maximumDepth), value: 1)])
    #expect(throws: BlockError.self) {
      try OptionObject.nested([.init(key: key(OptionObject.maximumDepth + 1), value: 1)])
    }
  }

  @Test("mixed forms are brought to one; a value given in both is refused")
  func mixed() throws {
    let object: OptionObject = ["file.driver": "file", "file": ["filename": "x", "empty": [:]], "list": []]
    #expect(
      try object.normalized() == ["file": ["driver": "file", "filename": "x", "empty": [:]], "list": []])
    let twice: OptionObject = ["file.driver": "file", "file": ["driver": "nbd"]]
    #expect(twice.flattened().map(\.key) == ["file.driver", "file.driver"])
    #expect(throws: BlockError(.invalidArgument, "Parameter 'file.driver' is given more than once")) {
      try twice.normalized()
    }
  }

  @Test("flattening and nesting undo each other")
  func roundTrip() throws {
    var random = SeededNumbers(seed: 5)
    for _ in 0..<300 {
      var object = OptionObject()
      for index in 0..<Int.random(in: 0...5, using: &random) {
        object["k\(index)"] = tree(depth: 3, &random)
      }
      #expect(try OptionObject.nested(object.flattened()) == object)
    }
  }

  private func tree(depth: Int, _ random: inout SeededNumbers) -> OptionTree {
    switch Int.random(in: 0..<(depth > 0 ? 4 : 2), using: &random) {
    case 0: return "x"
    case 1: return 7
    case 2:
      var elements: [OptionTree] = []
      for _ in 0..<Int.random(in: 0...12, using: &random) { elements.append(tree(depth: depth - 1, &random)) }
      return .array(elements)
    default:
      var object = OptionObject()
      for index in 0..<Int.random(in: 0...4, using: &random) {
        object["n\(index)"] = tree(depth: depth - 1, &random)
      }
      return .object(object)
    }
  }
}
