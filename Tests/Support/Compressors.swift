// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CBzip
internal import CLzma
internal import Errors
internal import Host

/// Compresses what the suite only decompresses.
enum Compressors {
  // Sendable because the functions never change and work on memory of their callers.
  @safe
  private struct Bzip: @unchecked Sendable {
    let compress: strata_bz_compress
  }

  @safe
  private struct Lzma: @unchecked Sendable {
    let encode: strata_lzma_encode
  }

  private static let bzip = LoadedLibrary(.bzip) { library throws(BlockError) in
    unsafe Bzip(
      compress: try library.function("BZ2_bzBuffToBuffCompress", as: strata_bz_compress.self))
  }
  private static let lzma = LoadedLibrary(.lzma) { library throws(BlockError) in
    unsafe Lzma(encode: try library.function("lzma_easy_buffer_encode", as: strata_lzma_encode.self))
  }

  /// A stream of bzip2.
  static func bzip2(_ content: [UInt8]) -> [UInt8] {
    var (source, target) = (
      content.map { CChar(bitPattern: $0) }, [CChar](repeating: 0, count: content.count * 2 + 600)
    )
    var count = UInt32(target.count)
    guard let library = try? bzip.functions(),
      unsafe library.compress(&target, &count, &source, UInt32(source.count), 9, 0, 0) == BZ_OK
    else { return [] }
    return target.prefix(Int(count)).map { UInt8(bitPattern: $0) }
  }

  /// A stream of xz.
  static func xz(_ content: [UInt8]) -> [UInt8] {
    var target = [UInt8](repeating: 0, count: content.count * 2 + 600)
    var count = 0
    guard let library = try? lzma.functions(),
      unsafe library.encode(1, LZMA_CHECK_CRC32, nil, content, content.count, &target, &count, target.count)
        == LZMA_OK
    else { return [] }
    return Array(target.prefix(count))
  }

  /// A stream of LZFSE: one block that is stored as it is.
  static func lzfse(_ content: [UInt8]) -> [UInt8] {
    let size = (0..<4).map { UInt8(truncatingIfNeeded: content.count >> ($0 * 8)) }
    return Array("bvx-".utf8) + size + content + Array("bvx$".utf8)
  }

  /// A stream of ADC, in which runs of one byte are copies, and so is what stood 700 or 5000 bytes before.
  static func adc(_ content: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var literal: [UInt8] = []
    func flush() {
      guard !literal.isEmpty else { return }
      result += [UInt8(0x80 | (literal.count - 1))] + literal
      literal = []
    }
    var position = 0
    while position < content.count {
      var best = (length: 0, distance: 0)
      for distance in [1, 700, 5000] where distance <= position {
        var length = 0
        while length < 67, position + length < content.count,
          content[position + length] == content[position + length - distance]
        {
          length += 1
        }
        if length > best.length { best = (length, distance) }
      }
      let back = best.distance - 1
      if best.length >= 4, best.distance > 1024 || best.length > 18 {
        flush()
        result += [UInt8(0x40 | (best.length - 4)), UInt8(back >> 8), UInt8(back & 255)]
      } else if best.length >= 3, best.distance <= 1024 {
        flush()
        best.length = min(best.length, 18)
        result += [UInt8((best.length - 3) << 2 | back >> 8), UInt8(back & 255)]
      } else {
        literal.append(content[position])
        best.length = 1
        if literal.count == 128 { flush() }
      }
      position += best.length
    }
    flush()
    return result
  }
}
