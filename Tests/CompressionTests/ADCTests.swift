// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Compression
import Errors
import Support
import Testing

/// Decompressors of chunks of Apple's disk images.
@Suite struct ADCTests {
  private func decode(_ decompressor: any BlockDecompressor, _ input: [UInt8], _ count: Int) throws -> [UInt8]
  {
    let output = Buffer(count: count)
    var bytes = output.mutableBytes
    let source = Buffer(input)
    try decompressor.decompress(source.bytes, into: &bytes)
    return output.array
  }

  @Test(
    "literals and copies, which may reach into what they write",
    arguments: [
      ([0x82, 1, 2, 3], [1, 2, 3]), ([0x80, 7, 0x08, 0x00], [7, 7, 7, 7, 7, 7]),
      ([0x81, 1, 2, 0x00, 0x01], [1, 2, 1, 2, 1]),
      ([0x81, 1, 2, 0x42, 0x00, 0x01], [1, 2, 1, 2, 1, 2, 1, 2]),
      // What follows is left alone.
      ([0x80, 9, 1, 2, 3], [9]),
    ] as [([UInt8], [UInt8])])
  func steps(_ input: [UInt8], _ output: [UInt8]) throws {
    #expect(try decode(ADCDecompressor(), input, output.count) == output)
  }

  @Test("a distance of three bytes' code reaches 64 KiB back")
  func far() throws {
    var numbers = SeededNumbers(seed: 1)
    let noise = SampleDisk.noise(65536, &numbers).array
    var input: [UInt8] = []
    for start in stride(from: 0, to: noise.count, by: 128) { input += [0xFF] + noise[start..<start + 128] }
    input += [0x7F, 0xFF, 0xFF]
    #expect(try decode(ADCDecompressor(), input, 65536 + 67) == noise + noise[..<67])
  }

  @Test("what was compressed comes back", arguments: [DmgSample.Kind.adc, .bzip2, .xz, .zlib])
  func roundTrip(_ kind: DmgSample.Kind) throws {
    var numbers = SeededNumbers(seed: 2)
    let noise = SampleDisk.noise(5000, &numbers).array
    let content = noise + [UInt8](repeating: 3, count: 3000) + noise + noise.prefix(700) + noise.prefix(700)
    let decompressor: any BlockDecompressor =
      switch kind {
      case .bzip2: try BzipDecompressor()
      case .xz: try XzDecompressor()
      case .zlib: Inflater(format: .zlib)
      default: ADCDecompressor()
      }
    let stored = kind.stored(content)
    #expect(stored.count < content.count - 3000)
    for _ in 0..<2 { #expect(try decode(decompressor, stored, content.count) == content) }
  }

  @Test("any bytes are decoded or refused", arguments: [DmgSample.Kind.adc, .bzip2, .xz])
  func anything(_ kind: DmgSample.Kind) throws {
    var numbers = SeededNumbers(seed: 3)
    let decompressor: any BlockDecompressor =
      switch kind {
      case .bzip2: try BzipDecompressor()
      case .xz: try XzDecompressor()
      default: ADCDecompressor()
      }
    let stored = kind.stored(SampleDisk.noise(1000, &numbers).array + [UInt8](repeating: 1, count: 2000))
    for _ in 0..<500 {
      var broken = stored
      for _ in 0..<Int.random(in: 1...4, using: &numbers) {
        broken[Int.random(in: 0..<broken.count, using: &numbers)] = .random(in: 0...255, using: &numbers)
      }
      _ = try? decode(
        decompressor, Array(broken.prefix(Int.random(in: 0...broken.count, using: &numbers))), 3000)
    }
  }
}
