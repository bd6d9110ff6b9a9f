// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host

/// What reading compressed clusters keeps between reads.
final class CompressedClusters: @unchecked Sendable {
  func forget() {}
}
