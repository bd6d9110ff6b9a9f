// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import Testing

@Suite("Names of images")
struct ImageNameTests {
  static let names: [(String, OptionObject)] = [
    ("a.raw", ["filename": "a.raw"]),
    ("", ["filename": ""]),
    ("dir/a:b", ["filename": "dir/a:b"]),
    ("/abs/a:b", ["filename": "/abs/a:b"]),
    ("file:a:b", ["file": ["driver": "file", "filename": "a:b"]]),
    ("file:", ["file": ["driver": "file", "filename": ""]]),
    ("host_device:/dev/x", ["file": ["driver": "host_device", "filename": "/dev/x"]]),
    (
      #"json:{"driver":"raw","file":{"driver":"file","filename":"x"}}"#,
      ["driver": "raw", "file": ["driver": "file", "filename": "x"]]
    ),
    (
      #"json:{"driver":"raw","file.driver":"file","file.filename":"x"}"#,
      ["driver": "raw", "file": ["driver": "file", "filename": "x"]]
    ),
    ("json:{'driver':'raw','size':512}", ["driver": "raw", "size": 512]),
    (
      #"json:{"a":{"b.c":true},"a.b.d":null}"#,
      ["a": ["b": ["c": true, "d": .null]]]
    ),
  ]

  @Test("paths, prefixes and json: names say what the peer takes them to say", arguments: names)
  func parses(_ text: String, _ options: OptionObject) throws {
    let name = try ImageName(text, protocols: ["file", "host_device"])
    #expect(name.options == options)
    #expect(name.text == text)
  }

  @Test("--image-opts nest by their dots")
  func imageOptions() throws {
    let list = try KeyValueList(
      parsing: "driver=raw,file.filename=a,,b,file.cache.direct=on", dialect: .short)
    let name = try ImageName(options: list.object, text: "as given")
    #expect(name.options == ["driver": "raw", "file": ["filename": "a,b", "cache": ["direct": "on"]]])
    #expect(name.text == "as given")
  }

  @Test(
    "what is no name is refused in the peer's words",
    arguments: [
      ("raw:a", "Unknown protocol 'raw'"), ("https://h/a", "Unknown protocol 'https'"),
      (":a", "Unknown protocol ''"),
      ("json:[]", "Invalid JSON object given"),
      (#"json:{"driver":"raw""#, "Could not parse the JSON options: JSON parse error, premature EOI"),
      ("json:", "Could not parse the JSON options: Expecting a JSON value"),
      (#"json:{"a.":1}"#, "Invalid parameter 'a.'"),
      (#"json:{"filename":"a"}"#, "Must specify either driver or file"),
      (#"json:{"driver":"qcow2","filename":"a"}"#, "A block device must be specified for \"file\""),
      (
        #"json:{"driver":"raw","file":{"driver":"qcow2","filename":"a"}}"#,
        "A block device must be specified for \"file\""
      ),
      (
        #"json:{"driver":"quorum","children":[{"driver":"raw","filename":"a"}]}"#,
        "A block device must be specified for \"file\""
      ),
      (
        #"json:{"driver":"raw","filename":"a","file":{"driver":"file","filename":"a"}}"#,
        "Block format 'raw' does not support the option 'filename'"
      ),
    ])
  func refuses(_ text: String, _ message: String) {
    let error = #expect(throws: BlockError.self) { try ImageName(text, protocols: ["file"]) }
    #expect(error?.kind == .invalidArgument)
    #expect(error?.message == message)
  }

  /// Name in the image, file of the image, what is meant.
  @Test(
    "the gate for local files follows paths as the peer does",
    arguments: [
      ("b", "a", "b"), ("b", "d/a", "d/b"), ("../b", "d/a", "d/../b"), ("/x/b", "d/a", "/x/b"),
      ("b", "/a", "/b"),
      ("e/b:c", "d/a", "d/e/b:c"), ("b", "d//a", "d//b"), ("b", "./a:a", "./b"), ("file:b", "d/a", "b"),
    ])
  func follows(_ name: String, _ parent: String, _ meant: String) throws {
    let reference = ImageReference(slot: .backing, role: .cow, name: name, format: nil)
    let resolved = try LocalFilesGate().resolve(reference.name, of: reference, foundIn: parent)
    #expect(resolved.options == ["filename": .string(meant)])
  }

  @Test(
    "no image may name options or anything that is not a local file",
    arguments: [
      #"json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}"#, "json:{}",
      "nbd:localhost:1",
      "https://example.org/a", "host_device:/dev/sda", ":x", "raw:b",
    ])
  func refusesReferences(_ name: String) {
    let reference = ImageReference(slot: .backing, role: .cow, name: name, format: "raw")
    for gate in [LocalFilesGate(), ClosedGate()] as [any OpenGate] {
      let error = #expect(throws: BlockError.self) {
        try gate.resolve(reference.name, of: reference, foundIn: "the-image")
      }
      #expect(error?.kind == .refused)
      #expect(error?.message.contains("the-image") == true && error?.message.contains(name) == true)
    }
  }

  @Test(
    "the open gate follows what a user could write",
    arguments: [
      ("b", ["filename": "d/b"]), ("file:b", ["filename": "b"]),
      (
        #"json:{"driver":"raw","file.driver":"file","file.filename":"x"}"#,
        ["driver": "raw", "file": ["driver": "file", "filename": "x"]]
      ),
      ("net://h/x", ["file": ["driver": "net", "filename": "net://h/x"]]),
    ] as [(String, OptionObject)])
  func followsAll(_ name: String, _ meant: OptionObject) throws {
    let reference = ImageReference(slot: .backing, role: .cow, name: name, format: nil)
    let gate = OpenedGate(protocols: ["file", StoragePrefix("net", form: .url)])
    #expect(try gate.resolve(reference.name, of: reference, foundIn: "d/a").options == meant)
    let unknown = ImageReference(slot: .backing, role: .cow, name: "frob:x", format: nil)
    let error = #expect(throws: BlockError.self) {
      try gate.resolve(unknown.name, of: unknown, foundIn: "d/a")
    }
    #expect(error?.message == "Unknown protocol 'frob'")
  }

  @Test("the closed gate follows nothing at all")
  func closed() {
    let reference = ImageReference(slot: .dataFile, role: .data, name: "b", format: nil)
    let error = #expect(throws: BlockError.self) {
      try ClosedGate().resolve(reference.name, of: reference, foundIn: "a")
    }
    #expect(error?.message == "'a' names the data file 'b', which is not followed")
  }

  @Test("cache modes mean what the peer's mean")
  func cacheModes() {
    let modes: [(String, NodeFlags?)] = [
      ("none", .direct), ("off", .direct), ("writeback", []), ("writethrough", .writeThrough),
      ("directsync", [.direct, .writeThrough]), ("unsafe", .noFlush), ("None", nil), ("", nil),
    ]
    for (name, flags) in modes { #expect(CacheMode(named: name)?.flags == flags, "\(name)") }
  }
}
