// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

extension Graph {
  /// Lets go of the image called `name` at the end of a job, where `user` has one; a failure is a warning.
  func close(_ user: RootUser?, named name: String, warnings: inout [String]) {
    guard let user else { return }
    do throws(BlockError) {
      try release(user)
    } catch {
      warnings.append("could not close '\(name)': \(error.message)")
    }
  }
}
