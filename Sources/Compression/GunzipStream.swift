// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
internal import CIsal
package import Errors

/// Undoes gzip a piece at a time, by ISA-L: one member or several, one behind the other, each with its checksum.
@safe
package final class GunzipStream {
  private let state: UnsafeMutablePointer<inflate_state>
  /// Whether the input may end here: a member has ended, and no other one has begun.
  package private(set) var isComplete = false

  /// Makes a decompressor; takes about 90 KiB.
  package init() {
    unsafe state = .allocate(capacity: 1)
    unsafe isal_inflate_init(state)
    unsafe state.pointee.crc_flag = UInt32(ISAL_GZIP)
  }

  deinit { unsafe state.deallocate() }

  /// Goes on with the next bytes of the input, as far as there is room for what they hold.
  ///
  /// - Returns: the bytes that were read, and those that were filled; none of either where there is no more input.
  /// - Throws: kind `corrupt`.
  package func next(_ input: RawSpan, into output: inout MutableRawSpan) throws(BlockError)
    -> (read: Int, filled: Int)
  {
    guard let inputCount = UInt32(exactly: input.byteCount), let room = UInt32(exactly: output.byteCount)
    else {
      throw BlockError(.tooLarge, "compressed block is too large")
    }
    guard inputCount > 0 || !isComplete else { return (0, 0) }
    if isComplete {
      guard input.byte(at: 0) == 0x1F else {
        throw BlockError(.corrupt, "compressed data is followed by something else")
      }
      isComplete = false
      unsafe isal_inflate_reset(state)
      unsafe state.pointee.crc_flag = UInt32(ISAL_GZIP)
    }
    let (result, read, filled) = unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe state.pointee.take(source, inputCount, into: target, room)
        let result = unsafe isal_inflate(state)
        return unsafe (result, inputCount - state.pointee.avail_in, room - state.pointee.avail_out)
      }
    }
    guard result == ISAL_DECOMP_OK || result == ISAL_END_INPUT || result == ISAL_OUT_OVERFLOW else {
      let isHeader = result == ISAL_INVALID_WRAPPER || result == ISAL_UNSUPPORTED_METHOD
      throw BlockError(
        .corrupt, "compressed data is damaged (\(isHeader ? "no gzip header" : Inflater.reason(result)))")
    }
    isComplete = unsafe state.pointee.block_state == ISAL_BLOCK_FINISH
    return (Int(read), Int(filled))
  }
}
