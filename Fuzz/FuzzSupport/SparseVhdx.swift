// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Compression

/// A VHDX as an input: the pieces of a new image that mean something, one behind the other, without the mebibytes between
/// them.
enum SparseVhdx {
  private static let signature = Array("vhdxfile".utf8)
  /// The identifier, both headers, both region tables, the log, the block map, the table of metadata and its items.
  private static let pieces = [
    (0, 512), (64 << 10, 4096), (128 << 10, 4096), (192 << 10, 512), (256 << 10, 512), (1 << 20, 16 << 10),
    (2 << 20, 4096), (3 << 20, 512), (3 << 20 + 64 << 10, 4096),
  ]
  private static let dataOffset = 4 << 20

  /// The input for an image of two or fewer blocks of a mebibyte.
  static func input(for image: [UInt8]) -> [UInt8] {
    pieces.reduce(into: []) { input, piece in input += image[piece.0..<piece.0 + piece.1] }
      + [UInt8(clamping: (image.count - dataOffset) >> 20)]
  }

  /// The image that an input stands for, with right checksums, which inputs hardly ever get right by themselves; the input
  /// itself where it is for none.
  static func image(for input: [UInt8]) -> [UInt8] {
    guard input.starts(with: signature) else { return input }
    var start = 0
    let blocks = Int(input[input.count - 1] % 4)
    var image = [UInt8](repeating: 0, count: dataOffset + blocks << 20)
    for (offset, count) in pieces {
      let part = input[min(start, input.count)..<min(start + count, input.count)]
      image.replaceSubrange(offset..<offset + part.count, with: part)
      start += count
    }
    for (offset, count) in [
      (64 << 10, 4096), (128 << 10, 4096), (192 << 10, 64 << 10), (256 << 10, 64 << 10),
    ] {
      mend(offset..<offset + count, &image)
    }
    // Entries of the log state their length.
    for entry in stride(from: 1 << 20, to: 1 << 20 + 16 << 10, by: 4096)
    where image[entry] == UInt8(ascii: "l") {
      let length = Int(Buffer(Array(image[entry + 8..<entry + 12])).bytes.little32(at: 0))
      if length >= 4096, length <= 1 << 20 { mend(entry..<entry + length, &image) }
    }
    return image
  }

  private static func mend(_ range: Range<Int>, _ image: inout [UInt8]) {
    image.replaceSubrange(range.lowerBound + 4..<range.lowerBound + 8, with: [0, 0, 0, 0])
    var checksum = CRC32C()
    checksum.add(Buffer(Array(image[range])).bytes)
    for index in 0..<4 {
      image[range.lowerBound + 4 + index] = UInt8(truncatingIfNeeded: checksum.value >> UInt32(index * 8))
    }
  }
}
