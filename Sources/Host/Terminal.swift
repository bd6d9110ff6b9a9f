// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Where text goes: the standard streams, unbuffered, whole strings at a time.
package enum Stream: Int32, Sendable {
  /// Standard output.
  case output = 1
  /// Standard error.
  case error = 2

  /// Writes all of `text`; false when the stream cannot take it (a closed pipe, a full disk).
  @discardableResult
  package func write(_ text: String) -> Bool { Stream.write(text, to: rawValue) }

  /// Writes all of `text`, as it is shown, to a descriptor that the program was started with; false when it cannot
  /// take it.
  @discardableResult
  package static func write(_ text: String, to descriptor: Int32) -> Bool {
    var copy = text.shown
    return copy.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let count = unsafe Glibc.write(
          descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
        if count < 0 {
          if errno == EINTR { continue }
          return false
        }
        done += count
      }
      return true
    }
  }

  /// Whether the stream leads to the file at `path`.
  package func leads(to path: String) -> Bool {
    var status = stat()
    guard unsafe fstat(rawValue, &status) == 0 else { return false }
    return FilePaths.identity(of: path) == FileIdentity(status)
  }

  /// Whether the program has a descriptor of this number that can be written to.
  package static func isOpen(_ descriptor: Int32) -> Bool {
    let flags = fcntl(descriptor, F_GETFL)
    return flags >= 0 && flags & O_ACCMODE != O_RDONLY
  }

  /// Puts something in the place of each standard stream that the program was started without, as which the next file
  /// that is opened would be taken otherwise. Reading and writing there goes on failing.
  package static func occupyMissing() {
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest number that is free is taken.
      let opened = unsafe open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
      if opened < 0 { _ = unsafe open("/", O_RDONLY | O_DIRECTORY) }
    }
  }

  /// Whether the stream is a pipe or a connection that nobody reads any more.
  package var hasLostReader: Bool {
    var entry = pollfd(fd: rawValue, events: 0, revents: 0)
    return unsafe poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLERR | POLLHUP) != 0
  }

  /// Whether a person reads along.
  package var isTerminal: Bool { isatty(rawValue) == 1 }
}
