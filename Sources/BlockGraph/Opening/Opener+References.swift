// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Host
internal import Options

/// Following what an image refers to, or what the user stated in its place.
extension Opener {
  /// The options that the user stated in place of the references found in an image.
  struct Stated {
    var backing: OptionTree?
    /// The options that stand in other slots.
    var others: [EdgeSlot: OptionTree] = [:]

    /// Takes out the options for the slots of `kind`. A null in a list stands for the reference that the image has.
    init(takingFrom options: inout OptionObject, for kind: any DriverKind) {
      backing = options.remove("backing")
      for slot in kind.referenceSlots {
        switch options.remove(slot.rawValue) {
        case .some(.array(let elements)):
          for (index, element) in elements.enumerated() where element != .null {
            others[slot.element(index)] = element
          }
        case let stated: others[slot] = stated
        }
      }
    }

    /// All of it, but for a backing file that is not looked at: it has no part in the image that is shown.
    func replacing(backing followsBacking: Bool) -> [EdgeSlot: OptionTree] {
      var all = others
      if followsBacking { all[.backing] = backing }
      return all
    }

    /// Gives back what stands in the place of nothing, for it to be refused by name.
    mutating func putBack(into options: inout OptionObject, but references: [ImageReference]) {
      for slot in others.keys.sorted(by: { $0.rawValue < $1.rawValue })
      where !references.contains(where: { $0.slot == slot }) {
        options[slot.rawValue] = others.removeValue(forKey: slot)
      }
    }
  }

  /// Opens what the image refers to and puts the node together.
  func complete(
    _ node: Node, _ kind: any DriverKind, _ opened: OpenedDriver, _ stated: Stated, _ settings: OpenSettings,
    above: [Layer]
  ) throws(BlockError) {
    var children: [(ImageReference, Node)] = []
    for reference in references(opened, stated, kind) {
      let child: Node?
      if reference.slot == .backing {
        guard settings.followsBacking else {
          if node.flags.contains(.checking) { try refuseOwnName(reference, above) }
          continue
        }
        child = try openBackingOrAdvise(reference, stated.backing, of: node, above: above)
      } else {
        // Guest data stays where it is when only tables are looked at, unless it can only be the image's own.
        guard !node.flags.contains(.noIO) || reference.role.contains(.metadata) || reference.staysInFolder
        else { continue }
        child = try openOther(reference, stated.others[reference.slot], settings, of: node, above: above)
        if let child, !reference.isContained { try refuseOwnFile(child, reference, above) }
      }
      guard let child else { continue }
      let remarks = try inContext("Could not open \(reference.slot.fileWords)") { () throws(BlockError) in
        try reference.check?(child) ?? []
      }
      for remark in remarks { warn(remark) }
      children.append((reference, child))
    }
    try graph.change(draining: [node] + node.children.map(\.child) + children.map(\.1)) {
      (edit: GraphEdit) throws(BlockError) in
      edit.install(opened.driver, in: node)
      if let file = node.file { try edit.setRole(opened.fileRole, of: file) }
      for (reference, child) in children {
        let isOwn = reference.slot != .backing && stated.others[reference.slot]?.string == nil
        try edit.attach(child, to: node, slot: reference.slot, role: reference.role, followsParent: isOwn)
      }
    }
    node.references = opened.references
    node.replaced = stated.replacing(backing: settings.followsBacking)
    guard let driver = opened.driver as? any ComposedDriver else { return }
    try about(node.fileName) { () throws(BlockError) in try driver.readReferences(of: node) }
    try graph.change(draining: [node]) { (edit: GraphEdit) in edit.touch(node) }
  }

  /// Opens what is no backing file; nil where it does not matter that it is not there.
  private func openOther(
    _ reference: ImageReference, _ stated: OptionTree?, _ settings: OpenSettings, of node: Node,
    above: [Layer]
  ) throws(BlockError) -> Node? {
    if stated == nil, reference.isContained {
      return try openContained(reference, settings, of: node, above: above)
    }
    do throws(BlockError) {
      return reference.isStorage
        ? try openStorage(reference, stated, settings, of: node, above: above)
        : try openImage(reference, stated, settings, of: node, above: above)
    } catch {
      guard reference.isOptional, stated == nil, error.kind == .notFound else { throw error }
      return nil
    }
  }

  /// Opens an image inside of other files than its own one. It stands alone: it may name no other.
  private func openContained(
    _ reference: ImageReference, _ settings: OpenSettings, of node: Node, above: [Layer]
  ) throws(BlockError) -> Node {
    guard above.count < Opener.maximumDepth else {
      throw BlockError(.refused, "there are images inside of images, more than \(Opener.maximumDepth)")
    }
    var flags = node.flags.subtracting(NodeFlags.ofOneNode.union(.writable))
    var window = try openWindow(reference, settings, flags, of: node, above: above)
    if let unpack = reference.unpack { window = try openPacked(window, unpack, flags) }
    // A check of the image is one of what it contains; nothing is written there.
    flags.formUnion(node.flags.intersection(.checking).union(.probed))
    guard let kind = try probe(window) else { throw BlockError(.notFound, "no driver for the image") }
    var opener = self
    opener.gate = PartGate()
    var inner = OpenSettings(flags: flags, followsBacking: settings.followsBacking)
    inner.isPart = true
    return try opener.assemble(
      kind, on: window, node.fileName, [:], flags, inner, ownsFile: true, above: above)
  }

  /// What a contained image stands in: ranges of the file that the image itself stands in, or files of their own.
  private func openWindow(
    _ reference: ImageReference, _ settings: OpenSettings, _ flags: NodeFlags, of node: Node, above: [Layer]
  ) throws(BlockError) -> Node {
    if let parts = reference.parts {
      guard let file = node.file?.child else { throw BlockError(.notFound, "no file holds the image") }
      let driver = try FileParts(parts.map { FileParts.Part(range: $0) })
      return try makeWindow(
        driver, named: node.fileName, flags, driver.options, [(.file, file)], followsParent: false)
    }
    var files: [(EdgeSlot, Node)] = []
    do throws(BlockError) {
      for (index, names) in reference.pieces.enumerated() {
        var piece = reference
        (piece.name, piece.otherNames) = (names.first ?? "", Array(names.dropFirst()))
        piece.isStorage = true
        let file = try openStorage(piece, nil, settings, of: node, above: above)
        files.append((ImageReference.pieceSlots.element(index), file))
      }
      let driver = try FileParts(
        files.map { slot, file in FileParts.Part(slot: slot, range: 0..<file.length) })
      return try makeWindow(driver, named: node.fileName, flags, driver.options, files, followsParent: true)
    } catch {
      for (_, file) in files { graph.dispose(ofUnused: file) }
      throw error
    }
  }

  private func makeWindow(
    _ driver: any BlockDriver, named name: String, _ flags: NodeFlags, _ options: OptionObject,
    _ children: [(EdgeSlot, Node)], followsParent: Bool
  ) throws(BlockError) -> Node {
    let window = Node(
      name: graph.generateNodeName(), fileName: name, driver: UnopenedDriver(driver.name), flags: flags,
      options: .object(options))
    try graph.change(draining: [window] + children.map(\.1)) { (edit: GraphEdit) throws(BlockError) in
      try edit.add(window)
      for (slot, child) in children {
        let role: EdgeRole = slot == .file ? [.data, .primary] : .data
        try edit.attach(child, to: window, slot: slot, role: role, followsParent: followsParent)
      }
      edit.install(driver, in: window)
    }
    return window
  }

  /// What a packed file holds.
  private func openPacked(
    _ file: Node, _ unpack: (Edge) throws(BlockError) -> any StorageDriver, _ flags: NodeFlags
  ) throws(BlockError) -> Node {
    let user = graph.makeUser(
      "unpacking '\(file.fileName)'", request: PermissionRequest(held: .consistentRead, shared: .all))
    do throws(BlockError) {
      let driver = try unpack(try graph.attach(user, to: file))
      let node = try makeWindow(
        driver, named: file.fileName, flags, [:], [(.file, file)], followsParent: true)
      try graph.release(user)
      return node
    } catch {
      try? graph.release(user)
      throw error
    }
  }

  /// An image that names itself is no whole image, also where backing files are not looked at.
  private func refuseOwnName(_ reference: ImageReference, _ above: [Layer]) throws(BlockError) {
    guard let own = above.last else { return }
    for name in reference.names {
      let path = ImageName.resolve(name, relativeTo: own.fileName)
      // A file that must not be followed is not even looked at.
      let isFollowed = (try? gate.resolve(name, of: reference, foundIn: own.fileName)) != nil
      let named = Layer(fileName: path, identity: isFollowed ? FilePaths.identity(of: path) : nil)
      try inContext("Could not open backing file") { () throws(BlockError) in try refuseLoop(named, [own]) }
    }
  }

  /// Guest data over the tables that describe it would destroy both.
  private func refuseOwnFile(_ child: Node, _ reference: ImageReference, _ above: [Layer]) throws(BlockError)
  {
    guard let own = above.last, let identity = FilePaths.identity(of: child.fileName),
      identity == own.identity
    else { return }
    throw BlockError(
      .refused,
      "'\(own.fileName)' names itself in slot '\(reference.slot.rawValue)': tables and data cannot be one file"
    )
  }

  private func openBackingOrAdvise(
    _ reference: ImageReference, _ stated: OptionTree?, of node: Node, above: [Layer]
  ) throws(BlockError) -> Node? {
    do throws(BlockError) {
      return try openBacking(reference, stated, of: node, above: above)
    } catch {
      // All layers above would say the same.
      guard error.cause(in: .exceedDepth) == nil else { throw error }
      let failure = error.prefixed("Could not open backing file")
      guard error.kind == .notFound else { throw failure }
      throw failure.advising(
        "Where the backing file was moved, 'rebase -u -b NEW -F \(reference.format ?? "FORMAT") \(node.fileName)' "
          + "writes its new name; 'info \(node.fileName)' shows the present one.")
    }
  }

  /// The references of the image, and a backing file that the user stated for an image that names none.
  private func references(_ opened: OpenedDriver, _ stated: Stated, _ kind: any DriverKind)
    -> [ImageReference]
  {
    var references = opened.references
    let namesBacking = references.contains { $0.slot == .backing }
    if stated.backing != nil && !namesBacking && kind.supportsBacking {
      references.append(ImageReference(slot: .backing, role: .cow, name: "", format: nil))
    }
    return references
  }

  /// The first of the names of a reference that there is a file of and that the gate lets through.
  ///
  /// A file that is there is the one: were others tried where it cannot be opened, a chain of images could cause more
  /// opening than it has layers.
  ///
  /// - Throws: where there is none, the first refusal, else what the first name led to.
  package func find(_ reference: ImageReference, foundIn parent: String) throws(BlockError) -> ImageName {
    let files = try knownKind(named: "file")
    var failure: BlockError?
    for name in reference.names {
      do throws(BlockError) {
        let meant = try gate.find(name, of: reference, foundIn: parent, in: files)
        guard meant.found?.kind == .directory else { return meant }
        return entry(ofFolder: name, reference, foundIn: parent, files) ?? meant
      } catch {
        guard error.kind == .notFound || error.kind == .refused else { throw error }
        if failure == nil || failure?.kind == .notFound && error.kind == .refused { failure = error }
      }
    }
    // A format that nobody knows is told before a file that is not there.
    if failure?.kind != .refused, let format = reference.format { _ = try knownKind(named: format) }
    throw failure ?? BlockError(.notFound, "no name is stated")
  }

  /// The file that is meant by a folder which is an image.
  private func entry(
    ofFolder name: String, _ reference: ImageReference, foundIn parent: String, _ files: any DriverKind
  ) -> ImageName? {
    for kind in kinds {
      guard let entry = kind.folderEntry.map({ FilePaths.join(name, $0) }),
        let meant = try? gate.find(entry, of: reference, foundIn: parent, in: files)
      else { continue }
      if meant.found?.kind == .regular { return meant }
    }
    return nil
  }

  private func openBacking(_ reference: ImageReference, _ stated: OptionTree?, of node: Node, above: [Layer])
    throws(BlockError) -> Node?
  {
    let flags = node.flags.subtracting(.ofOneNode.union(.writable))
    switch stated {
    case .some(.null):
      return nil
    case .some(.string("")):
      warn(.deprecated("Use of \"backing\": \"\" is deprecated; use \"backing\": null instead"))
      return nil
    case .some(.string(let name)):
      return try graph.knownNode(named: name)
    case .some(.object(var options)):
      let statesImage = options["filename"] != nil || options["file"] != nil || options["driver"] != nil
      guard !statesImage, !reference.name.isEmpty else {
        let name = try ImageName(options: options, text: options["filename"]?.string ?? reference.name)
        // The image's word holds for what takes the place of its backing file, too; nothing is guessed.
        let format = options["driver"] == nil ? reference.format : nil
        return try open(name, OpenSettings(format: format, flags: flags), above: above)
      }
      // Only details are stated: the image itself is the one that the reference names.
      let found = try find(reference, foundIn: node.fileName)
      for entry in found.options.entries { options[entry.key] = entry.value }
      var name = try ImageName(options: options, text: found.text)
      name.found = found.found
      return try open(name, OpenSettings(format: reference.format, flags: flags), above: above)
    default:
      let name = try find(reference, foundIn: node.fileName)
      return try open(name, OpenSettings(format: reference.format, flags: flags), above: above)
    }
  }

  /// Opens storage as it is: guest data is never looked at to find out what it is.
  private func openStorage(
    _ reference: ImageReference, _ stated: OptionTree?, _ settings: OpenSettings, of node: Node,
    above: [Layer]
  ) throws(BlockError) -> Node {
    let flags = node.flags.subtracting(.ofOneNode)
    switch stated {
    case .some(.string(let name)):
      return try graph.knownNode(named: name)
    case .some(let options):
      var storage: OptionObject = ["file": options]
      return try openFile(&storage, flags, settings, name: ImageName(path: reference.name), above: above)
    case nil:
      let name = try find(reference, foundIn: node.fileName)
      // Storage that is stated by its driver, as in json:, is what the file is to be.
      var storage = name.options["driver"] == nil ? name.options : ["file": .object(name.options)]
      return try openFile(&storage, flags, settings, name: name, above: above)
    }
  }

  /// Opens an image that is neither a backing file nor storage, with what it stands on.
  private func openImage(
    _ reference: ImageReference, _ stated: OptionTree?, _ settings: OpenSettings, of node: Node,
    above: [Layer]
  ) throws(BlockError) -> Node {
    var flags = node.flags.subtracting(.ofOneNode)
    // A check of the image is one of its parts.
    if reference.role.contains(.metadata) { flags.formUnion(node.flags.intersection(.ofCheck)) }
    var settings = OpenSettings(flags: flags, followsBacking: settings.followsBacking)
    settings.isPart = true
    switch stated {
    case .some(.string(let name)):
      return try graph.knownNode(named: name)
    case .some(let stated):
      guard let options = stated.object else {
        throw BlockError(
          .invalidArgument, "A block device must be specified for \"\(reference.slot.rawValue)\"")
      }
      let text = options["filename"]?.string ?? reference.name
      return try open(ImageName(options: options, text: text), settings, above: above)
    case nil:
      settings.format = reference.format
      return try open(find(reference, foundIn: node.fileName), settings, above: above)
    }
  }
}
