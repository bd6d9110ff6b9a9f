// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors

/// `graph`: shows the nodes and edges that the engine makes of images.
struct GraphCommand: ProgramCommand {
  static var isOwn: Bool { true }

  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "graph", abstract: "Show the layers of open images, and who may do what with them.",
      usage: "strata graph [OPTIONS] FILE…",
      discussion: """
        Opens the images for reading, as info does, and prints every node with its driver and file, and every \
        edge with its role, the permissions its parent holds, and those it lets others have.

        EXAMPLES:
          strata graph overlay.qcow2
          strata graph --output=svg overlay.qcow2 > graph.svg
          strata graph --output=dot overlay.qcow2 | dot -Tpdf > graph.pdf
        """)
  }

  @Option(
    name: option("f", "format"),
    help: ArgumentHelp("The format of the images; without it, the content is looked at.", valueName: "format")
  )
  var format: String?

  @Option(
    name: option("output"),
    help: ArgumentHelp(
      "Print for people (human), for programs (json), for Graphviz (dot), or draw (svg).", valueName: "form"))
  var output: String?

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The images.", valueName: "file"))
  var files: [String] = []

  /// The forms of the result.
  private enum Form: String, CaseIterable {
    case human, json, dot, svg
  }

  static var outputForms: [String] { Form.allCases.map(\.rawValue) }

  func perform(in session: Session) throws -> Int32 {
    guard let form = Form(rawValue: output ?? "human") else {
      throw BlockError.noOutput(among: GraphCommand.outputForms)
    }
    guard !files.isEmpty else { throw UsageError("Expecting image file name") }
    for file in files { _ = try session.open(access.image(file, format: format)) }
    let picture = GraphPicture(session.graph.dump())
    switch form {
    case .human: session.console.print(picture.text)
    case .json: session.console.print(picture.tree)
    case .dot: session.console.print(picture.dot)
    case .svg: session.console.print(picture.svg)
    }
    return 0
  }
}
