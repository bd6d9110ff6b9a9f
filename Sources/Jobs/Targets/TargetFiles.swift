// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import FileProtocol
internal import Host
internal import Options

/// The attributes that a new file asks its file system for.
struct FileAttributes: Sendable {
  /// Whether blocks are not to be copied on write.
  var avoidsCopyOnWrite = false
  /// The unit of allocation in bytes, where it is not the file system's own.
  var extentSize: UInt32?

  /// Asks nothing.
  init() {}

  /// Takes the options out that are meant for storage.
  init(takingFrom options: inout OptionObject) throws(BlockError) {
    avoidsCopyOnWrite = try options.takeBool("nocow") ?? false
    extentSize = try options.takeSize("extent_size_hint").map { UInt32(clamping: $0) }
  }

  /// Tells the file system, as far as it knows the notions.
  func apply(to file: File) {
    if avoidsCopyOnWrite { file.avoidCopyOnWrite() }
    if let extentSize, extentSize > 0 { file.hintExtentSize(extentSize) }
  }
}

/// The files of an image that is being made: a regular file appears under its name only when all are complete;
/// a device, an export of a server and a file that cannot be replaced are written in place, their header last.
/// Graph API.
final class TargetFiles {
  /// One file.
  private struct Target {
    let node: Node
    let place: Place
    /// What takes space for it ahead.
    var spaceAhead: SpaceAhead?
  }

  /// How a file comes to be.
  private enum Place {
    /// It appears in the end.
    case staged(StagedFile)
    /// It is there all the time, and as it was until the first change. Code that fills it finds a regular file empty.
    case present(HeaderLastDriver, wasFile: Bool)
    /// Every byte that is written is gone at once.
    case pipe(PipeDriver)
  }

  private let graph: Graph
  private let opener: Opener
  private var targets: [Target] = []
  /// The files that have appeared and may be taken back.
  private var appeared: [Place] = []
  private var guards: [RootUser] = []
  /// The ranges that are written last of a file in place of so many bytes.
  private let withheld: (UInt64) -> [Range<UInt64>]
  /// Whether files are filled from start to end, as a pipe is.
  private let isOrdered: Bool

  /// - Parameters:
  ///   - isOrdered: whether files are filled from start to end, so that pipes take them.
  ///   - withheld: the ranges that are written last of a file that is filled in place, by its length.
  init(
    graph: Graph, opener: Opener, isOrdered: Bool = false,
    withheld: @escaping (UInt64) -> [Range<UInt64>] = { _ in [0..<WithheldRanges.head] }
  ) {
    self.isOrdered = isOrdered
    self.graph = graph
    self.opener = opener
    self.withheld = withheld
  }

  /// Makes an empty file that will stand at `path`, for `user` to fill.
  ///
  /// - Throws: kind `conflict` where something already in use stands at the path; the system's reason otherwise.
  func make(_ path: String, flags: NodeFlags, _ attributes: FileAttributes, for user: RootUser)
    throws(BlockError)
  {
    let target = try makeTarget(path, flags.union(.writable), attributes)
    try graph.attach(user, toUnused: target.node)
    targets.append(target)
  }

  private func makeTarget(_ path: String, _ flags: NodeFlags, _ attributes: FileAttributes)
    throws(BlockError) -> Target
  {
    if opener.isRemote(path) { return try openRemote(path, flags) }
    switch FilePaths.kind(of: path) {
    case nil: return try stage(path, flags, attributes)
    case .regular: return try replace(path, flags, attributes)
    case .blockDevice, .characterDevice:
      try refuseUsed(path)
      let file = try openPresent(path)
      return try usePresent(file, "host_device", path, flags)
    case .directory:
      throw BlockError(.invalidArgument, "Is a directory")
        .prefixed("Could not create '\(path)'", naming: path)
    case .pipe where isOrdered: return try usePipe(path, flags)
    case .pipe, .other:
      throw BlockError(
        .invalidArgument, "not a regular file or device", advice: TargetFiles.whatPipesTake(opener.kinds)
      )
      .prefixed("Could not create '\(path)'", naming: path)
    }
  }

  /// Tells the images that are written from start to end.
  private static func whatPipesTake(_ kinds: [any DriverKind]) -> Advice {
    var words: [String] = []
    for kind in kinds where !kind.isProtocol {
      guard let options = kind.orderedOptions else { continue }
      let stated = options.entries.map { "\($0.key)=\($0.value.string ?? "")" }
      words.append(([kind.name] + stated.map { "with \($0)" }).joined(separator: " "))
    }
    return "'convert' writes images into pipes whose format is \(words.joined(separator: ", or "))."
  }

  /// Whether the file at a node was empty, and so reads as zero, when it was made.
  func readsZero(_ node: Node) -> Bool {
    for target in targets where target.node === node {
      if case .present(_, wasFile: false) = target.place { return false }
    }
    return true
  }

  // MARK: The end

  /// All files hold an empty image, which is open: pipes are handed on what comes.
  func begin() {
    for case .pipe(let driver) in targets.map(\.place) { driver.begin() }
  }

  /// Makes sure that everything that was written is there.
  func complete() throws(BlockError) {
    for target in targets {
      try inFile(target.node.fileName, "Could not create") { () throws(BlockError) in
        switch target.place {
        case .staged(let file):
          target.spaceAhead?.finish()
          try file.complete()
        case .pipe(let driver): try driver.finish()
        case .present: break
        }
      }
    }
  }

  /// Lets everything appear under its name, or nothing: files named by an image before the image that names them. It
  /// can be taken back with `withdraw`, unless that `isFinal`.
  func publish(isFinal: Bool) throws(BlockError) {
    if isFinal, targets.count == 1, case .staged(let file) = targets[0].place {
      try inFile(targets[0].node.fileName, "Could not create") { () throws(BlockError) in
        try file.publish()
      }
    } else {
      try publishTogether()
    }
    targets = []
  }

  private func publishTogether() throws(BlockError) {
    // Of a failure nothing stays, also of files in place that were filled and whose turn has not come.
    appeared = targets.map(\.place)
    do throws(BlockError) {
      // An old image does not stand beside new files of its own.
      if targets.count > 1, let image = targets.first, case .staged(let file) = image.place {
        try inFile(image.node.fileName, "Could not create") { () throws(BlockError) in try file.retire() }
      }
      for target in targets.reversed() {
        try graph.faults.pass("publish '\(target.node.fileName)'")
        try inFile(target.node.fileName, "Could not create") { () throws(BlockError) in
          switch target.place {
          case .staged(let file): try file.appear()
          case .present(let driver, _): try driver.writeParts()
          case .pipe: break
          }
        }
      }
    } catch {
      withdraw()
      throw error
    }
  }

  /// Takes back what has appeared, as far as that can be: a file that was filled in place is empty.
  func withdraw() {
    for place in appeared.reversed() {
      switch place {
      case .staged(let file): file.withdraw()
      // An error here has the cause of the one that is told already.
      case .present(let driver, _): try? driver.begin()
      case .pipe: break
      }
    }
    appeared = []
  }

  /// Says of an error what helps against it, where that is about files that are replaced.
  ///
  /// - Parameter fillsFiles: whether the files can also be filled where they are.
  func explain(_ error: BlockError, fillsFiles: Bool = true) -> BlockError {
    guard error.kind == .noSpace else { return error }
    for target in targets {
      guard case .staged(let file) = target.place, file.replaces else { continue }
      var error = error
      error.advice = fillsFiles ? TargetFiles.roomForBoth : TargetFiles.roomForNew
      return error
    }
    return error
  }

  /// The advice where there is room for only one of two files.
  static let roomForBoth: Advice =
    "The file that is replaced stays until the new one is complete, so that both need room: remove it first, or fill "
    + "it in place with 'convert -n'."

  /// The same advice for what is not filled in place.
  private static let roomForNew: Advice =
    "The file that is replaced stays until the new one is complete, so that both need room: remove it first."

  /// Gives up the files that were not published, those that published ones have replaced, and the permissions for the
  /// files that stood at the paths.
  func close() {
    for case .staged(let file) in appeared { file.settle() }
    appeared = []
    for user in guards { try? graph.release(user) }
    guards = []
    targets = []
  }

  // MARK: Places

  private func stage(_ path: String, _ flags: NodeFlags, _ attributes: FileAttributes) throws(BlockError)
    -> Target
  {
    let staged = try inFile(path, "Could not create") { () throws(BlockError) in
      try StagedFile(path: path)
    }
    return try use(staged, path, flags, attributes)
  }

  private func use(_ staged: StagedFile, _ path: String, _ flags: NodeFlags, _ attributes: FileAttributes)
    throws(BlockError) -> Target
  {
    if flags.contains(.direct) {
      try inFile(path, "Could not create") { () throws(BlockError) in try staged.file.setDirect(true) }
    }
    attributes.apply(to: staged.file)
    // A file that replaces a good one is durable before it does.
    let ahead = SpaceAhead(staged.file)
    let driver = FileDriver(staged.file, path: path, isAwaited: staged.replaces, spaceAhead: ahead)
    let node = try graph.adopt(driver, fileName: path, flags: flags)
    return Target(node: node, place: .staged(staged), spaceAhead: ahead)
  }

  /// An existing file is replaced in the end where its place can be taken with all that it has.
  private func replace(_ path: String, _ flags: NodeFlags, _ attributes: FileAttributes) throws(BlockError)
    -> Target
  {
    try refuseUsed(path)
    let present = try openPresent(path)
    let staged: StagedFile
    do throws(BlockError) {
      staged = try StagedFile(path: path)
    } catch {
      guard error.kind == .refused else { throw error.prefixed("Could not create '\(path)'", naming: path) }
      opener.warn(.overwritten(path, because: error.message))
      return try usePresent(present, "file", path, flags)
    }
    try guardPresent(present, path)
    return try use(staged, path, flags, attributes)
  }

  private func openPresent(_ path: String) throws(BlockError) -> File {
    try inFile(path, "Could not create") { () throws(BlockError) in
      try File(path: path, mode: .writable)
    }
  }

  /// Refuses to write to a file that this command itself reads, such as a layer of its source.
  private func refuseUsed(_ path: String) throws(BlockError) {
    guard let identity = FilePaths.identity(of: path) else { return }
    for node in graph.nodes {
      guard node.driver is any StorageDriver, FilePaths.identity(of: node.fileName) == identity else {
        continue
      }
      var error = BlockError(lock: "\"write\"", of: path, heldBy: .this, mayBeForced: false)
      if let part = ChainFiles.part(of: path, in: graph) {
        error.advice = "It is \(part): name another target."
      }
      throw error.about(path)
    }
  }

  /// Nobody else may be using a file that is going to be replaced, and nobody may start to meanwhile.
  private func guardPresent(_ file: File, _ path: String) throws(BlockError) {
    let node = try graph.adopt(FileDriver(file, path: path), fileName: path, flags: .writable)
    let user = graph.makeUser(
      "file to be replaced '\(path)'",
      request: PermissionRequest(held: [.write, .resize], shared: Permissions.all.subtracting(.resize)))
    do throws(BlockError) {
      try graph.attach(user, toUnused: node)
    } catch {
      graph.detach(user)
      throw error
    }
    guards.append(user)
  }

  private func usePresent(_ file: File, _ driverName: String, _ path: String, _ flags: NodeFlags)
    throws(BlockError) -> Target
  {
    if flags.contains(.direct) {
      try inFile(path, "Could not create") { () throws(BlockError) in try file.setDirect(true) }
    }
    let isFile = file.kind == .regular
    let storage = FileDriver(file, path: path, name: driverName)
    // A regular file starts empty.
    let driver = HeaderLastDriver(
      storage, path: path, startsEmpty: isFile, withheld: withheld(isFile ? 0 : storage.length))
    let node = try graph.adopt(driver, fileName: path, flags: flags)
    return Target(node: node, place: .present(driver, wasFile: isFile))
  }

  private func usePipe(_ path: String, _ flags: NodeFlags) throws(BlockError) -> Target {
    let driver = try inFile(path, "Could not create") { () throws(BlockError) in
      PipeDriver(try File(pipe: path))
    }
    return Target(node: try graph.adopt(driver, fileName: path, flags: flags), place: .pipe(driver))
  }

  private func openRemote(_ name: String, _ flags: NodeFlags) throws(BlockError) -> Target {
    let image = try ImageName(name, protocols: opener.protocols)
    let prefix = ImageName.protocolPrefix(of: name)
    let driver = opener.protocols.first { $0.text == prefix }?.driver ?? name
    let failure = "Protocol driver '\(driver)' does not support image creation, and opening the image failed"
    return try inContext(failure) { () throws(BlockError) in
      var driver: HeaderLastDriver?
      let node = try opener.openStorage(image, flags) { (storage) throws(BlockError) in
        guard let storage = storage as? any InPlaceStorage else {
          throw BlockError(.unsupported, "'\(storage.name)' does not support image creation")
        }
        let made = HeaderLastDriver(storage, path: name, withheld: self.withheld(storage.length))
        driver = made
        return made
      }
      guard let driver else {
        graph.dispose(ofUnused: node)
        throw BlockError(.unsupported, "'\(node.driver.name)' does not support image creation")
      }
      return Target(node: node, place: .present(driver, wasFile: false))
    }
  }
}
