// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Traps with `message` unless `condition` holds: a rule of our own code, which no image and no user can break.
///
/// In place of `precondition` where the message names the node, the parent or the entry: release builds drop the message of a
/// `precondition`.
@inlinable package func invariant(_ condition: Bool, _ message: @autoclosure () -> String) {
  guard condition else { fatalError(message()) }
}
