// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
package import Errors

/// Undoes Apple Data Compression: runs of literal bytes, and copies of what stands up to 64 KiB back.
package final class ADCDecompressor: BlockDecompressor {
  /// Makes a decompressor.
  package init() {}

  /// Fills `output` from `input`; what follows in the input is left alone.
  package func decompress(_ input: RawSpan, into output: inout MutableRawSpan) throws(BlockError) {
    var (read, filled) = (0, 0)
    while filled < output.byteCount {
      guard read < input.byteCount else {
        throw BlockError(
          .corrupt, "compressed data holds \(filled) bytes where \(output.byteCount) are expected")
      }
      let step = ADCStep(input, at: read)
      guard let end = read.advanced(by: step.size, within: input.byteCount) else {
        throw BlockError(.corrupt, "compressed data is damaged (it ends too early)")
      }
      guard step.length <= output.byteCount - filled else {
        throw BlockError(.corrupt, "compressed data holds more than the expected \(output.byteCount) bytes")
      }
      if let distance = step.distance {
        guard distance <= filled else {
          throw BlockError(.corrupt, "compressed data is damaged (reference to before its start)")
        }
        // What is copied may begin in what is written: byte by byte.
        for index in filled..<filled + step.length {
          output.store(output.bytes.byte(at: index - distance), at: index)
        }
      } else {
        output.copy(input.slice(end - step.length..<end), at: filled)
      }
      filled += step.length
      read = end
    }
  }
}

/// One step of a stream.
private struct ADCStep {
  /// Bytes of the stream that it takes.
  let size: Int
  /// Bytes that it makes.
  let length: Int
  /// How far back what is copied stands; nil for literal bytes, which end the step.
  let distance: Int?

  /// Reads the step at an offset inside the stream. Bytes that the stream lacks read as zeros: `size` tells of them.
  init(_ input: RawSpan, at offset: Int) {
    let count = input.byteCount
    let code = Int(input.byte(at: offset))
    let second = offset + 1 < count ? Int(input.byte(at: offset + 1)) : 0
    let third = offset + 2 < count ? Int(input.byte(at: offset + 2)) : 0
    if code >= 0x80 {
      length = code & 0x7F + 1
      size = 1 + length
      distance = nil
    } else if code >= 0x40 {
      length = code & 0x3F + 4
      size = 3
      distance = second << 8 + third + 1
    } else {
      length = code >> 2 & 0xF + 3
      size = 2
      distance = (code & 3) << 8 + second + 1
    }
  }
}

extension Int {
  /// The sum, or nil where it is past `end`.
  fileprivate func advanced(by count: Int, within end: Int) -> Int? {
    count <= end - self ? self + count : nil
  }
}
