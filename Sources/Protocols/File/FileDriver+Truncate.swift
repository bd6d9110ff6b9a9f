// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

extension FileDriver {
  /// Sets the file's length; a device only accepts what fits it.
  package func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard file.kind == .regular else { return try checkDevice(length, exact: exact, preallocation) }
    let present = try file.length()
    defer { if present == 0 { allocateFirstBlock(of: node) } }
    switch preallocation {
    case .off:
      try resize(to: length)
    case .metadata: throw BlockError.noPreallocation(.metadata)
    case .falloc, .full:
      guard length >= present else {
        throw BlockError(.invalidArgument, "Preallocation can't be used for shrinking files")
      }
      spaceAhead?.stop(keeping: length)
      do throws(BlockError) {
        if preallocation == .falloc {
          try inContext("Could not preallocate new data") { () throws(BlockError) in
            try reserve(present, length, node)
          }
        } else {
          try inContext("Could not write zeros for preallocation") { () throws(BlockError) in
            try writeZeroes(from: present, to: length, node)
            try file.synchronize()
          }
        }
      } catch {
        // The file goes back to what it was; a second error would only hide the first.
        try? file.truncate(to: present)
        throw error
      }
      setLength(length)
    }
  }

  /// Tries the new length of a file, and takes it back.
  package func requireRoom(for length: UInt64, _ preallocation: Preallocation) throws(BlockError) {
    guard file.kind == .regular else { return try checkDevice(length, exact: false, preallocation) }
    let present = try file.length()
    guard length > present else { return }
    defer {
      // It was as long before.
      try? file.truncate(to: present)
    }
    switch preallocation {
    case .metadata: throw BlockError.noPreallocation(.metadata)
    case .off:
      try inContext("Could not resize file") { () throws(BlockError) in try file.truncate(to: length) }
    case .falloc, .full:
      let what =
        preallocation == .falloc
        ? "Could not preallocate new data" : "Could not write zeros for preallocation"
      try inContext(what) { () throws(BlockError) in
        try file.truncate(to: length)
        do throws(BlockError) {
          try file.allocate(at: present, length: length - present)
        } catch {
          // Only writing tells where the file system has no other way.
          guard error.isUnsupportedCall else { throw error }
        }
      }
    }
  }

  /// Gives a file that was empty real zeros at its start: who opens it past the page cache finds out there which
  /// alignment the file system wants, and could not in a hole. Nothing is lost where it fails.
  private func allocateFirstBlock(of node: Node) {
    let count = Int(min(length, FileDriver.firstBlock))
    guard count > 0 else { return }
    try? pastAlignment(of: node) { () throws(BlockError) in
      try file.write(at: 0, from: Buffer(count: count).bytes)
    }
  }

  /// As large as the blocks of the file systems and devices in use, in bytes.
  private static let firstBlock: UInt64 = 4096

  private func resize(to length: UInt64) throws(BlockError) {
    try inContext("Could not resize file") { () throws(BlockError) in try file.truncate(to: length) }
    setLength(length)
  }

  /// Gives the new part of the file space: by writing zeros where the file system has no other way, as ext2, FUSE and
  /// older versions of NFS.
  private func reserve(_ start: UInt64, _ end: UInt64, _ node: Node) throws(BlockError) {
    guard end > start else { return }
    do throws(BlockError) {
      try file.allocate(at: start, length: end - start)
    } catch {
      guard error.isUnsupportedCall else { throw error }
      try writeZeroes(from: start, to: end, node)
    }
  }

  /// Runs `body`, whose requests have any offset and length, without direct I/O.
  private func pastAlignment(of node: Node, _ body: () throws(BlockError) -> Void) throws(BlockError) {
    guard node.flags.contains(.direct) else { return try body() }
    try file.setDirect(false)
    defer {
      // The flag was set before: setting it again does not fail.
      try? file.setDirect(true)
    }
    try body()
  }

  private func writeZeroes(from start: UInt64, to end: UInt64, _ node: Node) throws(BlockError) {
    let zeroes = Buffer(count: 1 << 20)
    var position = start
    try pastAlignment(of: node) { () throws(BlockError) in
      while position < end {
        let count = min(end - position, UInt64(zeroes.count))
        try file.write(at: position, from: zeroes.bytes.slice(0..<Int(count)))
        position += count
      }
    }
  }

  private func checkDevice(_ length: UInt64, exact: Bool, _ preallocation: Preallocation) throws(BlockError) {
    guard preallocation == .off else {
      throw BlockError(
        .unsupported, "Preallocation mode '\(preallocation.rawValue)' unsupported for this non-regular file")
    }
    let present = try file.length()
    if exact && length != present {
      throw BlockError(.unsupported, "Cannot resize device files")
    }
    if length > present { throw BlockError(.invalidArgument, "Cannot grow device files") }
  }
}
