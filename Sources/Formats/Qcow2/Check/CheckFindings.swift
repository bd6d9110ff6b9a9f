// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph

/// All that a check has found, told and counted.
final class CheckFindings {
  private let repair: CheckRepair?
  /// Takes findings; nil where they were told before.
  private var log: FindingLog?
  private(set) var result = CheckResult()
  /// Findings that a repair of everything takes away by changing tables.
  private(set) var mendable: UInt64
  /// Tables and refcount blocks that could not be read, by host offset; each is told once.
  private var unreadable: Set<UInt64> = []

  /// - Parameters:
  ///   - repair: the repair that follows, if any.
  ///   - mendable: findings of that kind that were told before.
  init(repair: CheckRepair?, _ log: FindingLog?, mendable: UInt64) {
    self.repair = repair
    self.log = log
    self.mendable = mendable
  }

  /// Everything found so far, which says whether something was in order that lies between two readings of it.
  var total: UInt64 { result.corruptions + mendable }

  /// Lets what is found from here on be told.
  func tellFurther(to log: FindingLog) { self.log = log }

  /// Tells a finding and counts it; with `canMend`, a repair of everything will take it away.
  func found(_ finding: CheckFinding, canMend: Bool = false) {
    let mends = canMend && repair == .all
    log?.tell(finding, isMended: mends)
    if mends {
      mendable += 1
      return
    }
    switch finding.severity {
    case .corruption: result.corruptions += 1
    case .leak: result.leaks += 1
    case .checkError: result.checkErrors += 1
    }
  }

  /// Tells that something cannot be read, unless that was told before.
  func foundUnreadable(_ offset: UInt64, _ reason: String) {
    if unreadable.insert(offset).inserted { found(.unreadableTable(offset: offset, reason: reason)) }
  }

  /// Notes that something cannot be read, of which other findings tell.
  func noteUnreadable(_ offset: UInt64) { unreadable.insert(offset) }

  /// Tells and counts a corruption that is there until refcounts are made anew, which a repair of everything does.
  func foundInOldBlocks(_ finding: CheckFinding) {
    log?.tell(finding, isMended: repair == .all)
    result.corruptions += 1
  }

  /// Counts corruptions once more that were told of.
  func countAgain(corruptions: UInt64) { result.corruptions += corruptions }

  /// Tells something that is not a finding of its own.
  func tell(_ line: String) { log?.tell(line) }

  /// Tells a finding that is being mended, and counts elsewhere.
  func tellMended(_ finding: CheckFinding) { log?.tell(finding, isMended: true) }

  /// Tells in words of its own what a repair of everything takes away.
  func tellMendable(_ line: String, count: UInt64 = 1) {
    tell(line)
    mendable += count
  }

  // MARK: Figures

  /// Sets how many clusters the disk has.
  func setTotal(clusters: UInt64) { result.totalClusters = clusters }

  /// Sets where the last cluster in use ends, in bytes of the file.
  func setEnd(_ offset: UInt64) { result.imageEndOffset = offset }

  /// Counts the clusters of an active L2 table.
  func countClusters(of state: TableState) {
    result.allocatedClusters += UInt64(state.allocated)
    result.fragmentedClusters += UInt64(state.fragmented)
    result.compressedClusters += UInt64(state.compressed)
  }
}
