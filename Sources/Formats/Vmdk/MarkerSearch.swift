// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Compression
internal import Errors

/// The search for the next marker behind a damaged one, which alone could tell where it is: sector by sector.
struct MarkerSearch {
  /// Bytes that may be inflated in vain: any number of sectors may look like the start of a grain.
  private static let mostInflated: UInt64 = 256 << 20
  /// Sectors that are read at once: few at first, where the next marker is near.
  private static let window: ClosedRange<UInt64> = 8...2048

  private let header: SparseHeader
  private let fileLength: UInt64
  private var inflated: UInt64 = 0
  private let content: Buffer
  private let inflater = Inflater(format: .zlib)

  /// - Parameter header: the header at the start of the file, of compressed grains.
  init(_ header: SparseHeader, fileLength: UInt64) {
    self.header = header
    self.fileLength = fileLength
    content = Buffer(count: Int(header.grainBytes))
  }

  /// The first sector from one on that starts a grain which can be inflated, a table or the directory; nil for none.
  ///
  /// - Parameter read: gives bytes of the file, zeros past its end.
  /// - Throws: kind `tooLarge` where too much looks like grains and is none.
  mutating func next(from first: UInt64, _ read: VmdkReader) throws(BlockError) -> UInt64? {
    let end = fileLength / 512
    var start = first
    var window = MarkerSearch.window.lowerBound
    while start < end {
      let count = min(window, end - start)
      let part = try read(start * 512, Int(count) * 512)
      for index in 0..<Int(count) {
        let sector = part.bytes.slice(index * 512..<(index + 1) * 512)
        let place = start + UInt64(index)
        if isPart(sector, at: place) { return place }
        if try isGrain(sector, at: place, read) { return place }
      }
      start += count
      window = min(2 * window, MarkerSearch.window.upperBound)
    }
    return nil
  }

  /// Whether the grain at a sector inflates, and ends where its size has it: with the checksum of what it holds.
  func isWhole(_ place: UInt64, _ read: VmdkReader) throws(BlockError) -> Bool {
    let first = try read(place * 512, GrainMarker.length)
    guard let (start, marker) = header.grainMarker(first.bytes, at: place, fileLength: fileLength),
      marker.size > 4
    else { return false }
    let bytes = try read(place * 512 + UInt64(GrainMarker.length), marker.size)
    let known = min(header.grainBytes, (header.capacity - start) * 512)
    for length in known < header.grainBytes ? [header.grainBytes, known] : [known] {
      guard inflates(bytes, to: Int(length)) else { continue }
      return bytes.bytes.big32(at: marker.size - 4) == Adler32.of(content.bytes.slice(0..<Int(length)))
    }
    return false
  }

  private func isPart(_ sector: RawSpan, at place: UInt64) -> Bool {
    for (kind, count) in [
      (StreamMarker.table, header.tableSectors), (.directory, header.directorySectors),
    ] where kind.isMarker(sector, before: count) {
      return (place + 1 + count) * 512 <= fileLength
    }
    return false
  }

  private mutating func isGrain(_ sector: RawSpan, at place: UInt64, _ read: VmdkReader) throws(BlockError)
    -> Bool
  {
    guard sector.little32(at: 8) > 0,
      let (start, marker) = header.grainMarker(sector, at: place, fileLength: fileLength),
      MarkerSearch.isZlib(sector.slice(GrainMarker.length..<GrainMarker.length + 2))
    else { return false }
    let bytes = try read(place * 512 + UInt64(GrainMarker.length), marker.size)
    // Writers store the last grain whole, or as far as the disk goes.
    let known = min(header.grainBytes, (header.capacity - start) * 512)
    for length in known < header.grainBytes ? [header.grainBytes, known] : [known] {
      if inflates(bytes, to: Int(length)) { return true }
      inflated += UInt64(marker.size) + length
    }
    guard inflated <= MarkerSearch.mostInflated else {
      throw BlockError(.tooLarge, "too many sectors look like grains, and are none")
    }
    return false
  }

  /// Whether bytes are the header of a zlib stream without a dictionary (RFC 1950).
  private static func isZlib(_ bytes: RawSpan) -> Bool {
    let (method, flags) = (Int(bytes.byte(at: 0)), Int(bytes.byte(at: 1)))
    return method & 15 == 8 && method >> 4 <= 7 && flags & 32 == 0 && (method << 8 | flags) % 31 == 0
  }

  private func inflates(_ source: Buffer, to length: Int) -> Bool {
    var bytes = content.mutableBytes
    var target = bytes.slice(0..<length)
    return (try? inflater.decompress(source.bytes, into: &target)) != nil
  }
}
