// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The one error of the suite: what kind of thing went wrong, and a sentence that a person can act on.
///
/// The operations that were under way are added in front as the error rises (`Could not open 'x.qcow2': …`), a frame at
/// a time, so that the message reads from the command down to the finding. New formats add no kinds.
package struct BlockError: Error, Sendable, Equatable {
  /// The kinds of errors that a program may want to tell apart; the raw values appear in JSON output and stay stable.
  package enum Kind: String, Sendable, CaseIterable {
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

  /// A step that code above has to tell from others, whatever its words are.
  package enum Step: Sendable {
    /// A snapshot that was asked for is looked up.
    case loadSnapshot
    /// A node grants its users what they ask for.
    case grantPermissions
    /// An image is opened that stands deeper than images may.
    case exceedDepth
  }

  /// An operation that was under way when something went wrong.
  package struct Frame: Sendable, Equatable {
    /// In words that scripts know.
    package let text: String
    /// The image or file that the words name.
    package let file: String?
    /// The step that the operation is, where code above has to tell it from others.
    package let step: Step?

    /// Makes a frame from its parts.
    package init(_ text: String, file: String? = nil, step: Step? = nil) {
      self.text = text
      self.file = file
      self.step = step
    }
  }

  /// The kind, by which a program can tell errors apart.
  package var kind: Kind
  /// The cause of the error: one sentence without a final full stop and without the operations that were under way.
  package let finding: String
  /// The operations that were under way, from the command down.
  package private(set) var frames: [Frame] = []
  /// The finding in short, where it is damage that a format tells as a line of its own (`qcow2: Image is corrupt: …`)
  /// before whatever was being done fails as on any broken medium.
  package let damage: String?
  /// Lines that belong to the message, as scripts know them; printed as they are.
  package var hint: String?
  /// The next step that the user can take, in a sentence or two, where one exists.
  package var advice: Advice?
  /// The image or file that went wrong, as it was named, where it is known.
  package private(set) var file: String?
  /// The system's error number where a system call failed, otherwise 0.
  package var systemError: Int32
  private let findingNamesFile: Bool

  /// Makes an error from its parts.
  ///
  /// - Parameters:
  ///   - finding: one sentence without a final full stop.
  ///   - file: the image or file that the sentence names.
  ///   - damage: the finding in short, where it is a line of its own.
  package init(
    _ kind: Kind, _ finding: String, naming file: String? = nil, damage: String? = nil, hint: String? = nil,
    advice: Advice? = nil, systemError: Int32 = 0
  ) {
    self.kind = kind
    self.finding = finding
    self.damage = damage
    self.hint = hint
    self.advice = advice
    self.file = file
    self.systemError = systemError
    findingNamesFile = file != nil
  }

  /// The whole sentence: the operations that were under way, from the command down, and the finding.
  package var message: String {
    context.map { $0 + ": " + finding } ?? finding
  }

  /// The operations that were under way, from the command down; nil where no frame was added.
  package var context: String? {
    frames.isEmpty ? nil : frames.map(\.text).joined(separator: ": ")
  }

  /// The image or file that the command was about: what the outermost words name, else what went wrong.
  package var subject: String? {
    for frame in frames { if let file = frame.file { return file } }
    return file
  }

  /// Whether the message says which image or file went wrong.
  package var namesFile: Bool {
    findingNamesFile || frames.contains { $0.file != nil }
  }

  /// The same error without what led to `step`; nil where that step was not being done.
  package func cause(in step: Step) -> BlockError? {
    guard let first = frames.lastIndex(where: { $0.step == step }) else { return nil }
    var copy = self
    copy.frames = Array(frames[first...])
    return copy
  }

  /// The same error with the words of `step` for a finding, where that step was being done: what was found in it tells
  /// nothing more.
  package func ending(with step: Step) -> BlockError {
    guard let last = frames.lastIndex(where: { $0.step == step }) else { return self }
    var copy = BlockError(
      kind, frames[last].text, naming: frames[last].file, hint: hint, advice: advice, systemError: systemError
    )
    copy.frames = Array(frames[..<last])
    copy.file = file
    return copy
  }

  /// Whether both are what one refusal of the system led to.
  package func hasCause(of other: BlockError) -> Bool {
    systemError != 0 && systemError == other.systemError
  }

  /// The same error with advice, unless the cause came with advice of its own.
  package func advising(_ advice: @autoclosure () -> Advice) -> BlockError {
    var copy = self
    copy.advice = self.advice ?? advice()
    return copy
  }

  /// The same error, said to be about `file` unless it is known to be about another one.
  package func about(_ file: @autoclosure () -> String?) -> BlockError {
    guard self.file == nil else { return self }
    var copy = self
    copy.file = file()
    return copy
  }

  /// The same error, in front of whose message stands what was being done, and a colon.
  ///
  /// - Parameter file: the image or file that `context` names.
  package func prefixed(_ context: String, naming file: String? = nil, step: Step? = nil) -> BlockError {
    var copy = about(file)
    copy.frames.insert(Frame(context, file: file, step: step), at: 0)
    return copy
  }
}

/// Runs `body`, which does something to `file`; says so in the error it throws: `Could not open 'x': …`.
package func inFile<Result: ~Copyable>(
  _ file: @autoclosure () -> String, _ action: String = "Could not open",
  _ body: () throws(BlockError) -> Result
) throws(BlockError) -> Result {
  do {
    return try body()
  } catch {
    let file = file()
    throw error.prefixed("\(action) '\(file)'", naming: file)
  }
}

/// Runs `body` and puts `context` in front of the message of the error it throws.
///
/// The context is only built when there is an error.
package func inContext<Result: ~Copyable>(
  _ context: @autoclosure () -> String, step: BlockError.Step? = nil, _ body: () throws(BlockError) -> Result
) throws(BlockError) -> Result {
  do {
    return try body()
  } catch {
    throw error.prefixed(context(), step: step)
  }
}

/// Runs `body`; the error it throws is about `file`, unless it is known to be about another one.
package func about<Result: ~Copyable>(
  _ file: @autoclosure () -> String?, _ body: () throws(BlockError) -> Result
) throws(BlockError) -> Result {
  do {
    return try body()
  } catch {
    throw error.about(file())
  }
}
