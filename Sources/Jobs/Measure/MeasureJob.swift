// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph
internal import Bytes
public import Errors
public import Options

/// Tells how large the file of an image would become that is made from another one, or empty.
public final class MeasureJob: Job {
  /// `measure`.
  public let kind = "measure"
  /// What would be converted.
  public enum Source {
    /// Nothing: a new image of so many bytes.
    case empty(length: UInt64)
    /// The content of an open image.
    case image(Edge)
  }

  /// Bytes that the file would take.
  public private(set) var required: UInt64 = 0
  /// Bytes that the file could come to take.
  public private(set) var full: UInt64 = 0
  /// Bytes that copies of the source's bitmaps would take besides; nil where there can be none.
  public private(set) var bitmaps: UInt64?
  private let source: Source
  private let target: any DriverKind
  private let options: OptionObject

  /// - Parameter options: creation options of the target and of its storage, parsed.
  public init(_ source: Source, target: any DriverKind, options: OptionObject) {
    self.source = source
    self.target = target
    self.options = options
  }

  /// Looks at what the source has where; reads no data.
  ///
  /// - Throws: kind `unsupported` where the target's format cannot tell.
  public func run(_ context: JobContext) throws(BlockError) {
    guard let target = target as? any MeasuringKind else {
      throw BlockError(.unsupported, "Block driver '\(target.name)' does not support size measurement")
    }
    let length: UInt64 =
      switch source {
      case .empty(let length): length
      case .image(let edge): edge.length
      }
    guard let whole = length.roundedUp(to: 512) else {
      throw BlockError(.tooLarge, "The image size is too large")
    }
    var options = options
    // As in the making of an image, which they change nothing of that could be measured.
    _ = try FileAttributes(takingFrom: &options)
    let measure = try target.measure(length: whole, options: options)
    full = measure.full
    if case .image(let edge) = source, let driver = edge.child.driver as? any BitmapDriver,
      driver.supportsBitmaps(of: edge.child)
    {
      bitmaps = try target.measureBitmaps(
        driver.bitmaps(of: edge.child), length: whole, options: options)
    }
    required = measure.empty
    guard case .image(let edge) = source, measure.unit > 0 else { return }
    if measure.fullyAllocated {
      required = full
    } else {
      required += try dataUnits(edge, measure.unit, context) * measure.unit
    }
  }

  /// How many units of the source hold anything but zeros.
  private func dataUnits(_ edge: Edge, _ unit: UInt64, _ context: JobContext) throws(BlockError) -> UInt64 {
    var units: UInt64 = 0
    var next: UInt64 = 0
    var position: UInt64 = 0
    while position < edge.length {
      try context.checkInterrupted()
      let status = try edge.chainStatus(at: position, length: edge.length - position)
      let start = position
      position += status.length
      if status.isZero { continue }
      // Neighbouring ranges may meet inside a unit, which counts once.
      let first = max(start / unit, next)
      let last = (position - 1) / unit
      guard first <= last else { continue }
      units += last - first + 1
      next = last + 1
    }
    return units
  }
}
