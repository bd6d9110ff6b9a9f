// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

extension Node {
  /// The first bytes of an image, by which formats are recognised.
  static let probeLength = 2048
  /// The part of them in which a write is held against the formats.
  private static let guardedLength = 512

  /// An image that was only guessed to be raw must not turn into one of another format through its guest's
  /// writes: next time the guess would follow that format's references.
  func refuseLookingLikeImage(at offset: UInt64, _ data: RawSpan) throws(BlockError) {
    guard flags.contains(.probed), offset < UInt64(Node.guardedLength), let looksLikeImage else { return }
    let head = try headAfterWrite(at: Int(offset), data)
    if looksLikeImage(head.bytes) {
      throw BlockError(
        .accessDenied, "Operation not permitted",
        advice:
          "The disk was only guessed to be raw, and this write would make it look like another format's image. "
          + "State the format 'raw' to allow it.")
    }
  }

  /// As above, for bytes that become zero: they can complete a header as well as others do.
  func refuseLookingLikeImage(zeroingAt offset: UInt64, length: UInt64) throws(BlockError) {
    guard flags.contains(.probed), looksLikeImage != nil, offset < UInt64(Node.guardedLength) else { return }
    let zeroes = Buffer(count: Int(min(length, UInt64(Node.probeLength) - offset)))
    try refuseLookingLikeImage(at: offset, zeroes.bytes)
  }

  private func headAfterWrite(at offset: Int, _ data: RawSpan) throws(BlockError) -> Buffer {
    let head = Buffer(count: Node.probeLength)
    var bytes = head.mutableBytes
    let known = min(Int(clamping: length), Node.probeLength)
    if known > 0 {
      var part = bytes.slice(0..<known)
      try read(at: 0, into: &part)
    }
    let count = min(data.byteCount, Node.probeLength - offset)
    bytes.copy(data.slice(0..<count), at: offset)
    return head
  }
}
