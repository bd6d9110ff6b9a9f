// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
package import Options

/// The options of `measure`, as written by the user.
package struct MeasureOptions {
  /// The source that would be converted.
  package enum Source {
    /// Nothing: a new image of so many bytes.
    case empty(length: UInt64)
    /// The content of an image; settings need no flags of their own.
    case image(JobImage)
  }

  /// The source that would be converted.
  package var source: Source
  /// The format of the image to be.
  package var format = Drivers.unstatedFormat
  /// Its creation options as given, in order.
  package var creationOptions = KeyValueList()

  /// Measures a raw image.
  package init(_ source: Source) { self.source = source }
}

/// Tells how large the file of an image would become that is made from another one, or empty.
package final class MeasureJob: Job {
  /// `measure`.
  package let kind = "measure"

  /// Bytes that the file would take.
  package private(set) var required: UInt64 = 0
  /// Bytes that the file could come to take.
  package private(set) var full: UInt64 = 0
  /// Bytes that copies of the source's bitmaps would take besides; nil where there can be none.
  package private(set) var bitmaps: UInt64?
  private let source: MeasureOptions.Source
  private let target: any DriverKind
  private let options: OptionObject
  private let secrets: any SecretSource
  /// The formats that can be measured.
  private let measurable: [String]
  private var user: RootUser?

  /// Checks the options as the making of the image does.
  ///
  /// - Throws: for a format or options that are wrong.
  package init(_ options: MeasureOptions, opener: Opener) throws(BlockError) {
    guard let target = opener.kind(named: options.format) else { throw opener.unknownFormat(options.format) }
    try target.requireCreation()
    var values: OptionObject
    do throws(BlockError) {
      values = try CreationChoice(
        options.creationOptions, backing: nil, backingFormat: nil, for: target, opener
      ).values
    } catch {
      guard error.hint == nil else { throw error }
      throw BlockError(error.kind, "\(error.message)\nInvalid options for file format '\(target.name)'")
    }
    // As in the making of an image, which they change nothing of that could be measured.
    _ = try FileAttributes(takingFrom: &values)
    self.options = values
    self.target = target
    source = options.source
    secrets = opener.secrets
    measurable = opener.kinds.filter { $0 is any MeasuringKind && !$0.isProtocol }.map(\.name)
    // Wrong options are told as such, not as a fault of the source.
    if let kind = target as? any MeasuringKind {
      do throws(BlockError) {
        _ = try kind.measure(MeasureRequest(length: 0, options: values, secrets: secrets))
      } catch {
        throw opener.explain(error, optionsOfNew: target.name, values)
      }
    }
  }

  /// Opens the source.
  package func prepare(in graph: Graph) throws(BlockError) {
    guard case .image(let image) = source else { return }
    let user = graph.makeUser(
      "measure: '\(image.text)'", request: PermissionRequest(held: .consistentRead, shared: .all))
    self.user = user
    try image.attach(user, in: graph)
  }

  /// Closes the source.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    // It was only read.
    if let user { try? graph.release(user) }
    user = nil
  }

  /// Looks at what the source has where; reads no data.
  ///
  /// - Throws: kind `unsupported` where the target's format cannot tell.
  package func run(_ context: JobContext) throws(BlockError) {
    guard let target = target as? any MeasuringKind else {
      throw BlockError(
        .unsupported, "Block driver '\(target.name)' does not support size measurement",
        advice: "These can be measured: \(measurable.joined(separator: ", ")).")
    }
    let length: UInt64 =
      switch source {
      case .empty(let length): length
      case .image: user?.edge?.length ?? 0
      }
    let request = try MeasureRequest(
      length: target.diskLength(length, options: options), options: options, secrets: secrets)
    let measure = try target.measure(request)
    full = measure.full
    required = measure.empty
    guard let edge = user?.edge else { return }
    if let driver = edge.child.driver as? any BitmapDriver, driver.supportsBitmaps(of: edge.child) {
      bitmaps = try target.measureBitmaps(driver.bitmaps(of: edge.child), request)
    }
    guard measure.unit > 0 else { return }
    if measure.fullyAllocated {
      required = full
    } else {
      required = measure.required(
        try dataUnits(edge, measure.unit, context), of: request.length.dividedUp(by: measure.unit))
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
