// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Errors
internal import Host

/// The program: finds the command that is meant, runs it and tells the status to end with.
public struct Program {
  /// The version of the suite.
  public static let version = "0.1.0"

  /// The commands by name.
  static let commands: [any ProgramCommand.Type] = [
    AmendCommand.self, BenchCommand.self, BitmapCommand.self, CheckCommand.self, ChecksumCommand.self,
    CommitCommand.self, CompareCommand.self, ConvertCommand.self, CreateCommand.self, DdCommand.self,
    GraphCommand.self, InfoCommand.self, LuksCommand.self, MapCommand.self, MeasureCommand.self,
    RebaseCommand.self, ResizeCommand.self, SnapshotCommand.self,
  ]

  let console: Console

  /// Runs the program with the words of its command line, the first of which is the name it was called by.
  ///
  /// - Returns: the status to end with.
  public static func run(_ words: [String]) -> Int32 {
    let invocation = Invocation(words)
    let program = Program(console: Console(name: invocation.name))
    return program.run(invocation)
  }

  /// Does what is asked for and writes what is left to be printed.
  func run(_ invocation: Invocation) -> Int32 {
    let status: Int32
    do {
      status = try start(invocation)
    } catch {
      status = report(error, otherwise: 1)
    }
    console.flush()
    guard status == 0, console.isBroken else { return status }
    console.complain("Could not write to standard output")
    return 1
  }

  private func start(_ invocation: Invocation) throws -> Int32 {
    if let command = invocation.command {
      return try run(Program.command(named: command), invocation.words)
    }
    let globals = try GlobalOptions(invocation.words)
    switch globals.request {
    case .help(let topic):
      console.print(try Program.help(topic))
    case .version:
      console.print(Program.versionText(calledBy: console.name))
    case .command(let name, let words):
      for event in globals.traceEvents { console.warn("trace event '\(event)' does not exist") }
      return try run(Program.command(named: name), words)
    }
    return 0
  }

  static func command(named name: String) throws(UsageError) -> any ProgramCommand.Type {
    for command in commands where command.name == name { return command }
    throw UsageError("Command not found: \(name)")
  }

  /// How the options of the command called `name` are written.
  static func spellings(of name: String) throws(UsageError) -> [Spelling] {
    Spelling.declared(by: try command(named: name))
  }

  private func run(_ type: any ProgramCommand.Type, _ words: [String]) throws -> Int32 {
    var words = words
    let operand = try type.takeOperand(from: &words)
    var line = try Normalizer(words, spellings: Spelling.declared(by: type))
    if let operand { line.append(operand: operand) }
    if line.contains(.help) {
      console.print(Program.help(of: type))
      return 0
    }
    return try parse(type, line)
  }

  private func parse<Command: ProgramCommand>(_ type: Command.Type, _ line: Normalizer) throws -> Int32 {
    let command: Command
    do {
      command = try Command.parse(line.canonical)
    } catch {
      throw UsageError(Command.message(for: error))
    }
    do {
      if let help = command.standard.objectHelp {
        console.print(help)
        return 0
      }
      let secrets = try command.standard.secrets(warn: console.warn)
      return try command.perform(
        in: Session(console: console, command: Command.name, secrets: secrets, options: line.options))
    } catch {
      return report(error, otherwise: Command.failureStatus)
    }
  }

  /// Tells why the program fails; returns the status to end with.
  private func report(_ error: any Error, otherwise status: Int32) -> Int32 {
    if let error = error as? UsageError {
      console.report(error)
      return 1
    }
    guard let error = error as? BlockError else {
      console.complain("\(error)")
      return 1
    }
    console.report(error)
    if error.kind == .interrupted, let signal = Signals.terminating { return 128 + signal }
    return status
  }
}
