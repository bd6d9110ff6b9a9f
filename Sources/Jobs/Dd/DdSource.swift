// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A part of an image, moved to where it belongs in the target.
struct DdSource: CopySource {
  /// The image.
  let edge: Edge
  /// The part, in bytes of the image.
  let part: Range<UInt64>
  /// Where it goes.
  let seek: UInt64
  /// The image whose content before `seek` stays, if there is one.
  let kept: Edge?

  var length: UInt64 { seek + UInt64(part.count) }

  func content(at offset: UInt64, length: UInt64) throws(BlockError) -> (content: CopyContent, length: UInt64)
  {
    if offset < seek { return (.inherited, min(length, seek - offset)) }
    do throws(BlockError) {
      let status = try edge.chainStatus(at: part.lowerBound + (offset - seek), length: length)
      return (status.isZero ? .zero : .data, status.length)
    } catch {
      throw error.prefixed("error while reading from input image file")
    }
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    let before = offset < seek ? Int(min(UInt64(buffer.byteCount), seek - offset)) : 0
    if before > 0 {
      var head = buffer.slice(0..<before)
      if let kept { try kept.read(at: offset, into: &head) } else { head.fill() }
    }
    guard before < buffer.byteCount else { return }
    var rest = buffer.slice(before..<buffer.byteCount)
    do throws(BlockError) {
      try edge.read(at: part.lowerBound + (offset + UInt64(before) - seek), into: &rest)
    } catch {
      throw error.prefixed("error while reading from input image file")
    }
  }
}
