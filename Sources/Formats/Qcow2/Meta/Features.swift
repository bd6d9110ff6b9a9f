// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Features without which an image may not be opened at all.
package struct IncompatibleFeatures: OptionSet, Hashable, Sendable {
  /// The header's field.
  package let rawValue: UInt64
  /// Makes a set from the header's field.
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Refcounts may be wrong and must be made anew before the image is written.
  package static let dirty = IncompatibleFeatures(rawValue: 1)
  /// Some structure is known to be damaged.
  package static let corrupt = IncompatibleFeatures(rawValue: 2)
  /// Guest data lies in a file of its own.
  package static let dataFile = IncompatibleFeatures(rawValue: 4)
  /// The compression type is not deflate.
  package static let compressionType = IncompatibleFeatures(rawValue: 8)
  /// L2 entries have bitmaps of subclusters.
  package static let extendedL2 = IncompatibleFeatures(rawValue: 16)
  /// The features that this program knows.
  package static let known: IncompatibleFeatures = [
    .dirty, .corrupt, .dataFile, .compressionType, .extendedL2,
  ]
}

/// Features that a program may ignore.
package struct CompatibleFeatures: OptionSet, Hashable, Sendable {
  /// The header's field.
  package let rawValue: UInt64
  /// Makes a set from the header's field.
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Refcounts are written late, behind the dirty bit.
  package static let lazyRefcounts = CompatibleFeatures(rawValue: 1)
}

/// Features that a program must clear when it writes without knowing them.
package struct AutoclearFeatures: OptionSet, Hashable, Sendable {
  /// The header's field.
  package let rawValue: UInt64
  /// Makes a set from the header's field.
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Bitmaps agree with the guest's data.
  package static let bitmaps = AutoclearFeatures(rawValue: 1)
  /// The data file is a raw image by itself.
  package static let rawDataFile = AutoclearFeatures(rawValue: 2)
  /// The features that this program knows.
  package static let known: AutoclearFeatures = [.bitmaps, .rawDataFile]
  /// The features that stay true when this program writes.
  package static let kept: AutoclearFeatures = [.rawDataFile]
}

/// A name that an image gives to a feature bit, so that programs without the feature can say what they miss.
package struct FeatureName: Hashable, Sendable {
  /// The header field that the bit is in.
  package enum Kind: UInt8, Sendable {
    /// Incompatible features.
    case incompatible = 0
    /// Compatible features.
    case compatible = 1
    /// Autoclear features.
    case autoclear = 2
  }

  /// Bytes of one entry of the table.
  package static let size = 48
  /// Bytes of the name, padded with zeros.
  static let nameSize = 46

  /// The field, as it stands in the image.
  package var kind: UInt8
  /// The number of the bit.
  package var bit: UInt8
  /// The name.
  package var name: String

  /// Makes a name.
  package init(_ kind: Kind, bit: UInt8, name: String) {
    self.kind = kind.rawValue
    self.bit = bit
    self.name = name
  }

  /// The names that new images have, in `qemu-img`'s order.
  package static let all: [FeatureName] = [
    FeatureName(.incompatible, bit: 0, name: "dirty bit"),
    FeatureName(.incompatible, bit: 1, name: "corrupt bit"),
    FeatureName(.incompatible, bit: 2, name: "external data file"),
    FeatureName(.incompatible, bit: 3, name: "compression type"),
    FeatureName(.incompatible, bit: 4, name: "extended L2 entries"),
    FeatureName(.compatible, bit: 0, name: "lazy refcounts"),
    FeatureName(.autoclear, bit: 0, name: "bitmaps"),
    FeatureName(.autoclear, bit: 1, name: "raw external data"),
  ]
}

/// How clusters are compressed.
package enum CompressionType: UInt8, Sendable, Hashable, CaseIterable {
  /// Raw deflate.
  case zlib = 0
  /// Zstandard.
  case zstd = 1

  /// The name that users write.
  package var name: String {
    switch self {
    case .zlib: "zlib"
    case .zstd: "zstd"
    }
  }
}

/// How clusters are encrypted.
package enum CryptMethod: UInt32, Sendable, Hashable {
  /// Not at all.
  case none = 0
  /// AES-CBC, as old images have it.
  case aes = 1
  /// LUKS.
  case luks = 2
}
