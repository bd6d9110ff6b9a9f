// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Options

/// A filter that copies what is about to be overwritten to a target, so that the target, above the image, shows the
/// disk as it was when the filter was put there.
package struct CopyBeforeWriteFilter: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `copy-before-write`.
  package var name: String { "copy-before-write" }
  /// It is one.
  package var isFilter: Bool { true }
  /// The filter shows the image.
  package var fileRole: EdgeRole { [.filtered, .primary] }
  /// The target, which the old content is copied to.
  package var childOptions: [ChildOption] { [ChildOption(.target, role: .data, isStorage: false)] }

  /// Takes `on-cbw-error`, `cbw-timeout` (seconds that copying may take for one write) and `bitmap`, the `node` and the
  /// `name` of a bitmap without which everything is copied.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let target = request.node.edge(.target) else {
      throw BlockError(.invalidArgument, "Parameter 'target' is missing")
    }
    let unit = max(target.child.limits.clusterSize, CopyBeforeWriteDriver.leastUnit)
    let rules = try CopyBeforeWriteRules(request.options, unit: unit, above: request.node)
    request.options = [:]
    let driver = CopyBeforeWriteDriver(length: request.node.file?.length ?? 0, unit: unit, rules)
    return OpenedDriver(driver, fileRole: fileRole)
  }
}

/// The units to copy, and the effect of a failed copy.
struct CopyBeforeWriteRules {
  /// The effect of a failed copy.
  enum Failure: String, CaseIterable {
    /// The write fails.
    case breakWrite = "break-guest-write"
    /// The target is no copy any more.
    case breakSnapshot = "break-snapshot"
  }

  let failure: Failure
  /// Seconds after which copying for one write has failed; 0 for no limit.
  let timeout: UInt32
  /// The numbers of the units that are copied; nil for all.
  let marked: RangeSet<UInt64>?

  /// - Parameters:
  ///   - unit: bytes that are copied together.
  ///   - node: the filter's, below which the bitmap's node is looked for.
  /// - Throws: kind `invalidArgument` for what makes no sense, `notFound` for a bitmap that is not there.
  init(_ options: OptionObject, unit: UInt64, above node: Node) throws(BlockError) {
    var reader = OptionReader(options)
    let bitmap = try reader.object("bitmap")
    timeout = try CopyBeforeWriteRules.takeTimeout(&reader)
    failure = try reader.choice("on-cbw-error", as: Failure.self) ?? .breakWrite
    if let left = reader.rest.keys.first {
      throw BlockError(.invalidArgument, "Parameter '\(left)' is unexpected")
    }
    marked = try bitmap.map { (bitmap) throws(BlockError) in
      try CopyBeforeWriteRules.marked(bitmap, unit: unit, above: node)
    }
  }

  private static func takeTimeout(_ reader: inout OptionReader) throws(BlockError) -> UInt32 {
    let value: UInt64
    do throws(BlockError) {
      value = try reader.number("cbw-timeout") ?? 0
    } catch {
      throw BlockError(.invalidArgument, "Parameter 'cbw-timeout' expects integer")
    }
    guard let seconds = UInt32(exactly: value) else {
      throw BlockError(.invalidArgument, "Parameter 'cbw-timeout' expects uint32_t")
    }
    return seconds
  }

  /// The units in which anything is dirty.
  private static func marked(_ bitmap: OptionObject, unit: UInt64, above node: Node) throws(BlockError)
    -> RangeSet<UInt64>
  {
    var reader = OptionReader(bitmap)
    func required(_ key: String) throws(BlockError) -> String {
      guard let text = try reader.string(key) else {
        throw BlockError(.invalidArgument, "Parameter 'bitmap.\(key)' is missing")
      }
      return text
    }
    let (owner, name) = (try required("node"), try required("name"))
    if let left = reader.rest.keys.first {
      throw BlockError(.invalidArgument, "Parameter 'bitmap.\(left)' is unexpected")
    }
    guard let image = node.descendant(named: owner) else {
      throw BlockError(.notFound, "Node '\(owner)' not found")
    }
    guard let driver = image.driver as? any BitmapDriver else {
      throw BlockError.noBitmap(name)
    }
    var units = RangeSet<UInt64>()
    try driver.bitmapContent(name, of: image).forEachDirty { (range) throws(BlockError) in
      guard let last = range.last else { return }
      units.insert(contentsOf: range.lowerBound / unit..<last / unit + 1)
    }
    return units
  }
}

extension EdgeSlot {
  static let target = EdgeSlot(rawValue: "target")
}
