// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Compression
internal import Errors
internal import Host

/// What a file of an appliance holds that is compressed with gzip: it is unpacked once, into a temporary file that has no
/// name and takes no space for zeros. It is only read.
final class UnpackedFile: StorageDriver, Sendable {
  /// The most bytes that one compressed byte stands for.
  private static let mostExpansion: UInt64 = 1032
  /// Bytes that the image of a disk may have besides the disk's own.
  private static let mostOverhead: UInt64 = 64 << 20
  /// Bytes that are unpacked at once.
  private static let piece = 1 << 20
  /// Bytes that are left out where they are zeros.
  private static let hole = 64 << 10

  let name = "gzip"
  private let file: File
  private let count: UInt64

  /// Unpacks a file.
  ///
  /// - Parameter capacity: bytes of the disk whose image it is, where the description says it: much more is refused.
  /// - Throws: kind `corrupt` for what is damaged, `tooLarge` for more than may be in it; why it cannot be stored.
  init(_ packed: Edge, capacity: UInt64?) throws(BlockError) {
    let length = packed.length
    var most = length.times(UnpackedFile.mostExpansion) ?? .max
    // Formats need a little more than a disk's bytes.
    if let capacity, let stated = capacity.plus(capacity / 16)?.plus(UnpackedFile.mostOverhead) {
      most = min(most, stated)
    }
    file = try File.temporary()
    let stream = GunzipStream()
    let output = Buffer(count: UnpackedFile.piece)
    let unpacked = file
    var end: UInt64 = 0
    try packed.forEachPiece(of: 0..<length) { (input: RawSpan) throws(BlockError) in
      var read = 0
      while true {
        var target = output.mutableBytes
        let step = try stream.next(input.slice(read..<input.byteCount), into: &target)
        read += step.read
        guard step.filled <= most - end else {
          throw BlockError(
            .tooLarge, "it holds more than \(most) bytes, which no disk of that capacity has",
            advice: "'gunzip' unpacks it, if it is meant to.")
        }
        try UnpackedFile.store(output.bytes.slice(0..<step.filled), at: end, unpacked)
        end += UInt64(step.filled)
        // Where room was left, all has come out that was read.
        if read == input.byteCount, stream.isComplete || step.filled < output.count { break }
        if step.read == 0, step.filled == 0 { break }
      }
    }
    guard stream.isComplete else {
      throw BlockError(.corrupt, "compressed data ends too early (\(end) bytes are good)")
    }
    try file.truncate(to: end)
    self.count = end
  }

  /// Writes what is no zeros.
  private static func store(_ data: RawSpan, at offset: UInt64, _ file: File) throws(BlockError) {
    var done = 0
    while done < data.byteCount {
      let piece = data.slice(done..<min(data.byteCount, done + hole))
      if !piece.isZero { try file.write(at: offset + UInt64(done), from: piece) }
      done += piece.byteCount
    }
  }

  func length(of node: Node) -> UInt64 { count }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let location = Extent.Location(.file, offset)
    guard let stretch = try file.stretch(at: offset), stretch.end > offset else {
      return Extent(.data, length: length, location: location)
    }
    return Extent(
      stretch.isData ? .data : .zero, length: min(length, stretch.end - offset), location: location)
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    let done = try file.read(at: offset, into: &buffer)
    guard done < buffer.byteCount else { return }
    var rest = buffer.slice(done..<buffer.byteCount)
    rest.fill()
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    throw BlockError(.readOnly, "a compressed file is only read")
  }

  func flush(_ node: Node) throws(BlockError) {}
}
