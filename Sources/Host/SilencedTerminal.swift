// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Glibc
internal import Synchronization

/// The terminal while it does not show what is typed; code that ends the process calls `restore` first.
enum SilencedTerminal {
  private static let silenced = Mutex<(descriptor: Int32, before: termios)?>(nil)

  /// Keeps an open terminal from showing what is typed and from making signals of it, until `restore`.
  static func silence(_ descriptor: Int32) throws(BlockError) {
    var before = termios()
    guard unsafe tcgetattr(descriptor, &before) == 0 else { throw BlockError(system: errno) }
    var silent = before
    silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
    let noted = before
    silenced.withLock { $0 = (descriptor, noted) }
    // Not waiting for what was written before: the other side may have stopped reading.
    unsafe tcsetattr(descriptor, TCSANOW, &silent)
  }

  /// Lets the terminal be as it was, if it is silenced. From any thread.
  static func restore() {
    silenced.withLock { known in
      guard let silenced = known else { return }
      var before = silenced.before
      unsafe tcsetattr(silenced.descriptor, TCSANOW, &before)
      known = nil
    }
  }
}
