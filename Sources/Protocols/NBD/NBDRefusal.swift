// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CNbd
internal import Errors
internal import Host
internal import Synchronization

/// Why there is no connection, by what the library says, in words that scripts know.
struct NBDRefusal {
  /// The library's words, without the name of the function that they begin with.
  let text: String
  /// The system's error number, if it was the system.
  let number: Int32
  /// What the server said besides, if it said something.
  let reported: String?

  /// What the library says where the server answers with an error, and what that means.
  private static let answers: [(part: String, kind: BlockError.Kind, meaning: String)] = [
    ("server has no export", .notFound, "Requested export not available"),
    ("server refused TLS", .unsupported, "Denied by server for option 5 (starttls)"),
    ("server requires TLS", .unsupported, "TLS negotiation required before option 7 (go)"),
    ("server policy prevents", .refused, "Denied by server for option 7 (go)"),
    ("as invalid", .invalidArgument, "Invalid parameters for option 7 (go)"),
    ("server is shutting down", .inputOutput, "Server shutting down before option 7 (go)"),
    ("unknown reply from NBD_OPT_GO", .unsupported, "Unknown error code when asking for option 7 (go)"),
    (
      "server requires specific block sizes", .unsupported,
      "Server requires INFO_BLOCK_SIZE for option 7 (go)"
    ),
  ]

  /// The error of a connection to `target`.
  func error(_ target: NBDTarget) -> BlockError {
    if text.hasPrefix("getaddrinfo") {
      let reason = text.lastRange(of: ": ").map { text[$0.upperBound...] } ?? text[...]
      return BlockError(.notFound, "address resolution failed for \(target.address.shown): \(reason)")
    }
    if text.hasPrefix("gnutls") { return handshakeError(target) }
    if !text.hasPrefix("connect"), let answer = NBDRefusal.answers.first(where: { text.contains($0.part) }) {
      return answerError(answer.kind, answer.meaning, target)
    }
    let frame = "Failed to connect to '\(target.address.shown)'"
    guard number != 0 else { return BlockError(.inputOutput, text).prefixed(frame) }
    let system = BlockError(system: number)
    // What went wrong in between is worth more words than the number has.
    return (text.hasPrefix("connect") ? system : BlockError(system.kind, text, systemError: number))
      .prefixed(frame)
  }

  private func answerError(_ kind: BlockError.Kind, _ meaning: String, _ target: NBDTarget) -> BlockError {
    var lines: [String] = []
    var advice: Advice?
    if text.contains("server requires TLS") {
      lines.append("Did you forget a valid tls-creds?")
      advice =
        "Define credentials with --object tls-creds-x509 or tls-creds-psk and name them with 'tls-creds'."
    }
    if let reported { lines.append("server reported: \(reported)") }
    return BlockError(
      kind, meaning, hint: lines.isEmpty ? nil : lines.joined(separator: "\n"), advice: advice)
  }

  /// The error of TLS: `gnutls_FUNCTION: words (numbers)`.
  private func handshakeError(_ target: NBDTarget) -> BlockError {
    if text.hasPrefix("gnutls_record_recv"), target.hasCertificates {
      return BlockError(
        .accessDenied,
        "Failed to read option reply: Cannot read from TLS channel: Software caused connection abort",
        advice: "The server ended the connection; it may ask for a certificate that its authority has signed."
      )
    }
    var words = text.firstRange(of: ": ").map { text[$0.upperBound...] } ?? text[...]
    if words.hasSuffix(")"), let numbers = words.lastRange(of: " (") { words = words[..<numbers.lowerBound] }
    var advice: Advice?
    if words.contains("certificate verification"), let folder = target.authorities,
      let hostname = target.hostname
    {
      advice = """
        The server's certificate must be for '\(hostname)', valid now, and signed by an authority of \
        \(folder)/ca-cert.pem.
        """
    }
    return BlockError(.accessDenied, "TLS handshake failed: \(words)", advice: advice)
  }
}

extension String {
  fileprivate func lastRange(of part: String) -> Range<String.Index>? { self[...].lastRange(of: part) }
}

extension Substring {
  fileprivate func lastRange(of part: String) -> Range<String.Index>? { ranges(of: part).last }
}

/// Hears what a server says while the connection is made: the library tells it nowhere but where it helps to debug.
@safe
final class NBDListener {
  private static let mark = "server error message: "
  /// The longest words that are kept, in bytes.
  private static let longest = 4096
  private let words = Mutex<String?>(nil)

  /// The last reason that the server gave, in one line.
  var reported: String? { words.withLock { $0 } }

  /// Runs `body`, and hears all the library says of a handle meanwhile.
  func listen<Result>(
    to handle: OpaquePointer, _ library: LibNBD, _ body: () throws(BlockError) -> Result
  ) throws(BlockError) -> Result {
    // Until it is released below, when the library calls no more, its pointer keeps the listener alive.
    let pointer = unsafe Unmanaged.passRetained(self).toOpaque()
    defer { unsafe Unmanaged<NBDListener>.fromOpaque(pointer).release() }
    var callback = unsafe nbd_debug_callback()
    unsafe callback.user_data = unsafe pointer
    unsafe callback.callback = { pointer, _, message in
      guard let pointer = unsafe pointer, let message = unsafe message else { return 0 }
      unsafe Unmanaged<NBDListener>.fromOpaque(pointer).takeUnretainedValue().hear(String(cName: message))
      return 0
    }
    guard unsafe library.setDebugCallback(handle, callback) == 0, unsafe library.setDebug(handle, true) == 0
    else { return try body() }
    defer {
      _ = unsafe library.setDebug(handle, false)
      _ = unsafe library.clearDebugCallback(handle)
    }
    return try body()
  }

  private func hear(_ message: String) {
    guard let mark = message.firstRange(of: NBDListener.mark) else { return }
    let said = message[mark.upperBound...].prefix(NBDListener.longest)
    let lines = said.split { $0.isNewline }
    words.withLock { $0 = lines.isEmpty ? nil : lines.joined(separator: " ") }
  }
}
