// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
package import Options

/// Changes creation options of an existing image.
package final class AmendJob: Job {
  /// The change to be made.
  package enum Change {
    /// Options as a user wrote them, to be checked by the image's format; secrets come from the opener.
    case listed(KeyValueList, force: Bool, Opener)
    /// Checked options.
    case checked(AmendRequest)
  }

  /// `amend`.
  package let kind = "amend"
  /// The error with which closing the image failed.
  package private(set) var closeFailure: BlockError?
  private let image: JobImage
  private let change: Change
  private var user: RootUser?
  private var amendment: Amendment?
  private var request: AmendRequest?

  /// - Parameter image: where it is opened by name, the settings should say `writable`; a format that needs to
  ///   write for the change alone does with less.
  package init(_ image: JobImage, _ change: Change) {
    self.image = image
    self.change = change
  }

  /// Opens the image, checks the options and lets the format take the permissions it needs.
  package func prepare(in graph: Graph) throws(BlockError) {
    let user = graph.makeUser(
      "amend: '\(image.text)'", request: PermissionRequest(held: .consistentRead, shared: .consistentRead))
    self.user = user
    try image.attach(user, in: graph)
    let amendment = Amendment(user)
    let node = try amendment.target().node
    request = try checkedRequest(format: node.driver.name)
    if node.flags.contains(.writable) {
      try graph.setPermissions(
        PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead), of: user)
    }
    try amendment.prepare(in: graph)
    self.amendment = amendment
  }

  private func checkedRequest(format: String) throws(BlockError) -> AmendRequest {
    switch change {
    case .checked(let request): return request
    case .listed(let list, let force, let opener):
      let kind = try opener.knownFormat(format)
      return AmendRequest(
        options: try kind.parseAmendOptions(list), force: force, secrets: opener.secrets)
    }
  }

  /// Makes or prepares the change.
  package func run(_ context: JobContext) throws(BlockError) {
    guard let request else { return }
    try context.checkInterrupted()
    try amendment?.run(request, context)
  }

  /// Lets others see what was prepared.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) { try amendment?.commit() }

  /// Undoes what was committed.
  package func abort(in graph: Graph) { amendment?.takeBack() }

  /// Gives the permissions back and lets go of the image.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    amendment?.cleanUp(in: graph, warnings: &warnings)
    amendment = nil
    closeFailure = graph.close(user, named: image.text)
    user = nil
  }
}

extension DriverKind {
  /// The text that `-o help` of `amend` prints.
  ///
  /// - Throws: kind `unsupported` where nothing can be changed.
  package func amendHelp() throws(BlockError) -> String {
    guard !amendOptions.specs.isEmpty else {
      throw .noAmendment(name)
    }
    return "Amend options for '\(name)':" + amendOptions.help.drop { $0 != "\n" }
  }

  /// The options that a user gave for `amend`, each of its type.
  func parseAmendOptions(_ list: KeyValueList) throws(BlockError) -> OptionObject {
    do throws(BlockError) {
      return try amendOptions.parse(list)
    } catch {
      var error = error
      if (try? amendOptions.adding(creationOptions).parse(list)) != nil {
        error.hint = "This option is only supported for image creation"
        error.advice = "'convert -O \(name) -o …' makes a new image of '\(.file)' that has another value."
      }
      throw error
    }
  }
}
