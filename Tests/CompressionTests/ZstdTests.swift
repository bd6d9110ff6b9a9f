// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Compression
import Errors
import Support
import Testing

struct ZstdTests {
  @Test("round trip", arguments: Sample.allCases, [512, 4096, 65536, 2 << 20])
  func roundTrip(sample: Sample, size: Int) throws {
    let bytes = sample.make(size, seed: 1)
    let packed = Codec.compress(try ZstdCompressor(), bytes, room: size)
    if sample.isCompressible(size) { #expect(packed != nil) }
    guard let packed else { return }
    #expect(packed.count < size)
    #expect(try Codec.decompress(ZstdDecompressor(), packed, count: size) == bytes)
  }

  @Test("the result depends on the block only")
  func reproducible() throws {
    let kept = try ZstdCompressor()
    var random = SeededNumbers(seed: 4)
    for _ in 0..<60 {
      let sample = Sample.allCases[Int.random(in: 0..<Sample.allCases.count, using: &random)]
      let bytes = sample.make(Int.random(in: 1...70_000, using: &random), seed: random.next())
      _ = Codec.compress(kept, bytes, room: 30)
      let fresh = Codec.compress(try ZstdCompressor(), bytes, room: bytes.count)
      #expect(Codec.compress(kept, bytes, room: bytes.count) == fresh)
    }
  }

  @Test("nil where it does not fit or saves nothing")
  func doesNotFit() throws {
    let compressor = try ZstdCompressor()
    #expect(Codec.compress(compressor, Sample.noise.make(65536, seed: 2), room: 70_000) == nil)
    for count in 0...3 {
      #expect(Codec.compress(compressor, Sample.zero.make(count, seed: 0), room: 100) == nil)
    }
    let text = Sample.text.make(65536, seed: 3)
    let size = try #require(Codec.compress(compressor, text, room: 65536)).count
    for room in [0, 1, 100, size / 2, size - 1] {
      #expect(Codec.compress(compressor, text, room: room) == nil, "\(room)")
    }
  }

  /// A frame that holds `bytes`, stored, with a window of `windowLog` bits and no length of its content.
  private static func storedFrame(_ bytes: [UInt8], windowLog: UInt8 = 10) -> [UInt8] {
    let header = UInt32(bytes.count) << 3 | 1
    let descriptor: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, (windowLog - 10) << 3]
    return descriptor + (0..<3).map { UInt8(truncatingIfNeeded: header >> (8 * $0)) } + bytes
  }

  private static let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3]

  @Test("several frames, empty and skippable ones, and anything behind the last")
  func frames() throws {
    let decompressor = try ZstdDecompressor()
    let compressor = try ZstdCompressor()
    let bytes = Sample.text.make(65536, seed: 7)
    let first = try #require(Codec.compress(compressor, Array(bytes[..<1000]), room: 65536))
    let second = try #require(Codec.compress(compressor, Array(bytes[1000...]), room: 65536))
    let all = try #require(Codec.compress(compressor, bytes, room: 65536))
    let garbage = Sample.noise.make(511, seed: 1)
    for packed in [
      first + second, first + ZstdTests.skippable + second, ZstdTests.skippable + all,
      ZstdTests.storedFrame([]) + all, all + garbage, first + second + garbage, all + all,
      all + [0x28, 0xB5],
      ZstdTests.storedFrame(Array(bytes[..<40000])) + ZstdTests.storedFrame(Array(bytes[40000...])),
    ] {
      #expect(try Codec.decompress(decompressor, packed, count: 65536) == bytes)
    }
  }

  @Test("a huge window costs nothing")
  func window() throws {
    let bytes = Sample.text.make(1000, seed: 2)
    let packed = ZstdTests.storedFrame(bytes, windowLog: 41)
    #expect(packed.count == 1009)
    // The library may refuse the window, but it may not allocate it.
    if let read = try? Codec.decompress(ZstdDecompressor(), packed, count: 1000) { #expect(read == bytes) }
    let wide = ZstdTests.storedFrame(bytes, windowLog: 27)
    #expect(try Codec.decompress(ZstdDecompressor(), wide, count: 1000) == bytes)
  }

  @Test("too much, too little and cut short are errors; the context works again afterwards")
  func ends() throws {
    let decompressor = try ZstdDecompressor()
    let bytes = Sample.mixed.make(65536, seed: 5)
    let packed = try #require(Codec.compress(ZstdCompressor(), bytes, room: 65536))
    for kept in [0, 1, 4, 100, packed.count - 1] {
      let error = #expect(throws: BlockError.self) {
        try Codec.decompress(decompressor, Array(packed.prefix(kept)), count: 65536)
      }
      #expect(error?.kind == .corrupt)
    }
    for count in [65535, 65537, 1] {
      let error = #expect(throws: BlockError.self) {
        try Codec.decompress(decompressor, packed, count: count)
      }
      #expect(error?.kind == .corrupt)
    }
    #expect(throws: BlockError(.corrupt, "compressed data holds 65536 bytes where 65537 are expected")) {
      try Codec.decompress(decompressor, packed, count: 65537)
    }
    #expect(try Codec.decompress(decompressor, packed, count: 65536) == bytes)
  }

  @Test("damaged frames end in an error or in bytes, and never elsewhere than in the output")
  func fuzz() throws {
    let decompressor = try ZstdDecompressor()
    let compressor = try ZstdCompressor()
    var random = SeededNumbers(seed: 6)
    var failures = 0
    for round in 0..<3000 {
      let bytes = Sample.mixed.make(Int.random(in: 1000...4000, using: &random), seed: random.next())
      guard var packed = Codec.compress(compressor, bytes, room: bytes.count) else { continue }
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        packed[Int.random(in: packed.indices, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
      }
      if round % 3 == 0 { packed = Array(packed.prefix(Int.random(in: 0...packed.count, using: &random))) }
      let count = round % 5 == 0 ? Int.random(in: 0...5000, using: &random) : bytes.count
      do throws(BlockError) {
        _ = try Codec.decompress(decompressor, packed, count: count)
      } catch {
        failures += 1
        #expect(error.kind == .corrupt)
      }
    }
    #expect(failures > 1000)
  }
}
