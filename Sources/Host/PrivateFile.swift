// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CLinux
package import Errors
internal import Glibc

/// A file of this process's own, for a library that opens what it works on by a path. It lives in memory; where
/// `/proc` is missing, which shows such files under a path, it is a temporary file that its owner alone can read. It is
/// gone, and what was in it, with the last reference.
package final class PrivateFile {
  /// The file.
  package let file: File
  /// A path that leads to it.
  package let path: String
  private let isTemporary: Bool

  /// Makes an empty file.
  ///
  /// - Parameter name: what the system calls it in its own lists.
  /// - Throws: kind `unsupported` where there is no place for it.
  package init(_ name: String) throws(BlockError) {
    let unnamed = try File(inMemory: name)
    let path = "/proc/self/fd/\(unnamed.descriptor)"
    if let identity = FilePaths.identity(of: path), try unnamed.identity() == identity {
      (file, self.path, isTemporary) = (unnamed, path, false)
    } else {
      (file, self.path) = try PrivateFile.makeTemporary(name)
      isTemporary = true
    }
  }

  deinit {
    guard isTemporary else { return }
    _ = unsafe unlink(path.cName)
    TemporaryNames.forget(path)
    wipe()
  }

  /// Overwrites what was written, as far as the file system writes it to the same place.
  private func wipe() {
    let zeroes = Buffer(count: 64 << 10)
    guard let end = try? file.length() else { return }
    var position: UInt64 = 0
    while position < end {
      let stretch = try? file.stretch(at: position)
      let last = min(stretch?.end ?? end, end)
      if stretch?.isData != false {
        while position < last {
          let count = Int(min(last - position, UInt64(zeroes.count)))
          guard (try? file.write(at: position, from: zeroes.bytes.slice(0..<count))) != nil else { return }
          position += UInt64(count)
        }
      }
      position = last
    }
  }

  private static func makeTemporary(_ name: String) throws(BlockError) -> (File, String) {
    // Memory before disks, but where the user names a place.
    for folder in [Environment.value(of: "TMPDIR"), "/dev/shm", "/tmp", "/var/tmp"].compactMap({ $0 }) {
      let number = String(UInt64.random(in: 0...UInt64.max), radix: 36)
      let path = FilePaths.join(folder, ".\(name).\(number)")
      TemporaryNames.add(path)
      if let file = try? File(path: path, mode: [.writable, .create, .exclusive, .ownerOnly]) {
        return (file, path)
      }
      TemporaryNames.forget(path)
    }
    throw BlockError(
      .unsupported, "There is neither /proc nor a folder for temporary files",
      advice: "Mount /proc, or name a folder in TMPDIR that may be written.")
  }
}

extension File {
  /// An empty file without a name, in the folder for temporary files that are large, which goes with its last reference.
  ///
  /// - Throws: the reason why there is none, naming the last folder that was tried.
  package static func temporary() throws(BlockError) -> File {
    var failure = BlockError(.unsupported, "There is no folder for temporary files")
    for folder in [Environment.value(of: "TMPDIR"), "/var/tmp", "/tmp"].compactMap({ $0 }) {
      let number = String(UInt64.random(in: 0...UInt64.max), radix: 36)
      let path = FilePaths.join(folder, ".strata.\(number)")
      TemporaryNames.add(path)
      defer { TemporaryNames.forget(path) }
      do throws(BlockError) {
        let file = try File(path: path, mode: [.writable, .create, .exclusive, .ownerOnly])
        try FilePaths.remove(path)
        return file
      } catch {
        failure = error.prefixed("Could not make a temporary file in '\(folder)'", naming: folder)
      }
    }
    failure.advice = "Name a folder in TMPDIR that may be written."
    throw failure
  }

  /// A file without a name that lives in memory and goes with its last reference; what is not written takes no space.
  ///
  /// - Parameter name: what the system calls it in its own lists.
  convenience init(inMemory name: String) throws(BlockError) {
    let descriptor = unsafe linux_memory_file(name.cName)
    guard descriptor >= 0 else { throw BlockError(system: errno) }
    try self.init(owning: descriptor, isWritable: true)
  }
}
