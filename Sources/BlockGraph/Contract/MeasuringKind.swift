// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
package import Options

/// A format that can tell beforehand how large the file of a new image would become.
package protocol MeasuringKind: DriverKind {
  /// The space that a new image would take.
  ///
  /// - Throws: for options that are wrong; kind `tooLarge` for a length that the format cannot have.
  func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure

  /// The bytes that bitmaps would take besides in such an image; nil where it has no bitmaps.
  func measureBitmaps(_ bitmaps: [BitmapInformation], _ request: MeasureRequest) throws(BlockError) -> UInt64?
}

/// The image that is measured.
package struct MeasureRequest: Sendable {
  /// Guest-visible length in bytes, as asked for.
  package let length: UInt64
  /// The same in whole sectors, as the image will have it.
  package let wholeLength: UInt64
  /// Creation options, each of its type.
  package let options: OptionObject
  /// Where the secrets come from that options name.
  package let secrets: any SecretSource

  /// - Throws: kind `tooLarge` for a length that no image can have.
  package init(length: UInt64, options: OptionObject, secrets: any SecretSource) throws(BlockError) {
    guard let wholeLength = length.roundedUp(to: 512) else {
      throw BlockError(.tooLarge, "The image size is too large")
    }
    self.length = length
    self.wholeLength = wholeLength
    self.options = options
    self.secrets = secrets
  }
}

extension MeasuringKind {
  /// Has no bitmaps.
  package func measureBitmaps(_ bitmaps: [BitmapInformation], _ request: MeasureRequest) throws(BlockError)
    -> UInt64?
  { nil }
}

/// The space that a new image takes.
package struct ImageMeasure: Sendable, Equatable {
  /// Bytes of the file while nothing is written.
  package var empty: UInt64
  /// Bytes of the file when everything is written.
  package var full: UInt64
  /// The unit in bytes in which data takes space, or 0 where the file is as large with data as without.
  package var unit: UInt64
  /// Bytes of the file that a unit takes, with what goes with it alone.
  package var unitBytes: UInt64
  /// Whether the target holds everything from the start, or may come to hold it.
  package var fullyAllocated: Bool

  /// Makes a measure.
  package init(
    empty: UInt64, full: UInt64, unit: UInt64 = 0, unitBytes: UInt64? = nil, fullyAllocated: Bool = false
  ) {
    self.empty = empty
    self.full = full
    self.unit = unit
    self.unitBytes = unitBytes ?? unit
    self.fullyAllocated = fullyAllocated
  }

  /// Bytes of the file when so many of all units of a disk are written.
  package func required(_ units: UInt64, of all: UInt64) -> UInt64 {
    guard unitBytes != unit else { return empty + units * unit }
    // What the first unit brings with it counts as soon as there is one.
    return units == 0 ? empty : full - (all - min(units, all)) * unitBytes
  }
}
