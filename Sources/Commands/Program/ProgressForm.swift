// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// How progress is shown where it is shown.
enum ProgressForm: Sendable, Equatable {
  /// One line drawn anew, as scripts know it.
  case line
  /// The same for people: a bar with rate and time left.
  case bar
  /// An object a line, written to a descriptor.
  case json(descriptor: Int32)
}
