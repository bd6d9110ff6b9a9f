// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
internal import CZstd
package import Errors

/// Zstandard at level 3: one frame a block, with its content's length in it.
@safe
package final class ZstdCompressor: BlockCompressor {
  private static let level: Int32 = 3

  private let context: OpaquePointer

  /// Makes a compressor; takes about 0.7 MiB for blocks of 64 KiB, 1.3 MiB for those of 2 MiB.
  ///
  /// - Throws: kind `tooLarge` where there is no memory.
  package init() throws(BlockError) {
    guard let context = unsafe ZSTD_createCCtx() else {
      throw BlockError(.tooLarge, "Cannot allocate memory for zstd")
    }
    unsafe self.context = context
  }

  deinit {
    _ = unsafe ZSTD_freeCCtx(context)
  }

  /// Compresses `input` into the start of `output`.
  ///
  /// - Returns: the length of the result in bytes, or nil where it does not fit or saves nothing.
  package func compress(_ input: RawSpan, into output: inout MutableRawSpan) -> Int? {
    let room = min(output.byteCount, input.byteCount - 1)
    guard room > 0 else { return nil }
    return unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        let count = unsafe ZSTD_compressCCtx(
          context, target.baseAddress, room, source.baseAddress, source.count, ZstdCompressor.level)
        return ZSTD_isError(count) == 0 ? count : nil
      }
    }
  }
}
