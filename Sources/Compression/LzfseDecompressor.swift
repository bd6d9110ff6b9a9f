// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
package import Errors
internal import Host

/// Undoes LZFSE. The library, which Debian does not have, is loaded when the first decompressor is made.
package final class LzfseDecompressor: BlockDecompressor {
  /// The function that fills a target from a source and answers how many bytes that took, with working memory of its own
  /// where it is given none.
  private typealias Decode =
    @convention(c) (
      UnsafeMutablePointer<UInt8>?, Int, UnsafePointer<UInt8>?, Int, UnsafeMutableRawPointer?
    ) -> Int

  @safe
  private struct Functions: @unchecked Sendable {
    // Sendable because the function never changes and works on memory of its caller.
    let decode: Decode
  }

  private static let loaded = LoadedLibrary(.lzfse) { library throws(BlockError) in
    unsafe Functions(decode: try library.function("lzfse_decode_buffer", as: Decode.self))
  }

  private let functions: Functions

  /// Makes a decompressor.
  ///
  /// - Throws: kind `unsupported` where the system lacks the library.
  package init() throws(BlockError) { functions = try LzfseDecompressor.loaded.functions() }

  /// Fills `output` from the start of `input`. The library does not tell whether there would be more.
  package func decompress(_ input: RawSpan, into output: inout MutableRawSpan) throws(BlockError) {
    let filled = unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe functions.decode(
          target.baseAddress?.assumingMemoryBound(to: UInt8.self), target.count,
          source.baseAddress?.assumingMemoryBound(to: UInt8.self), source.count, nil)
      }
    }
    guard filled > 0 else { throw BlockError(.corrupt, "compressed data is damaged (LZFSE)") }
    guard filled == output.byteCount else {
      throw BlockError(
        .corrupt, "compressed data holds \(filled) bytes where \(output.byteCount) are expected")
    }
  }
}
