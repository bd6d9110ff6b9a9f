// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CLinux
package import Errors
internal import Glibc

/// The parts of paths, and the objects that stand at them.
package enum FilePaths {
  /// The folder part: everything before the last slash, `.` where there is none.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The last component.
  package static func name(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return path }
    return String(path[path.index(after: slash)...])
  }

  /// `name` inside `folder`; an absolute `name` stays as it is.
  package static func join(_ folder: String, _ name: String) -> String {
    if name.hasPrefix("/") || folder.isEmpty { return name }
    return folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  /// The way from `folder` to `path`, such as `../images/base`; both are absolute and free of links.
  package static func relative(_ path: String, from folder: String) -> String {
    let there = path.split(separator: "/")
    let here = folder.split(separator: "/")
    var common = 0
    while common < min(here.count, there.count - 1), here[common] == there[common] { common += 1 }
    let up = Array(repeating: "..", count: here.count - common)
    return (up + there[common...].map(String.init)).joined(separator: "/")
  }

  /// The path with all links followed. Of a file that does not exist, where it would be made; the path itself
  /// where links lead in a circle.
  package static func resolvingLinks(_ path: String) -> String {
    var here = path
    for _ in 0..<maximumLinks {
      if let resolved = unsafe realpath(here.cName, nil) {
        defer { unsafe free(resolved) }
        return unsafe String(cName: resolved)
      }
      guard let target = linkTarget(here) else { return here }
      here = join(folder(of: here), target)
    }
    return path
  }

  /// As many links as Linux follows.
  private static let maximumLinks = 40

  /// The path that the link at `path` holds, or nil where there is no link.
  static func linkTarget(_ path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path.cName, &bytes, bytes.count)
    guard count > 0 else { return nil }
    return String(spelling: bytes.prefix(count).map { UInt8(bitPattern: $0) })
  }

  /// The kind of object at `path`, or nil where there is nothing or it cannot be looked at.
  package static func kind(of path: String) -> File.Kind? {
    var status = stat()
    guard unsafe stat(path.cName, &status) == 0 else { return nil }
    return File.Kind(status)
  }

  /// The identity that tells the file at `path` from every other, or nil where there is none.
  package static func identity(of path: String) -> FileIdentity? {
    var status = stat()
    guard unsafe stat(path.cName, &status) == 0 else { return nil }
    return FileIdentity(status)
  }

  /// The seconds since 1970 at which the file at `path` was last written to, or nil where there is none.
  package static func modificationTime(of path: String) -> Int64? {
    var status = stat()
    guard unsafe stat(path.cName, &status) == 0 else { return nil }
    return Int64(status.st_mtim.tv_sec)
  }

  /// Bytes that are free in the file system of `folder`, or nil where the system does not know.
  package static func freeSpace(in folder: String) -> FreeSpace? {
    var status = statvfs()
    // Without a number of blocks, there is no limit.
    guard unsafe statvfs(folder.cName, &status) == 0, status.f_blocks > 0 else { return nil }
    return FreeSpace(
      all: status.bytes(UInt64(status.f_bfree)), forEverybody: status.bytes(UInt64(status.f_bavail)),
      isCertain: unsafe linux_counts_plainly(folder.cName) == 1)
  }

  /// Removes the name `path`.
  package static func remove(_ path: String) throws(BlockError) {
    guard unsafe unlink(path.cName) == 0 else { throw BlockError(system: errno) }
  }
}

extension statvfs {
  /// The bytes of so many blocks.
  func bytes(_ blocks: UInt64) -> UInt64 { blocks.times(UInt64(f_frsize)) ?? .max }
}

/// The free space of a file system.
package struct FreeSpace: Sendable {
  /// All of it, in bytes: more than this, nobody can write.
  package let all: UInt64
  /// The part that is not kept for the administrator.
  package let forEverybody: UInt64
  /// Whether a file takes what is written to it: neither compression nor deduplication nor a quota makes the number a
  /// guess.
  package let isCertain: Bool
}
