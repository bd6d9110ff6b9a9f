// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The findings about images that are parts of a file.
///
/// They are looked at as images of their own; where none can be opened, the file is as good as unreadable.
struct ContainedFindings {
  /// What a program finds that opens one of the images.
  private enum Outcome {
    /// Nothing is known that keeps it from that.
    case opens
    /// It cannot.
    case fails(String)
  }

  /// The findings, in the order of the images.
  private(set) var all: [Inspection.Finding] = []
  private let file: InspectedFile
  private let kinds: [any DriverKind]

  /// Looks at images in `file`.
  ///
  /// - Throws: why the file cannot be read.
  init(_ images: [ContainedImage], in file: InspectedFile, _ kinds: [any DriverKind]) throws(BlockError) {
    self.file = file
    self.kinds = kinds
    var failures: [String] = []
    var count = 0
    // Several disks may be one part, and to look at it costs as much as at an image.
    var parts: Set<[Range<UInt64>]> = []
    for image in images where image.defect != nil || parts.insert(image.ranges).inserted {
      count += 1
      if case .fails(let reason) = try outcome(of: image) { failures.append(reason) }
    }
    let verdict: Inspection.Verdict = failures.count == count ? .unreadable : .unsafe
    for failure in failures { note(verdict, failure) }
  }

  private mutating func note(_ verdict: Inspection.Verdict, _ message: String) {
    all.append(Inspection.Finding(verdict: verdict, message: message))
  }

  private mutating func outcome(of image: ContainedImage) throws(BlockError) -> Outcome {
    if let defect = image.defect { return .fails(defect) }
    let (file, ranges) = (file, image.ranges)
    let length: UInt64 = ranges.reduce(0) { $0.plus(UInt64($1.count)) ?? .max }
    func read(_ offset: UInt64, _ count: Int) throws(BlockError) -> Buffer {
      try ContainedFindings.read(offset, count, of: ranges, length, in: file)
    }
    let part = try InspectedFile(length: length, readPart: read)
    guard !image.isCompressed else {
      guard part.head.bytes.starts(with: Signature.gzip) else {
        return .fails("the file '\(image.name)': compressed data is damaged (no gzip header)")
      }
      note(.safe, "the disk '\(image.name)' is compressed: nobody looked into it")
      return .opens
    }
    let input = try ProbeInput(length: length, name: "", readPart: read)
    guard let kind = kinds.recognize(input)?.kind, !kind.isPlain else {
      guard let stated = image.format else { return .opens }
      return .fails("'\(image.name)' is no image of the format \(stated), as the description has it")
    }
    guard !(kind is any BundlingKind) else { return .fails("'\(image.name)' is an appliance itself") }
    guard let inspector = kind as? any InspectingKind else { return .opens }
    do throws(BlockError) {
      try judge(inspector.inspect(part), image.name)
      return .opens
    } catch {
      return .fails("the disk '\(image.name)': \(error.message)")
    }
  }

  /// An image inside of others stands alone: what it names is not opened.
  private mutating func judge(_ header: HeaderFindings, _ name: String) {
    for reference in header.references {
      note(
        .unsafe,
        "the disk '\(name)' names the \(reference.slot.fileWords) '\(reference.name)', which is not followed")
    }
    for defect in header.defects { note(.unsafe, "the disk '\(name)': \(defect)") }
    for feature in header.unknownFeatures where feature.hasPrefix("incompatible") {
      note(.unsafe, "the disk '\(name)': unknown \(feature)")
    }
    if let encryption = header.encryption { note(.safe, "the disk '\(name)' is encrypted (\(encryption))") }
  }

  /// Bytes of what is put together of ranges of a file, fewer where that ends.
  private static func read(
    _ offset: UInt64, _ count: Int, of ranges: [Range<UInt64>], _ length: UInt64, in file: InspectedFile
  ) throws(BlockError) -> Buffer {
    guard offset < length else { return Buffer(count: 0) }
    let end = offset + min(UInt64(count), length - offset)
    let whole = Buffer(count: Int(end - offset))
    var bytes = whole.mutableBytes
    var start: UInt64 = 0
    for range in ranges where offset < end {
      let next = start + UInt64(range.count)
      if next > offset, start < end {
        let (first, last) = (max(offset, start), min(end, next))
        let piece = try file.read(at: range.lowerBound + (first - start), count: Int(last - first))
        bytes.copy(piece.bytes, at: Int(first - offset))
      }
      start = next
    }
    return whole
  }
}

extension RawSpan {
  fileprivate func starts(with sign: [UInt8]) -> Bool {
    byteCount >= sign.count && bytes(0..<sign.count) == sign
  }
}
