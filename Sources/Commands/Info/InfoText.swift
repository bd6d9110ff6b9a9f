// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Options

/// The text of `info` for people, line by line as scripts know it: it says the same as `InfoTree`.
struct InfoText {
  private let print: (String) -> Void

  /// The lines go to `print`, each with a line feed.
  init(_ print: @escaping (String) -> Void) { self.print = print }

  /// Writes what a tree says.
  func write(_ tree: InfoTree) {
    let image = tree.object
    line("image: \(image["filename"]?.string ?? "")")
    line("file format: \(image["format"]?.string ?? "")")
    line("virtual size: \(SizeText.humanAndBytes(image["virtual-size"]?.unsigned ?? 0))")
    line("disk size: \(image["actual-size"]?.unsigned.map(SizeText.human) ?? "unavailable")")
    if image["encrypted"]?.bool == true { line("encrypted: yes") }
    if let size = image["cluster-size"]?.unsigned { line("cluster_size: \(size)") }
    if image["dirty-flag"]?.bool == true { line("cleanly shut down: no") }
    if let name = image["backing-filename"]?.string {
      let path = image["full-backing-filename"]?.string ?? name
      line("backing file: \(name)" + (path == name ? "" : " (actual path: \(path))"))
      if let format = image["backing-filename-format"]?.string { line("backing file format: \(format)") }
    }
    if let snapshots = tree.snapshots { SnapshotTable.write(snapshots, print) }
    if let data = image["format-specific"]?.object?["data"] {
      line("Format specific information:")
      write(data, depth: 1)
    }
    if let limits = image["limits"] {
      line("Block limits:")
      write(limits, depth: 1)
    }
  }

  private func line(_ line: String) { print(line + "\n") }

  // MARK: Nested data

  /// Writes an object or array, one value a line; keys are written with spaces for dashes.
  private func write(_ tree: OptionTree, depth: Int) {
    switch tree {
    case .object(let object):
      for entry in object.entries {
        write(entry.value, as: entry.key.replacing("-", with: " "), depth: depth)
      }
    case .array(let elements):
      for (index, element) in elements.enumerated() { write(element, as: "[\(index)]", depth: depth) }
    case .list(let list):
      for index in 0..<list.count { write(list[index], as: "[\(index)]", depth: depth) }
    default:
      line(InfoText.scalar(tree))
    }
  }

  private func write(_ value: OptionTree, as key: String, depth: Int) {
    let indent = String(repeating: "    ", count: depth)
    switch value {
    case .object, .array, .list:
      line("\(indent)\(key):")
      write(value, depth: depth + 1)
    default:
      line("\(indent)\(key): \(InfoText.scalar(value))")
    }
  }

  private static func scalar(_ value: OptionTree) -> String { value.string ?? JSONWriter.compact(value) }
}
