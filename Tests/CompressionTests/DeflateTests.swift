// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Compression
import Errors
import Support
import Testing

struct DeflateTests {
  private static let sizes = [512, 4096, 65536, 2 << 20]

  @Test("zlib reads what we write, and so do we", arguments: Sample.allCases, sizes)
  func written(sample: Sample, size: Int) throws {
    let compressor = DeflateCompressor()
    let inflater = Inflater()
    let bytes = sample.make(size, seed: 1)
    let packed = Codec.compress(compressor, bytes, room: size)
    if sample.isCompressible(size) { #expect(packed != nil) }
    guard let packed else { return }
    #expect(packed.count < size)
    #expect(Zlib.decompress(packed, count: size, window: -15) == bytes)
    #expect(try Codec.decompress(inflater, packed, count: size) == bytes)
  }

  @Test("we read what zlib writes", arguments: 0...9 as ClosedRange<Int32>, [-12, -15] as [Int32])
  func read(level: Int32, window: Int32) throws {
    let inflater = Inflater()
    for sample in Sample.allCases {
      for size in [1, 100, 512, 65536] {
        let bytes = sample.make(size, seed: UInt64(level))
        let packed = Zlib.compress(bytes, level: level, window: window)
        #expect(!packed.isEmpty)
        #expect(try Codec.decompress(inflater, packed, count: size) == bytes)
      }
    }
  }

  @Test("one byte repeated becomes as small as zlib makes it", arguments: sizes.dropFirst())
  func regular(size: Int) throws {
    let compressor = DeflateCompressor()
    let bytes = [UInt8](repeating: 0xAA, count: size)
    let packed = try #require(Codec.compress(compressor, bytes, room: size))
    #expect(packed.count <= Zlib.compress(bytes, level: 6, window: -12).count + 2)
    #expect(Zlib.decompress(packed, count: size, window: -15) == bytes)
    // Where there is no room to try twice, the first result stands.
    let tight = try #require(Codec.compress(compressor, bytes, room: 4 * packed.count))
    #expect(Zlib.decompress(tight, count: size, window: -15) == bytes)
  }

  @Test("libdeflate's streams are read by zlib and by us, and depend on the block only", arguments: sizes)
  func dense(size: Int) throws {
    let compressor = try DenseDeflateCompressor()
    let inflater = Inflater(format: .zlib)
    for sample in Sample.allCases {
      let bytes = sample.make(size, seed: 5)
      let packed = try #require(Codec.compress(compressor, bytes, room: size + 512))
      #expect(Zlib.decompress(packed, count: size, window: 15) == bytes)
      #expect(try Codec.decompress(inflater, packed, count: size) == bytes)
      #expect(Codec.compress(compressor, bytes, room: 10) == nil)
      #expect(Codec.compress(compressor, bytes, room: size + 512) == packed)
    }
  }

  @Test("streams with a zlib header, both directions")
  func wrapped() throws {
    let compressor = DeflateCompressor(format: .zlib)
    let inflater = Inflater(format: .zlib)
    for sample in Sample.allCases {
      let bytes = sample.make(65536, seed: 9)
      let packed = try #require(Codec.compress(compressor, bytes, room: 2 * 65536))
      #expect(Zlib.decompress(packed, count: 65536, window: 15) == bytes)
      #expect(try Codec.decompress(inflater, packed, count: 65536) == bytes)
      #expect(
        try Codec.decompress(inflater, Zlib.compress(bytes, level: 6, window: 15), count: 65536) == bytes)
      var damaged = packed
      damaged[damaged.count - 1] ^= 1
      #expect(throws: BlockError(.corrupt, "compressed data is damaged (wrong checksum)")) {
        try Codec.decompress(inflater, damaged, count: 65536)
      }
    }
    let more = Zlib.compress(Sample.text.make(1000, seed: 1), level: 6, window: 15)
    for count in [999, 1001] {
      #expect(throws: BlockError.self) { try Codec.decompress(inflater, more, count: count) }
    }
    let raw = Zlib.compress(Sample.text.make(1000, seed: 1), level: 6, window: -15)
    #expect(throws: BlockError.self) { try Codec.decompress(inflater, raw, count: 1000) }
  }

  @Test("the result depends on the block only")
  func reproducible() {
    let kept = DeflateCompressor()
    var random = SeededNumbers(seed: 4)
    for _ in 0..<60 {
      let sample = Sample.allCases[Int.random(in: 0..<Sample.allCases.count, using: &random)]
      let bytes = sample.make(Int.random(in: 1...70_000, using: &random), seed: random.next())
      // A block that does not fit must leave no traces either.
      _ = Codec.compress(kept, bytes, room: 50)
      #expect(
        Codec.compress(kept, bytes, room: bytes.count)
          == Codec.compress(DeflateCompressor(), bytes, room: bytes.count))
    }
  }

  @Test("nil where it does not fit or saves nothing")
  func doesNotFit() throws {
    let compressor = DeflateCompressor()
    #expect(Codec.compress(compressor, Sample.noise.make(65536, seed: 2), room: 70_000) == nil)
    for count in 0...3 {
      #expect(Codec.compress(compressor, Sample.zero.make(count, seed: 0), room: 100) == nil)
    }
    let text = Sample.text.make(65536, seed: 3)
    let exact = try #require(Codec.compress(compressor, text, room: 65536)).count
    // The library wants a few bytes more than it writes.
    #expect(Codec.compress(compressor, text, room: exact + 16)?.count == exact)
    for room in [0, 1, 100, exact / 2, exact - 1] {
      #expect(Codec.compress(compressor, text, room: room) == nil, "\(room)")
    }
  }

  @Test("bytes behind a stream do not matter, missing ones do")
  func ends() throws {
    let inflater = Inflater()
    var random = SeededNumbers(seed: 8)
    let bytes = Sample.mixed.make(65536, seed: 5)
    let packed = Zlib.compress(bytes, level: 6, window: -12)
    for count in [0, 1, 7, 8, 511, 4096] {
      let garbage = Sample.noise.make(count, seed: random.next())
      #expect(try Codec.decompress(inflater, packed + garbage, count: 65536) == bytes)
    }
    for kept in [0, 1, 2, 100, packed.count / 2, packed.count - 20] {
      #expect(throws: BlockError(.corrupt, "compressed data is damaged (it ends too early)")) {
        try Codec.decompress(inflater, Array(packed.prefix(kept)), count: 65536)
      }
    }
    // As qcow2's other readers: what fills the block is enough.
    #expect(try Codec.decompress(inflater, packed, count: 65535) == Array(bytes.dropLast()))
    let message = "compressed data holds 65536 bytes where 65537 are expected"
    #expect(throws: BlockError(.corrupt, message)) { try Codec.decompress(inflater, packed, count: 65537) }
    // After every failure the context works again.
    #expect(try Codec.decompress(inflater, packed, count: 65536) == bytes)
  }

  @Test(
    "damage by kind",
    arguments: [
      ([0x07], "invalid deflate block"), ([0x01, 1, 0, 0, 0], "invalid deflate block"),
      ([0x03, 0x02, 0, 0, 0, 0, 0, 0], "reference to before its start"), ([], "it ends too early"),
    ] as [([UInt8], String)])
  func damage(bytes: [UInt8], reason: String) {
    let error = #expect(throws: BlockError.self) { try Codec.decompress(Inflater(), bytes, count: 512) }
    #expect(error == BlockError(.corrupt, "compressed data is damaged (\(reason))"))
  }

  @Test("damaged streams end in an error or in bytes, and never elsewhere than in the output")
  func fuzz() {
    let inflaters = [Inflater(), Inflater(format: .zlib)]
    var random = SeededNumbers(seed: 6)
    var failures = 0
    for round in 0..<3000 {
      let inflater = inflaters[round % 2]
      let bytes = Sample.mixed.make(Int.random(in: 1...3000, using: &random), seed: random.next())
      var packed = Zlib.compress(bytes, level: Int32(round % 10), window: round % 2 == 0 ? -15 : 15)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        packed[Int.random(in: packed.indices, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
      }
      if round % 3 == 0 { packed = Array(packed.prefix(Int.random(in: 0...packed.count, using: &random))) }
      let count = round % 5 == 0 ? Int.random(in: 0...4000, using: &random) : bytes.count
      do throws(BlockError) {
        _ = try Codec.decompress(inflater, packed, count: count)
      } catch {
        failures += 1
        #expect(error.kind == .corrupt)
      }
    }
    #expect(failures > 1000)
  }
}
