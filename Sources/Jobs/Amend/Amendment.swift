// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

/// The steps of changing creation options in an open image, for a job and for calls in line.
final class Amendment {
  private let user: RootUser
  /// The image whose permissions `prepare` took.
  private var prepared: (driver: any AmendingDriver, node: Node)?
  /// The effect of the change, which makes it visible or takes it back.
  private var effect: AmendEffect?
  /// Why the change could not be undone.
  private var undoFailure: BlockError?

  /// Changes the image that `user` has.
  init(_ user: RootUser) { self.user = user }

  /// The image and its driver.
  ///
  /// - Throws: kind `notFound` where the user has no image, `unsupported` where its format cannot be changed.
  func target() throws(BlockError) -> (driver: any AmendingDriver, node: Node) {
    guard let node = user.edge?.child else {
      throw BlockError(.notFound, "No medium: \(user.parentDescription) has no image")
    }
    guard let driver = node.driver as? any AmendingDriver else {
      throw .noAmendment(node.driver.name)
    }
    return (driver, node)
  }

  /// Takes the permissions that the change needs.
  func prepare(in graph: Graph) throws(BlockError) {
    let (driver, node) = try target()
    try driver.prepareAmend(of: node, in: graph)
    prepared = (driver, node)
  }

  /// Makes or prepares the change.
  func run(_ request: AmendRequest, _ context: JobContext) throws(BlockError) {
    guard let (driver, node) = prepared else { return }
    effect = try driver.amend(request, of: node, context)
    context.finish()
  }

  /// Lets others see it.
  func commit() throws(BlockError) { try effect?.commit() }

  /// Undoes what `commit` did.
  func takeBack() {
    do throws(BlockError) { try effect?.takeBack() } catch { undoFailure = error }
  }

  /// Gives back what `prepare` took, if it did. A failure is a warning that names the node.
  func cleanUp(in graph: Graph, warnings: inout [BlockError]) {
    guard let (driver, node) = prepared else { return }
    (prepared, effect) = (nil, nil)
    if let undoFailure { warnings.append(undoFailure.prefixed("node '\(node.name)' keeps its change")) }
    do throws(BlockError) {
      try driver.cleanUpAmend(of: node, in: graph)
    } catch {
      warnings.append(error.prefixed("could not give permissions of node '\(node.name)' back"))
    }
  }

  /// Changes creation options of the image that `user` has, in line: without a job.
  ///
  /// - Parameter warnings: gets what could not be undone.
  /// - Throws: the error of the change; the permissions are given back all the same.
  static func runInLine(
    _ user: RootUser, _ request: AmendRequest, in graph: Graph, _ context: JobContext = JobContext(),
    warnings: inout [BlockError]
  ) throws(BlockError) {
    let amendment = Amendment(user)
    defer { amendment.cleanUp(in: graph, warnings: &warnings) }
    try amendment.prepare(in: graph)
    do throws(BlockError) {
      try amendment.run(request, context)
      try amendment.commit()
    } catch {
      amendment.takeBack()
      throw error
    }
  }
}

extension BlockError {
  /// The error of a format whose options are not changed afterwards.
  static func noAmendment(_ format: String) -> BlockError {
    BlockError(
      .unsupported, "Format driver '\(format)' does not support option amendment",
      advice: "'formats' tells which formats can be amended.")
  }
}
