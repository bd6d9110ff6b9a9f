// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// Numbered places where an operation can be told to fail, so that tests fail each of them in turn.
package final class FaultPoints {
  /// How many points were passed so far.
  package private(set) var passed = 0
  /// The names of the points passed, in order.
  package private(set) var names: [String] = []
  /// Called with the name of each point, before it fails or is passed.
  package var onPass: ((String) -> Void)?
  /// The number, counted from 1, of the point that fails; 0 for none.
  package var failing = 0

  /// Cleaning up is under way, which passes no points: it must not fail.
  private var isSuspended = false

  /// Put between the graph and storage, so that its I/O can be made to fail.
  package var wrapStorage: ((any StorageDriver) -> any StorageDriver)?

  /// No point fails.
  package init() {}

  /// Forgets what was passed and lets the `number`th point from here fail.
  package func arm(_ number: Int) {
    passed = 0
    names = []
    failing = number
  }

  /// Runs `body` without points.
  func suspended(_ body: () -> Void) {
    let before = isSuspended
    isSuspended = true
    body()
    isSuspended = before
  }

  /// Storage that fails when it is told to, where a test asked for that, or else the driver itself.
  func wrapped(_ driver: any BlockDriver) -> any BlockDriver {
    guard let wrapStorage, let storage = driver as? any StorageDriver else { return driver }
    return wrapStorage(storage)
  }

  /// Passes a point.
  package func pass(_ name: @autoclosure () -> String) throws(BlockError) {
    if isSuspended { return }
    passed += 1
    if let onPass { onPass(name()) }
    guard failing != 0 else { return }
    names.append(name())
    if passed == failing { throw BlockError(.inputOutput, "injected failure at step \(passed) (\(name()))") }
  }
}
