// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
internal import CIsal

/// Deflate by ISA-L: its level 3, a window of 32 KiB or less.
@safe
package final class DeflateCompressor: BlockCompressor {
  /// ISA-L's level: the highest it has.
  private static let level: UInt32 = 3
  /// The level's tables, and room for 8192 symbols. A Huffman code is made for so many symbols; twice as many
  /// (ISA-L's own choice) is 5 % faster but makes binaries 0.2 % and texts 0.8 % larger, fewer cost more
  /// time than they save.
  private static let levelBufferSize = (4 + 16 + 64) * 1024 + 8192 * 4
  private static let cacheLine = 64

  /// The framing around the compressed bits.
  package let format: DeflateFormat
  /// The binary logarithm of the distance in bytes over which a match may reach.
  private let windowBits: UInt16
  private let stream: UnsafeMutablePointer<isal_zstream>
  private let levelBuffer: UnsafeMutableRawPointer

  /// Makes a compressor; takes about 200 KiB.
  ///
  /// - Parameter windowBits: the binary logarithm of the distance in bytes over which a match may reach, 9 to 15.
  package init(format: DeflateFormat = .raw, windowBits: UInt16 = 15) {
    self.format = format
    self.windowBits = windowBits
    unsafe stream = .allocate(capacity: 1)
    unsafe levelBuffer = .allocate(
      byteCount: DeflateCompressor.levelBufferSize, alignment: DeflateCompressor.cacheLine)
    unsafe levelBuffer.initializeMemory(
      as: UInt8.self, repeating: 0, count: DeflateCompressor.levelBufferSize)
  }

  deinit {
    unsafe stream.deallocate()
    unsafe levelBuffer.deallocate()
  }

  /// Compresses `input` into the start of `output`.
  ///
  /// - Returns: the length of the result in bytes, or nil where it does not fit. A raw result always saves
  ///   at least one byte; with a checksum around it, it may be a little larger than the input.
  package func compress(_ input: RawSpan, into output: inout MutableRawSpan) -> Int? {
    let room = format == .raw ? min(output.byteCount, input.byteCount - 1) : output.byteCount
    var target = output.slice(0..<max(room, 0))
    guard let length = compress(input, into: &target, level: DeflateCompressor.level) else { return nil }
    guard length < input.byteCount / DeflateCompressor.regularity, length <= room - length else {
      return length
    }
    var rest = output.slice(length..<2 * length)
    guard let shorter = compress(input, into: &rest, level: 1), shorter < length else { return length }
    output.move(length..<length + shorter)
    return shorter
  }

  /// Data that shrinks to less than one part in so many is so regular that level 1, which looks for nothing else than
  /// the last place where the same bytes stood, does better: one byte repeated takes a third of the bits.
  private static let regularity = 64

  private func compress(_ input: RawSpan, into output: inout MutableRawSpan, level: UInt32) -> Int? {
    guard output.byteCount > 0, let inputCount = UInt32(exactly: input.byteCount) else { return nil }
    return unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe isal_deflate_stateless_init(stream)
        unsafe stream.pointee.level = level
        unsafe stream.pointee.hist_bits = windowBits
        unsafe stream.pointee.level_buf = levelBuffer.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.level_buf_size = UInt32(DeflateCompressor.levelBufferSize)
        unsafe stream.pointee.end_of_stream = 1
        unsafe stream.pointee.gzip_flag = UInt16(format == .raw ? IGZIP_DEFLATE : IGZIP_ZLIB)
        // The library declares its input writable, but only reads it.
        unsafe stream.pointee.next_in = .init(
          mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = inputCount
        unsafe stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(clamping: target.count)
        guard unsafe isal_deflate_stateless(stream) == COMP_OK else { return nil }
        return unsafe Int(stream.pointee.total_out)
      }
    }
  }
}
