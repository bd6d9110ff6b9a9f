// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
package import Errors
import Host

/// Whole files as arrays.
package enum Files {
  /// Makes the file at `path` hold exactly `bytes`.
  package static func write(_ bytes: [UInt8], to path: String) throws(BlockError) {
    let file = try File(path: path, mode: [.writable, .create])
    try file.truncate(to: 0)
    let buffer = Buffer(bytes)
    try file.write(at: 0, from: buffer.bytes)
  }

  /// Makes the file at `path` a hole of `length` bytes.
  package static func writeHole(_ length: UInt64, to path: String) throws(BlockError) {
    let file = try File(path: path, mode: [.writable, .create])
    try file.truncate(to: 0)
    try file.truncate(to: length)
  }

  /// All bytes of the file at `path`.
  package static func read(_ path: String) throws(BlockError) -> [UInt8] {
    let file = try File(path: path, mode: [])
    let buffer = Buffer(count: Int(try file.length()))
    var bytes = buffer.mutableBytes
    _ = try file.read(at: 0, into: &bytes)
    return buffer.bytes.array
  }
}
