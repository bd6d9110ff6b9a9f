// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Whether somebody asked for the end, from any thread.
final class StopFlag: Sendable {
  private let flag = Atomic<Bool>(false)

  var isSet: Bool { flag.load(ordering: .relaxed) }

  func set() { flag.store(true, ordering: .relaxed) }
}
