// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Crypto
internal import Errors

/// The format extension of a Parallels image: a cluster with a magic number, an MD5 of what follows, and features.
struct ParallelsExtension {
  /// One feature.
  struct Feature: Equatable {
    /// What it is.
    let magic: UInt64
    /// What a program does that does not know it.
    let flags: Flags
    let data: [UInt8]
  }

  /// What a program does with an image that has a feature which it does not know.
  struct Flags: OptionSet {
    let rawValue: UInt64
    /// It writes nothing to the image.
    static let necessary = Flags(rawValue: 1)
    /// It keeps the feature. Without this flag, a program that writes to the image drops it.
    static let transit = Flags(rawValue: 2)
  }

  /// The magic number of the cluster.
  static let magic: UInt64 = 0xab23_4cef_23dc_ea87
  /// The magic number of a feature: which parts of the disk were written.
  static let dirtyBitmap: UInt64 = 0x2038_5fae_252c_b34a
  /// Bytes before the features: magic and MD5.
  private static let headerLength = 24
  /// Bytes of a feature before its data.
  private static let featureLength = 24
  /// Bytes of features that are read, and features, at most.
  private static let longest = 1 << 20
  private static let largestCount = 64
  /// Places of the file that features may name, at most.
  private static let largestPlaces = 256
  /// Bytes of a cluster that is read for its MD5, at most.
  private static let largestCluster: UInt64 = 64 << 20

  private(set) var features: [Feature] = []
  /// The extension's own cluster.
  private let place: Range<UInt64>
  /// What the extension takes of the file: its own cluster and those that features name.
  private(set) var places: [Range<UInt64>]

  /// Reads the extension at an offset in the file.
  ///
  /// - Throws: kind `corrupt` or `unsupported`, in `qemu-img`'s words where it has some.
  init(at sector: UInt64, clusterSize: UInt64, in file: Edge) throws(BlockError) {
    guard let offset = sector.times(512), let end = offset.plus(clusterSize), end <= file.length else {
      throw BlockError(.corrupt, "the format extension (sector \(sector)) lies past the end of the file")
    }
    guard clusterSize <= ParallelsExtension.largestCluster else {
      throw BlockError(
        .unsupported, "a format extension in a cluster of \(clusterSize) bytes is not supported")
    }
    place = offset..<end
    places = [place]
    let count = Int(min(clusterSize, UInt64(ParallelsExtension.longest)))
    let head = try file.read(at: offset, count: count)
    let magic = head.bytes.little64(at: 0)
    guard magic == ParallelsExtension.magic else {
      throw BlockError(
        .corrupt,
        "Wrong parallels Format Extension magic: 0x\(String(magic, radix: 16)), expected: "
          + "0x\(String(ParallelsExtension.magic, radix: 16))")
    }
    let digest = try ParallelsExtension.digest(of: offset + 24..<end, in: file)
    guard head.bytes.bytes(8..<24) == digest else {
      throw BlockError(.corrupt, "Wrong checksum in Format Extension header. Format extension is corrupted.")
    }
    try parse(head.bytes, clusterSize)
  }

  /// The MD5 of a range of the file.
  private static func digest(of range: Range<UInt64>, in file: Edge) throws(BlockError) -> [UInt8] {
    let hash = try ContentHash("md5").begin()
    try file.forEachPiece(of: range) { (piece: RawSpan) throws(BlockError) in try hash.update(piece) }
    return try hash.finish()
  }

  private mutating func parse(_ bytes: RawSpan, _ clusterSize: UInt64) throws(BlockError) {
    var offset = ParallelsExtension.headerLength
    while true {
      guard offset + ParallelsExtension.featureLength <= bytes.byteCount else {
        throw BlockError(.corrupt, "the features of the format extension do not end")
      }
      let magic = bytes.little64(at: offset)
      guard magic != 0 else { return }
      let start = offset + ParallelsExtension.featureLength
      let count = Int(bytes.little32(at: offset + 16))
      guard count <= bytes.byteCount - start, features.count < ParallelsExtension.largestCount else {
        throw BlockError(.corrupt, "feature \(features.count) of the format extension is too long")
      }
      let feature = Feature(
        magic: magic, flags: Flags(rawValue: bytes.little64(at: offset + 8)),
        data: bytes.bytes(start..<start + count))
      features.append(feature)
      if magic == ParallelsExtension.dirtyBitmap { try notePlaces(of: feature, clusterSize) }
      offset = start + (count + 7) / 8 * 8
    }
  }

  /// Notes the clusters of a dirty bitmap: size, id, granularity and length of the table stand before it.
  private mutating func notePlaces(of bitmap: Feature, _ clusterSize: UInt64) throws(BlockError) {
    let data = Buffer(bitmap.data)
    guard data.count >= 32 else {
      throw BlockError(.corrupt, "a dirty bitmap of the format extension is too short")
    }
    let count = Int(data.bytes.little32(at: 28))
    guard count <= (data.count - 32) / 8 else {
      throw BlockError(.corrupt, "the table of a dirty bitmap of the format extension is too long")
    }
    for index in 0..<count {
      // 0 and 1 stand for clusters of which all bits are the same.
      let sector = data.bytes.little64(at: 32 + index * 8)
      guard sector > 1 else { continue }
      guard let start = sector.times(512), let end = start.plus(clusterSize), Int64(exactly: end) != nil
      else {
        throw BlockError(.corrupt, "a dirty bitmap of the format extension has no place (sector \(sector))")
      }
      if let last = places.last, last.upperBound == start {
        places[places.count - 1] = last.lowerBound..<end
      } else {
        places.append(start..<end)
      }
      guard places.count <= ParallelsExtension.largestPlaces else {
        throw BlockError(.unsupported, "the dirty bitmaps of the format extension lie in too many places")
      }
    }
  }

  // MARK: Writing

  /// The first feature on account of which nothing may be written: it is not kept up to date here, or what it takes of the
  /// file is not known.
  var forbidding: Feature? {
    features.first {
      $0.flags.contains(.necessary)
        || $0.flags.contains(.transit) && $0.magic != ParallelsExtension.dirtyBitmap
    }
  }

  /// Whether a program that writes keeps all features.
  var isKept: Bool { features.allSatisfy { $0.flags.contains(.transit) } }

  /// Takes away the features that are not to be kept; false where none is left.
  mutating func dropFeatures() -> Bool {
    features.removeAll { !$0.flags.contains(.transit) }
    return !features.isEmpty
  }

  /// Writes the features to the extension's cluster.
  func write(to file: Edge) throws(BlockError) {
    let whole = Buffer(count: place.count)
    var bytes = whole.mutableBytes
    var offset = ParallelsExtension.headerLength
    for feature in features {
      bytes.storeLittle(feature.magic, at: offset)
      bytes.storeLittle(feature.flags.rawValue, at: offset + 8)
      bytes.storeLittle(UInt32(clamping: feature.data.count), at: offset + 16)
      offset += ParallelsExtension.featureLength
      bytes.copy(Buffer(feature.data).bytes, at: offset)
      offset += (feature.data.count + 7) / 8 * 8
    }
    bytes.storeLittle(ParallelsExtension.magic, at: 0)
    let hash = try ContentHash("md5").begin()
    try hash.update(whole.bytes.slice(ParallelsExtension.headerLength..<whole.count))
    bytes.copy(Buffer(try hash.finish()).bytes, at: 8)
    try file.write(at: place.lowerBound, from: whole.bytes)
  }
}
