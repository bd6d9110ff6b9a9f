// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CLinux
package import Errors
internal import Glibc

/// A file that was found and is not open yet: looking at it has none of the effects that opening has, and `open` opens
/// that file and no other, whatever comes to stand at its name meanwhile.
package final class FoundFile: Sendable {
  /// The kind of file system object that was found.
  package let kind: File.Kind
  private let identity: FileIdentity
  /// Keeps the object, so that its identity is not given to another one.
  private let descriptor: Int32
  /// Where the name starts, nil for the working folder; no link is followed from there.
  private let folder: Int32?
  private let name: String

  private init(_ name: String, in folder: Int32?) throws(BlockError) {
    let status: stat
    do throws(BlockError) {
      (descriptor, status) = try FoundFile.look(name, in: folder)
    } catch {
      if let folder { _ = close(folder) }
      throw error
    }
    (self.name, self.folder) = (name, folder)
    kind = File.Kind(status)
    identity = FileIdentity(status)
  }

  /// Finds the file at `path`, as the system follows it.
  ///
  /// - Throws: the system's reason, without the path.
  package convenience init(path: String) throws(BlockError) { try self.init(path, in: nil) }

  /// Finds the file that `name` leads to from `folder` without leaving it: by steps down, none of which is a link.
  ///
  /// - Throws: kind `refused` for a name that leads elsewhere; the system's reason, without the path.
  package convenience init(_ name: String, beneath folder: String) throws(BlockError) {
    var steps: [String] = []
    for step in name.spelledBytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      steps.append(String(spelling: Array(step)))
    }
    if name.spelledBytes.first == UInt8(ascii: "/") || steps.contains("..") {
      throw BlockError(.refused, "the name leads out of the folder")
    }
    steps.removeAll { $0.isEmpty || $0 == "." }
    guard let last = steps.popLast() else { throw BlockError(system: ENOENT) }
    var here = try File.descriptor(path: folder, flags: LINUX_O_PATH | O_DIRECTORY | O_CLOEXEC)
    for step in steps {
      let above = here
      defer { _ = close(above) }
      let (next, status) = try FoundFile.look(step, in: above)
      here = next
      guard File.Kind(status) == .directory else {
        _ = close(next)
        throw BlockError(system: ENOTDIR)
      }
    }
    try self.init(last, in: here)
  }

  deinit {
    _ = close(descriptor)
    if let folder { _ = close(folder) }
  }

  /// Looks at what has a name. In a folder, it must not be a link.
  private static func look(_ name: String, in folder: Int32?) throws(BlockError) -> (Int32, stat) {
    var flags = LINUX_O_PATH | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    if folder != nil { flags |= O_NOFOLLOW }
    let descriptor = try File.descriptor(path: name, in: folder, flags: flags)
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      let error = BlockError(system: errno)
      _ = close(descriptor)
      throw error
    }
    guard status.st_mode & S_IFMT != S_IFLNK else {
      _ = close(descriptor)
      throw BlockError(.refused, "'\(name)' is a symbolic link")
    }
    return (descriptor, status)
  }

  /// Opens the file.
  ///
  /// - Throws: kind `conflict` where another file has its name by now; the system's reason, without the path.
  package func open(_ mode: File.Mode) throws(BlockError) -> File {
    let flags = mode.flags | (folder == nil ? 0 : O_NOFOLLOW)
    let opened: Int32
    do throws(BlockError) {
      opened = try File.descriptor(path: name, in: folder, flags: flags)
    } catch {
      throw mode.contains(.direct) ? error.tellingOfDirect : error
    }
    let file = try File(owning: opened, isWritable: mode.contains(.writable))
    guard try file.identity() == identity else {
      throw BlockError(.conflict, "another file stands there now")
    }
    return file
  }
}

extension FoundFile: Equatable {
  /// Whether both were found at once.
  package static func == (one: FoundFile, other: FoundFile) -> Bool { one === other }
}
