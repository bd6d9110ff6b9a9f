// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import BlockTables
internal import Bytes
package import Errors

extension Qcow2Format: InspectingKind {
  /// Reads the header and the tables, and holds them against each other and the length of the file.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    // The part of the first cluster that the file lacks reads as zeros.
    let area = try file.read(at: 0, count: Int(try Header.clusterSize(parsing: file.head.bytes)))
    let unknown = Qcow2Format.unknownFeatures(area.bytes)
    let header: Header
    do throws(BlockError) {
      header = try Header(parsing: area.bytes)
    } catch {
      guard !unknown.isEmpty, error.kind == .unsupported else { throw error }
      var findings = HeaderFindings(virtualSize: area.bytes.big64(at: 24))
      findings.details = [HeaderDetail("version", .number(UInt64(area.bytes.big32(at: 4))))]
      findings.unknownFeatures = unknown
      findings.defects = [error.message]
      return findings
    }
    var findings = HeaderFindings(virtualSize: header.size)
    if header.incompatible.contains(.dataFile) {
      let name = header.first(.dataFile)?.text ?? ""
      findings.references.append(.dataFile(name))
    }
    if let backing = Qcow2Format.backing(header) { findings.references.append(backing) }
    switch CryptMethod(rawValue: header.cryptMethod) {
    case .some(.none): break
    case .aes: findings.encryption = "aes"
    case .luks: findings.encryption = "luks"
    case nil: findings.defects.append("encryption method \(header.cryptMethod) does not exist")
    }
    findings.details = Qcow2Format.details(header)
    findings.unknownFeatures = unknown + Qcow2Format.unknownExtensions(header)
    findings.defects += Qcow2Format.defects(header, file)
    return findings
  }

  private static func details(_ header: Header) -> [HeaderDetail] {
    let compression = CompressionType(rawValue: header.compressionType)?.name
    var details = [
      HeaderDetail("version", .number(UInt64(header.version))),
      HeaderDetail("cluster-size", .bytes(header.geometry.clusterSize)),
      HeaderDetail("refcount-bits", .number(header.geometry.refcountBits)),
      HeaderDetail("compression-type", .text(compression ?? "\(header.compressionType)")),
      HeaderDetail("snapshots", .number(UInt64(header.snapshotCount))),
    ]
    let features = features(of: header)
    if !features.isEmpty {
      details.append(HeaderDetail("features", .text(features.joined(separator: ", "))))
    }
    return details
  }

  /// The names of the known features that the header states.
  private static func features(of header: Header) -> [String] {
    let fields: [(FeatureName.Kind, UInt64)] = [
      (.incompatible, header.incompatible.rawValue), (.compatible, header.compatible.rawValue),
      (.autoclear, header.autoclear.rawValue),
    ]
    var names: [String] = []
    for (kind, bits) in fields {
      for feature in FeatureName.all
      where feature.kind == kind.rawValue && bits >> UInt64(feature.bit) & 1 == 1 {
        names.append(feature.name)
      }
    }
    return names
  }

  /// Bits that this program does not know; only the incompatible ones keep it from opening the image.
  private static func unknownFeatures(_ area: RawSpan) -> [String] {
    guard area.big32(at: 4) >= 3 else { return [] }
    let known: [(name: String, offset: Int, bits: UInt64)] = [
      ("incompatible", 72, IncompatibleFeatures.known.rawValue),
      ("compatible", 80, CompatibleFeatures.lazyRefcounts.rawValue),
      ("autoclear", 88, AutoclearFeatures.bitmaps.rawValue | AutoclearFeatures.rawDataFile.rawValue),
    ]
    var names: [String] = []
    for (name, offset, bits) in known {
      let unknown = area.big64(at: offset) & ~bits
      for bit in 0..<64 where unknown >> UInt64(bit) & 1 == 1 { names.append("\(name) feature bit \(bit)") }
    }
    return names
  }

  private static let knownExtensions: [HeaderExtension.Kind] = [
    .backingFormat, .featureNames, .bitmaps, .encryption, .dataFile,
  ]

  private static func unknownExtensions(_ header: Header) -> [String] {
    var names: [String] = []
    for entry in header.extensions where !knownExtensions.contains(entry.kind) && names.count < 16 {
      names.append("header extension 0x" + String(entry.kind.rawValue, radix: 16))
    }
    return names
  }

  private static func defects(_ header: Header, _ file: InspectedFile) -> [String] {
    var defects = reason { () throws(BlockError) in try header.checkTables() }
    var budget: MemoryBudget?
    defects += reason { () throws(BlockError) in
      budget = try header.checkTables(takingAtMost: Opener.untrustedTableBudget)
    }
    if header.incompatible.contains(.corrupt) { defects.append("the image is marked as corrupt") }
    if header.size > UInt64(Int64.max) { defects.append("the virtual size is negative") }
    defects += extensionDefects(header, file.length)
    // Tables that take too much memory to be opened are not read here, either.
    guard let budget else { return defects }
    var layout = LayoutInspection(header, file, budget)
    layout.run()
    return defects + layout.defects
  }

  private static func extensionDefects(_ header: Header, _ fileLength: UInt64) -> [String] {
    var defects: [String] = []
    if header.cryptMethod == CryptMethod.luks.rawValue {
      defects += reason { () throws(BlockError) in _ = try EncryptionPlace(header, fileLength: fileLength) }
    }
    if header.hasBitmaps, let data = header.first(.bitmaps)?.data {
      defects += reason { () throws(BlockError) in _ = try BitmapsExtension(checking: data, header.geometry) }
    }
    if header.first(.dataFile) != nil, !header.incompatible.contains(.dataFile) {
      defects.append("it names a data file, and its features say that there is none")
    }
    if header.autoclear.contains(.rawDataFile), !header.incompatible.contains(.dataFile) {
      defects.append("it has no data file, and its features say that it is raw")
    }
    var kinds: Set<HeaderExtension.Kind> = []
    for entry in header.extensions
    where !kinds.insert(entry.kind).inserted && knownExtensions.contains(entry.kind) {
      defects.append("the header extension 0x" + String(entry.kind.rawValue, radix: 16) + " is there twice")
      break
    }
    return defects
  }

  /// Why `body` fails, if it does.
  static func reason(_ body: () throws(BlockError) -> Void) -> [String] {
    do throws(BlockError) {
      try body()
      return []
    } catch {
      return [error.message]
    }
  }
}
