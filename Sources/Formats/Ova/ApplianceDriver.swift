// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Crypto
internal import Errors
internal import Host
internal import Options

/// An open appliance, which shows one of its disks. It is only read.
final class ApplianceDriver: ComposedDriver, VerifiableDriver, ContainingDriver, @unchecked Sendable {
  /// The slots of the disks.
  static let disks = EdgeSlot(rawValue: "disks")
  /// The slot of the digests, where they are a file of their own.
  static let manifest = EdgeSlot(rawValue: "manifest")

  let name: String
  private let appliance: Appliance
  /// The disk that is shown; nil where only tables are looked at and nobody chose.
  private let shown: Int?
  /// Whether the files stand in the appliance's own.
  private let isArchive: Bool
  /// Set before anybody uses the node, and not changed then.
  private var manifest: Result<OvfManifest, BlockError>?

  init(_ appliance: Appliance, name: String, shows index: Int?, isArchive: Bool) {
    self.appliance = appliance
    self.name = name
    self.isArchive = isArchive
    shown = index
    manifest = appliance.manifest
  }

  /// The disk that is shown, or all; and the digests where they are a file.
  var references: [ImageReference] {
    var references: [ImageReference] = []
    for (index, disk) in appliance.disks.enumerated() where shown == nil || shown == index {
      guard disk.defect == nil else { continue }
      var reference = ImageReference(
        slot: ApplianceDriver.disks.element(index), role: [.data, .metadata],
        name: disk.pieces.first?.name ?? "",
        format: nil)
      let (name, stated) = (disk.name, disk.description.knownFormat)
      let size = isArchive || disk.description.chunkSize == nil ? nil : disk.description.fileSize
      if isArchive {
        reference.parts = disk.pieces.map(\.range)
      } else if disk.isOrdinary {
        reference.otherNames = Array(disk.description.fileNames.dropFirst())
      } else {
        reference.pieces = disk.pieces.map(\.names)
      }
      if disk.description.compression != nil {
        let capacity = disk.description.capacity
        reference.unpack = { (file: Edge) throws(BlockError) in
          try inContext("the file '\(name)'") { () throws(BlockError) in
            try UnpackedFile(file, capacity: capacity)
          }
        }
      }
      reference.staysInFolder = true
      reference.check = { (node: Node) throws(BlockError) in
        guard !(node.driver is ApplianceDriver) else {
          throw BlockError(.refused, "'\(name)' is an appliance itself")
        }
        let file = node.file?.child
        let stored = file?.driver is UnpackedFile ? file?.file?.child : file
        guard size == nil || stored?.length == size else {
          throw BlockError(
            .corrupt,
            "the parts of the file '\(name)' have \(stored?.length ?? 0) bytes together, not \(size ?? 0)")
        }
        // What is damaged would be taken for a raw disk.
        guard stated == nil || node.driver.name != "raw" else {
          throw BlockError(
            .corrupt, "'\(name)' is no image of the format \(stated ?? ""), as the description has it")
        }
        return []
      }
      references.append(reference)
    }
    guard !isArchive else { return references }
    let stem = String(appliance.description.name.dropLast(4))
    var digests = ImageReference(
      slot: ApplianceDriver.manifest, role: .metadata, name: WindowsPath.plain(stem + ".mf"), format: nil,
      isStorage: true)
    digests.otherNames = [WindowsPath.plain(stem + ".MF")]
    digests.staysInFolder = true
    digests.isOptional = true
    return references + [digests]
  }

  func readReferences(of node: Node) throws(BlockError) {
    guard let edge = node.edge(ApplianceDriver.manifest) else { return }
    let length = edge.length
    guard length <= OvfManifest.longest else {
      manifest = .failure(
        BlockError(
          .tooLarge, "the manifest has \(length) bytes; no more than \(OvfManifest.longest) are read"))
      return
    }
    let text = try edge.read(at: 0, count: Int(length))
    do throws(BlockError) {
      manifest = .success(
        try inContext("the manifest") { () throws(BlockError) in try OvfManifest(parsing: text.array) })
    } catch {
      manifest = .failure(error)
    }
  }

  // MARK: The disk

  private func disk(of node: Node) -> Edge? { shown.flatMap { node.edge(ApplianceDriver.disks.element($0)) } }

  func shownImage(of node: Node) throws(BlockError) -> Node {
    guard let disk = disk(of: node) else { throw appliance.ambiguity }
    return disk.child
  }

  /// Of several disks that nobody chose among, all that they have together.
  func length(of node: Node) -> UInt64 {
    if let disk = disk(of: node) { return disk.length }
    var sum: UInt64 = 0
    for edge in node.children where edge.slot != .file && edge.slot != ApplianceDriver.manifest {
      sum = sum.plus(edge.length) ?? .max
    }
    return sum
  }

  func limits(of node: Node) -> Limits {
    var limits = Limits()
    if let disk = disk(of: node) { limits.clusterSize = disk.child.limits.clusterSize }
    return limits
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    guard let shown, let edge = disk(of: node) else { throw appliance.ambiguity }
    let location = Extent.Location(ApplianceDriver.disks.element(shown), offset)
    return Extent(.data, length: min(length, edge.length - offset), location: location, isPassThrough: true)
  }

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    throw ApplianceDriver.onlyRead
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}

  func flush(_ node: Node) throws(BlockError) {}

  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    var options = options
    _ = try options.takeString("disk")
    try options.refuseRest(of: name)
    if flags.contains(.writable) { throw ApplianceDriver.onlyRead }
  }

  /// The error where somebody wants to write.
  static let onlyRead = BlockError(
    .unsupported, "the disks of an appliance are only read",
    advice: "'convert' makes an image of one that can be written.")

  // MARK: Digests

  /// The digests, where there are some.
  ///
  /// - Throws: why they cannot be read.
  private func readable(of node: Node) throws(BlockError) -> OvfManifest? {
    do throws(BlockError) {
      return try manifest?.get()
    } catch {
      throw error.about(node.fileName).advising("--no-verify reads the disk all the same.")
    }
  }

  func verifyContent(of node: Node, _ context: JobContext) throws(BlockError) {
    guard let manifest = try readable(of: node), let shown else { return }
    // What stands beside a description that has a manifest is a file of this machine.
    let folder = FilePaths.folder(of: node.fileName)
    try appliance.verify(manifest, of: node.fileName, but: shown) { name in
      !isArchive && FilePaths.kind(of: FilePaths.join(folder, name)) != nil
    }
    let disk = appliance.disks[shown]
    var unknown: String?
    for (index, piece) in disk.pieces.enumerated() {
      guard let name = piece.names.first(where: { manifest.entries[$0] != nil }),
        let entry = manifest.entries[name]
      else {
        unknown = unknown ?? piece.name
        continue
      }
      let edge = try isArchive ? node.child(in: .file) : file(of: disk, piece: index, node)
      let range = isArchive ? piece.range : 0..<edge.length
      try ApplianceDriver.verify(range, of: edge, entry, name, context)
    }
    if let unknown {
      context.warn(
        BlockError(
          .notFound, "'\(unknown)' is not in the manifest, its content is not verified", naming: unknown))
    }
  }

  /// The file beside the description that holds the disk that is shown, or a piece of it.
  private func file(of disk: Appliance.Disk, piece: Int, _ node: Node) throws(BlockError) -> Edge {
    var edge = try node.child(in: ApplianceDriver.disks.element(shown ?? 0)).child.child(in: .file)
    guard !disk.isOrdinary else { return edge }
    if edge.child.driver is UnpackedFile { edge = try edge.child.child(in: .file) }
    return try edge.child.child(in: ImageReference.pieceSlots.element(piece))
  }

  private static func verify(
    _ range: Range<UInt64>, of edge: Edge, _ entry: OvfManifest.Entry, _ name: String, _ context: JobContext
  ) throws(BlockError) {
    let digest = try ContentHash(entry.algorithm).digest(of: range, in: edge, context)
    try entry.require(digest, of: name)
  }

  func checkContent(of node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError)
    -> UInt64?
  {
    guard let manifest else { return nil }
    var count: UInt64 = 0
    func note(_ words: String) {
      report("ERROR: \(words)")
      count += 1
    }
    switch manifest {
    case .failure(let error): note(error.message)
    case .success(let manifest):
      let check = ManifestCheck(manifest, appliance)
      if isArchive {
        try check.members(in: try node.child(in: .file), context, note)
      } else {
        try check.files(beside: node.fileName, pieces: shownFiles(of: node), context, note)
      }
    }
    return count
  }

  /// The files beside the description that hold the disk that is shown, with the names that they may have.
  private func shownFiles(of node: Node) throws(BlockError) -> [(names: [String], file: Edge)] {
    guard let shown else { return [] }
    let disk = appliance.disks[shown]
    var files: [(names: [String], file: Edge)] = []
    for (index, piece) in disk.pieces.enumerated() {
      files.append((piece.names, try file(of: disk, piece: index, node)))
    }
    return files
  }

  // MARK: Information

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.isDirty = nil
    var disks: [OptionTree] = []
    for (index, disk) in appliance.disks.enumerated() {
      var object = OptionObject()
      object["number"] = OptionTree(UInt64(index + 1))
      object["id"] = .string(disk.description.id)
      if let file = disk.description.file { object["filename"] = .string(file) }
      if let edge = node.edge(ApplianceDriver.disks.element(index)) {
        object["virtual-size"] = OptionTree(edge.length)
        object["format"] = .string(edge.child.driver.name)
      } else if let capacity = disk.description.capacity {
        object["capacity"] = OptionTree(capacity)
      }
      if let compression = disk.description.compression { object["compression"] = .string(compression) }
      if let defect = disk.defect { object["defect"] = .string(defect.finding) }
      disks.append(.object(object))
    }
    var data: OptionObject = ["has-manifest": .bool(manifest != nil), "disks": .array(disks)]
    if case .failure(let defect) = manifest { data["manifest-defect"] = .string(defect.message) }
    if let shown { data["disk"] = OptionTree(UInt64(shown + 1)) }
    information.specific = ["type": .string(name), "data": .object(data)]
    return information
  }
}
