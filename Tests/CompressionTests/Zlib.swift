// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import CZlib

/// Another author's deflate, to test ours against. Windows are given as zlib does: negative for raw streams.
enum Zlib {
  static func compress(_ bytes: [UInt8], level: Int32, window: Int32) -> [UInt8] {
    var stream = unsafe z_stream()
    guard
      unsafe deflateInit2_(
        &stream, level, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return [] }
    defer { _ = unsafe deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count * 2 + 100)
    let capacity = output.count
    let result = unsafe input.withUnsafeMutableBufferPointer { source in
      unsafe output.withUnsafeMutableBufferPointer { target in
        unsafe stream.next_in = source.baseAddress
        unsafe stream.avail_in = UInt32(source.count)
        unsafe stream.next_out = target.baseAddress
        unsafe stream.avail_out = UInt32(capacity)
        return unsafe deflate(&stream, Z_FINISH)
      }
    }
    return unsafe result == Z_STREAM_END ? Array(output.prefix(Int(stream.total_out))) : []
  }

  /// The content of a stream that must end with `bytes`, or nil.
  static func decompress(_ bytes: [UInt8], count: Int, window: Int32) -> [UInt8]? {
    var stream = unsafe z_stream()
    guard
      unsafe inflateInit2_(&stream, window, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { _ = unsafe inflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: count)
    let result = unsafe input.withUnsafeMutableBufferPointer { source in
      unsafe output.withUnsafeMutableBufferPointer { target in
        unsafe stream.next_in = source.baseAddress
        unsafe stream.avail_in = UInt32(source.count)
        unsafe stream.next_out = target.baseAddress
        unsafe stream.avail_out = UInt32(target.count)
        return unsafe inflate(&stream, Z_FINISH)
      }
    }
    guard result == Z_STREAM_END, unsafe stream.avail_in == 0 else { return nil }
    return unsafe Array(output.prefix(Int(stream.total_out)))
  }
}
