// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
internal import Host
package import Options

extension Opener {
  // MARK: Storage

  /// Opens the storage below a format, of the kind `parent` where that is known: its option for it, or the plain file
  /// name.
  func openFile(
    _ options: inout OptionObject, _ flags: NodeFlags, _ settings: OpenSettings, name: ImageName,
    above: [Layer], below parent: (any DriverKind)? = nil
  ) throws(BlockError) -> Node {
    var flags = flags.subtracting(.detection)
    let missing = BlockError(
      .invalidArgument, "A block device must be specified for \"\(parent?.fileOption ?? "file")\"")
    guard let stated = options.remove("file") else {
      guard var path = try options.takeString("filename") else { throw missing }
      if name.found == nil { path = entry(of: path) }
      return try openStorage(
        try storage(for: path, name.found), ["filename": .string(path)], flags, name: name)
    }
    if let reference = stated.string {
      return try graph.knownNode(named: reference)
    }
    guard var inner = stated.object else { throw missing }
    if let path = try options.takeString("filename"), inner["filename"] == nil {
      inner["filename"] = .string(path)
    }
    if inner["driver"] == nil || inner["driver"] == "file", let path = inner["filename"]?.string {
      inner["filename"] = .string(entry(of: path))
    }
    let kind =
      if let driver = try inner.takeString("driver") {
        try knownKind(named: driver)
      } else {
        try storage(for: inner["filename"]?.string ?? "")
      }
    // A layer that is open for reading may stand on one that the user wants writable, where writing was asked for.
    if settings.flags.contains(.writable), try inner.bool("read-only") == false { flags.insert(.writable) }
    guard kind.isProtocol else {
      // A format on a format: the lower one is opened like any image.
      inner["driver"] = .string(kind.name)
      // What the upper one is made of, its tables or signature, is content here, and may come from a backing file.
      let showsContent = parent?.fileRole.contains(.filtered) == true
      let own: NodeFlags = showsContent ? .probed : [.probed, .noIO]
      return try open(
        ImageName(options: inner, text: name.text), OpenSettings(flags: flags.subtracting(own)), above: above)
    }
    try takeGenericOptions(&inner, &flags)
    return try openStorage(kind, inner, flags, name: name)
  }

  /// The file that is meant by the path of a folder which is an image; the path as it is otherwise.
  package func entry(of path: String) -> String {
    guard FilePaths.kind(of: path) == .directory else { return path }
    for kind in kinds {
      guard let entry = kind.folderEntry.map({ FilePaths.join(path, $0) }) else { continue }
      if FilePaths.kind(of: entry) == .regular { return entry }
    }
    return path
  }

  /// The storage driver for a path: a device where one stands, else a file.
  private func storage(for path: String, _ found: FoundFile? = nil) throws(BlockError) -> any DriverKind {
    let isDevice =
      switch found?.kind ?? FilePaths.kind(of: path) {
      case .blockDevice, .characterDevice: true
      default: false
      }
    return try knownKind(named: isDevice ? "host_device" : "file")
  }

  /// Opens storage that is there already, whose driver `wrap` puts another one above; nobody uses the node yet.
  package func openStorage(
    _ name: ImageName, _ flags: NodeFlags,
    wrap: (any StorageDriver) throws(BlockError) -> any StorageDriver
  ) throws(BlockError) -> Node {
    graph.requireThread()
    return try leavingNothingOpen { () throws(BlockError) in
      var options = name.options
      let node = try openFile(&options, flags, OpenSettings(flags: flags), name: name, above: [])
      guard let storage = node.driver as? any StorageDriver else { return node }
      let driver = try wrap(storage)
      try graph.change(draining: [node]) { (edit: GraphEdit) throws(BlockError) in
        edit.install(driver, in: node)
      }
      return node
    }
  }

  func openStorage(_ kind: any DriverKind, _ options: OptionObject, _ flags: NodeFlags, name: ImageName)
    throws(BlockError) -> Node
  {
    var options = options
    let nodeName = try takeNodeName(&options)
    let node = Node(
      name: nodeName, fileName: kind.storageName(options) ?? name.text, driver: UnopenedDriver(kind.name),
      flags: flags.subtracting(.probed), options: .object(options))
    var request = OpenRequest(
      node: node, flags: node.flags, found: name.found, options: options, secrets: secrets,
      objects: objects,
      tableBudget: tableBudget, cacheBytes: Opener.cacheBytes(below: 0), warn: warn, graph: graph)
    let opened = try kind.open(&request)
    try kind.refuseRest(of: request.options)
    try graph.change(draining: [node]) { (edit: GraphEdit) throws(BlockError) in
      try edit.add(node)
      edit.install(graph.faults.wrapped(opened.driver), in: node)
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

  /// Opens a format on storage that is open already, and stays open on failure; nobody uses the node yet.
  package func openFormat(
    _ kind: any DriverKind, on file: Node, _ options: OptionObject, _ settings: OpenSettings
  )
    throws(BlockError) -> Node
  {
    graph.requireThread()
    let layer = Layer(fileName: file.fileName, identity: FilePaths.identity(of: file.fileName))
    return try leavingNothingOpen { () throws(BlockError) in
      try assemble(
        kind, on: file, file.fileName, options, settings.flags, settings, ownsFile: false, above: [layer])
    }
  }

  /// Builds the node of a format on its storage, if it has any, then opens and attaches what it refers to. `ownsFile`
  /// says whether the storage was opened for this node.
  func assemble(
    _ kind: any DriverKind, on file: Node?, _ fileName: String, _ options: OptionObject, _ flags: NodeFlags,
    _ settings: OpenSettings, ownsFile: Bool, above: [Layer]
  ) throws(BlockError) -> Node {
    guard !kind.isReadOnly || !flags.contains(.writable) else {
      throw BlockError(.readOnly, "Image is read-only", naming: fileName, advice: .onlyReadFormat)
    }
    var options = options
    let nodeName = try takeNodeName(&options)
    var stated = Stated(takingFrom: &options, for: kind)
    guard stated.backing == nil || kind.supportsBacking else {
      throw BlockError(.invalidArgument, "Driver doesn't support backing files")
    }
    let further = try openChildren(kind, &options, flags, settings, above: above)
    setSnapshot(settings.snapshot, in: &options)
    let node = Node(
      name: nodeName, fileName: fileName, driver: UnopenedDriver(kind.name), flags: flags,
      options: .object(options),
      looksLikeImage: flags.contains(.probed) && kind.isPlain ? looksLikeImage : nil)
    let below = (file.map { [$0] } ?? []) + further.map(\.node)
    try graph.change(draining: [node] + below) { (edit: GraphEdit) throws(BlockError) in
      try edit.add(node)
      if let file {
        try edit.attach(file, to: node, slot: .file, role: kind.fileRole, followsParent: ownsFile)
      }
      for child in further {
        try edit.attach(
          child.node, to: node, slot: child.slot, role: child.role, followsParent: child.isOwn)
      }
    }
    var request = OpenRequest(
      node: node, flags: flags, found: nil, options: options, secrets: secrets, objects: objects,
      tableBudget: tableBudget, cacheBytes: Opener.cacheBytes(below: above.count - 1), warn: warn,
      graph: graph)
    request.isPart = settings.isPart
    let opened = try about(node.fileName) { () throws(BlockError) in try kind.open(&request) }
    stated.putBack(into: &request.options, but: opened.references)
    // Work on one image may name it with the secrets of its chain; a mere look at its tables takes nothing more.
    if !settings.followsBacking, flags.contains(.noIO), let backing = stated.backing, backing != .null,
      backing != .string("")
    {
      request.options["backing"] = backing
    }
    if settings.snapshot != nil, request.options["snapshot"] != nil {
      throw BlockError(
        .unsupported,
        "Block format '\(kind.name)' used by device '' does not support temporarily loading internal snapshots"
      ).prefixed("Failed to load snapshot", step: .loadSnapshot)
    }
    try kind.refuseRest(of: request.options)
    for warning in opened.warnings { warn(warning) }
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
}
