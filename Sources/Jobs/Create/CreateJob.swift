// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Host
package import Options

/// The options of `create`, as written by the user.
package struct CreateOptions: Sendable {
  /// The path of the image.
  package var path: String
  /// Its format.
  package var format: String
  /// Creation options as given, in order.
  package var options = KeyValueList()
  /// Guest-visible length in bytes, or nil for that of the backing file.
  package var size: UInt64?
  /// The backing file's name as it goes into the image.
  package var backing: String?
  /// The backing file's format.
  package var backingFormat: String?
  /// Whether the backing file is left unopened.
  package var backingUnsafe = false

  /// Asks for an image without options.
  package init(path: String, format: String) {
    self.path = path
    self.format = format
  }
}

/// Makes an empty image.
package final class CreateJob: Job {
  /// `create`.
  package let kind = "create"
  /// The recipe of the image, checked; known once the job exists.
  package let recipe: ImageRecipe
  /// The line that says what is about to be made, without a line end.
  package let announcement: String
  private let opener: Opener
  private var image: NewImage?

  /// Checks everything that can be checked before anything is touched; opens and closes the backing file.
  ///
  /// - Throws: for options that are wrong, without the image's name.
  package init(_ options: CreateOptions, graph: Graph, opener: Opener) throws(BlockError) {
    self.opener = opener
    let kind = try opener.creatableFormat(options.format)
    let path = try opener.targetPath(options.path)
    let choice = try CreationChoice(
      options.options, backing: options.backing, backingFormat: options.backingFormat, for: kind, opener)
    var values = choice.values
    if options.size != nil && values["size"] != nil {
      throw BlockError(.invalidArgument, "The image size must be specified only once")
    }
    var size = options.size ?? values["size"]?.unsigned
    var identity: ImageIdentity?
    if let backing = BackingCheck(values, unsafe: options.backingUnsafe) {
      let found = try backing.run(path: path, graph: graph, opener: opener)
      size = size ?? found?.length
      identity = found?.identity
    }
    guard size != nil || !kind.needsSize(values) else {
      throw BlockError(.invalidArgument, "Image creation needs a size parameter")
    }
    if let asked = size { size = try kind.diskLength(asked, options: values) }
    values["size"] = size.map { OptionTree($0) }
    announcement =
      "Formatting '\(options.path)', fmt=\(kind.name)"
      + choice.list.summary(of: values, written: choice.written)
    values.remove("size")
    recipe = ImageRecipe(
      path: path, format: kind.name, size: size ?? 0, options: values, backing: identity)
  }

  /// Makes the files and fills them.
  package func prepare(in graph: Graph) throws(BlockError) {
    image = try NewImage(recipe, flags: .noFlush, graph: graph, opener: opener)
  }

  /// Makes sure that all of the image is there.
  package func run(_ context: JobContext) throws(BlockError) {
    try context.checkInterrupted()
    try image?.complete()
  }

  /// Lets the image appear under its name.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    try image?.publish(isFinal: isFinal)
  }

  /// Takes the image away again.
  package func abort(in graph: Graph) { image?.withdraw() }

  /// Closes what is open.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    image?.discard()
    image = nil
  }
}
