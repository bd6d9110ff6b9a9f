// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
internal import CZstd
package import Errors

/// Undoes Zstandard: as many frames as it takes to fill the output.
@safe
package final class ZstdDecompressor: BlockDecompressor {
  private let context: OpaquePointer

  /// Makes a decompressor; takes about 100 KiB, whatever window a frame asks for.
  ///
  /// - Throws: kind `tooLarge` where there is no memory.
  package init() throws(BlockError) {
    guard let context = unsafe ZSTD_createDCtx() else {
      throw BlockError(.tooLarge, "Cannot allocate memory for zstd")
    }
    unsafe self.context = context
  }

  deinit {
    _ = unsafe ZSTD_freeDCtx(context)
  }

  /// Fills `output` from the frames at the start of `input`; the last frame must end where `output` does.
  package func decompress(_ input: RawSpan, into output: inout MutableRawSpan) throws(BlockError) {
    var read = 0
    var filled = 0
    // Every frame found is longer than nothing, so this ends with the input.
    while filled < output.byteCount {
      guard read < input.byteCount else {
        throw BlockError(
          .corrupt, "compressed data holds \(filled) bytes where \(output.byteCount) are expected")
      }
      let (consumed, produced) = try frame(input.extracting(read...), into: &output, at: filled)
      read += consumed
      filled += produced
    }
  }

  /// Decodes one frame in a single step: the output is then the window, and no other memory is needed.
  private func frame(_ input: RawSpan, into output: inout MutableRawSpan, at offset: Int) throws(BlockError)
    -> (consumed: Int, produced: Int)
  {
    let length = unsafe input.withUnsafeBytes {
      unsafe ZSTD_findFrameCompressedSize($0.baseAddress, $0.count)
    }
    if let error = ZstdDecompressor.error(length) { throw error }
    let count = unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe ZSTD_decompressDCtx(
          context, target.baseAddress.map { unsafe $0 + offset }, target.count - offset, source.baseAddress,
          length)
      }
    }
    if let error = ZstdDecompressor.error(count) { throw error }
    return (length, count)
  }

  private static func error(_ code: Int) -> BlockError? {
    guard ZSTD_isError(code) != 0 else { return nil }
    let reason = unsafe String(cString: ZSTD_getErrorName(code))
    return BlockError(.corrupt, "compressed data is damaged (\(reason))")
  }
}
