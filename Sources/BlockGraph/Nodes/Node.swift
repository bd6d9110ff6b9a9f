// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Host
package import Options
internal import Synchronization

/// An opened layer of an image.
///
/// Sendable for I/O: requests run through the node's edges on any thread. The properties of the node and its
/// place in the graph are written only by the graph, on its own thread, while the node is drained; the gate
/// that requests pass makes those writes visible to them.
package final class Node: @unchecked Sendable, EdgeParent {
  /// The name that tells the node from all others of its graph.
  package let name: String
  /// The name of the file as messages show it.
  package let fileName: String
  /// The driver behind the node.
  package internal(set) var driver: any BlockDriver
  /// How the node is open.
  package internal(set) var flags: NodeFlags
  /// The driver's own options, as they were given.
  package internal(set) var options: OptionTree
  /// The images that this one names, as far as that was known when it was opened.
  package internal(set) var references: [ImageReference] = []
  /// What the user stated in the place of references: options, the name of a node, or null for nothing.
  package internal(set) var replaced: [EdgeSlot: OptionTree] = [:]
  /// The limits that the node sets to requests.
  package internal(set) var limits = Limits()
  /// Edges to children, in the order attached: the only storage of links downwards.
  package private(set) var children: [Edge] = []
  /// The same by slot, where there are many: a disk may consist of thousands of files, and every request asks for one.
  private var childrenBySlot: [EdgeSlot: Edge] = [:]
  /// Edges from parents.
  private(set) var parents: [Edge] = []
  /// The number of the node in the order of its graph's.
  private(set) var serial = 0
  /// Whether bytes at the start of the image would be taken for a format's; set where the format was guessed.
  let looksLikeImage: (@Sendable (RawSpan) -> Bool)?
  let gate = RequestGate()
  /// Writes under way, where the node takes whole blocks only.
  let busy = BusyRanges()
  /// Whom each drained section drained: the edges above may change before it ends.
  private var drainedParents: [[any EdgeParent]] = []

  init(
    name: String, fileName: String, driver: any BlockDriver, flags: NodeFlags, options: OptionTree,
    looksLikeImage: (@Sendable (RawSpan) -> Bool)? = nil
  ) {
    self.name = name
    self.fileName = fileName
    self.driver = driver
    self.flags = flags
    self.options = options
    self.looksLikeImage = looksLikeImage
  }

  /// The edge in `slot`, if any.
  package func edge(_ slot: EdgeSlot) -> Edge? {
    guard childrenBySlot.isEmpty else { return childrenBySlot[slot] }
    for edge in children where edge.slot == slot { return edge }
    return nil
  }

  /// The edge in a slot.
  ///
  /// - Throws: kind `notFound` where nothing stands there.
  package func child(in slot: EdgeSlot) throws(BlockError) -> Edge {
    guard let edge = edge(slot) else {
      throw BlockError(.notFound, "node '\(name)' has no child '\(slot.rawValue)'")
    }
    return edge
  }

  /// Children up to which a look at each is the fastest way to find one.
  private static let fewChildren = 8

  /// Puts an edge to a child at its place among the others, or behind them.
  func insert(_ edge: Edge, at index: Int? = nil) {
    children.insert(edge, at: index ?? children.count)
    if !childrenBySlot.isEmpty {
      childrenBySlot[edge.slot] = edge
    } else if children.count > Node.fewChildren {
      for child in children { childrenBySlot[child.slot] = child }
    }
  }

  /// Takes an edge away; its place is where it stood, if it did.
  @discardableResult
  func remove(_ edge: Edge) -> Int? {
    guard let index = children.firstIndex(where: { $0 === edge }) else { return nil }
    children.remove(at: index)
    if children.count > Node.fewChildren {
      childrenBySlot[edge.slot] = nil
    } else {
      childrenBySlot = [:]
    }
    return index
  }

  /// Notes an edge from a parent.
  func addParent(_ edge: Edge) { parents.append(edge) }

  /// Forgets an edge from a parent.
  func removeParent(_ edge: Edge) { parents.removeAll { $0 === edge } }

  /// Lets the edges from parents be those that they were before a change.
  func restoreParents(_ edges: [Edge]) { parents = edges }

  /// Takes the node's number in the order of its graph's.
  func takeSerial(_ number: Int) { serial = number }

  /// The edge to where a format keeps itself.
  package var file: Edge? { edge(.file) }
  /// The edge to what shows through where the image has nothing.
  package var backing: Edge? { edge(.backing) }
  /// Guest-visible length in bytes.
  package var length: UInt64 { driver.length(of: self) }
  /// The same without the zeros that fill the disk's last sector up and are stored nowhere.
  package var unpaddedLength: UInt64 { driver.unpaddedLength(of: self) }
  /// Whether users may be granted writing.
  package var isWritable: Bool { flags.contains(.writable) && !flags.contains(.inactive) }

  /// Whether both nodes are one file, opened in the same way.
  package func showsSame(as other: Node) -> Bool {
    if self === other { return true }
    guard driver.name == other.driver.name, options == other.options,
      file?.child.visible.optionsButName == other.file?.child.visible.optionsButName,
      let identity = FilePaths.identity(of: fileName)
    else { return false }
    return identity == FilePaths.identity(of: other.fileName)
  }

  private var optionsButName: OptionObject? {
    var object = options.object
    object?["filename"] = nil
    return object
  }

  // MARK: EdgeParent

  /// The node's name.
  package var parentDescription: String { "node '\(name)'" }
  /// Stops new requests, from the top down, and returns when none is in flight.
  package func drainBegin() {
    let above = parents.map(\.parent)
    drainedParents.append(above)
    for parent in above { parent.drainBegin() }
    gate.drainBegin()
  }
  /// Lets requests pass again.
  package func drainEnd() {
    gate.drainEnd()
    guard let above = drainedParents.popLast() else { return }
    for parent in above { parent.drainEnd() }
  }
  /// Tells the parents that the length may have changed.
  package func childResized() {
    for edge in parents { edge.parent.childResized() }
  }
}
