// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// The input is what a user types: option strings, names of images, JSON, sizes. The first byte chooses.
package enum OptionTarget: FuzzTarget {
  /// Runs one input.
  package static func run(_ input: [UInt8]) -> String? {
    guard let choice = input.first, input.count <= 1 << 16 else { return nil }
    let text = String(spelling: input.dropFirst())
    switch choice % 5 {
    case 0: return lists(text)
    case 1: return json(text)
    case 2: return sizes(text)
    case 3: return name(text)
    default: return name("json:" + text)
    }
  }

  /// What was read and is written again reads as the same.
  private static func lists(_ text: String) -> String? {
    if let strict = try? KeyValueList(parsing: text, dialect: .strict, impliedKey: "qom-type") {
      _ = try? strict.tree()
    }
    _ = try? KeyValueList(creationOptions: text)
    guard let list = try? KeyValueList(parsing: text, dialect: .short) else {
      return "the short dialect refused a text"
    }
    guard let tree = try? list.tree() else { return nil }
    return roundTrip(.object(tree))
  }

  private static func json(_ text: String) -> String? {
    guard let tree = try? JSONParser.parse(text) else { return nil }
    if let object = tree.object { _ = try? object.normalized() }
    return roundTrip(tree)
  }

  private static func roundTrip(_ tree: OptionTree) -> String? {
    let expected = JSONWriter.compact(withoutNegativeZero(tree))
    for text in [JSONWriter.compact(tree), JSONWriter.pretty(tree)] {
      guard let again = try? JSONParser.parse(text, maximumLength: .max) else { return "own JSON is refused" }
      guard JSONWriter.compact(again) == expected else { return "own JSON reads otherwise" }
    }
    return nil
  }

  /// The peer writes the number -0.0 as -0, which reads as the integer 0.
  private static func withoutNegativeZero(_ tree: OptionTree) -> OptionTree {
    switch tree {
    case .real(let number): return number == 0 ? .integer(0) : tree
    case .array(let elements): return .array(elements.map(withoutNegativeZero))
    case .object(let object):
      var result = OptionObject()
      for entry in object.entries { result[entry.key] = withoutNegativeZero(entry.value) }
      return .object(result)
    default: return tree
    }
  }

  private static func sizes(_ text: String) -> String? {
    _ = try? SizeText.parseChange(text)
    _ = SizeText.hasSuffixOnHex(text)
    _ = try? ValueText.bool(text, option: "o")
    _ = try? ValueText.number(text, option: "o")
    guard let size = try? SizeText.parse(text) else { return nil }
    _ = SizeText.human(size)
    guard (try? SizeText.parse(String(size))) == size else { return "a size does not read as itself" }
    if size > 0, (try? SizeText.parse(text, limit: size - 1)) != nil { return "a limit was passed" }
    return nil
  }

  private static func name(_ text: String) -> String? {
    guard let name = try? ImageName(text, protocols: ["file", "host_device"]) else { return nil }
    _ = ImageName.resolve(text, relativeTo: "/folder/" + text)
    guard (try? ImageName(options: name.options, text: text)) != nil else {
      return "a name's options are refused"
    }
    return nil
  }

  /// Inputs to start from.
  package static func seeds() -> [(name: String, bytes: [UInt8])] {
    let texts: [(UInt8, String)] = [
      (0, "driver=qcow2,file.driver=file,file.filename=a,,b,l2-cache-size=1M"),
      (0, "secret,id=s0,data=x,format=raw"), (0, "nolazy_refcounts,help,a.0.b=1,a.1=2"),
      (1, #"{"a": [1, -2.5e3, true, null, "\u00e9\n"], "b": {"c": {}}}"#), (1, "[[[[0]]]]"),
      (2, "64k"), (2, "1.5G"), (2, "0x10000"), (2, "+18446744073709551615"), (2, "-8E"),
      (3, "file:/a/b"), (3, "json:{\"driver\":\"raw\"}"), (3, "a/b:c"),
      (4, #"{"driver": "qcow2", "file": {"driver": "file", "filename": "x"}, "file.locking": "off"}"#),
    ]
    return texts.enumerated().map { ("options-\($0.offset)", [$0.element.0] + Array($0.element.1.utf8)) }
  }

  /// What is wrong with the harness.
  package static func selfTest() -> String? {
    roundTrip(["a": [1, .real(-0.5), .real(-0.0)]]) == nil && run([2] + Array("12M".utf8)) == nil
      ? nil : "a plain text was refused"
  }
}
