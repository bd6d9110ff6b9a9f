// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors

/// Checks whether the tables of an image agree with each other, and repairs them.
///
/// Backing files are not opened: their content has nothing to do with the image's own tables.
package final class CheckJob: Job {
  /// `check`.
  package let kind = "check"
  /// The error with which closing the image failed.
  package private(set) var closeFailure: BlockError?
  /// The counts of the check, after a repair those of the check that follows it; nil where the format has nothing to
  /// check.
  package private(set) var result: CheckResult?
  /// The reasons for which the destination would refuse the image, a line each; nil where none was asked about.
  package private(set) var refusals: [String]?
  /// The name of the image's format.
  package private(set) var format = ""
  private let image: JobImage
  private let what: CheckRepair?
  private let destination: Destination?
  private let report: (String) -> Void
  private let repaired: (CheckResult) -> Void
  private var user: RootUser?

  /// - Parameters:
  ///   - image: the image to check; settings need no flags of their own.
  ///   - repair: the things that may be changed; nil for none.
  ///   - destination: whose rules the image is held against, too.
  ///   - report: called with each finding, one line without a final line feed.
  ///   - repaired: called with the counts of a repair that changed something, before the image is checked again.
  package init(
    _ image: JobImage, repair: CheckRepair? = nil, destination: Destination? = nil,
    report: @escaping (String) -> Void,
    repaired: @escaping (CheckResult) -> Void = { _ in }
  ) {
    what = repair
    self.destination = destination
    self.report = report
    self.repaired = repaired
    guard case .named(let name, var settings, let opener) = image else {
      self.image = image
      return
    }
    settings.followsBacking = false
    settings.flags.formUnion(NodeFlags(checkingWith: repair))
    self.image = .named(name, settings, opener)
  }

  /// Opens the image; during a repair nobody else may change it.
  package func prepare(in graph: Graph) throws(BlockError) {
    let request =
      what == nil
      ? PermissionRequest(held: .consistentRead, shared: .all)
      : PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead)
    let user = graph.makeUser("check: '\(image.text)'", request: request)
    self.user = user
    try image.attach(user, in: graph)
  }

  /// Checks, or repairs and checks.
  ///
  /// - Throws: where nothing can be told about the image.
  package func run(_ context: JobContext) throws(BlockError) {
    guard var node = user?.edge?.child else { return }
    let opened = node
    format = node.driver.name
    do throws(BlockError) {
      var digests: UInt64?
      if let container = node.driver as? any ContainingDriver {
        digests = try (container as? any VerifiableDriver)?.checkContent(of: node, context, report: report)
        node = try container.shownImage(of: node)
      }
      if let driver = node.driver as? any CheckingDriver {
        if let what {
          result = try repair(what, driver, node, context)
        } else {
          result = try driver.check(node, context, report: report)
        }
      }
      if let digests {
        if result == nil { result = CheckResult() }
        result?.corruptions += digests
      }
      // A repair is of tables: where there are none, it fails.
      if let destination, result != nil || what == nil { try hold(opened, against: destination) }
    } catch {
      throw error.prefixed("Could not check '\(image.text)'", naming: image.text)
    }
  }

  private func hold(_ node: Node, against destination: Destination) throws(BlockError) {
    if let refusal = destination.refusal(of: format) {
      refusals = [refusal.message]
      return
    }
    var found = destination.deviations(ofLength: node.length, format: format)
    if let backing = node.driver.formatInformation(of: node)?.backing {
      found.append("it has a backing file, '\(backing.name)'")
    }
    if let driver = node.driver as? any DestinedDriver {
      found += try driver.deviations(from: destination, node)
    }
    refusals = found
  }

  private func repair(
    _ what: CheckRepair, _ driver: any CheckingDriver, _ node: Node, _ context: JobContext
  ) throws(BlockError) -> CheckResult {
    let first = try driver.repair(what, node, context, report: report)
    guard first.corruptionsFixed + first.leaksFixed > 0, !first.isUnrepairable else { return first }
    repaired(first)
    var second = try driver.check(node, context, report: report)
    second.corruptionsFixed = first.corruptionsFixed
    second.leaksFixed = first.leaksFixed
    return second
  }

  /// Lets go of the image.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    closeFailure = graph.close(user, named: image.text)
    user = nil
  }
}
