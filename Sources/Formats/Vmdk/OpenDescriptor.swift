// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// The descriptor of an open image, and its place in the image's file.
final class OpenDescriptor: @unchecked Sendable {
  /// Bytes of an embedded descriptor's place that are left free: other programs add lines of their own there.
  static let spareBytes = 1024

  private let lock = ConditionLock()
  /// Guarded by `lock`, also while it is written; so is what follows.
  private var descriptor: VmdkDescriptor
  private var text: [UInt8]
  private var isRenewed = false
  /// What the content is identified by once it has changed.
  private let freshID = VmdkDescriptor.freshContentID()
  /// Whether the file may have another text, since it could not be written.
  private var isUncertain = false
  private var keepsContent = false
  /// The content identifiers of parents by the names that the text had or has for them.
  private var knownParents: [String: UInt32] = [:]
  /// The offset of the text in the file, in bytes.
  private let offset: UInt64
  /// Bytes of the file that the text may take; nil where it is the file.
  private let room: Int?

  /// Reads a text that stands at `offset` bytes.
  ///
  /// - Throws: as `VmdkDescriptor` does.
  init(_ text: [UInt8], at offset: UInt64 = 0, room: Int? = nil) throws(BlockError) {
    // Some programs fill the last sector up.
    self.text = Array(text[..<((text.lastIndex { $0 != 0 } ?? -1) + 1)])
    descriptor = try VmdkDescriptor(parsing: self.text)
    self.offset = offset
    self.room = room
    noteParent()
  }

  /// The descriptor as it stands in the file.
  var current: VmdkDescriptor { lock.withLock { descriptor } }
  /// Whether the file is sure to have that text.
  var isCertain: Bool { lock.withLock { !isUncertain } }
  /// The text as it stands in the file.
  var currentText: DescriptorText { lock.withLock { DescriptorText(text) } }

  private func noteParent() {
    guard descriptor.hasParent, let name = descriptor.parentName else { return }
    knownParents[name] = descriptor.parentContentID
  }

  // MARK: Identifiers

  /// Whether all that is written from here on leaves the content as it is, so that its identifier stays.
  func keepContent(_ isKept: Bool) { lock.withLock { keepsContent = isKept } }

  /// Keeps the identifier while `body` changes how the content is stored, and nothing else.
  func keepingContent(_ body: () throws(BlockError) -> Void) throws(BlockError) {
    let before = lock.withLock {
      defer { keepsContent = true }
      return keepsContent
    }
    defer { lock.withLock { keepsContent = before } }
    try body()
  }

  /// The content identifier that `renew` would give now.
  var nextContentID: UInt32 { lock.withLock { placeToRenew == nil ? descriptor.contentID : freshID } }

  /// The place of the content identifier's digits where they are to change.
  private var placeToRenew: Range<Int>? { isRenewed || keepsContent ? nil : descriptor.contentIDPlace }

  /// Gives the content another identifier, once, durably: images that stand on this one know that it changed.
  func renew(of node: Node, in file: Edge) throws(BlockError) {
    let parent = OpenDescriptor.parent(of: node)
    try lock.withLock { () throws(BlockError) in
      guard let place = placeToRenew else { return }
      if let parent, descriptor.announcedParentID != nil { try adopt(parent.contentID, in: file) }
      try replace(place, by: freshID, in: file)
      isRenewed = true
    }
  }

  /// Notes that the content of the parent is about to have an identifier, if there is room for that.
  func announceParent(_ contentID: UInt32, in file: Edge) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      guard descriptor.hasParent, descriptor.parentContentIDPlace != nil else { return }
      var next = DescriptorText(text)
      next.announce(contentID)
      guard next.bytes.count <= room ?? Int(VmdkDescriptor.longest) else { return }
      // It goes soon: it may take what is spared for other programs.
      try put(next.bytes, sparing: 0, in: file)
    }
  }

  /// Notes that the image stands on the content that its parent has now.
  func adoptParent(of node: Node, in file: Edge) throws(BlockError) {
    guard let parent = OpenDescriptor.parent(of: node) else { return }
    try lock.withLock { () throws(BlockError) in try adopt(parent.contentID, in: file) }
  }

  private static func parent(of node: Node) -> VmdkDescriptor? {
    (node.backing?.child.driver as? any VmdkDriver)?.descriptor?.current
  }

  /// Puts the parent's content identifier into its place, and only then takes an announcement away.
  private func adopt(_ contentID: UInt32, in file: Edge) throws(BlockError) {
    if descriptor.parentContentID != contentID, let place = descriptor.parentContentIDPlace {
      try replace(place, by: contentID, in: file)
    }
    guard descriptor.announcedParentID != nil else { return }
    var next = DescriptorText(text)
    next.announce(nil)
    try put(next.bytes, in: file)
  }

  /// Writes an identifier into the text with one write: of its sector alone, where the digits before were as many.
  private func replace(_ place: Range<Int>, by identifier: UInt32, in file: Edge) throws(BlockError) {
    let digits = Array(VmdkDescriptor.digits(identifier).utf8)
    var next = text
    next.replaceSubrange(place, with: digits)
    guard digits.count == place.count else { return try put(next, in: file) }
    let changed = try VmdkDescriptor(parsing: next)
    let (before, after) = (Buffer(Array(text[place])), Buffer(digits))
    do throws(BlockError) {
      try file.write(at: offset + UInt64(place.lowerBound), from: after.bytes)
      try file.flush()
    } catch {
      // Images that know the content by its identifier are not to lose it for nothing.
      try? file.write(at: offset + UInt64(place.lowerBound), from: before.bytes)
      throw error
    }
    (descriptor, text) = (changed, next)
    noteParent()
  }

  // MARK: Lines

  /// Changes lines of the text, with one write, durably.
  ///
  /// - Throws: kind `noSpace` where the text has no room for them.
  func edit(in file: Edge, _ body: (inout DescriptorText) throws(BlockError) -> Void) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      var next = DescriptorText(text)
      try body(&next)
      if isUncertain || next.bytes != text { try put(next.bytes, in: file) }
    }
  }

  /// Writes a whole text. Where that fails, the one before is there again, as far as it can be written.
  private func put(_ next: [UInt8], sparing spare: Int = OpenDescriptor.spareBytes, in file: Edge)
    throws(BlockError)
  {
    let changed = try VmdkDescriptor(parsing: next)
    if let room, next.count > text.count, next.count > room - spare {
      throw BlockError(
        .noSpace,
        "the descriptor has no room for that (\(next.count) of \(room) bytes, of which \(OpenDescriptor.spareBytes) stay free for other programs)"
      )
    }
    guard next.count <= VmdkDescriptor.longest else {
      throw BlockError(.tooLarge, "the descriptor is longer than \(VmdkDescriptor.longest) bytes")
    }
    do throws(BlockError) {
      try store(next, insteadOf: text, in: file)
      try file.flush()
      if room == nil, file.length > next.count {
        try file.truncate(to: UInt64(next.count), exact: false)
        try file.flush()
      }
    } catch {
      // Whatever has become of it, what the text said before is still so.
      do throws(BlockError) {
        try store(text, insteadOf: next, in: file)
      } catch { isUncertain = true }
      throw error
    }
    isUncertain = false
    (descriptor, text) = (changed, next)
    noteParent()
  }

  /// Writes a text; nothing of another one stands behind it.
  private func store(_ next: [UInt8], insteadOf other: [UInt8], in file: Edge) throws(BlockError) {
    let gap = [UInt8](repeating: 0, count: max(0, other.count - next.count))
    let bytes = Buffer(next + gap)
    try file.write(at: offset, from: bytes.bytes)
  }

  // MARK: The parent

  /// Lets the text name another parent, or none.
  ///
  /// - Parameter identity: what the parent is known by where it is open; otherwise one that had the name before, or the
  ///   present one, is meant.
  func setParent(_ name: String?, _ identity: UInt32?, in file: Edge) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      var next = DescriptorText(text)
      next.announce(nil)
      var contentID = VmdkDescriptor.noParent
      if let name {
        let present = descriptor.hasParent ? descriptor.parentContentID : nil
        guard let known = identity ?? knownParents[name] ?? present else {
          throw BlockError(
            .refused, "an image without a parent knows of none which content it had",
            advice: "Without -u the parent is opened, and the image gets to know it.")
        }
        try VmdkDescriptor.requireName(name)
        contentID = known
        next.set(
          "parentFileNameHint", to: name, behind: "createType", line: "parentFileNameHint=\"\(name)\"")
      } else {
        next.remove("parentFileNameHint")
      }
      let digits = VmdkDescriptor.digits(contentID)
      next.set("parentCID", to: digits, behind: "CID", line: "parentCID=\(digits)")
      if next.bytes != text { try put(next.bytes, in: file) }
    }
  }
}
