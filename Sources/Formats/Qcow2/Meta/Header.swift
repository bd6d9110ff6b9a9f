// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// The image header: the fields of version 2 and 3, the extensions behind them and the backing file's name.
package struct Header: Hashable, Sendable {
  /// `QFI\xfb`.
  package static let magic: UInt32 = 0x5146_49FB
  /// Bytes of the fields of version 2.
  package static let sizeV2 = 72
  /// Bytes of the fields that every version 3 header has.
  package static let minimumSizeV3 = 104
  /// Bytes of the fields of version 3 that this program writes: with the compression type and its padding.
  package static let sizeV3 = 112

  /// 2 or 3.
  package var version: UInt32 = 3
  /// Cluster size as a power of two.
  package var clusterBits: UInt32 = 16
  /// Length of the guest's disk in bytes.
  package var size: UInt64 = 0
  /// How clusters are encrypted: a raw `CryptMethod`.
  package var cryptMethod: UInt32 = 0
  /// Entries of the active L1 table.
  package var l1Size: UInt32 = 0
  /// The offset of the active L1 table.
  package var l1Offset: UInt64 = 0
  /// The offset of the refcount table.
  package var refcountTableOffset: UInt64 = 0
  /// Clusters of the refcount table.
  package var refcountTableClusters: UInt32 = 0
  /// Internal snapshots.
  package var snapshotCount: UInt32 = 0
  /// The offset of the snapshot table.
  package var snapshotsOffset: UInt64 = 0
  /// Features without which the image may not be opened.
  package var incompatible: IncompatibleFeatures = []
  /// Features that may be ignored.
  package var compatible: CompatibleFeatures = []
  /// Features that are cleared by programs that do not know them.
  package var autoclear: AutoclearFeatures = []
  /// Refcount width as a power of two of bits.
  package var refcountOrder: UInt32 = 4
  /// Bytes of the fields, those unknown to this program included.
  package var headerLength: UInt32 = UInt32(Header.sizeV3)
  /// A raw `CompressionType`.
  package var compressionType: UInt8 = 0
  /// Fields behind those known, as they are.
  package var unknownFields: [UInt8] = []
  /// The extensions, in order.
  package var extensions: [HeaderExtension] = []
  /// The offset of the backing file's name, or 0.
  package var backingNameOffset: UInt64 = 0
  /// The backing file's name.
  package var backingName: String?

  /// A header of a new image.
  package init() {}

  /// The sizes that follow from the header.
  package var geometry: Geometry {
    Geometry(
      clusterBits: clusterBits, hasExtendedL2: incompatible.contains(.extendedL2),
      refcountOrder: refcountOrder)
  }

  /// The first extension of a kind, if any.
  package func first(_ kind: HeaderExtension.Kind) -> HeaderExtension? {
    for entry in extensions where entry.kind == kind { return entry }
    return nil
  }

  /// The last extension of a kind, if any: the one that counts where a later one takes the place of those before it.
  package func last(_ kind: HeaderExtension.Kind) -> HeaderExtension? {
    for entry in extensions.reversed() where entry.kind == kind { return entry }
    return nil
  }

  /// Replaces the extension of a kind, or adds it in front; nil removes it.
  package mutating func set(_ kind: HeaderExtension.Kind, _ data: [UInt8]?) {
    let position = extensions.firstIndex { $0.kind == kind }
    extensions.removeAll { $0.kind == kind }
    if let data { extensions.insert(HeaderExtension(kind, data), at: min(position ?? 0, extensions.count)) }
  }

  // MARK: Parsing

  /// Reads the magic, the version and the cluster size, which tell how much there is to read at all.
  ///
  /// `head` is the start of the file, as much of it as there is.
  ///
  /// - Throws: the defect, in `qemu-img`'s words.
  package static func clusterSize(parsing head: RawSpan) throws(BlockError) -> UInt64 {
    guard head.byteCount >= 8 else { throw tooShort }
    guard head.big32(at: 0) == magic else {
      throw BlockError(
        .corrupt, "Image is not in qcow2 format",
        advice:
          "Without a stated format, the content is looked at; 'inspect \(.file)' tells what it looks like.")
    }
    let version = head.big32(at: 4)
    guard version == 2 || version == 3 else {
      throw BlockError(.unsupported, "Unsupported qcow2 version \(version)")
    }
    guard head.byteCount >= (version == 2 ? sizeV2 : minimumSizeV3) else { throw tooShort }
    let bits = head.big32(at: 20)
    guard (Qcow2Limits.minimumClusterBits...Qcow2Limits.maximumClusterBits).contains(bits) else {
      throw BlockError(.corrupt, "Unsupported cluster size: 2^\(bits)")
    }
    return 1 << UInt64(bits)
  }

  static var tooShort: BlockError { BlockError(.corrupt, "qcow2 header too short") }

  /// Reads the header from the whole first cluster of the file, missing bytes as zeros.
  ///
  /// Checks what the header can tell about itself; whether tables lie inside the file is not among that.
  ///
  /// - Throws: the defect, in `qemu-img`'s words.
  package init(parsing area: RawSpan) throws(BlockError) {
    let clusterSize = try Header.clusterSize(parsing: area)
    readFieldsV2(area)
    if version >= 3 { try readFieldsV3(area, clusterSize) } else { headerLength = UInt32(Header.sizeV2) }
    guard UInt64(area.byteCount) >= clusterSize else { throw Header.tooShort }
    guard backingNameOffset <= clusterSize else {
      throw BlockError(.corrupt, "Invalid backing file offset")
    }
    try readExtensions(area, clusterSize)
    try checkFeatures()
    try readBackingName(area, clusterSize)
  }

  private mutating func readFieldsV2(_ area: RawSpan) {
    version = area.big32(at: 4)
    backingNameOffset = area.big64(at: 8)
    clusterBits = area.big32(at: 20)
    size = area.big64(at: 24)
    cryptMethod = area.big32(at: 32)
    l1Size = area.big32(at: 36)
    l1Offset = area.big64(at: 40)
    refcountTableOffset = area.big64(at: 48)
    refcountTableClusters = area.big32(at: 56)
    snapshotCount = area.big32(at: 60)
    snapshotsOffset = area.big64(at: 64)
  }

  private mutating func readFieldsV3(_ area: RawSpan, _ clusterSize: UInt64) throws(BlockError) {
    incompatible = IncompatibleFeatures(rawValue: area.big64(at: 72))
    compatible = CompatibleFeatures(rawValue: area.big64(at: 80))
    autoclear = AutoclearFeatures(rawValue: area.big64(at: 88))
    refcountOrder = area.big32(at: 96)
    headerLength = area.big32(at: 100)
    guard headerLength >= Header.minimumSizeV3 else { throw Header.tooShort }
    guard headerLength <= clusterSize else {
      throw BlockError(.corrupt, "qcow2 header exceeds cluster size")
    }
    guard area.byteCount >= Int(headerLength) else { throw Header.tooShort }
    if headerLength > Header.minimumSizeV3 { compressionType = area.byte(at: Header.minimumSizeV3) }
    for offset in min(Header.sizeV3, Int(headerLength))..<Int(headerLength) {
      unknownFields.append(area.byte(at: offset))
    }
  }

  private mutating func readExtensions(_ area: RawSpan, _ clusterSize: UInt64) throws(BlockError) {
    let end = backingNameOffset != 0 ? Int(backingNameOffset) : Int(clusterSize)
    do throws(BlockError) {
      extensions = try HeaderExtension.parseList(area, from: Int(headerLength), to: end)
    } catch {
      // A feature that is not known may well be the reason why the rest cannot be read.
      try checkUnknownFeatures()
      throw error
    }
    if first(.encryption) != nil && cryptMethod != CryptMethod.luks.rawValue {
      throw BlockError(.corrupt, "CRYPTO header extension only expected with LUKS encryption method")
    }
  }

  private mutating func readBackingName(_ area: RawSpan, _ clusterSize: UInt64) throws(BlockError) {
    guard backingNameOffset != 0 else { return }
    let length = area.big32(at: 16)
    let room = clusterSize - backingNameOffset
    guard length <= min(Qcow2Limits.backingNameBytes, UInt32(clamping: room)) else {
      throw BlockError(.corrupt, "Backing file name too long")
    }
    guard length > 0 else { return }
    var bytes: [UInt8] = []
    for offset in Int(backingNameOffset)..<Int(backingNameOffset) + Int(length) {
      bytes.append(area.byte(at: offset))
    }
    backingName = String(spelling: bytes)
  }
}
