// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors

/// A filter that keeps reading and writing below the rates of a group, which `--object throttle-group` defines.
package struct ThrottleFilter: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `throttle`.
  package var name: String { "throttle" }
  /// It is one.
  package var isFilter: Bool { true }
  /// The filter shows what it stands on.
  package var fileRole: EdgeRole { [.filtered, .primary] }

  /// Its one option, `throttle-group`, names the group.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    guard let name = try request.options.takeString("throttle-group") else {
      throw BlockError(.invalidArgument, "Please specify a throttle group")
    }
    guard let limiter = request.objects.rateLimiters[name] else {
      throw BlockError(
        .notFound, "Throttle group '\(name)' does not exist",
        advice: "Define it with --object throttle-group,id=\(name),x-bps-total=BYTES.")
    }
    return OpenedDriver(ThrottleDriver(limiter), fileRole: fileRole)
  }
}

/// Lets requests wait.
private final class ThrottleDriver: FilterDriver {
  let name = "throttle"
  var handsOnCompressed: Bool { true }
  private let limiter: any RateLimiter

  init(_ limiter: any RateLimiter) { self.limiter = limiter }

  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    switch request.kind {
    case .read, .write, .writeZeroes, .discard:
      limiter.wait(length: UInt64(request.range.count), isWrite: request.kind != .read)
    case .flush, .blockStatus, .truncate: break
    }
    try handOn()
  }
}
