// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// One header extension: a type and bytes. Unknown ones are kept as they are.
package struct HeaderExtension: Hashable, Sendable {
  /// The type of an extension.
  package struct Kind: RawRepresentable, Hashable, Sendable {
    /// The number in the image.
    package let rawValue: UInt32
    /// Makes a type from the number in the image.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The end of the list.
    package static let end = Kind(rawValue: 0)
    /// The backing file's format.
    package static let backingFormat = Kind(rawValue: 0xE279_2ACA)
    /// Names of features.
    package static let featureNames = Kind(rawValue: 0x6803_F857)
    /// The place of the bitmaps.
    package static let bitmaps = Kind(rawValue: 0x2385_2875)
    /// The place of the encryption header.
    package static let encryption = Kind(rawValue: 0x0537_BE77)
    /// The data file's name.
    package static let dataFile = Kind(rawValue: 0x4441_5441)
  }

  /// Bytes of the type and length in front of the data.
  package static let prefix = 8

  /// The type.
  package var kind: Kind
  /// The data, without padding.
  package var data: [UInt8]

  /// Makes an extension.
  package init(_ kind: Kind, _ data: [UInt8]) {
    self.kind = kind
    self.data = data
  }

  /// Bytes in the header, padding included.
  package var size: Int { HeaderExtension.prefix + (data.count + 7) / 8 * 8 }

  /// The data as text.
  package var text: String { String(spelling: data) }

  /// Reads the list that starts at `start` and ends with its end mark or at `end`.
  ///
  /// - Throws: `corrupt` where an extension passes the end or contradicts its own rules.
  package static func parseList(_ area: RawSpan, from start: Int, to end: Int) throws(BlockError)
    -> [HeaderExtension]
  {
    var result: [HeaderExtension] = []
    var position = start
    while position < end {
      guard end - position >= prefix else { throw tooLarge }
      let kind = Kind(rawValue: area.big32(at: position))
      let length = Int(area.big32(at: position + 4))
      position += prefix
      guard length <= end - position else { throw tooLarge }
      guard kind != .end else { break }
      if kind == .backingFormat && length >= 16 {
        throw BlockError(.corrupt, "ERROR: ext_backing_format: len=\(length) too large (>=16)")
      }
      var data: [UInt8] = []
      data.reserveCapacity(length)
      for offset in position..<position + length { data.append(area.byte(at: offset)) }
      result.append(HeaderExtension(kind, data))
      position += (length + 7) / 8 * 8
    }
    return result
  }

  private static var tooLarge: BlockError { BlockError(.corrupt, "Header extension too large") }

  /// Writes type, length, data and padding at `offset`; the bytes written.
  @discardableResult
  package func write(to area: inout MutableRawSpan, at offset: Int) -> Int {
    area.storeBig(kind.rawValue, at: offset)
    area.storeBig(UInt32(data.count), at: offset + 4)
    for (index, byte) in data.enumerated() { area.store(byte, at: offset + HeaderExtension.prefix + index) }
    return size
  }
}

extension HeaderExtension {
  /// The table of feature names as an extension.
  package init(featureNames: [FeatureName]) {
    var data: [UInt8] = []
    for feature in featureNames {
      var name = Array(feature.name.spelledBytes.prefix(FeatureName.nameSize))
      name += [UInt8](repeating: 0, count: FeatureName.nameSize - name.count)
      data += [feature.kind, feature.bit] + name
    }
    self.init(.featureNames, data)
  }

  /// The entries of a feature name table; a rest too short for an entry is passed over.
  package var featureNames: [FeatureName] {
    var result: [FeatureName] = []
    var position = 0
    while position + FeatureName.size <= data.count {
      let name = data[position + 2..<position + FeatureName.size].prefix { $0 != 0 }
      var entry = FeatureName(
        .incompatible, bit: data[position + 1], name: String(spelling: name))
      entry.kind = data[position]
      result.append(entry)
      position += FeatureName.size
    }
    return result
  }
}

/// The data of the bitmaps extension.
package struct BitmapsExtension: Hashable, Sendable {
  /// Bytes of the extension's data.
  package static let size = 24

  /// How many bitmaps there are.
  package var count: UInt32
  /// Bytes of the directory.
  package var directorySize: UInt64
  /// The offset of the directory.
  package var directoryOffset: UInt64

  /// Reads the data of a bitmaps extension, or answers nil where it is too short.
  package init?(parsing data: [UInt8]) {
    guard data.count >= BitmapsExtension.size else { return nil }
    let buffer = Buffer(data)
    let bytes = buffer.bytes
    count = bytes.big32(at: 0)
    directorySize = bytes.big64(at: 8)
    directoryOffset = bytes.big64(at: 16)
  }
}
