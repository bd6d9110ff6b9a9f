// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
package import Errors

/// Compresses blocks, each on its own, and keeps its working memory between them.
///
/// The result depends on the block only, never on the blocks before it. An instance has one user at a time.
package protocol BlockCompressor: AnyObject {
  /// Compresses `input` into the start of `output`.
  ///
  /// - Returns: the length of the result in bytes, or nil where it does not fit `output` or saves nothing.
  func compress(_ input: RawSpan, into output: inout MutableRawSpan) -> Int?
}

/// Decompresses blocks whose length is known, and keeps its working memory between them.
///
/// The input is not trusted: only `output` is written whatever the input holds, and no memory is taken that the input
/// asks for. An instance has one user at a time.
package protocol BlockDecompressor: AnyObject {
  /// Fills `output` from `input`, which may go on behind the compressed data with anything.
  ///
  /// - Throws: kind `corrupt` where the input is damaged, or does not hold as much as `output` needs. The content of
  ///   `output` is undefined then.
  func decompress(_ input: RawSpan, into output: inout MutableRawSpan) throws(BlockError)
}

/// The framing around deflate's compressed bits.
package enum DeflateFormat: Sendable {
  /// Nothing (RFC 1951).
  case raw
  /// A header of two bytes and a checksum of the content (RFC 1950).
  case zlib
}
