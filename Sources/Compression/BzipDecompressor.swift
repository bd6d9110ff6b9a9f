// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
internal import CBzip
package import Errors
internal import Host

/// Undoes bzip2: one stream a block. The library is loaded when the first decompressor is made.
package final class BzipDecompressor: BlockDecompressor {
  @safe
  private struct Functions: @unchecked Sendable {
    // Sendable because the function never changes and works on memory of its caller.
    let decompress: strata_bz_decompress
  }

  private static let loaded = LoadedLibrary(.bzip) { library throws(BlockError) in
    unsafe Functions(
      decompress: try library.function("BZ2_bzBuffToBuffDecompress", as: strata_bz_decompress.self))
  }

  private let functions: Functions

  /// Makes a decompressor; each block takes 4 MB while it is being decompressed.
  ///
  /// - Throws: kind `unsupported` where the system lacks the library.
  package init() throws(BlockError) { functions = try BzipDecompressor.loaded.functions() }

  /// Fills `output` from the stream at the start of `input`, which must end there.
  package func decompress(_ input: RawSpan, into output: inout MutableRawSpan) throws(BlockError) {
    guard let inputCount = UInt32(exactly: input.byteCount), var filled = UInt32(exactly: output.byteCount)
    else { throw BlockError(.tooLarge, "compressed block is too large") }
    let wanted = filled
    let result = unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        // The library declares its input writable, but only reads it.
        unsafe functions.decompress(
          target.baseAddress?.assumingMemoryBound(to: CChar.self), &filled,
          .init(mutating: source.baseAddress?.assumingMemoryBound(to: CChar.self)), inputCount, 0, 0)
      }
    }
    switch result {
    case BZ_OK: break
    case BZ_OUTBUFF_FULL:
      throw BlockError(.corrupt, "compressed data holds more than the expected \(wanted) bytes")
    case BZ_MEM_ERROR: throw BlockError(.tooLarge, "Cannot allocate memory for bzip2")
    case BZ_UNEXPECTED_EOF: throw BlockError(.corrupt, "compressed data is damaged (it ends too early)")
    case BZ_DATA_ERROR_MAGIC: throw BlockError(.corrupt, "compressed data is damaged (no bzip2 header)")
    default: throw BlockError(.corrupt, "compressed data is damaged (bzip2 error \(result))")
    }
    guard filled == wanted else {
      throw BlockError(.corrupt, "compressed data holds \(filled) bytes where \(wanted) are expected")
    }
  }
}
