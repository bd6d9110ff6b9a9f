// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Host
package import Options

/// Opens images: names to nodes, with everything they stand on. Graph API.
package struct Opener {
  /// How many layers a chain may have.
  package static let maximumDepth = 200

  /// The graph that opened images become part of.
  package let graph: Graph
  /// The drivers known, formats and storage.
  package let kinds: [any DriverKind]
  /// How far names are followed that are found inside an image.
  package let references: ReferencePolicy
  /// Decides about every such name.
  package internal(set) var gate: any OpenGate
  /// Whether an image that looks like no format's is taken for a raw disk. Where it is not, raw has to be stated.
  package var guessesRaw = true
  /// Bytes of memory that the tables of each image may take together; nil for the formats' own limits.
  package var tableBudget: UInt64?
  /// The same for images that nobody vouches for.
  package static let untrustedTableBudget: UInt64 = 64 << 20
  /// Bytes of memory that caches of tables may take of an image, and of a layer however deep.
  private static let cacheBytes: ClosedRange<UInt64> = 128 << 10...8 << 20

  /// Bytes for the caches of a layer with so many above it: half of what the one above has, so that a chain of any
  /// length takes little more than two images.
  static func cacheBytes(below layers: Int) -> UInt64 {
    max(cacheBytes.upperBound >> UInt64(layers), cacheBytes.lowerBound)
  }

  /// Where the secrets come from that options name.
  package var secrets: any SecretSource = NoSecrets()
  /// What else options name.
  package var objects = DefinedObjects()
  /// Called with each warning that opening produces.
  package var warn: (OpenWarning) -> Void = { _ in }

  /// Trusts no image from here on: tables have a tight budget, and no content is guessed to be raw.
  package mutating func distrust() {
    guessesRaw = false
    tableBudget = Opener.untrustedTableBudget
  }

  /// An opener for one graph.
  package init(graph: Graph, kinds: [any DriverKind], references: ReferencePolicy = .local) {
    self.graph = graph
    self.kinds = kinds
    self.references = references
    gate = references.gate(protocols: Opener.protocols(of: kinds))
  }

  /// The prefixes that names may have.
  package var protocols: [StoragePrefix] { Opener.protocols(of: kinds) }

  private static func protocols(of kinds: [any DriverKind]) -> [StoragePrefix] {
    var prefixes: [StoragePrefix] = []
    for kind in kinds { prefixes += kind.namePrefixes }
    return prefixes
  }

  /// Whether `name` begins with a prefix that leads to storage which is not a file of this machine.
  package func isRemote(_ name: String) -> Bool {
    guard let prefix = ImageName.protocolPrefix(of: name) else { return false }
    return protocols.contains { $0.text == prefix && $0.form == .url }
  }

  /// The driver called `name`, by its own name or another that users have for it, if any.
  package func kind(named name: String) -> (any DriverKind)? {
    for kind in kinds where kind.name == name || kind.alias == name { return kind }
    return nil
  }

  /// The name of a format as images state it, where a user may have called it otherwise.
  package func ownName(ofFormat name: String) -> String { kind(named: name)?.name ?? name }

  /// The error for a format that there is not.
  package func unknownFormat(_ name: String) -> BlockError {
    ForeignDrivers.refusal(of: name)
      ?? BlockError(
        .notFound, "Unknown file format '\(name)'",
        advice: ForeignDrivers.advice(ofProtocol: name) ?? formatAdvice(name))
  }

  private func formatAdvice(_ name: String) -> Advice {
    var names: [String] = []
    for kind in kinds where !kind.isProtocol { names.append(kind.name) }
    let meant = Nearest.name(to: name, among: names).map { "Did you mean '\($0)'? " } ?? ""
    return "\(meant)'formats' lists the formats."
  }

  func knownKind(named name: String) throws(BlockError) -> any DriverKind {
    guard let kind = kind(named: name) else {
      throw ForeignDrivers.refusal(of: name)
        ?? BlockError(
          .notFound, "Unknown driver '\(name)'",
          advice: ForeignDrivers.advice(ofProtocol: name) ?? formatAdvice(name))
    }
    return kind
  }

  /// Opens an image for `user`, whose `PermissionRequest` must be compatible with those of all other users.
  ///
  /// - Throws: the reason, prefixed with `Could not open 'NAME'`. Nothing stays open then.
  package func open(_ name: ImageName, _ settings: OpenSettings, for user: RootUser) throws(BlockError) {
    graph.requireThread()
    try inFile(name.text) { () throws(BlockError) in
      do throws(BlockError) {
        let node = try openUnused(name, settings)
        try graph.attach(user, toUnused: node)
      } catch {
        // Of a node that is read-only because the user says so, its internal name and permissions tell nothing more.
        throw error.ending(with: .grantPermissions)
      }
    }
  }

  /// Opens an image for `user`, who changes it later and does not ask for the permission yet.
  ///
  /// - Throws: as `open`; kind `readOnly` where the user says that the image is only read.
  package func openForChange(_ name: ImageName, _ settings: OpenSettings, for user: RootUser)
    throws(BlockError)
  {
    var settings = settings
    settings.flags.formUnion([.writable, .unmap])
    try open(name, settings, for: user)
    try inFile(name.text) { () throws(BlockError) in
      guard user.edge?.child.flags.contains(.writable) == true else {
        throw BlockError(.readOnly, "Block node is read-only")
      }
    }
  }

  /// Opens an image that nobody uses yet; the caller attaches a user or gives it to `Graph.dispose`.
  package func openUnused(_ name: ImageName, _ settings: OpenSettings) throws(BlockError) -> Node {
    graph.requireThread()
    return try leavingNothingOpen { () throws(BlockError) in try open(name, settings, above: []) }
  }

  /// Opens an image that is to stand below `node`; nobody uses it yet.
  ///
  /// - Throws: kind `refused` where the image, or one in its chain, is the file of `node`.
  package func openUnused(_ name: ImageName, _ settings: OpenSettings, below node: Node) throws(BlockError)
    -> Node
  {
    graph.requireThread()
    let layer = Layer(fileName: node.fileName, identity: FilePaths.identity(of: node.fileName))
    return try leavingNothingOpen { () throws(BlockError) in try open(name, settings, above: [layer]) }
  }

  /// Runs `body`; when it fails, closes the nodes that it made. Those that were there stay, used or not.
  func leavingNothingOpen(_ body: () throws(BlockError) -> Node) throws(BlockError) -> Node {
    let before = graph.nodes
    do throws(BlockError) {
      return try body()
    } catch {
      graph.dispose(keeping: before)
      throw error
    }
  }

  // MARK: One layer

  /// A layer that is being opened further up, to find loops.
  struct Layer {
    var fileName: String
    var identity: FileIdentity?
  }

  /// Opens one layer and what it stands on. `above` are the layers that led here.
  func open(_ name: ImageName, _ settings: OpenSettings, above: [Layer]) throws(BlockError) -> Node {
    var options = name.options
    var flags = settings.flags
    try takeGenericOptions(&options, &flags)
    let driver = try chooseDriver(&options, settings)
    if let driver, driver.isProtocol {
      return try openStorage(driver, options, flags, name: name)
    }
    // Counted before anything is opened: a loop of layers without files would open descriptors without end.
    guard above.count < Opener.maximumDepth else {
      throw BlockError(.refused, "the chain of backing files is longer than \(Opener.maximumDepth) layers")
        .prefixed("Could not open '\(name.text)'", naming: name.text, step: .exceedDepth)
    }
    if let driver, driver.fileOption != "file" {
      guard try takeFile(&options, of: driver) else {
        return try assemble(
          driver, on: nil, name.text, options, flags, settings, ownsFile: false,
          above: above + [Layer(fileName: name.text)])
      }
    }
    let ownsFile = options["file"]?.string == nil
    let file = try openFile(&options, flags, settings, name: name, above: above, below: driver)
    let layer = Layer(fileName: file.fileName, identity: FilePaths.identity(of: file.fileName))
    try refuseLoop(layer, above)
    var kind = driver
    if kind == nil {
      kind = try probe(file)
      flags.insert(.probed)
      if kind?.isPlain == true && !guessesRaw {
        throw BlockError(
          .refused, "'\(file.fileName)' looks like no format and is not guessed raw",
          naming: file.fileName,
          advice: "If it is a raw disk, say so with the option for its format, such as -f raw.")
      }
      if kind?.isPlain == true && flags.contains(.writable) { warn(.guessedRaw(file.fileName)) }
    }
    guard let kind else { throw BlockError(.notFound, "no driver for '\(name.text)'") }
    return try assemble(
      kind, on: file, file.fileName, options, flags, settings, ownsFile: ownsFile, above: above + [layer])
  }

  /// Lets the option by which the driver calls its file be `file`; false where it has none.
  private func takeFile(_ options: inout OptionObject, of driver: any DriverKind) throws(BlockError) -> Bool {
    guard let option = driver.fileOption else { return false }
    guard options["file"] == nil else {
      let isComplete = options[option] != nil
      throw isComplete
        ? driver.unsupported(option: "file")
        : BlockError(.invalidArgument, "A block device must be specified for \"\(option)\"")
    }
    options["file"] = options.remove(option)
    return true
  }

  func refuseLoop(_ layer: Layer, _ above: [Layer]) throws(BlockError) {
    guard let namedBy = above.last else { return }
    for other in above {
      let same = layer.identity != nil ? layer.identity == other.identity : layer.fileName == other.fileName
      if same {
        throw BlockError(
          .refused,
          "Backing file '\(layer.fileName)' creates an infinite loop: '\(namedBy.fileName)' names it in slot "
            + "'\(EdgeSlot.backing.rawValue)'")
      }
    }
  }

  private func chooseDriver(_ options: inout OptionObject, _ settings: OpenSettings) throws(BlockError)
    -> (any DriverKind)?
  {
    let stated = try options.takeString("driver")
    // A format stated apart from the name counts more than one inside the name.
    guard let name = settings.format ?? stated else {
      if options["filename"] == nil && options["file"] == nil {
        throw BlockError(.invalidArgument, "Must specify either driver or file")
      }
      return nil
    }
    return try knownKind(named: name)
  }

  /// Options that every driver has.
  func takeGenericOptions(_ options: inout OptionObject, _ flags: inout NodeFlags) throws(BlockError) {
    if var cache = options["cache"]?.object {
      if let direct = try cache.takeBool("direct", shownAs: "cache.direct") { flags.set(.direct, to: direct) }
      if let noFlush = try cache.takeBool("no-flush", shownAs: "cache.no-flush") {
        flags.set(.noFlush, to: noFlush)
      }
      // The rest is refused by name, together with the driver's own options that are not taken.
      options["cache"] = cache.isEmpty ? nil : .object(cache)
    }
    let readOnly = try options.takeBool("read-only")
    if readOnly == true { flags.remove(.writable) }
    // A user that asks for writing gets it or an error; falling back to reading would only put the error off.
    _ = try options.takeBool("auto-read-only")
    if let share = try options.takeBool("force-share"), share {
      guard !flags.contains(.writable), readOnly != false else {
        throw BlockError(.invalidArgument, "force-share=on can only be used with read-only images")
      }
      flags.insert(.forceShare)
    }
    switch try options.takeString("discard") {
    case nil: break
    case "ignore", "off": flags.remove(.unmap)
    case "unmap", "on": flags.insert(.unmap)
    case .some: throw BlockError(.invalidArgument, "Invalid discard option")
    }
    switch try options.takeString("detect-zeroes") {
    case nil, "off": break
    case "on": flags.insert(.detectsZeroes)
    case "unmap":
      guard flags.contains(.unmap) else {
        throw BlockError(
          .invalidArgument,
          "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap")
      }
      flags.formUnion([.detectsZeroes, .unmapsDetected])
    case .some(let other): throw BlockError(.invalidArgument, "invalid parameter value: \(other)")
    }
  }
}

extension DriverKind {
  /// Refuses by name what is left of the options where the driver has taken its own. A driver does so itself where
  /// opening is more than a look at a file.
  package func refuseRest(of options: OptionObject) throws(BlockError) {
    if let left = options.flattened().first?.key { throw unsupported(option: left) }
  }

  /// The error for an option that the driver does not know.
  func unsupported(option: String) -> BlockError {
    BlockError(
      .invalidArgument,
      namePrefixes.isEmpty
        ? "Block format '\(name)' does not support the option '\(option)'"
        : "Block protocol '\(name)' doesn't support the option '\(option)'",
      advice: option == "disk"
        ? "An option to choose a disk is for appliances (OVA, OVF); this is one disk." : nil)
  }
}

extension NodeFlags {
  fileprivate mutating func set(_ flag: NodeFlags, to value: Bool) {
    if value { insert(flag) } else { remove(flag) }
  }
}
