// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The part of a file that follows an offset, as a file of its own that grows with what is written.
final class FileTail: FilterDriver {
  let name = "raw"
  private let start: UInt64

  /// - Parameter start: bytes of the file that come before.
  init(from start: UInt64) { self.start = start }

  /// None: the child has everything at other offsets.
  var filteredSlot: EdgeSlot? { nil }

  func below(_ node: Node) throws(BlockError) -> any FilteredStorage { try node.child(in: .file) }

  func length(of node: Node) -> UInt64 {
    let length = (try? below(node))?.length ?? 0
    return length - min(length, start)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    try below(node).read(at: start + offset, into: &buffer)
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    var extent = try below(node).extent(at: start + offset, length: length)
    extent.location = Extent.Location(.file, start + offset)
    return extent
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    try below(node).write(at: start + offset, from: data, unchanged: unchanged)
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    try below(node).zero(at: start + offset, length: length, mayUnmap: mayUnmap, unchanged: unchanged)
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    try below(node).discard(at: start + offset, length: length)
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard let end = length.plus(start), Int64(exactly: end) != nil else {
      throw BlockError(.tooLarge, "the file would become longer than one can be")
    }
    try below(node).truncate(to: end, exact: exact, preallocation: preallocation)
  }

  /// Makes a node of what follows an offset in a file; nobody uses it yet.
  ///
  /// - Parameter name: the name of the node's file in messages.
  static func makeNode(
    of file: Node, from start: UInt64, as name: String, flags: NodeFlags, in graph: Graph
  ) throws(BlockError) -> Node {
    let node = try graph.adopt(FileTail(from: start), fileName: name, flags: flags)
    try graph.change(draining: [node, file]) { (edit: GraphEdit) throws(BlockError) in
      _ = try edit.attach(file, to: node, slot: .file, role: [.data, .primary])
    }
    return node
  }
}
