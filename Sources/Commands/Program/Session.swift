// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// The context of one run of a command: the console, and an engine that is made when it is first needed.
final class Session {
  /// Where everything is said.
  let console: Console
  /// The command's name.
  let command: String
  /// The image that the command works on, the likeliest where there are several.
  let image: String?
  /// The objects that the command line defined for options to refer to.
  private(set) var definitions = ObjectDefinitions()
  /// The secrets among them.
  var secrets: any SecretSource { definitions.secrets }
  /// The options of the command line, for commands to which their order matters.
  let options: [Normalizer.Found]
  /// How progress is shown where it is shown.
  let progressForm: ProgressForm
  /// Whether the images come from somebody who may mean harm.
  let isUntrusted: Bool
  /// How far names are followed that are found inside images.
  let references: ReferencePolicy
  /// The results of the command, for `--output=json`; commands with JSON of their own leave it empty.
  var result = OptionObject()
  /// The nodes of all images that the command opens.
  private(set) lazy var graph = makeGraph()
  /// The same once it was needed.
  private var madeGraph: Graph?
  /// Opens images into the graph.
  private(set) lazy var opener = makeOpener()

  /// A session of the command called `command`.
  init(
    console: Console, command: String, image: String? = nil, options: [Normalizer.Found] = [],
    progressForm: ProgressForm = .line, isUntrusted: Bool = false, references: ReferencePolicy = .local
  ) {
    self.console = console
    self.command = command
    self.image = image
    self.options = options
    self.progressForm = progressForm
    self.isUntrusted = isUntrusted
    self.references = references
  }

  /// Takes the objects that options may refer to, before anything is opened.
  func define(_ definitions: ObjectDefinitions) { self.definitions = definitions }

  /// Shows how far the command is, from now on; draws the first line at once or when there is something to tell.
  func reporter(isShown: Bool, atOnce: Bool = true) -> ProgressReporter {
    ProgressReporter(command, as: progressForm, isShown: isShown, atOnce: atOnce)
  }

  /// The advice where clusters of the image may be lost.
  private static let leakHint =
    "Some clusters may be leaked, run 'qemu-img check -r' on the image file to fix."

  private func makeGraph() -> Graph {
    let graph = Graph()
    madeGraph = graph
    return graph
  }

  /// Lets go of every image that the command opened, however it ended: locks must not outlive it.
  func end() {
    madeGraph?.releaseAll { user, error in
      console.warn("could not close \(user.parentDescription): \(error.message)")
    }
  }

  private func makeOpener() -> Opener {
    var opener = Opener(graph: graph, kinds: Drivers.all, references: references)
    if isUntrusted { opener.distrust() }
    opener.secrets = secrets
    opener.objects = definitions.others
    let console = console
    opener.warn = { warning in
      switch warning {
      case .guessedRaw(let name):
        console.say(
          """
          WARNING: Image format was not specified for '\(name)' and probing guessed raw.
                   Automatically detecting the format is dangerous for raw images, write operations on block 0 \
          will be restricted.
                   Specify the 'raw' format explicitly to remove the restrictions.
          """)
      case .deprecated(let text), .remark(let text): console.warn(text)
      case .staleBitmaps(isOldVersion: false):
        console.warn(
          "a program lacking bitmap support modified this file, so all bitmaps are now considered "
            + "inconsistent")
        console.say(console.inOwnName(Session.leakHint))
      case .staleBitmaps(isOldVersion: true):
        console.warn(
          "This qcow2 v2 image contains bitmaps, but they may have been modified by a program without "
            + "persistent bitmap support; so now they must all be considered inconsistent")
        console.say(console.inOwnName(Session.leakHint))
      case .overwritten(let name, let reason):
        console.advise(
          "'\(name)' is overwritten in place, because \(reason): until this ends well, it holds no whole image."
        )
      }
    }
    return opener
  }

  /// Warns of names that were written into a new image and that nobody here follows when they are found in one. Of the
  /// files that it names, none is opened.
  func warnOfNames(in path: String, format: String, _ creation: OptionObject) {
    guard references != .any, ["backing_file", "data_file"].contains(where: { creation[$0] != nil }) else {
      return
    }
    var quiet = opener
    quiet.warn = { _ in }
    do throws(BlockError) {
      let settings = OpenSettings(format: format, flags: [.noIO, .forceShare], followsBacking: false)
      let node = try quiet.openUnused(ImageName(path: path), settings)
      defer { graph.dispose(ofUnused: node) }
      for reference in node.references where [.backing, .dataFile].contains(reference.slot) {
        _ = try quiet.find(reference, foundIn: path)
      }
    } catch {
      guard error.kind == .refused else { return }
      console.warn("'\(path)' cannot be opened as it is: \(error.finding)")
      if let advice = error.advice { console.advise(advice.text(about: path)) }
    }
  }

  /// Tells of a new image whose name ends with a format that it does not have, where none was asked for.
  func adviseOfFormat(of path: String, option: String) {
    guard let dot = path.lastIndex(of: "."), !path[dot...].contains("/") else { return }
    let ending = String(path[path.index(after: dot)...])
    guard ending != "raw", OptionCandidates.formats.contains(ending) else { return }
    console.advise("'\(path)' is raw, whatever its name says; '\(option) \(ending)' chooses that format.")
  }

  /// Tells of a new image that is called like the word for a stream.
  func adviseOfDash(_ path: String) {
    guard path == "-" else { return }
    console.advise("'-' is the name of a file here; /dev/stdout is standard output.")
  }

  /// Opens an image for reading; its other users may do with it as they like.
  func open(_ image: NamedImage) throws -> RootUser {
    let user = graph.makeUser(
      "\(command): '\(image.text)'", request: PermissionRequest(held: .consistentRead, shared: .all))
    try opener.open(name(of: image), image.settings, for: user)
    return user
  }

  /// The name of an image, taken apart.
  func name(of image: NamedImage) throws(BlockError) -> ImageName {
    try inFile(image.text) { () throws(BlockError) in
      try image.name(protocols: opener.protocols)
    }
  }

  /// The image as messages show it: where it is named by options, the file that they state.
  private var shownImage: String? {
    guard let image else { return nil }
    let isOptions = options.contains { $0.spelling.long.contains("image-opts") }
    return (try? NamedImage(text: image, isOptions: isOptions).name(protocols: opener.protocols))?.fileName
      ?? image
  }

  /// Runs a job that is soon done.
  func run(_ job: any Job) throws(BlockError) { try run(job, JobContext()) }

  /// Runs a job to its end, showing its progress, and says what it could not undo.
  func run(_ job: any Job, _ progress: ProgressReporter) throws(BlockError) {
    try run(job, progress.makeContext())
  }

  private func run(_ job: any Job, _ context: JobContext) throws(BlockError) {
    var runner = JobRunner(graph: graph, context: context)
    do throws(BlockError) {
      try runner.run(job)
    } catch {
      warn(of: runner.warnings, besides: error)
      throw error.about(shownImage)
    }
    warn(of: runner.warnings, besides: nil)
  }

  /// Warns of the steps that a job could not undo, once for each cause: consequences of the failure itself are no news.
  private func warn(of warnings: [BlockError], besides failure: BlockError?) {
    var told = failure.map { [$0] } ?? []
    for warning in warnings where !told.contains(where: warning.hasCause) {
      console.warn(warning.message)
      told.append(warning)
    }
  }
}
