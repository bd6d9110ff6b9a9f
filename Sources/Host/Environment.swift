// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Glibc

/// The variables that the program was started with.
package enum Environment {
  /// The value of the variable `name`, or nil where it is not set.
  package static func value(of name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cName: $0) }
  }
}
