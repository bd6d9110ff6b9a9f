// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

extension VmdkDescriptor {
  /// An identifier that no image has by intention.
  static func freshContentID() -> UInt32 { .random(in: 1..<(.max - 1)) }

  /// Refuses the name of a parent that cannot stand in a text.
  static func requireName(_ name: String) throws(BlockError) {
    guard !name.spelledBytes.contains(where: { $0 < 0x20 || $0 == Ascii.quote }), name.spelledCount <= 1023
    else {
      throw BlockError(.invalidArgument, "the backing file's name cannot stand in a descriptor")
    }
  }

  /// The eight digits of an identifier.
  static func digits(_ identifier: UInt32) -> String {
    let text = String(identifier, radix: 16)
    return String(repeating: "0", count: 8 - text.count) + text
  }

  /// The parent, which must have the content that it had when this image was made upon it.
  var backing: ImageReference? {
    guard hasParent, let parentName else { return nil }
    let (expected, announced) = (parentContentID, announcedParentID)
    var reference = ImageReference(slot: .backing, role: .cow, name: parentName, format: "vmdk")
    reference.check = { (node: Node) throws(BlockError) in
      guard let parent = (node.driver as? any VmdkDriver)?.descriptor?.current else {
        throw BlockError(.refused, "'\(node.fileName)' is no VMDK image")
      }
      guard parent.contentID == expected || parent.contentID == announced else {
        throw BlockError(
          .refused,
          "the content of '\(node.fileName)' is no longer what this image was made upon: its CID is "
            + "\(VmdkDescriptor.digits(parent.contentID)), parentCID is \(VmdkDescriptor.digits(expected))",
          advice:
            "Something was written to the parent since. What is read through this image may make no sense. Where "
            + "that does no harm, 'rebase -u' to the same name takes the parent as it is now.")
      }
      return []
    }
    return reference
  }
}

/// Any driver of the format.
protocol VmdkDriver: AmendingDriver, IdentifiedDriver, DestinedDriver {
  /// The descriptor; nil for an extent that is no image of its own.
  var descriptor: OpenDescriptor? { get }

  /// Gives the image another content identifier, if it has not got one since it was opened.
  func beginChanges(_ node: Node) throws(BlockError)

  /// Refuses an image whose disk has a place for all of its content, so that no parent shows through.
  func requireHoles() throws(BlockError)
}

extension VmdkDriver {
  /// The content identifier, which changes with the content.
  var identity: ImageIdentity { VmdkDescriptor.identity(descriptor?.current.contentID ?? 0) }
  var nextIdentity: ImageIdentity { VmdkDescriptor.identity(descriptor?.nextContentID ?? 0) }

  func tells(of event: BlockEvent) -> Bool {
    switch event {
    case .readAIO, .readCompressed, .writeAIO, .writeCompressed: true
    case .cowRead, .cowWrite, .l2Load, .l2Update: true
    default: false
    }
  }
}

extension VmdkDescriptor {
  /// What other images know a content identifier by.
  fileprivate static func identity(_ contentID: UInt32) -> ImageIdentity {
    let identifier = Buffer(count: 4)
    var bytes = identifier.mutableBytes
    bytes.storeBig(contentID, at: 0)
    return ImageIdentity(format: "vmdk", id: identifier.array)
  }
}

// MARK: The parent, and what else the text says

extension VmdkDriver {
  func renewIdentity(of node: Node) throws(BlockError) { try beginChanges(node) }

  func announceBacking(_ identity: ImageIdentity, of node: Node) throws(BlockError) {
    guard let file = node.file, identity.format == name, identity.id.count == 4 else { return }
    try descriptor?.announceParent(Buffer(identity.id).bytes.big32(at: 0), in: file)
  }

  /// The parent has the content that this image stands on, whatever it is now.
  func adoptBacking(of node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    try descriptor?.adoptParent(of: node, in: file)
  }

  /// Where no user may change the content, its identifier stays whatever is written.
  func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {
    descriptor?.keepContent(!request.held.contains(.write) && request.held.contains(.writeUnchanged))
  }

  /// With one write of the text the image has another parent, or none.
  func setBackingFile(_ name: String?, format: String?, of node: Node) throws(BlockError) {
    guard let file = node.file, let descriptor else {
      throw BlockError(.unsupported, "Operation not supported")
    }
    let name = name.flatMap { $0.isEmpty ? nil : $0 }
    guard name == nil || format == nil || format == self.name else {
      throw BlockError(.invalidArgument, "backing_file must be a vmdk image")
    }
    if name != nil { try requireHoles() }
    try flush(node)
    let below = node.backing?.child.visible
    var identity: UInt32?
    if let name, let below, below.fileName == ImageName.resolve(name, relativeTo: node.fileName) {
      guard let parent = (below.driver as? any VmdkDriver)?.descriptor?.current else {
        throw BlockError(.invalidArgument, "backing_file must be a vmdk image")
      }
      identity = parent.contentID
    }
    try descriptor.setParent(name, identity, in: file)
  }

  /// Changes lines of the data base; the content stays as it is.
  func amend(_ request: AmendRequest, of node: Node, _ context: JobContext) throws(BlockError) -> AmendEffect?
  {
    guard let file = node.file, let descriptor else {
      throw BlockError(.unsupported, "Format driver 'vmdk' does not support option amendment")
    }
    let amendment = try VmdkAmendment(request.options)
    let before = descriptor.currentText
    let sectors = length(of: node) / 512
    return AmendEffect(
      commit: { () throws(BlockError) in
        try descriptor.edit(in: file) { amendment.apply(to: &$0, sectors: sectors) }
      },
      takeBack: { () throws(BlockError) in try descriptor.edit(in: file) { $0 = before } })
  }
}

extension VmdkDescriptor {
  /// The part of `info` that is the format's own.
  func information(_ extents: [OptionObject]) -> OptionTree {
    var data = OptionObject()
    data["cid"] = OptionTree(UInt64(contentID))
    data["parent-cid"] = OptionTree(UInt64(parentContentID))
    data["create-type"] = .string(createType)
    data["extents"] = .array(extents.map { .object($0) })
    return .object(["type": "vmdk", "data": .object(data)])
  }
}
