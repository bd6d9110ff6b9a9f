// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
internal import Glibc

/// Asking for secrets on the terminal, which does not show what is typed.
package enum Passphrase {
  /// The longest that can be typed, in bytes.
  package static let maximumLength = 512

  /// Asks for `secret`, such as `new passphrase`, on the terminal of the process and reads a line from it, whatever the
  /// standard streams are.
  ///
  /// The terminal shows what is typed again when this returns, also when a signal comes; ^C and ^D end the question.
  ///
  /// - Parameter advice: how the secret is given where there is no terminal.
  /// - Throws: kind `notFound` where there is no terminal, `interrupted` where the user does not answer.
  package static func ask(for secret: String, orElse advice: Advice) throws(BlockError) -> Secret {
    let descriptor: Int32
    do throws(BlockError) {
      descriptor = try File.descriptor(path: "/dev/tty", flags: O_RDWR | O_CLOEXEC | O_NOCTTY)
    } catch {
      throw BlockError(
        .notFound, "There is no terminal to ask for the \(secret) on", advice: advice)
    }
    defer { _ = close(descriptor) }
    try SilencedTerminal.silence(descriptor)
    Signals.expectCleanEnd()
    defer {
      SilencedTerminal.restore()
      Stream.write("\n", to: descriptor)
    }
    Stream.write(secret.prefix(1).uppercased() + secret.dropFirst() + ": ", to: descriptor)
    return try readLine(descriptor)
  }

  private static func readLine(_ descriptor: Int32) throws(BlockError) -> Secret {
    var count = 0
    let line = try Secret(count: maximumLength) { (room: inout MutableRawSpan) throws(BlockError) in
      while true {
        switch try readByte(descriptor) {
        case 0x0A, 0x0D: return
        case 0x03, 0x04: throw BlockError(.interrupted, "No passphrase was given")
        case 0x7F, 0x08: count = previousCharacter(room.bytes, count)
        case 0x15: count = 0
        case let byte:
          guard count < maximumLength else {
            throw BlockError(.tooLarge, "A passphrase that is typed may have \(maximumLength) bytes")
          }
          room.store(byte, at: count)
          count += 1
        }
      }
    }
    return Secret(copying: line.bytes.slice(0..<count))
  }

  /// Where the last character starts, which may have several bytes.
  private static func previousCharacter(_ bytes: RawSpan, _ end: Int) -> Int {
    var start = end
    while start > 0 {
      start -= 1
      if bytes.byte(at: start) & 0xC0 != 0x80 { break }
    }
    return start
  }

  private static func readByte(_ descriptor: Int32) throws(BlockError) -> UInt8 {
    while true {
      if let signal = Signals.terminating {
        throw BlockError(.interrupted, "Interrupted by signal \(signal)")
      }
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&request, 1, 200) > 0 else { continue }
      var byte: UInt8 = 0
      let count = unsafe read(descriptor, &byte, 1)
      if count == 1 { return byte }
      if count == 0 { throw BlockError(.interrupted, "No passphrase was given") }
      if errno != EINTR && errno != EAGAIN { throw BlockError(system: errno) }
    }
  }
}
