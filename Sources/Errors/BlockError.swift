// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The one error of the suite: what kind of thing went wrong, and a sentence that a person can act on.
///
/// Context is put in front as the error rises (`Could not open 'x.qcow2': …`), so that the message reads
/// from the command down to the cause. New formats add no kinds.
public struct BlockError: Error, Sendable, Equatable {
  /// What a program may want to tell apart; the raw values appear in JSON output and stay stable.
  public enum Kind: String, Sendable, CaseIterable {
    /// A file, node, format, snapshot or other named thing does not exist.
    case notFound = "not-found"
    /// The thing to be made exists already.
    case alreadyExists = "already-exists"
    /// The operating system refused access.
    case accessDenied = "access-denied"
    /// A write was asked of something that is open for reading only.
    case readOnly = "read-only"
    /// Another user of the node, or another process, does not tolerate the access.
    case conflict
    /// An option, value or combination makes no sense.
    case invalidArgument = "invalid-argument"
    /// The image contradicts its format's specification.
    case corrupt
    /// The image or request needs a feature that this build does not have.
    case unsupported
    /// A name, reference or depth was refused by policy.
    case refused
    /// The device or file system is full.
    case noSpace = "no-space"
    /// A number does not fit: an image, table or request larger than its limit.
    case tooLarge = "too-large"
    /// Reading or writing failed.
    case inputOutput = "input-output"
    /// A signal asked the job to end.
    case interrupted
  }

  /// What a program may want to tell apart.
  public var kind: Kind
  /// One sentence without a final full stop, context first.
  public var message: String
  /// Lines that belong to the message, as scripts know them; printed as they are.
  public var hint: String?
  /// What the user can do next, in a sentence or two, where a next step exists.
  public var advice: String?
  /// The image or file that went wrong, as it was named, where it is known.
  public var file: String?
  /// The system's error number where a system call failed, otherwise 0.
  public var systemError: Int32

  /// Makes an error from its parts.
  public init(
    _ kind: Kind, _ message: String, hint: String? = nil, advice: String? = nil, systemError: Int32 = 0
  ) {
    self.kind = kind
    self.message = message
    self.hint = hint
    self.advice = advice
    self.systemError = systemError
  }

  /// The same error without the context that stands in front of the part that starts with `text`; nil where no
  /// part does.
  public func cause(startingWith text: String) -> BlockError? {
    var rest = message[...]
    while !rest.hasPrefix(text) {
      guard let separator = rest.firstRange(of: ": ") else { return nil }
      rest = rest[separator.upperBound...]
    }
    var copy = self
    copy.message = String(rest)
    return copy
  }

  /// The same error with advice, unless the cause came with advice of its own.
  public func advising(_ advice: @autoclosure () -> String) -> BlockError {
    var copy = self
    copy.advice = self.advice ?? advice()
    return copy
  }

  /// The same error with `context` and a colon in front of its message.
  public func prefixed(_ context: String) -> BlockError {
    var copy = self
    copy.message = context + ": " + message
    return copy
  }
}

/// Runs `body`, which opens `file`; says so in the error it throws, unless the error is about another file.
@inlinable
public func inFile<Result: ~Copyable>(
  _ file: String, _ body: () throws(BlockError) -> Result
) throws(BlockError) -> Result {
  do {
    return try body()
  } catch {
    var error = error.prefixed("Could not open '\(file)'")
    error.file = error.file ?? file
    throw error
  }
}

/// Runs `body` and puts `context` in front of the message of the error it throws.
///
/// The context is only built when there is an error.
@inlinable
public func inContext<Result: ~Copyable>(
  _ context: @autoclosure () -> String, _ body: () throws(BlockError) -> Result
) throws(BlockError) -> Result {
  do {
    return try body()
  } catch {
    throw error.prefixed(context())
  }
}
