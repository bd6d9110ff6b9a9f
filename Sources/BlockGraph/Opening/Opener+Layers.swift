// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
public import Errors
internal import Host
public import Options

extension Opener {
  // MARK: Storage

  /// Opens the storage below a format: the option `file`, or the plain file name.
  func openFile(
    _ options: inout OptionObject, _ flags: NodeFlags, _ settings: OpenSettings, name: ImageName, above: [Layer]
  ) throws(BlockError) -> Node {
    guard let stated = options.remove("file") else {
      guard let path = try options.takeString("filename") else {
        throw BlockError(.invalidArgument, "A block device must be specified for \"file\"")
      }
      return try openStorage(try storage(for: path), ["filename": .string(path)], flags, name: name)
    }
    if let reference = stated.string {
      guard let node = graph.node(named: reference) else {
        throw BlockError(.notFound, "Cannot find device='\(reference)' nor node-name='\(reference)'")
      }
      return node
    }
    guard var inner = stated.object else {
      throw BlockError(.invalidArgument, "A block device must be specified for \"file\"")
    }
    if let path = try options.takeString("filename"), inner["filename"] == nil {
      inner["filename"] = .string(path)
    }
    let kind =
      if let driver = try inner.takeString("driver") {
        try knownKind(named: driver)
      } else {
        try storage(for: inner["filename"]?.string ?? "")
      }
    guard kind.isProtocol else {
      // A format on a format: the lower one is opened like any image.
      inner["driver"] = .string(kind.name)
      return try open(
        ImageName(options: inner, text: name.text),
        OpenSettings(flags: flags.subtracting(.probed), followsBacking: settings.followsBacking), above: above)
    }
    var flags = flags
    try takeGenericOptions(&inner, &flags)
    return try openStorage(kind, inner, flags, name: name)
  }

  /// The storage driver for a path: a device where one stands, else a file.
  private func storage(for path: String) throws(BlockError) -> any DriverKind {
    try knownKind(named: Graph.isDevice(path) ? "host_device" : "file")
  }

  func openStorage(_ kind: any DriverKind, _ options: OptionObject, _ flags: NodeFlags, name: ImageName)
    throws(BlockError) -> Node
  {
    var options = options
    let nodeName = try takeNodeName(&options)
    let node = Node(
      name: nodeName, fileName: options["filename"]?.string ?? name.text, driver: UnopenedDriver(kind.name),
      flags: flags.subtracting(.probed), options: .object(options))
    var request = OpenRequest(node: node, flags: node.flags, options: options)
    let opened = try kind.open(&request)
    if let left = request.options.flattened().first?.key {
      throw BlockError(.invalidArgument, "Block protocol '\(kind.name)' doesn't support the option '\(left)'")
    }
    try graph.change(draining: [node]) { (edit: GraphEdit) throws(BlockError) in
      try edit.add(node)
      edit.install(opened.driver, in: node)
    }
    return node
  }

  /// The name that the user gives the node, or a generated one.
  private func takeNodeName(_ options: inout OptionObject) throws(BlockError) -> String {
    guard let name = try options.takeString("node-name") else { return graph.generateNodeName() }
    try Graph.refuseNodeName(name)
    return name
  }

  // MARK: Formats

  /// The format whose images look most like the content of `file`.
  func probe(_ file: Node) throws(BlockError) -> (any DriverKind)? {
    let user = graph.makeUser("format probe", claim: Claim(held: .consistentRead, shared: .all))
    defer { graph.detach(user) }
    try graph.attach(user, to: file)
    guard let edge = user.edge else { return nil }
    let head = try inContext("Could not read image for determining its format") { () throws(BlockError) in
      try edge.read(at: 0, count: Int(min(edge.length, UInt64(Node.probeLength))))
    }
    return mostLikelyKind(head.bytes)
  }

  func mostLikelyKind(_ head: RawSpan) -> (any DriverKind)? {
    var best: (any DriverKind)?
    var bestScore = 0
    for kind in kinds where !kind.isProtocol {
      let score = kind.probe(head)
      if score > bestScore { (best, bestScore) = (kind, score) }
    }
    return best
  }

  /// Opens a format on storage that is open already, and stays open on failure; nobody uses the node yet.
  public func openFormat(_ kind: any DriverKind, on file: Node, _ options: OptionObject, _ settings: OpenSettings)
    throws(BlockError) -> Node
  {
    graph.requireThread()
    let layer = Layer(fileName: file.fileName, identity: FilePaths.identity(of: file.fileName))
    return try leavingNothingOpen { () throws(BlockError) in
      try assemble(kind, on: file, options, settings.flags, settings, above: [layer])
    }
  }

  /// Builds the node of a format on its storage, then opens and attaches what it refers to.
  func assemble(
    _ kind: any DriverKind, on file: Node, _ options: OptionObject, _ flags: NodeFlags,
    _ settings: OpenSettings, above: [Layer]
  ) throws(BlockError) -> Node {
    var options = options
    let nodeName = try takeNodeName(&options)
    let stated = Stated(backing: options.remove("backing"), dataFile: options.remove("data-file"))
    guard stated.backing == nil || kind.supportsBacking else {
      throw BlockError(.invalidArgument, "Driver doesn't support backing files")
    }
    setSnapshot(settings.snapshot, in: &options)
    let kinds = kinds
    let disguise: @Sendable (RawSpan) -> Bool = { head in
      for kind in kinds where kind.name != "raw" && kind.probe(head) > 0 { return true }
      return false
    }
    let node = Node(
      name: nodeName, fileName: file.fileName, driver: UnopenedDriver(kind.name), flags: flags,
      options: .object(options), disguise: flags.contains(.probed) && kind.name == "raw" ? disguise : nil)
    try graph.change(draining: [node, file]) { (edit: GraphEdit) throws(BlockError) in
      try edit.add(node)
      try edit.attach(file, to: node, slot: .file, role: kind.name == "raw" ? [.filtered, .primary] : .image)
    }
    var request = OpenRequest(node: node, flags: flags, options: options)
    let opened = try kind.open(&request)
    if let data = stated.dataFile, !opened.references.contains(where: { $0.slot == .dataFile }) {
      request.options["data-file"] = data
    }
    if let left = request.options.flattened().first?.key {
      throw BlockError(.invalidArgument, "Block format '\(kind.name)' does not support the option '\(left)'")
    }
    try complete(node, kind, opened, stated, settings, above: above)
    return node
  }

  private func setSnapshot(_ snapshot: SnapshotSelector?, in options: inout OptionObject) {
    switch snapshot {
    case nil: break
    case .idOrName(let text): options["snapshot"] = .string(text)
    case .exactly(let id, let name):
      var selector = OptionObject()
      if let id { selector["id"] = .string(id) }
      if let name { selector["name"] = .string(name) }
      options["snapshot"] = .object(selector)
    }
  }

  /// What the user stated in place of the references found in an image.
  private struct Stated {
    var backing: OptionTree?
    var dataFile: OptionTree?
  }

  private func complete(
    _ node: Node, _ kind: any DriverKind, _ opened: OpenedDriver, _ stated: Stated, _ settings: OpenSettings,
    above: [Layer]
  ) throws(BlockError) {
    var children: [(ImageReference, Node)] = []
    for reference in references(opened, stated, kind) {
      if reference.slot == .backing && !settings.followsBacking { continue }
      if let child = try open(reference, stated, settings, of: node, above: above) {
        children.append((reference, child))
      }
    }
    try graph.change(draining: [node] + node.children.map(\.child) + children.map(\.1)) {
      (edit: GraphEdit) throws(BlockError) in
      edit.install(opened.driver, in: node)
      if let file = node.file { try edit.setRole(opened.fileRole, of: file) }
      for (reference, child) in children {
        try edit.attach(child, to: node, slot: reference.slot, role: reference.role)
      }
    }
  }

  /// The references of the image, and a backing file that the user stated for an image that names none.
  private func references(_ opened: OpenedDriver, _ stated: Stated, _ kind: any DriverKind) -> [ImageReference] {
    var references = opened.references
    let namesBacking = references.contains { $0.slot == .backing }
    if stated.backing != nil && !namesBacking && kind.supportsBacking {
      references.append(ImageReference(slot: .backing, role: .cow, name: "", format: nil))
    }
    return references
  }

  private func open(
    _ reference: ImageReference, _ stated: Stated, _ settings: OpenSettings, of node: Node, above: [Layer]
  ) throws(BlockError) -> Node? {
    let statement = reference.slot == .backing ? stated.backing : stated.dataFile
    let isBacking = reference.slot == .backing
    var flags = node.flags.subtracting([.probed, .checking])
    if isBacking { flags.remove(.writable) }
    return try inContext(isBacking ? "Could not open backing file" : "Could not open external data file") {
      () throws(BlockError) in
      switch statement {
      case .some(.null) where isBacking: return nil
      case .some(.string(let name)):
        guard let other = graph.node(named: name) else {
          throw BlockError(.notFound, "Cannot find device='\(name)' nor node-name='\(name)'")
        }
        return other
      case .some(let options) where !isBacking:
        // Guest data is never looked at to find out what it is.
        var storage: OptionObject = ["file": options]
        return try openFile(&storage, flags, settings, name: ImageName(path: reference.name), above: above)
      case .some(.object(let options)):
        let name = try ImageName(options: options, text: options["filename"]?.string ?? reference.name)
        return try open(name, OpenSettings(flags: flags), above: above)
      default:
        let name = try gate.resolve(reference, foundIn: node.fileName)
        if !isBacking {
          var storage = name.options
          return try openFile(&storage, flags, settings, name: name, above: above)
        }
        return try open(name, OpenSettings(format: reference.format, flags: flags), above: above)
      }
    }
  }
}
