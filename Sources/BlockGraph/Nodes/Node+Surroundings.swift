// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// What stands around a node in its graph, and what its driver tells of it.
extension Node {
  /// The node at the bottom, which has no file below.
  package var storage: Node {
    var node = self
    while let file = node.file { node = file.child }
    return node
  }

  /// Bytes that the image takes on its storage, where that is known and may be less than its length.
  package var allocatedLength: UInt64? {
    var storages: [Node] = []
    var seen: Set<ObjectIdentifier> = []
    collectStorage(in: &storages, &seen)
    guard storages.count > 1 else { return storages.first?.storedLength }
    var sum: UInt64 = 0
    for storage in storages {
      guard let length = storage.storedLength, let next = sum.plus(length) else { return nil }
      sum = next
    }
    return sum
  }

  private var storedLength: UInt64? { (driver as? any StorageDriver)?.allocatedLength(of: self) }

  /// Adds all storage that holds the image, each once: an image inside of a file has the file's.
  private func collectStorage(in storages: inout [Node], _ seen: inout Set<ObjectIdentifier>) {
    if driver is any StorageDriver {
      if seen.insert(ObjectIdentifier(self)).inserted { storages.append(self) }
      return
    }
    let holders = children.filter { !$0.role.isDisjoint(with: [.data, .metadata]) }
    guard !holders.isEmpty else {
      file?.child.collectStorage(in: &storages, &seen)
      return
    }
    for holder in holders { holder.child.collectStorage(in: &storages, &seen) }
  }

  /// The edge to what the node shows, where it is a filter.
  package var filtered: Edge? {
    driver.filteredSlot.flatMap { edge($0) }
  }

  /// The node, or what stands below all filters from here on: the image that they are in front of.
  package var unfiltered: Node {
    var node = self
    while let below = node.filtered?.child { node = below }
    return node
  }

  /// The node, or what stands below all those from here on that show the whole of another one, filters or not.
  package var shown: Node {
    var node = self
    while let below = node.children.first(where: { $0.role.contains(.filtered) })?.child { node = below }
    return node
  }

  /// The node, or what stands below those that the engine inserted: what users know of.
  package var visible: Node {
    var node = self
    while node.flags.contains(.implicit), let below = node.filtered?.child { node = below }
    return node
  }

  /// The edge to the next layer of the chain: the backing file, or what a filter filters.
  var chainEdge: Edge? {
    for edge in children where !edge.role.isDisjoint(with: [.cow, .filtered]) { return edge }
    return nil
  }

  /// Whether `other` is the node itself or stands somewhere below it.
  func reaches(_ other: Node) -> Bool {
    var seen: Set<ObjectIdentifier> = []
    var open = [self]
    while let node = open.popLast() {
      if node === other { return true }
      guard seen.insert(ObjectIdentifier(node)).inserted else { continue }
      for edge in node.children { open.append(edge.child) }
    }
    return false
  }

  /// The node of a name among those that this one stands on.
  package func descendant(named name: String) -> Node? {
    for edge in children {
      if edge.child.name == name { return edge.child }
      if let found = edge.child.descendant(named: name) { return found }
    }
    return nil
  }

  /// The permissions that all parents hold together, and those that all of them share.
  var cumulativePermissions: PermissionRequest {
    var request = PermissionRequest.none
    for edge in parents {
      request.held.formUnion(edge.request.held)
      request.shared.formIntersection(edge.request.shared)
    }
    return request
  }

  // MARK: What the driver tells

  /// The abilities of the node, given its present children.
  package var capabilities: Capabilities { driver.capabilities(of: self) }

  /// What tells the image from others, where its format knows that.
  package var identity: ImageIdentity? { (driver as? any IdentifiedDriver)?.identity }

  /// The driver, where it encrypts what it stores.
  var encryption: (any EncryptingDriver)? {
    guard let driver = driver as? any EncryptingDriver, driver.encryptionUnit != nil else { return nil }
    return driver
  }

  /// What a request is told for which the image would have to be open.
  var isNotOpen: BlockError { BlockError(.inputOutput, "node '\(name)' is not open") }
}
