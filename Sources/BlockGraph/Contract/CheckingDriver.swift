// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// A format whose images can be checked for contradictions between their tables.
package protocol CheckingDriver: FormatDriver {
  /// Looks at all tables of an open image and changes nothing. Called on any thread; no other request runs meanwhile.
  ///
  /// - Parameters:
  ///   - node: the image, opened with the flag `checking`.
  ///   - context: told of the work done, and asked now and then whether to go on.
  ///   - report: called with each finding in the order found, one line without a final line feed. Findings are
  ///     not collected: a broken image can have any number of them.
  /// - Throws: where the check cannot go on at all; a table that cannot be read counts in `checkErrors` instead.
  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError) -> CheckResult

  /// Looks at all tables and mends what it may. Called like `check`; the image is open for writing.
  ///
  /// A write that fails loses no guest data that could be read before, and another repair can go on. The
  /// result counts what is still wrong as far as the repair knows; a check afterwards tells for certain.
  ///
  /// - Throws: where the repair cannot go on at all.
  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
}

/// The things that a repair may change.
package enum CheckRepair: String, Sendable, CaseIterable {
  /// Only give lost space back; where nothing else is wrong, also the marks that follow from refcounts.
  case leaks
  /// Everything.
  case all
}

/// The counts of a check.
package struct CheckResult: Sendable, Equatable {
  /// Places that could not be looked at.
  package var checkErrors: UInt64 = 0
  /// Contradictions that endanger data.
  package var corruptions: UInt64 = 0
  /// Clusters that are counted as used and that nothing refers to.
  package var leaks: UInt64 = 0
  /// Contradictions that a repair took away.
  package var corruptionsFixed: UInt64 = 0
  /// Lost clusters that a repair gave back.
  package var leaksFixed: UInt64 = 0
  /// Whether a repair found that it may not do what it would take, and ended there: then nothing is known for
  /// certain.
  package var isUnrepairable = false
  /// Where the part of the file that is in use ends, in bytes; 0 where not known.
  package var imageEndOffset: UInt64 = 0
  /// Guest clusters that the image's length makes.
  package var totalClusters: UInt64 = 0
  /// Guest clusters with data of their own.
  package var allocatedClusters: UInt64 = 0
  /// Those of them that do not follow the one before in the file.
  package var fragmentedClusters: UInt64 = 0
  /// Those of them that are compressed.
  package var compressedClusters: UInt64 = 0

  /// A result that counts nothing yet.
  package init() {}
}

extension CheckResult {
  /// Adds the counts of another part of the image.
  package mutating func add(_ other: CheckResult) {
    checkErrors += other.checkErrors
    corruptions += other.corruptions
    leaks += other.leaks
    corruptionsFixed += other.corruptionsFixed
    leaksFixed += other.leaksFixed
    isUnrepairable = isUnrepairable || other.isUnrepairable
    totalClusters += other.totalClusters
    allocatedClusters += other.allocatedClusters
    fragmentedClusters += other.fragmentedClusters
    compressedClusters += other.compressedClusters
  }
}
