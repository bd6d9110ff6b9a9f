// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

extension Header {
  /// Bytes of the fixed fields as they are written.
  var fieldBytes: Int {
    version < 3 ? Header.sizeV2 : Header.sizeV3 + unknownFields.count
  }

  /// Bytes of fields, extensions, their end mark and the backing file's name.
  package var writtenSize: Int { extensionsEnd + backingNameBytes }

  /// The offset behind the end mark of the extensions, as they are written.
  var extensionsEnd: Int {
    var bytes = fieldBytes + HeaderExtension.prefix
    for entry in extensions { bytes += entry.size }
    return bytes
  }

  /// Bytes of the backing file's name.
  var backingNameBytes: Int { backingName?.spelledCount ?? 0 }

  /// Writes the header at the start of `area`, whose other bytes the caller has zeroed.
  ///
  /// The place of the backing file's name and the length of the fields follow from the content, but for `place`:
  /// where the name is to stand, in bytes, behind the extensions.
  ///
  /// - Throws: `tooLarge` where the area, which should be the first cluster, has no room.
  package mutating func write(to area: inout MutableRawSpan, backingNameAt place: Int? = nil)
    throws(BlockError)
  {
    guard writtenSize <= area.byteCount, (place ?? 0) + backingNameBytes <= area.byteCount else {
      throw BlockError(.tooLarge, "qcow2 header exceeds cluster size")
    }
    headerLength = UInt32(fieldBytes)
    var position = fieldBytes
    for entry in extensions { position += entry.write(to: &area, at: position) }
    HeaderExtension(.end, []).write(to: &area, at: position)
    position += HeaderExtension.prefix
    writeBackingName(to: &area, at: place ?? position)
    writeFields(to: &area)
  }

  private mutating func writeBackingName(to area: inout MutableRawSpan, at position: Int) {
    backingNameOffset = 0
    guard let backingName else { return }
    backingNameOffset = UInt64(position)
    for (index, byte) in backingName.spelledBytes.enumerated() { area.store(byte, at: position + index) }
  }

  /// Writes the fields, which take `fieldBytes`.
  func writeFields(to area: inout MutableRawSpan) {
    area.storeBig(Header.magic, at: 0)
    area.storeBig(version, at: 4)
    area.storeBig(backingNameOffset, at: 8)
    area.storeBig(UInt32(backingNameBytes), at: 16)
    area.storeBig(clusterBits, at: 20)
    area.storeBig(size, at: 24)
    area.storeBig(cryptMethod, at: 32)
    area.storeBig(l1Size, at: 36)
    area.storeBig(l1Offset, at: 40)
    area.storeBig(refcountTableOffset, at: 48)
    area.storeBig(refcountTableClusters, at: 56)
    area.storeBig(snapshotCount, at: 60)
    area.storeBig(snapshotsOffset, at: 64)
    guard version >= 3 else { return }
    area.storeBig(incompatible.rawValue, at: 72)
    area.storeBig(compatible.rawValue, at: 80)
    area.storeBig(autoclear.rawValue, at: 88)
    area.storeBig(refcountOrder, at: 96)
    area.storeBig(headerLength, at: 100)
    area.store(compressionType, at: Header.minimumSizeV3)
    for (index, byte) in unknownFields.enumerated() { area.store(byte, at: Header.sizeV3 + index) }
  }
}

extension Header {
  /// Places of single fields, for writing one without the rest.
  enum Field {
    static let backingNameOffset = 8
    static let size = 24
    /// The three sets of features.
    static let features = 72
    static let headerLength = 100
  }
}
