// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Errors

extension File {
  /// All of the file as text.
  ///
  /// - Throws: kind `tooLarge` where it has more than `limit` bytes.
  package func readText(limit: Int) throws(BlockError) -> String {
    let length = try length()
    guard length <= UInt64(limit) else { throw BlockError(.tooLarge, "more than \(limit) bytes") }
    let content = try readStart(count: Int(length))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(content.count)
    for offset in 0..<content.count { bytes.append(content.bytes.byte(at: offset)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The first bytes of the file, fewer than `count` where it is shorter.
  package func readStart(count: Int) throws(BlockError) -> Buffer {
    try readPart(at: 0, count: count)
  }

  /// The bytes from `offset` on, fewer than `count` where the file ends before.
  package func readPart(at offset: UInt64, count: Int) throws(BlockError) -> Buffer {
    let area = Buffer(count: count)
    var target = area.mutableBytes
    let done = try read(at: offset, into: &target)
    guard done < count else { return area }
    let part = Buffer(count: done)
    var bytes = part.mutableBytes
    bytes.copy(area.bytes.slice(0..<done), at: 0)
    return part
  }
}
