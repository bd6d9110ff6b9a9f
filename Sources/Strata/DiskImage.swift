// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// An open disk image: the guest's disk as bytes, whatever the format and however long the chain below.
///
/// Used by the thread that opened it. Closes with the last reference; `close` tells what then could not be written.
public final class DiskImage {
  private let graph = Graph()
  private let user: RootUser
  private let name: String

  /// Opens the image called `name`: a path, or any name that the command line knows, such as `nbd://…` or `json:…`.
  ///
  /// - Parameters:
  ///   - format: the format's name, or nil to look at the content.
  ///   - isWritable: whether the disk may be written to; others may then only read.
  ///   - access: the trust that the image is given, and the secrets that open it.
  /// - Throws: why it cannot be opened.
  public init(
    _ name: String, format: String? = nil, isWritable: Bool = false, access: Access = .trusted
  ) throws(ImageError) {
    self.name = name
    let request =
      isWritable
      ? PermissionRequest(held: [.consistentRead, .write], shared: .consistentRead)
      : PermissionRequest(held: .consistentRead, shared: Permissions.all.subtracting([.write, .resize]))
    user = graph.makeUser("user of '\(name)'", request: request)
    let opener = access.opener(for: graph)
    try publicly { () throws(BlockError) in
      let image = try ImageName(name, protocols: opener.protocols)
      let settings = OpenSettings(format: format, flags: isWritable ? [.writable, .unmap] : [])
      try opener.open(image, settings, for: user)
    }
  }

  deinit { graph.releaseAll { _, _ in } }

  private func edge() throws(ImageError) -> Edge {
    guard let edge = user.edge else { throw ImageError(BlockError(.notFound, "'\(name)' is closed")) }
    return edge
  }

  /// Bytes of the disk; 0 after `close`.
  public var length: UInt64 { user.edge?.length ?? 0 }

  /// The bytes from `offset` on, which have to lie inside the disk.
  ///
  /// - Throws: where the range is not inside the disk, or cannot be read.
  public func read(at offset: UInt64, count: Int) throws(ImageError) -> [UInt8] {
    let edge = try edge()
    try requireInside(offset, count, edge)
    return try publicly { () throws(BlockError) in
      try edge.read(at: offset, count: count).array
    }
  }

  /// Writes bytes at `offset`, which have to lie inside the disk.
  ///
  /// - Throws: where the disk is open for reading only, the range is not inside it, or cannot be written.
  public func write(_ bytes: [UInt8], at offset: UInt64) throws(ImageError) {
    let edge = try writableEdge()
    try requireInside(offset, bytes.count, edge)
    try publicly { () throws(BlockError) in
      let buffer = Buffer(bytes)
      try edge.write(at: offset, from: buffer.bytes)
    }
  }

  /// Lets a range inside the disk read as zeros, without space where the format can.
  ///
  /// - Throws: where the disk is open for reading only, the range is not inside it, or cannot be written.
  public func writeZeroes(at offset: UInt64, count: Int) throws(ImageError) {
    let edge = try writableEdge()
    try requireInside(offset, count, edge)
    try publicly { () throws(BlockError) in
      try edge.writeZeroes(at: offset, length: UInt64(count), mayUnmap: true)
    }
  }

  /// Makes everything written so far durable.
  ///
  /// - Throws: where something written earlier cannot reach the storage, or the image is closed.
  public func flush() throws(ImageError) {
    let edge = try edge()
    try publicly { () throws(BlockError) in try edge.flush() }
  }

  /// Writes what is held back and lets go of the image; once more does nothing.
  ///
  /// - Throws: where data that is held back cannot be written.
  public func close() throws(ImageError) {
    guard user.edge != nil else { return }
    try publicly { () throws(BlockError) in
      try inContext("could not close '\(name)'") { () throws(BlockError) in try graph.release(user) }
    }
  }

  private func writableEdge() throws(ImageError) -> Edge {
    let edge = try edge()
    guard edge.request.held.contains(.write) else {
      throw ImageError(BlockError(.readOnly, "'\(name)' is open for reading"))
    }
    return edge
  }

  private func requireInside(_ offset: UInt64, _ count: Int, _ edge: Edge) throws(ImageError) {
    guard count >= 0, let end = offset.plus(UInt64(count)), end <= edge.length else {
      throw ImageError(
        BlockError(
          .invalidArgument, "\(count) bytes at \(offset) are not inside the \(edge.length) bytes of '\(name)'"
        ))
    }
  }
}
