// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// What holds for a whole run, whichever command it is. The program sets it before the command starts.
struct RunSettings: Sendable {
  /// How progress is shown where it is shown.
  enum ProgressForm: Sendable, Equatable {
    /// One line drawn anew, as scripts know it.
    case line
    /// The same for people: a bar with rate and time left.
    case bar
    /// An object a line, written to a descriptor.
    case json(descriptor: Int32)
  }

  /// The command that runs.
  var command = ""
  /// How progress is shown.
  var progress = ProgressForm.line
  /// Whether the images come from somebody who may mean harm.
  var isUntrusted = false

  /// What holds now.
  @TaskLocal static var current = RunSettings()
}
