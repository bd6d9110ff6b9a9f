// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Compression
internal import Errors

/// Undoes every compression that chunks have, for one thread; each is set up when it is first needed.
final class ChunkDecompressor {
  private var known: [DmgChunk.Kind: any BlockDecompressor] = [:]

  /// Fills `output` from a chunk's bytes.
  ///
  /// - Throws: kind `unsupported` for a chunk that nobody knows, or whose library the system lacks.
  func decompress(_ kind: DmgChunk.Kind, _ input: RawSpan, into output: inout MutableRawSpan)
    throws(BlockError)
  {
    let decompressor = if let known = known[kind] { known } else { try ChunkDecompressor.make(kind) }
    known[kind] = decompressor
    try decompressor.decompress(input, into: &output)
  }

  private static func make(_ kind: DmgChunk.Kind) throws(BlockError) -> any BlockDecompressor {
    switch kind {
    case .adc: return ADCDecompressor()
    case .zlib: return Inflater(format: .zlib)
    case .bzip2: return try BzipDecompressor()
    case .lzfse: return try LzfseDecompressor()
    case .xz: return try XzDecompressor()
    case .unknown(let type):
      throw BlockError(.unsupported, "its type 0x\(String(type, radix: 16)) is not known")
    case .zero, .raw, .ignored: throw BlockError(.unsupported, "it is not compressed")
    }
  }
}
