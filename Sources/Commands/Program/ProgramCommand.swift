// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// A command of the program: declared options, and what is done with them.
protocol ProgramCommand: ParsableCommand {
  /// The options that every command has.
  var standard: StandardOptions { get }
  /// The status the program ends with when the command throws what is no mistake in the command line.
  static var failureStatus: Int32 { get }
  /// Whether `qemu-img` has no such command: nobody expects success where what it prints gets lost.
  static var isOwn: Bool { get }
  /// The forms that `--output` takes.
  static var outputForms: [String] { get }

  /// Takes an operand out of the command line that options must not be looked for in, as one that may begin with
  /// a dash.
  ///
  /// - Throws: where the line is too short to have it.
  static func takeOperand(from words: inout [String]) throws(UsageError) -> String?

  /// The images among the operands of a command line, for messages; the one that is most likely to be meant first.
  static func images(in operands: [String]) -> [String]

  /// Does the work; returns the status that the program ends with.
  ///
  /// - Throws: `UsageError` or `BlockError`, which is then reported.
  func perform(in session: Session) throws -> Int32
}

extension ProgramCommand {
  static var failureStatus: Int32 { 1 }
  static var isOwn: Bool { false }
  static var outputForms: [String] { OutputFormat.names }
  static func takeOperand(from words: inout [String]) throws(UsageError) -> String? { nil }

  static func images(in operands: [String]) -> [String] { operands }

  /// How the command is called.
  static var name: String { configuration.commandName ?? "" }
}

extension CommandConfiguration {
  /// That of a command of this program. The parser tries every command line as a request for a script of completions
  /// first, which we have a command for, unless the command is part of another: a third of a short command's time.
  init(command name: String, abstract: String, usage: String, discussion: String) {
    self.init(
      commandName: name, _superCommandName: "strata", abstract: abstract, usage: usage, discussion: discussion
    )
  }
}

/// Takes out of `operands` the only one there may be.
func onlyOperand(_ operands: [String]) throws(UsageError) -> String {
  guard operands.count == 1, let operand = operands.first else {
    throw UsageError("Expecting one image file name")
  }
  return operand
}
