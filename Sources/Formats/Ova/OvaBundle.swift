// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Crypto
internal import Errors
internal import Host
internal import Options

/// An archive that is being made: the description first, then the digests, then the disks (DSP0243 1.1, 5.3).
///
/// Description and digests depend on the disks, but their lengths do not: their place is known from the start.
final class OvaBundle: Bundle {
  private let description: OvfDescription
  private let algorithm: ContentHash
  /// Bytes of the description, filled up with blanks.
  private let descriptionLength: UInt64
  private let manifestLength: UInt64

  /// - Throws: kind `tooLarge` for names that have no room in an archive; the defect of the options.
  init(_ name: String, lengths: [UInt64], _ options: OptionObject) throws(BlockError) {
    var options = options
    let digest = try options.takeString("digest") ?? "sha256"
    guard ["sha1", "sha256", "sha512"].contains(digest) else {
      throw BlockError(.invalidArgument, "invalid parameter value: \(digest)")
    }
    algorithm = try ContentHash(digest)
    description = try OvfDescription(OvaBundle.stem(of: name), lengths: lengths, &options)
    // Numbers of the greatest length stand for those that are not known yet.
    let longest = lengths.map { _ in OvfDescription.Image(bytes: .max, populated: .max) }
    let text = description.text(longest)
    let unit = UInt64(TarHeader.length)
    descriptionLength = UInt64(text.utf8.count).dividedUp(by: unit) * unit
    var manifest = OvfManifest.line(description.name + ".ovf", algorithm: digest, digest: algorithm.blank)
      .count
    for index in lengths.indices {
      manifest += OvfManifest.line(description.file(index), algorithm: digest, digest: algorithm.blank).count
      _ = try TarHeader(file: description.file(index), size: 0).bytes
    }
    manifestLength = UInt64(manifest)
  }

  /// The name without its ending, and with nothing in it that means something in an archive, a manifest or XML.
  private static func stem(of name: String) -> String {
    let bytes = (name.hasSuffix(".ova") ? String(name.dropLast(4)) : name).spelledBytes
    let isPlain = { (byte: UInt8) in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || [0x2D, 0x2E, 0x5F].contains(byte)
    }
    let plain = bytes.map { isPlain($0) ? $0 : UInt8(ascii: "_") }.drop { $0 == UInt8(ascii: ".") }
    return plain.isEmpty ? "disk" : String(decoding: plain.prefix(80), as: UTF8.self)
  }

  var member: (format: String, options: OptionObject) {
    ("vmdk", ["subformat": "streamOptimized", "adapter_type": .string(description.adapterType)])
  }

  func name(of index: Int) -> String { description.file(index) }

  private var manifestStart: UInt64 { UInt64(TarHeader.length) + descriptionLength }

  func start(of index: Int, after end: UInt64?) -> UInt64 {
    let unit = UInt64(TarHeader.length)
    let before = end ?? manifestStart + unit + manifestLength
    return before.dividedUp(by: unit) * unit + unit
  }

  func finish(_ images: [BundledImage], in file: Edge, _ context: JobContext) throws(BlockError) {
    var digests: [[UInt8]] = []
    for image in images { digests.append(try algorithm.digest(of: image.range, in: file, context)) }
    var text = Array(
      description.text(
        images.map { .init(bytes: UInt64($0.range.count), populated: $0.populated) }
      ).utf8)
    text += Array(repeating: UInt8(ascii: " "), count: Int(descriptionLength) - text.count - 1) + [0x0A]
    let hash = try algorithm.begin()
    try hash.update(text)
    let name = description.name + ".ovf"
    var manifest = OvfManifest.line(name, algorithm: algorithm.name, digest: try hash.finish())
    for (index, digest) in digests.enumerated() {
      manifest += OvfManifest.line(description.file(index), algorithm: algorithm.name, digest: digest)
    }
    try put(TarHeader(file: name, size: UInt64(text.count)).bytes + text, at: 0, file)
    try put(
      TarHeader(file: description.name + ".mf", size: UInt64(manifest.count)).bytes + manifest,
      at: manifestStart,
      file)
    let unit = UInt64(TarHeader.length)
    for (index, image) in images.enumerated() {
      let header = TarHeader(file: description.file(index), size: UInt64(image.range.count))
      try put(header.bytes, at: image.range.lowerBound - unit, file)
    }
    let end = (images.last?.range.upperBound ?? 0).dividedUp(by: unit) * unit
    try put(Array(repeating: 0, count: 2 * TarHeader.length), at: end, file)
  }

  private func put(_ bytes: [UInt8], at offset: UInt64, _ file: Edge) throws(BlockError) {
    let buffer = Buffer(bytes)
    try file.write(at: offset, from: buffer.bytes)
  }
}

extension ContentHash {
  /// As many bytes as a digest has.
  fileprivate var blank: [UInt8] { Array(repeating: 0, count: size) }

  /// The digest of a range of a file.
  func digest(of range: Range<UInt64>, in file: Edge, _ context: JobContext) throws(BlockError) -> [UInt8] {
    context.expect(range.upperBound - range.lowerBound)
    let hash = try begin()
    try file.forEachPiece(of: range) { (piece: RawSpan) throws(BlockError) in
      try context.checkInterrupted()
      try hash.update(piece)
      context.advance(UInt64(piece.byteCount))
    }
    return try hash.finish()
  }
}
