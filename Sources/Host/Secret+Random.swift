// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
internal import Glibc

extension Secret {
  /// A secret of `count` bytes that nobody can guess.
  package convenience init(random count: Int) throws(BlockError) {
    try self.init(count: count) { (bytes: inout MutableRawSpan) throws(BlockError) in
      try bytes.fillWithRandomBytes()
    }
  }
}

extension MutableRawSpan {
  /// Fills all bytes with such as nobody can guess.
  package mutating func fillWithRandomBytes() throws(BlockError) {
    // The system gives so many at once.
    let most = 256
    let result = unsafe withUnsafeMutableBytes { raw in
      var done = 0
      while let base = raw.baseAddress, done < raw.count {
        let part = min(most, raw.count - done)
        guard unsafe getentropy(base + done, part) == 0 else { return errno }
        done += part
      }
      return Int32(0)
    }
    guard result == 0 else { throw BlockError(system: result) }
  }
}
