// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Where text goes: the standard streams, unbuffered, whole strings at a time.
public enum Stream: Int32, Sendable {
  /// Standard output.
  case output = 1
  /// Standard error.
  case error = 2

  /// Writes all of `text`; false when the stream cannot take it (a closed pipe, a full disk).
  @discardableResult
  public func write(_ text: String) -> Bool {
    var copy = text
    return copy.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let count = unsafe Glibc.write(
          rawValue, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
        if count < 0 {
          if errno == EINTR { continue }
          return false
        }
        done += count
      }
      return true
    }
  }

  /// Whether a person reads along.
  public var isTerminal: Bool { isatty(rawValue) == 1 }
}
