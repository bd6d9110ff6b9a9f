// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
internal import Glibc

extension Secret {
  /// A secret that holds the bytes that `text` stands for; the text itself cannot be wiped.
  package convenience init(text: String) {
    self.init(count: text.spelledCount) { room in
      var position = 0
      for scalar in text.unicodeScalars {
        scalar.forEachSpelledByte { byte in
          room.store(byte, at: position)
          position += 1
        }
      }
    }
  }

  /// Reads a file to its end; `-` is standard input, and a path may lead to a descriptor (`/dev/fd/3`) or a FIFO,
  /// which is waited for.
  ///
  /// - Parameter limit: the largest length in bytes that is accepted.
  /// - Throws: kind `tooLarge` for a longer file, or the system's reason, with the file's name.
  package static func read(path: String, limit: Int) throws(BlockError) -> Secret {
    if path == "-" {
      return try inContext("Error reading standard input") { () throws(BlockError) in
        try read(descriptor: 0, limit: limit)
      }
    }
    let descriptor = try inContext("Failed to open file “\(path)”") { () throws(BlockError) in
      try File.descriptor(path: path, flags: O_RDONLY | O_CLOEXEC | O_NOCTTY)
    }
    defer { _ = close(descriptor) }
    return try inContext("Error reading file “\(path)”") { () throws(BlockError) in
      try read(descriptor: descriptor, limit: limit)
    }
  }

  /// Reads a descriptor that the process has to its end.
  ///
  /// - Parameter limit: the largest length in bytes that is accepted.
  package static func read(descriptor: Int32, limit: Int) throws(BlockError) -> Secret {
    var known = Secret(count: 0) { _ in }
    var capacity = 4096
    while true {
      var used = known.count
      var isWhole = false
      let grown = try Secret(count: capacity) { (room: inout MutableRawSpan) throws(BlockError) in
        room.copy(known.bytes)
        while used < room.byteCount, !isWhole {
          let count = try Secret.read(descriptor, into: &room, from: used)
          used += count
          isWhole = count == 0
        }
      }
      guard used <= limit else { throw BlockError(.tooLarge, "a secret may have \(limit) bytes") }
      if isWhole { return Secret(copying: grown.bytes.slice(0..<used)) }
      known = grown
      capacity *= 2
    }
  }

  private static func read(_ descriptor: Int32, into room: inout MutableRawSpan, from start: Int)
    throws(BlockError) -> Int
  {
    while true {
      let count = unsafe room.withUnsafeMutableBytes { bytes in
        unsafe Glibc.read(descriptor, bytes.baseAddress.map { unsafe $0 + start }, bytes.count - start)
      }
      if count >= 0 { return count }
      if errno != EINTR { throw BlockError(system: errno) }
    }
  }
}
