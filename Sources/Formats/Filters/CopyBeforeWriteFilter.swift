// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph
internal import Bytes
public import Errors
internal import Options

/// A filter that copies what is about to be overwritten to a target, so that the target, above the image, shows the
/// disk as it was when the filter was put there.
public struct CopyBeforeWriteFilter: DriverKind {
  /// What happens where copying fails.
  enum Failure: String, CaseIterable {
    /// The write fails.
    case breakWrite = "break-guest-write"
    /// The target is no copy any more.
    case breakSnapshot = "break-snapshot"
  }

  /// Makes the kind.
  public init() {}

  /// `copy-before-write`.
  public var name: String { "copy-before-write" }
  /// It is one.
  public var isFilter: Bool { true }
  /// The filter shows the image.
  public var fileRole: EdgeRole { [.filtered, .primary] }
  /// Where the old content goes.
  public var childOptions: [ChildOption] { [ChildOption(.target, role: .data, isStorage: false)] }

  /// Takes `on-cbw-error`, and `cbw-timeout`, in seconds, of which requests that are waited for make no use.
  public func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let target = request.node.edge(.target) else {
      throw BlockError(.invalidArgument, "Parameter 'target' is missing")
    }
    var reader = OptionReader(request.options)
    let failure = try reader.choice("on-cbw-error", as: Failure.self) ?? .breakWrite
    if let text = try reader.string("cbw-timeout"), UInt32(text) == nil {
      throw BlockError(.invalidArgument, "Parameter 'cbw-timeout' expects integer")
    }
    if reader.rest["bitmap"] != nil {
      throw BlockError(
        .unsupported, "Parameter 'bitmap' is not supported",
        advice: "Without a bitmap, everything is copied before it is overwritten.")
    }
    if let left = reader.unread.first {
      throw BlockError(.invalidArgument, "Parameter '\(left)' is unexpected")
    }
    request.options = [:]
    let length = request.node.file?.length ?? 0
    let driver = CopyBeforeWriteDriver(
      length: length, unit: max(target.child.limits.clusterSize, CopyBeforeWriteDriver.leastUnit), failure)
    return OpenedDriver(driver, fileRole: fileRole)
  }
}

extension EdgeSlot {
  static let target = EdgeSlot(rawValue: "target")
}
