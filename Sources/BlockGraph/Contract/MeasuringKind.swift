// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors
public import Options

/// A format that can tell beforehand how large the file of a new image would become.
public protocol MeasuringKind: DriverKind {
  /// What a new image with these creation options would take.
  ///
  /// - Parameter length: guest-visible length in bytes, whole sectors.
  /// - Throws: what is wrong with the options, or `tooLarge` for a length that the format cannot have.
  func measure(length: UInt64, options: OptionObject) throws(BlockError) -> ImageMeasure

  /// What bitmaps would take besides in an image of that length, in bytes; nil where such an image has no bitmaps.
  func measureBitmaps(_ bitmaps: [BitmapInformation], length: UInt64, options: OptionObject)
    throws(BlockError)
    -> UInt64?
}

extension MeasuringKind {
  /// Has no bitmaps.
  public func measureBitmaps(_ bitmaps: [BitmapInformation], length: UInt64, options: OptionObject)
    throws(BlockError)
    -> UInt64?
  { nil }
}

/// What a new image takes.
public struct ImageMeasure: Sendable, Equatable {
  /// Bytes of the file while nothing is written.
  public var empty: UInt64
  /// Bytes of the file when everything is written.
  public var full: UInt64
  /// The unit in bytes in which data takes space, or 0 where the file is as large with data as without.
  public var unit: UInt64
  /// Whether the target holds everything from the start, or may come to hold it.
  public var fullyAllocated: Bool

  /// Makes a measure.
  public init(empty: UInt64, full: UInt64, unit: UInt64 = 0, fullyAllocated: Bool = false) {
    self.empty = empty
    self.full = full
    self.unit = unit
    self.fullyAllocated = fullyAllocated
  }
}
