// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The command line itself is wrong; the message is followed by a pointer to the help.
struct UsageError: Error, Equatable {
  /// One line that names what is wrong.
  var message: String
  /// A sentence about the option that was probably meant.
  var hint: String?

  /// Makes an error from one line.
  init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }
}
