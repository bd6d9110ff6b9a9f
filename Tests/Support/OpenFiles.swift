// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The files that this process has open, as the system tells.
package enum OpenFiles {
  /// One line for each open file inside `folder`: its path and its byte locks.
  ///
  /// Only one folder, since other tests open files of theirs at the same time.
  package static func under(_ folder: String) -> [String] {
    var lines: [String] = []
    for descriptor in descriptors() {
      guard let path = target(of: "/proc/self/fd/\(descriptor)"), path.hasPrefix(folder) else { continue }
      let locks = text("/proc/self/fdinfo/\(descriptor)").split(separator: "\n").filter {
        $0.hasPrefix("lock")
      }
      // The first word after the name is a running number; the last ones are the bytes.
      lines.append(
        path + locks.map { " " + $0.split(separator: " ").suffix(2).joined(separator: "-") }.sorted().joined()
      )
    }
    return lines.sorted()
  }

  /// Runs `body` while each open file inside `folder` has a second descriptor, as in a child process that has not
  /// begun its program yet.
  package static func withDuplicates(under folder: String, _ body: () throws -> Void) rethrows {
    let duplicates = descriptors().filter { target(of: "/proc/self/fd/\($0)")?.hasPrefix(folder) == true }
      .compactMap { Int32($0) }.map { dup($0) }
    defer { for duplicate in duplicates { close(duplicate) } }
    try body()
  }

  private static func descriptors() -> [String] {
    guard let directory = unsafe opendir("/proc/self/fd") else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if Int(name) != nil { names.append(name) }
    }
    return names
  }

  private static func target(of link: String) -> String? {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink(link, &bytes, bytes.count)
    guard count > 0 else { return nil }
    return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func text(_ path: String) -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 65536)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    return count <= 0 ? "" : String(decoding: bytes[..<count], as: UTF8.self)
  }
}
