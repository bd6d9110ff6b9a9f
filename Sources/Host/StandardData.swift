// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
internal import Glibc

/// Standard input and output as streams of bytes, which may be pipes.
///
/// Nothing waits for long without asking `goOn`, which throws when it is time to end: a signal does not end the
/// system calls by itself.
package enum StandardData {
  /// The longest wait in milliseconds between two questions.
  private static let patience: Int32 = 250

  /// Reads until `buffer` is full or the input ends; returns the bytes read.
  package static func read(into buffer: inout MutableRawSpan, goOn: () throws(BlockError) -> Void)
    throws(BlockError) -> Int
  {
    var done = 0
    while done < buffer.byteCount {
      try wait(for: STDIN_FILENO, Int16(POLLIN), goOn)
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe Glibc.read(STDIN_FILENO, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
      }
      if count < 0 {
        if errno == EINTR || errno == EAGAIN { continue }
        throw BlockError(system: errno)
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Writes all of `data`.
  package static func write(_ data: RawSpan, goOn: () throws(BlockError) -> Void) throws(BlockError) {
    var done = 0
    while done < data.byteCount {
      try wait(for: STDOUT_FILENO, Int16(POLLOUT), goOn)
      let count = unsafe data.withUnsafeBytes { bytes in
        unsafe Glibc.write(STDOUT_FILENO, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
      }
      if count < 0 {
        if errno == EINTR || errno == EAGAIN { continue }
        throw BlockError(system: errno)
      }
      done += count
    }
  }

  /// Waits until something can be read or written, or the other side is gone.
  private static func wait(for descriptor: Int32, _ events: Int16, _ goOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    while true {
      try goOn()
      var entry = pollfd(fd: descriptor, events: events, revents: 0)
      let count = unsafe poll(&entry, 1, patience)
      if count > 0 { return }
      if count < 0 && errno != EINTR { throw BlockError(system: errno) }
    }
  }
}
