// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A program that believes to talk to a person: it runs in a terminal of its own.
package final class PseudoTerminal {
  private let master: Int32
  private var process: pid_t = 0
  /// Everything that the program wrote so far.
  package private(set) var screen = ""

  /// Starts a program, found in PATH, with its terminal as standard streams; nil where that is not possible.
  package init?(_ words: [String], environment: [String]) {
    master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var locked: Int32 = 0
    var number: Int32 = 0
    // The C library's calls for these two are hidden from Swift: TIOCSPTLCK and TIOCGPTN.
    guard master >= 0, unsafe ioctl(master, 0x4004_5431, &locked) == 0,
      unsafe ioctl(master, 0x8004_5430, &number) == 0
    else { return nil }
    let path = "/dev/pts/\(number)"
    var size = winsize(ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0)
    _ = unsafe ioctl(master, UInt(TIOCSWINSZ), &size)
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for stream: Int32 in 0...2 {
      _ = unsafe posix_spawn_file_actions_addopen(&actions, stream, path, O_RDWR, 0)
    }
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var mask = sigset_t()
    unsafe sigemptyset(&mask)
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    // setsid makes the terminal the one that controls the program.
    let all = ["/usr/bin/env", "-i"] + environment + ["setsid", "-c", "-w"] + words
    var arguments = unsafe all.map { unsafe strdup($0) }
    unsafe arguments.append(nil)
    defer { for index in 0...all.count { unsafe free(arguments[index]) } }
    guard unsafe posix_spawn(&process, all[0], &actions, &attributes, arguments, environ) == 0 else {
      close(master)
      return nil
    }
  }

  /// Types.
  package func type(_ text: String) {
    var copy = text
    copy.withUTF8 { bytes in _ = unsafe write(master, bytes.baseAddress, bytes.count) }
  }

  /// Waits until the program wrote `text` after what was waited for before; false after `seconds`.
  package func wait(for text: String, seconds: Int = 20) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65536)
    var waits = seconds * 10
    while true {
      if let range = screen.range(of: text) {
        screen = String(screen[range.upperBound...])
        return true
      }
      var poll = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
      let ready = unsafe Glibc.poll(&poll, 1, 100)
      if ready == 0 { waits -= 1 }
      guard waits > 0 else { return false }
      guard ready > 0 else { continue }
      let count = unsafe read(master, &chunk, chunk.count)
      guard count > 0 else { return false }
      screen += String(decoding: chunk[..<count], as: UTF8.self)
    }
  }

  deinit {
    // Hanging up ends a shell.
    close(master)
    kill(process, SIGHUP)
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0 && errno == EINTR {}
  }
}

extension String {
  fileprivate func range(of text: String) -> Range<String.Index>? {
    let (mine, theirs) = (Array(utf8), Array(text.utf8))
    guard !theirs.isEmpty, mine.count >= theirs.count else { return nil }
    for start in 0...(mine.count - theirs.count) where mine[start] == theirs[0] {
      guard mine[start..<start + theirs.count].elementsEqual(theirs) else { continue }
      return utf8.index(startIndex, offsetBy: start)..<utf8.index(startIndex, offsetBy: start + theirs.count)
    }
    return nil
  }
}
