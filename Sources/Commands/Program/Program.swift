// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Options
internal import Host

/// The program: finds the command that is meant, runs it and tells the status to end with.
package struct Program {
  /// The version of the suite.
  package static let version = "0.1.0"

  /// The commands by name.
  static let commands: [any ProgramCommand.Type] = [
    AmendCommand.self, BenchCommand.self, BitmapCommand.self, CheckCommand.self, ChecksumCommand.self,
    CommitCommand.self, CompareCommand.self, CompletionCommand.self, ConvertCommand.self, CreateCommand.self,
    DdCommand.self, FormatsCommand.self, GraphCommand.self, InfoCommand.self, InspectCommand.self,
    LuksCommand.self, MapCommand.self, MeasureCommand.self, RebaseCommand.self, ResizeCommand.self,
    SnapshotCommand.self,
  ]

  let console: Console

  /// Runs the program with the words of its command line, the first of which is the name it was called by.
  ///
  /// - Returns: the status to end with.
  package static func run(_ words: [String]) -> Int32 {
    Stream.occupyMissing()
    let invocation = Invocation(words)
    Signals.watch(as: invocation.name)
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
    // A reader that closes a pipe early knows that the rest is missing.
    guard console.isBroken, !Stream.output.hasLostReader else { return status }
    console.complain("Could not write to standard output")
    return status == 0 && Program.isOwn(invocation) ? 1 : status
  }

  /// Whether the command is one of ours. Those that `qemu-img` has, too, do not fail where what they print gets lost, as
  /// there.
  private static func isOwn(_ invocation: Invocation) -> Bool {
    let name = invocation.command ?? invocation.words.first { !$0.hasPrefix("-") }
    return commands.contains { $0.name == name && $0.isOwn }
  }

  private func start(_ invocation: Invocation) throws -> Int32 {
    if invocation.words.first == "__complete" {
      console.print(Completer.answer(Array(invocation.words.dropFirst())))
      return 0
    }
    if let command = invocation.command {
      if ["--version", "-V"].contains(invocation.words.first) {
        console.print(Program.versionText(calledBy: "strata"))
        return 0
      }
      return try run(Program.command(named: command), invocation.words)
    }
    let globals = try GlobalOptions(invocation.words)
    switch globals.request {
    case .help(let topic):
      console.print(try help(topic))
    case .version:
      console.print(Program.versionText(calledBy: console.name))
    case .command("__manual", let words):
      console.print(try ManualPage.make(words.first ?? ""))
    case .command(let name, let words):
      for event in globals.traceEvents { console.warn("trace event '\(event)' does not exist") }
      let command = try Program.command(named: name)
      if !console.isStandIn { console.helpWords = [name, "--help"] }
      return try run(command, words)
    }
    return 0
  }

  static func command(named name: String) throws(UsageError) -> any ProgramCommand.Type {
    for command in commands where command.name == name { return command }
    let meant = Nearest.name(to: name, among: commands.map { $0.name })
    throw UsageError("Command not found: \(name)", hint: meant.map { "Did you mean '\($0)'?" })
  }

  /// How the options of the command called `name` are written, with those that every command has.
  static func spellings(of name: String) throws(UsageError) -> [Spelling] {
    let own = Spelling.declared(by: try command(named: name))
    return own + EverywhereOptions.spellings(besides: own)
  }

  private func run(_ type: any ProgramCommand.Type, _ words: [String]) throws -> Int32 {
    var words = words
    let own = Spelling.declared(by: type)
    let added = EverywhereOptions.spellings(besides: own)
    console.options = (own + added).flatMap(\.long)
    let asked = ResultRequest(words, ownsOutput: own.contains { $0.long.contains("output") })
    if asked.isJSON { console.form = asked.ownsOutput ? .ownJSON : .report }
    let status: Int32
    var report = ResultReport(command: type.name, status: 0)
    do {
      let operand = try type.takeOperand(from: &words)
      var line = try Normalizer(words, spellings: own + added, isStandIn: console.isStandIn)
      if let operand { line.append(operand: operand) }
      if line.contains(.help) {
        console.form = .plain
        console.print(help(of: type))
        return 0
      }
      report.file = type.images(in: line.operands).first
      status = try perform(type, &line, added, &report)
    } catch {
      status = self.report(error, otherwise: type.failureStatus)
    }
    report.status = status
    finish(report)
    return status
  }

  /// Prints the one object, where one is asked for and the command did not print it.
  private func finish(_ report: ResultReport) {
    var report = report
    if report.status != 0 { report.failure = console.failure }
    report.warnings = console.warnings
    switch console.form {
    case .plain: return
    case .ownJSON:
      // A result that was printed stays: a check that finds damage ends with a status of its own.
      guard report.failure != nil, !console.isStandIn, !console.hasWritten, !console.hasDocument else {
        return
      }
      console.discard()
    case .report:
      report.text = console.pending
      console.discard()
    }
    console.form = .plain
    console.print(report.line)
  }

  /// Reads the options that the program adds, then has the command do its work.
  private func perform(
    _ type: any ProgramCommand.Type, _ line: inout Normalizer, _ added: [Spelling],
    _ report: inout ResultReport
  ) throws -> Int32 {
    var isUntrusted = EverywhereOptions.environmentIsUntrusted
    var stated: ReferencePolicy?
    for spelling in added {
      guard let found = line.take(spelling) else { continue }
      switch spelling.long.first {
      case "untrusted": isUntrusted = true
      case "references": stated = try ReferencePolicy(option: found.value ?? "")
      case "output" where !OutputFormat.names.contains(found.value ?? ""):
        throw BlockError.noOutput(among: OutputFormat.names)
      default: break
      }
    }
    let references = try EverywhereOptions.references(stated, isUntrusted: isUntrusted)
    var progressForm = ProgressForm.line
    for found in line.options where found.spelling.mayHaveValue {
      if let value = found.value { progressForm = try ProgressForm(value) }
    }
    let session = Session(
      console: console, command: type.name, image: report.file, options: line.options,
      progressForm: progressForm, isUntrusted: isUntrusted, references: references)
    defer {
      session.end()
      report.result = session.result
    }
    return try parse(type, line.canonical, session)
  }

  private func parse<Command: ProgramCommand>(
    _ type: Command.Type, _ words: [String], _ session: Session
  ) throws -> Int32 {
    let command: Command
    do {
      command = try Command.parse(words)
    } catch {
      throw UsageError(Command.message(for: error))
    }
    if let help = command.standard.objectHelp {
      console.print(help)
      return 0
    }
    session.define(try command.standard.definitions(warn: console.warn))
    return try command.perform(in: session)
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
