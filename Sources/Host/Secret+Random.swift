// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors
internal import Glibc

extension Secret {
  /// A secret of `count` bytes, at most 256, that nobody can guess.
  public convenience init(random count: Int) throws(BlockError) {
    try self.init(count: count) { (bytes: inout MutableRawSpan) throws(BlockError) in
      let result = unsafe bytes.withUnsafeMutableBytes { raw in
        unsafe raw.baseAddress.map { unsafe getentropy($0, raw.count) } ?? 0
      }
      guard result == 0 else { throw BlockError(system: errno) }
    }
  }
}
