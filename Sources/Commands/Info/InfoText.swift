// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Jobs
internal import Options

/// What `info` prints for people, line by line as scripts know it.
struct InfoText {
  /// The lines, each with a line feed.
  private(set) var text = ""

  init(_ image: ImageInformation, withLimits: Bool) {
    line("image: \(image.name)")
    line("file format: \(image.driver)")
    line("virtual size: \(SizeText.humanAndBytes(image.virtualSize))")
    line("disk size: \(image.actualSize.map(SizeText.human) ?? "unavailable")")
    if let format = image.format {
      describe(format, backingPath: image.backingPath)
    }
    if withLimits {
      line("Block limits:")
      write(.object(InfoTree.limits(image.limits)), depth: 1)
    }
  }

  private mutating func line(_ line: String) { text += line + "\n" }

  private mutating func describe(_ format: FormatInformation, backingPath: String?) {
    if format.isEncrypted { line("encrypted: yes") }
    if let size = format.clusterSize { line("cluster_size: \(size)") }
    if format.isDirty == true { line("cleanly shut down: no") }
    if let backing = format.backing {
      let path = backingPath ?? backing.name
      line("backing file: \(backing.name)" + (path == backing.name ? "" : " (actual path: \(path))"))
      if let name = backing.format { line("backing file format: \(name)") }
    }
    if !format.snapshots.isEmpty {
      line("Snapshot list:")
      text += SnapshotTable.text(format.snapshots)
    }
    if let data = format.specific?.object?["data"] {
      line("Format specific information:")
      write(data, depth: 1)
    }
  }

  // MARK: Nested data

  /// Writes an object or array, one value a line; keys are written with spaces for dashes.
  private mutating func write(_ tree: OptionTree, depth: Int) {
    switch tree {
    case .object(let object):
      for entry in object.entries {
        write(entry.value, as: entry.key.replacing("-", with: " "), depth: depth)
      }
    case .array(let elements):
      for (index, element) in elements.enumerated() { write(element, as: "[\(index)]", depth: depth) }
    default:
      line(InfoText.scalar(tree))
    }
  }

  private mutating func write(_ value: OptionTree, as key: String, depth: Int) {
    let indent = String(repeating: "    ", count: depth)
    switch value {
    case .object, .array:
      line("\(indent)\(key):")
      write(value, depth: depth + 1)
    default:
      line("\(indent)\(key): \(InfoText.scalar(value))")
    }
  }

  private static func scalar(_ value: OptionTree) -> String { value.string ?? JSONWriter.compact(value) }
}
