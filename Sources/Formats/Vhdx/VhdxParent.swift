// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// What an image knows its parent by.
struct VhdxParent: Equatable {
  /// The id that the parent's content has, or none where nobody knew it.
  var dataWriteID: GUID
  /// The id of the disk, which is the child's, too.
  var diskID: GUID
  /// Bytes of the disk's sectors, which the child has, too; nil where nobody knew them.
  var sectorSize: UInt64?

  init(dataWriteID: GUID, diskID: GUID, sectorSize: UInt64? = nil) {
    self.dataWriteID = dataWriteID
    self.diskID = diskID
    self.sectorSize = sectorSize
  }

  /// The parent with an identity, as a node tells it.
  ///
  /// - Throws: kind `unsupported` for an image of another format.
  init(_ identity: ImageIdentity?) throws(BlockError) {
    guard let identity, identity.format == "vhdx", identity.id.count == 32 else { throw VhdxParent.foreign }
    let buffer = Buffer(identity.id)
    dataWriteID = GUID(parsing: buffer.bytes, at: 0)
    diskID = GUID(parsing: buffer.bytes, at: 16)
    sectorSize = identity.sectorSize
  }

  /// Throws, kind `unsupported`, where the parent's disk has other sectors than that of its child. `name` is the parent's
  /// name.
  func requireSectors(of size: UInt64, _ name: String) throws(BlockError) {
    guard let sectorSize, sectorSize != size else { return }
    throw BlockError(
      .unsupported,
      "The parent '\(name)' has sectors of \(sectorSize) bytes, and the image of \(size)",
      advice: "A child's 'logical_sector_size' is that of its parent.")
  }

  /// The identity that a node tells.
  var identity: ImageIdentity {
    let buffer = Buffer(count: 32)
    var bytes = buffer.mutableBytes
    dataWriteID.write(to: &bytes, at: 0)
    diskID.write(to: &bytes, at: 16)
    return ImageIdentity(format: "vhdx", id: buffer.array, sectorSize: sectorSize ?? 0)
  }

  /// The error for a parent of another format.
  static let foreign = BlockError(
    .unsupported, "The backing file of a vhdx image must be one itself",
    advice: "Only an image of the same format has an id by which its children know it.")
}

extension VhdxParentLocator {
  private static let linkage = "parent_linkage"
  private static let secondLinkage = "parent_linkage2"
  /// The keys with names of the parent, in the order in which they are tried.
  private static let paths = ["relative_path", "volume_path", "absolute_win32_path"]

  /// The locator by which an image in a file called `image` names its parent.
  ///
  /// - Throws: kind `invalidArgument` for a name that is no text, or that Windows would take apart elsewhere.
  init(of name: String, _ parent: VhdxParent, in image: String) throws(BlockError) {
    let bytes = name.spelledBytes
    guard String(validating: bytes, as: UTF8.self) != nil, !bytes.contains(UInt8(ascii: "\\")) else {
      throw BlockError(.invalidArgument, "A vhdx image cannot name the backing file '\(name)'")
    }
    guard bytes.count <= 4096 else { throw BlockError(.tooLarge, "Backing file name too long") }
    let spellings = WindowsPath.spellings(of: name, in: image)
    entries = [(VhdxParentLocator.linkage, "{\(parent.dataWriteID)}")]
    if let relative = spellings.relative { entries.append(("relative_path", relative)) }
    if let absolute = spellings.absolute { entries.append(("absolute_win32_path", absolute)) }
  }

  /// The ids that the parent may have.
  var linkages: [GUID] {
    [VhdxParentLocator.linkage, VhdxParentLocator.secondLinkage].compactMap { key in
      self[key].flatMap { GUID($0) }
    }.filter { $0 != .none }
  }

  /// What is known of the parent, with the keys that the specification has for it.
  var known: [(key: String, value: String)] {
    var known: [(key: String, value: String)] = []
    for key in [VhdxParentLocator.linkage, VhdxParentLocator.secondLinkage] + VhdxParentLocator.paths {
      if let value = self[key] { known.append((key, value)) }
    }
    return known
  }

  /// The names of the parent, in the order in which they are tried.
  var names: [String] {
    var names: [String] = []
    for key in VhdxParentLocator.paths {
      guard let path = self[key] else { continue }
      for name in WindowsPath.names(String(spelling: path.utf8)) where !names.contains(name) {
        names.append(name)
      }
    }
    return names
  }

  /// The parent of an image with sectors of so many bytes; nil where no name is stated.
  func reference(sectorSize: UInt64) -> ImageReference? {
    let names = names
    guard let first = names.first else { return nil }
    var reference = ImageReference(slot: .backing, role: .cow, name: first, format: "vhdx")
    reference.otherNames = Array(names.dropFirst())
    reference.staysInFolder = true
    let linkages = linkages
    reference.check = { (node) throws(BlockError) in
      guard let found = try? VhdxParent(node.identity) else { return [] }
      guard linkages.isEmpty || linkages.contains(found.dataWriteID) else {
        throw VhdxParentLocator.notAsItWas(node, found, linkages)
      }
      try found.requireSectors(of: sectorSize, node.fileName)
      return []
    }
    return reference
  }
  private static func notAsItWas(_ node: Node, _ found: VhdxParent, _ linkages: [GUID]) -> BlockError {
    BlockError(
      .corrupt,
      "'\(node.fileName)' is not the parent of this image as it was: its id is \(found.dataWriteID), not "
        + "\(linkages[0])",
      advice:
        "Content that was written over one state of a parent means nothing over another. Where that does no harm, "
        + "'rebase -u' to the same name takes the parent as it is now.")
  }

  /// The same locator for another state of the parent.
  func naming(_ parent: VhdxParent) -> VhdxParentLocator {
    let others = entries.filter {
      ![VhdxParentLocator.linkage, VhdxParentLocator.secondLinkage].contains($0.key)
    }
    return VhdxParentLocator(entries: [(VhdxParentLocator.linkage, "{\(parent.dataWriteID)}")] + others)
  }

  /// The same locator for the parent as it is, and for the state that it is about to have.
  func announcing(_ parent: VhdxParent) -> VhdxParentLocator {
    let others = entries.filter { $0.key != VhdxParentLocator.secondLinkage }
    return VhdxParentLocator(
      entries: others + [(VhdxParentLocator.secondLinkage, "{\(parent.dataWriteID)}")])
  }
}
