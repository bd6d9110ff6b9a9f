// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Host
internal import Options

/// The names that open images again.
extension ImageInformation {
  /// The name that opens the image: its file's, or `json:{…}` where options make a difference.
  static func name(of node: Node) -> String {
    guard node.isNamedByDrivers else { return plainName(of: node) }
    return exactName(of: node) ?? "json:" + JSONWriter.compact(.object(statement(of: node)))
  }

  /// A window into a file has options that its name alone would lose.
  private static func plainName(of node: Node) -> String {
    var window = OptionObject()
    let outer = "encrypt.key-secret"
    if let secret = node.options.object?.flattened().first(where: { $0.key == outer })?.value {
      window[outer] = secret
    }
    for key in ["offset", "driver", "size"] {
      if key == "driver" {
        window[key] = .string(node.driver.name)
      } else if let value = node.options.object?[key] {
        window[key] = value
      }
    }
    let secret = node.options.object?["key-secret"]
    guard window.count > 1 || secret != nil, let file = node.file?.child.visible else {
      return path(of: node)
    }
    window["file"] = ["driver": .string(file.driver.name), "filename": .string(file.fileName)]
    window["key-secret"] = secret
    return "json:" + JSONWriter.compact(.object(window))
  }

  /// The file's name, so that it is not taken for one with a prefix.
  static func path(of node: Node) -> String {
    let isPlain = !node.storage.isOnThisMachine || ImageName.protocolPrefix(of: node.fileName) == nil
    return isPlain ? node.fileName : "./" + node.fileName
  }

  // MARK: Filters, and storage without files

  /// A name without options, where there is one that says the same.
  private static func exactName(of node: Node) -> String? {
    let options = node.ownOptions
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
      if node.file == nil { return node.children.isEmpty ? path(of: node) : nil }
      guard !node.isFilter, options.isEmpty else { return nil }
      return node.file.flatMap { exactName(of: $0.child.visible) }
    }
  }

  /// The options that open the image, in the order in which `qemu-img` lists them.
  private static func statement(of node: Node) -> OptionObject {
    var options = OptionObject()
    options["driver"] = .string(node.driver.name)
    for entry in node.ownOptions.flattened() { options[entry.key] = entry.value }
    var list: [OptionTree] = []
    for edge in node.children where edge.slot != .backing {
      let name = edge.slot == .file ? node.kind?.fileOption ?? "file" : edge.slot.rawValue
      let child = OptionTree.object(statement(of: edge.child.visible))
      if name.hasPrefix("children.") { list.append(child) } else { options[name] = child }
    }
    if !list.isEmpty { options["children"] = .array(list) }
    if node.children.isEmpty, node.isOnThisMachine { options["filename"] = .string(node.fileName) }
    var ordered = OptionObject()
    for key in leading where options[key] != nil { ordered[key] = options.remove(key) }
    for key in trailing where options[key] != nil { ordered[key] = options.remove(key) }
    for entry in options.entries { ordered[entry.key] = entry.value }
    return ordered
  }

  /// The keys that `qemu-img` lists first.
  private static let leading = [
    "read-pattern", "throttle-group", "read-zeroes", "opt-write-zero", "max-write-zero", "offset", "children",
    "image", "max-transfer", "driver",
  ]
  /// The keys that come after those, before the rest.
  private static let trailing = ["rewrite-corrupted", "blkverify", "vote-threshold", "file", "filename"]
}

extension Node {
  /// Whether this is a file or a device here.
  var isOnThisMachine: Bool { driver.name == "file" || driver.name == "host_device" }

  fileprivate var kind: (any DriverKind)? { Drivers.all.first { $0.name == driver.name } }
  fileprivate var isFilter: Bool { kind?.isFilter == true }

  /// The driver's options that make a difference.
  fileprivate var ownOptions: OptionObject {
    var options = options.object ?? [:]
    for key in ["filename", "latency-ns"] { options[key] = nil }
    return options
  }

  /// Whether drivers stand here that a file's name says nothing of.
  fileprivate var isNamedByDrivers: Bool {
    isFilter || driver.name.hasPrefix("null-") || (file?.child.visible.isNamedByDrivers ?? false)
  }
}
