// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
internal import CIsal
package import Errors

/// Undoes deflate, by ISA-L.
@safe
package final class Inflater: BlockDecompressor {
  /// The framing around the compressed bits.
  package let format: DeflateFormat
  private let state: UnsafeMutablePointer<inflate_state>

  /// Makes a decompressor; takes about 90 KiB.
  package init(format: DeflateFormat = .raw) {
    self.format = format
    unsafe state = .allocate(capacity: 1)
    unsafe isal_inflate_init(state)
  }

  deinit {
    unsafe state.deallocate()
  }

  /// Fills `output` from the stream at the start of `input`.
  ///
  /// A raw stream that goes on when `output` is full is read that far, since qcow2's other readers do so and
  /// its clusters do not say where a stream ends. One with a checksum must end there, and the checksum be right.
  package func decompress(_ input: RawSpan, into output: inout MutableRawSpan) throws(BlockError) {
    guard let inputCount = UInt32(exactly: input.byteCount),
      let outputCount = UInt32(exactly: output.byteCount)
    else { throw BlockError(.tooLarge, "compressed block is too large") }
    let (result, filled) = unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe isal_inflate_reset(state)
        unsafe state.pointee.crc_flag = UInt32(format == .raw ? ISAL_DEFLATE : ISAL_ZLIB)
        unsafe state.pointee.take(source, inputCount, into: target, outputCount)
        let result = unsafe isal_inflate_stateless(state)
        return unsafe (result, state.pointee.total_out)
      }
    }
    guard result >= ISAL_DECOMP_OK, result == ISAL_DECOMP_OK || filled == outputCount else {
      throw BlockError(.corrupt, "compressed data is damaged (\(Inflater.reason(result)))")
    }
    guard filled == outputCount else {
      throw BlockError(.corrupt, "compressed data holds \(filled) bytes where \(outputCount) are expected")
    }
    guard format == .raw || result == ISAL_DECOMP_OK else {
      throw BlockError(.corrupt, "compressed data holds more than the expected \(outputCount) bytes")
    }
  }

  static func reason(_ result: Int32) -> String {
    switch result {
    case ISAL_END_INPUT: "it ends too early"
    case ISAL_INVALID_BLOCK: "invalid deflate block"
    case ISAL_INVALID_SYMBOL: "invalid deflate symbol"
    case ISAL_INVALID_LOOKBACK: "reference to before its start"
    case ISAL_INVALID_WRAPPER, ISAL_UNSUPPORTED_METHOD: "no zlib header"
    case ISAL_INCORRECT_CHECKSUM: "wrong checksum"
    case ISAL_NEED_DICT: "it needs a dictionary"
    default: "inflate error \(result)"
    }
  }
}

extension inflate_state {
  /// Lets the next call read and fill so many bytes of two buffers.
  @unsafe
  mutating func take(
    _ source: UnsafeRawBufferPointer, _ inputCount: UInt32, into target: UnsafeMutableRawBufferPointer,
    _ outputCount: UInt32
  ) {
    // The library declares its input writable, but only reads it.
    unsafe next_in = .init(mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
    unsafe avail_in = inputCount
    unsafe next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe avail_out = outputCount
  }
}
