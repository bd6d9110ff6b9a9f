// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Host
internal import Options

/// The names that open images again.
extension ImageInformation {
  /// The name that opens the image: its file's, or `json:{…}` where that alone would open other bytes.
  package static func name(of node: Node) -> String {
    exactName(of: node) ?? "json:" + JSONWriter.compact(.object(statement(of: node)))
  }

  /// The file's name, so that it is not taken for one with a prefix.
  static func path(of node: Node) -> String {
    let isPlain =
      !NamedNode(node.storage).isOnThisMachine || ImageName.protocolPrefix(of: node.fileName) == nil
    return isPlain ? node.fileName : "./" + node.fileName
  }

  /// A name without options, where there is one that says the same to who knows the format.
  private static func exactName(of node: Node) -> String? {
    let options = NamedNode(node).tellingOptions
    switch node.driver.name {
    case "null-co", "null-aio": return options.isEmpty ? node.fileName : nil
    case "blkdebug":
      let config = options["config"]?.string ?? ""
      guard options.count <= 1, options.isEmpty || options["config"] != nil,
        let image = node.file.flatMap({ exactName(of: $0.child.visible) })
      else { return nil }
      return "blkdebug:\(config):\(image)"
    case "blkverify":
      let names = node.children.map { exactName(of: $0.child) }
      guard options.isEmpty, names.count == 2, let copy = names[0], let image = names[1] else { return nil }
      return "blkverify:\(copy):\(image)"
    default:
      guard let file = node.file?.child.visible else {
        return node.children.isEmpty ? path(of: node) : nil
      }
      guard !NamedNode(node).isFilter, options.isEmpty, node.replaced.isEmpty, NamedNode(file).isNamedStorage
      else { return nil }
      return exactName(of: file)
    }
  }

  /// The options that open the image, in the order in which `qemu-img` lists them.
  private static func statement(of node: Node) -> OptionObject {
    var options = OptionObject()
    options["driver"] = .string(node.driver.name)
    for entry in NamedNode(node).tellingOptions.entries { options[entry.key] = entry.value }
    var list: [OptionTree] = []
    for edge in node.children where NamedNode(node).isFilter || edge.slot == .file || edge.slot == .dataFile {
      guard edge.slot != .backing else { continue }
      let name = edge.slot == .file ? NamedNode(node).kind?.fileOption ?? "file" : edge.slot.rawValue
      let child = OptionTree.object(statement(of: edge.child.visible))
      if name.hasPrefix("children.") { list.append(child) } else { options[name] = child }
    }
    if !list.isEmpty { options["children"] = .array(list) }
    // What the image names itself is found again.
    for (slot, stated) in node.replaced.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      options[slot.rawValue] =
        node.edge(slot).map { .object(statement(of: $0.child.visible)) }
        ?? (slot == .backing ? .null : stated)
    }
    if node.children.isEmpty, NamedNode(node).isOnThisMachine { options["filename"] = .string(node.fileName) }
    var ordered = OptionObject()
    for key in leading where options[key] != nil { ordered[key] = options.remove(key) }
    for key in trailing where options[key] != nil { ordered[key] = options.remove(key) }
    for entry in options.entries { ordered[entry.key] = entry.value }
    return ordered
  }

  /// The keys that `qemu-img` lists first.
  private static let leading = [
    "read-pattern", "throttle-group", "read-zeroes", "opt-write-zero", "max-write-zero", "offset", "children",
    "image", "max-transfer", "encrypt.key-secret", "backing", "data-file", "driver",
  ]
  /// The keys that come after those, before the rest.
  private static let trailing = [
    "size", "rewrite-corrupted", "blkverify", "vote-threshold", "file", "filename",
  ]
}

/// What is to be known of a node to name it.
struct NamedNode {
  private let node: Node

  init(_ node: Node) { self.node = node }

  /// Whether this is a file or a device here.
  var isOnThisMachine: Bool { node.driver.name == "file" || node.driver.name == "host_device" }

  fileprivate var kind: (any DriverKind)? { Drivers.all.first { $0.name == node.driver.name } }
  fileprivate var isFilter: Bool { kind?.isFilter == true }

  /// Whether its name opens it again without a word of how: storage, and what names with a prefix lead to.
  fileprivate var isNamedStorage: Bool { kind.map { $0.isProtocol || !$0.namePrefixes.isEmpty } ?? true }

  /// The driver's options, by their dotted names, but for those that no byte of the content depends on.
  fileprivate var tellingOptions: OptionObject {
    var telling = OptionObject()
    for entry in (node.options.object ?? [:]).flattened() where isTelling(entry.key) {
      telling[entry.key] = entry.value
    }
    return telling
  }

  private func isTelling(_ option: String) -> Bool {
    if isOnThisMachine { return false }
    // Filters, and storage without files: all that they were told, but a null device's delays.
    if isFilter || kind?.isProtocol == true {
      return option != "latency-ns" && (option != "filename" || node.driver.name == "nbd")
    }
    return NamedNode.telling.contains(option) || option == "snapshot" || option.hasPrefix("snapshot.")
  }

  /// The options of formats that choose which bytes they show.
  private static let telling: Set<String> = [
    "offset", "size", "key-secret", "encrypt.key-secret", "disk", "fill-gaps", "force_size_calc",
  ]
}
