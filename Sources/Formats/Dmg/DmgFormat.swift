// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Options

/// Disk images of Apple (UDIF), read only: a trailer that leads to tables of chunks, each stored as it is, compressed or not
/// at all.
package struct DmgFormat: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `dmg`.
  package var name: String { "dmg" }
  /// Its driver.
  package var driverTypes: [any BlockDriver.Type] { [DmgDriver.self] }
  /// `hdiutil` of macOS makes them.
  package var isReadOnly: Bool { true }

  /// Sure of a trailer that fits the file, whatever that is called, and of any in one that is called `.dmg`, which without it
  /// is a raw disk. Kinds of Apple's images that cannot be read are recognized, too, so that they are not taken for raw disks.
  package func probe(_ input: ProbeInput) -> Recognition? {
    let tail = input.tail.bytes
    let isNamed = input.name.lowercased().hasSuffix(".dmg")
    if let offset = AppleTrailer.offset(in: tail),
      isNamed || AppleTrailer.isConsistent(in: tail, fileLength: input.length)
    {
      let distance = input.tail.count - offset
      return Recognition(Recognition.tail, by: "the trailer \(distance) bytes before the end")
    }
    if isNamed, AppleTrailer.hasSign(in: tail) {
      return Recognition(Recognition.tail, by: "a trailer of another version, and the name")
    }
    return DmgRelative.refusal(head: input.head.bytes, tail: input.tail.bytes) != nil
      ? Recognition(by: "the magic of one of Apple's other kinds of images") : nil
  }

  /// The trailer, with what other programs add to it.
  package func tellingRanges(inFileOf length: UInt64) -> [Range<UInt64>] {
    [0..<4096, length - min(length, UInt64(2 * DmgTrailer.length))..<length]
  }

  /// Reads the trailer and all tables.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.file()
    var options = try DmgOptions(taking: &request.options)
    options.limits.resources = min(options.limits.resources, request.tableBudget ?? .max)
    do throws(BlockError) {
      let layout = try DmgLayout(fileLength: file.length, limits: options.limits) {
        (offset, count) throws(BlockError) in
        try file.read(at: offset, count: count)
      }
      // A check tells them all.
      if !request.flags.contains(.checking) { try layout.refuseOverlap() }
      return OpenedDriver(DmgDriver(layout, fillsGaps: options.fillsGaps))
    } catch {
      guard request.flags.contains(.probed) else { throw error }
      var error = error
      // What a trailer says that does not fit the file is nothing to go by.
      if error.kind == .corrupt || DmgFormat.isInconsistent(file) {
        error.advice =
          "If it is a raw disk that only looks so, say so with the option for its format, such as -f raw."
      }
      throw error
    }
  }
}

extension DmgFormat {
  /// Whether there is a trailer that does not fit the file.
  fileprivate static func isInconsistent(_ file: Edge) -> Bool {
    let (length, count) = (file.length, UInt64(2 * DmgTrailer.length))
    guard length >= count, let tail = try? file.read(at: length - count, count: Int(count)) else {
      return false
    }
    let isThere = AppleTrailer.offset(in: tail.bytes) != nil || AppleTrailer.hasSign(in: tail.bytes)
    return isThere && !AppleTrailer.isConsistent(in: tail.bytes, fileLength: length)
  }
}

/// What the user says of an image.
struct DmgOptions {
  /// Whether sectors that no chunk has read as zeros.
  var fillsGaps = false
  var limits = DmgLimits()

  /// Takes the options by which an image is opened; unknown ones stay.
  init(taking options: inout OptionObject) throws(BlockError) {
    switch try options.takeString("fill-gaps") {
    case nil, "error": break
    case "zero": fillsGaps = true
    case .some(let other):
      throw BlockError(
        .invalidArgument, "Parameter 'fill-gaps' does not accept value '\(other)'",
        advice: "There are error and zero.")
    }
    if let size = try options.takeSize("max-chunk") {
      guard (512...DmgLimits.largestChunk).contains(size) else {
        throw BlockError(
          .invalidArgument, "Parameter 'max-chunk' expects a size from 512 bytes to 1 GiB")
      }
      limits.chunk = size
    }
  }
}

extension DmgFormat: InspectingKind {
  /// Reads the trailer and all tables, and compares them with each other and with the length of the file.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let layout = try DmgLayout(fileLength: file.length) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    var findings = HeaderFindings(virtualSize: layout.trailer.size)
    layout.forEachFinding { finding in
      findings.defects.append(finding.text)
      return findings.defects.count < 20
    }
    var past = 0
    for chunk in layout.chunks where chunk.place.upperBound > file.length { past += 1 }
    if past > 0 { findings.defects.append("\(past) chunks lie past the end of the file") }
    findings.details = layout.details
    return findings
  }
}

extension DmgLayout {
  /// What trailer and tables state.
  fileprivate var details: [HeaderDetail] {
    let checksum =
      switch trailer.checksumType {
      case 0: "none"
      case 2: "crc32"
      case let type: "of type \(type)"
      }
    return [
      HeaderDetail("tables", .number(UInt64(tables.count))),
      HeaderDetail("chunks", .text(chunks.isEmpty ? "none" : kinds)),
      HeaderDetail("data-fork-offset", .number(trailer.data.lowerBound)),
      HeaderDetail("data-fork-size", .bytes(UInt64(trailer.data.count))),
      HeaderDetail("data-checksum", .text(checksum)),
      HeaderDetail("segments", .number(UInt64(max(trailer.segment.count, 1)))),
    ]
  }

  /// How many chunks are stored in which way.
  fileprivate var kinds: String {
    var counts: [String: Int] = [:]
    for chunk in chunks { counts[chunk.kind.text, default: 0] += 1 }
    let words = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    // Types that nobody knows may be as many as chunks.
    let rest = words.count > 16 ? ["and \(words.count - 16) kinds more"] : []
    return (words.prefix(16) + rest).joined(separator: ", ")
  }
}

extension DmgChunk.Kind {
  /// In words.
  var text: String {
    switch self {
    case .zero, .ignored: "zeros"
    case .raw: "raw"
    case .adc: "ADC"
    case .zlib: "zlib"
    case .bzip2: "bzip2"
    case .lzfse: "LZFSE"
    case .xz: "LZMA"
    case .unknown(let type): "of unknown type 0x\(String(type, radix: 16))"
    }
  }
}
