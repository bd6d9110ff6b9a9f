// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// The descriptor of an open image, and its place in the image's file.
final class OpenDescriptor: @unchecked Sendable {
  private let lock = ConditionLock()
  /// Guarded by `lock`, also while it is written; so is what follows.
  private var descriptor: VmdkDescriptor
  private var text: [UInt8]
  private var isRenewed = false
  /// The offset of the text in the file, in bytes.
  private let offset: UInt64
  /// Bytes of the file that the text may take; nil where it is the file.
  private let room: Int?

  /// Reads a text that stands at `offset` bytes.
  ///
  /// - Throws: as `VmdkDescriptor` does.
  init(_ text: [UInt8], at offset: UInt64 = 0, room: Int? = nil) throws(BlockError) {
    descriptor = try VmdkDescriptor(parsing: text)
    self.text = text
    self.offset = offset
    self.room = room
  }

  /// The descriptor as it stands in the file.
  var current: VmdkDescriptor { lock.withLock { descriptor } }

  /// Gives the content another identifier, once, durably: images that stand on this one know that it changed.
  func renew(in file: Edge) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      guard !isRenewed, let place = descriptor.contentIDPlace else { return }
      try replace(place, by: VmdkDescriptor.freshContentID(), in: file)
      isRenewed = true
    }
  }

  /// Notes that the image stands on the content that its parent has now.
  func adoptParent(of node: Node, in file: Edge) throws(BlockError) {
    guard let parent = (node.backing?.child.driver as? any VmdkDriver)?.descriptor?.current else { return }
    try lock.withLock { () throws(BlockError) in
      guard descriptor.parentContentID != parent.contentID, let place = descriptor.parentContentIDPlace else {
        return
      }
      try replace(place, by: parent.contentID, in: file)
    }
  }

  /// Writes an identifier into the text with one write: of its sector alone, where the digits before were as many.
  private func replace(_ place: Range<Int>, by identifier: UInt32, in file: Edge) throws(BlockError) {
    let digits = Array(VmdkDescriptor.digits(identifier).utf8)
    var next = text
    next.replaceSubrange(place, with: digits)
    // Nothing of the old text may stand behind a shorter one.
    next += Array(repeating: UInt8(ascii: "\n"), count: max(0, text.count - next.count))
    let changed = try VmdkDescriptor(parsing: next)
    if digits.count == place.count {
      try file.write(at: offset + UInt64(place.lowerBound), from: Buffer(digits).bytes)
    } else {
      guard next.count < room ?? .max else {
        throw BlockError(.noSpace, "the descriptor has no room for the identifier of another content")
      }
      try file.write(at: offset, from: Buffer(next).bytes)
    }
    try file.flush()
    (descriptor, text) = (changed, next)
  }
}

extension VmdkDescriptor {
  /// An identifier that no image has by intention.
  static func freshContentID() -> UInt32 { .random(in: 1..<(.max - 1)) }

  /// The eight digits of an identifier.
  static func digits(_ identifier: UInt32) -> String {
    let text = String(identifier, radix: 16)
    return String(repeating: "0", count: 8 - text.count) + text
  }

  /// The parent, which must have the content that it had when this image was made upon it.
  var backing: ImageReference? {
    guard hasParent, let parentName else { return nil }
    let expected = parentContentID
    var reference = ImageReference(slot: .backing, role: .cow, name: parentName, format: "vmdk")
    reference.check = { (node: Node) throws(BlockError) in
      guard let parent = (node.driver as? any VmdkDriver)?.descriptor?.current else {
        throw BlockError(.refused, "'\(node.fileName)' is no VMDK image")
      }
      guard parent.contentID == expected else {
        throw BlockError(
          .refused,
          "the content of '\(node.fileName)' is no longer what this image was made upon: its CID is "
            + "\(VmdkDescriptor.digits(parent.contentID)), parentCID is \(VmdkDescriptor.digits(expected))",
          advice:
            "Something was written to the parent since. What is read through this image may make no sense.")
      }
      return []
    }
    return reference
  }
}

/// Either driver of the format.
protocol VmdkDriver: FormatDriver, IdentifiedDriver {
  /// The descriptor; nil for an extent that is no image of its own.
  var descriptor: OpenDescriptor? { get }
}

extension VmdkDriver {
  /// The content identifier, which changes with the content.
  var identity: ImageIdentity {
    let identifier = Buffer(count: 4)
    var bytes = identifier.mutableBytes
    bytes.storeBig(descriptor?.current.contentID ?? 0, at: 0)
    return ImageIdentity(format: name, id: identifier.array)
  }
}
