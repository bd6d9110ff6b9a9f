// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

extension Graph {
  /// Lets go of the image called `name` at the end of a job, where `user` has one; returns what went wrong.
  func close(_ user: RootUser?, named name: String) -> BlockError? {
    guard let user else { return nil }
    do throws(BlockError) {
      try release(user)
      return nil
    } catch {
      return error.prefixed("could not close '\(name)'", naming: name)
    }
  }
}
