// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Compression

/// Makes cloop images.
package enum CloopSample {
  /// An image of a disk in blocks of so many bytes; the last is filled up with zeros.
  package static func bytes(of disk: [UInt8], blockSize: Int) -> [UInt8] {
    var streams: [[UInt8]] = []
    for start in stride(from: 0, to: disk.count, by: blockSize) {
      let part = disk[start..<min(start + blockSize, disk.count)]
      streams.append(deflated(part + [UInt8](repeating: 0, count: blockSize - part.count)))
    }
    return image(of: streams, blockSize: blockSize)
  }

  /// An image of streams that are compressed already.
  package static func image(of streams: [[UInt8]], blockSize: Int) -> [UInt8] {
    let script =
      "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\nexit $?\n"
    let head = Buffer(count: 136 + (streams.count + 1) * 8)
    var bytes = head.mutableBytes
    for (index, byte) in script.utf8.enumerated() { bytes.store(byte, at: index) }
    bytes.storeBig(UInt32(blockSize), at: 128)
    bytes.storeBig(UInt32(streams.count), at: 132)
    var offset = head.count
    for (index, stream) in streams.enumerated() {
      bytes.storeBig(UInt64(offset), at: 136 + index * 8)
      offset += stream.count
    }
    bytes.storeBig(UInt64(offset), at: 136 + streams.count * 8)
    return head.array + streams.joined()
  }

  /// A zlib stream.
  package static func deflated(_ bytes: [UInt8]) -> [UInt8] {
    let output = Buffer(count: bytes.count + bytes.count / 1000 + 256)
    var room = output.mutableBytes
    let input = Buffer(bytes)
    let count = DeflateCompressor(format: .zlib).compress(input.bytes, into: &room) ?? 0
    return Array(output.array.prefix(count))
  }
}
