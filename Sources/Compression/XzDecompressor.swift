// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
internal import CLzma
package import Errors
internal import Host

/// Undoes LZMA in the container of xz: one stream a block. The library is loaded when the first decompressor is made.
package final class XzDecompressor: BlockDecompressor {
  @safe
  private struct Functions: @unchecked Sendable {
    // Sendable because the function never changes and works on memory of its caller.
    let decode: strata_lzma_decode
  }

  private static let loaded = LoadedLibrary(.lzma) { library throws(BlockError) in
    unsafe Functions(
      decode: try library.function("lzma_stream_buffer_decode", as: strata_lzma_decode.self))
  }
  /// Bytes that a block may ask for while it is being decompressed: what the highest preset of xz needs.
  private static let memory: UInt64 = 66 << 20

  /// What blocks take together that are being decompressed: of those that the usual preset made, two.
  private static let together = WorkingMemory(most: 20 << 20)

  private let functions: Functions

  /// Makes a decompressor.
  ///
  /// - Throws: kind `unsupported` where the system lacks the library.
  package init() throws(BlockError) { functions = try XzDecompressor.loaded.functions() }

  /// Fills `output` from the stream at the start of `input`, which must end there.
  package func decompress(_ input: RawSpan, into output: inout MutableRawSpan) throws(BlockError) {
    var (read, filled) = (0, 0)
    // Asked to do without memory, the library tells how much it needs.
    var memory: UInt64 = 1
    var result = decode(input, &output, &memory, &read, &filled)
    if result == LZMA_MEMLIMIT_ERROR, memory <= XzDecompressor.memory {
      let needed = memory
      XzDecompressor.together.lock(needed)
      defer { XzDecompressor.together.unlock(needed) }
      memory = XzDecompressor.memory
      (read, filled) = (0, 0)
      result = decode(input, &output, &memory, &read, &filled)
    }
    switch result {
    case LZMA_OK: break
    case LZMA_BUF_ERROR:
      throw BlockError(.corrupt, "compressed data is damaged (it does not end with byte \(output.byteCount))")
    case LZMA_MEM_ERROR: throw BlockError(.tooLarge, "Cannot allocate memory for xz")
    case LZMA_MEMLIMIT_ERROR:
      throw BlockError(.tooLarge, "compressed data asks for \(memory) bytes of memory")
    case LZMA_FORMAT_ERROR: throw BlockError(.corrupt, "compressed data is damaged (no xz header)")
    case LZMA_DATA_ERROR: throw BlockError(.corrupt, "compressed data is damaged (LZMA)")
    default: throw BlockError(.corrupt, "compressed data is damaged (xz error \(result.rawValue))")
    }
    guard filled == output.byteCount else {
      throw BlockError(
        .corrupt, "compressed data holds \(filled) bytes where \(output.byteCount) are expected")
    }
  }

  private func decode(
    _ input: RawSpan, _ output: inout MutableRawSpan, _ memory: inout UInt64, _ read: inout Int,
    _ filled: inout Int
  ) -> lzma_ret {
    unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe functions.decode(
          &memory, 0, nil, source.baseAddress?.assumingMemoryBound(to: UInt8.self), &read, source.count,
          target.baseAddress?.assumingMemoryBound(to: UInt8.self), &filled, target.count)
      }
    }
  }
}
