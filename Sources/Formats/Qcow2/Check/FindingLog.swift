// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

extension CheckFinding {
  /// The kind of contradiction that a finding is, without its place.
  enum Kind: Hashable, Sendable {
    case reservedBitsL1, reservedBitsL2, reservedBitsRefcountTable, unalignedL2Table, unalignedCluster
    case unalignedRefcountBlock, unalignedSnapshotL1, overlappingL2Table, overlappingSnapshotL1
    case tooManyReferences, brokenBitmap, brokenBitmapDirectory, pastEnd, refcountBlockOutside
    case compressedCopied, compressedInDataFile, compressedWithBitmap, bitmapContradiction
    case bitmapWithoutCluster, snapshotL1TooLarge, snapshotIncomplete, refcountBlockShared, leak
    case tooFewCounted, copiedFlagL1, copiedFlagL2, unreadableRefcount, unreadableTable
  }

  /// Its kind.
  var kind: Kind {
    switch self {
    case .reservedBitsL1: .reservedBitsL1
    case .reservedBitsL2: .reservedBitsL2
    case .reservedBitsRefcountTable: .reservedBitsRefcountTable
    case .unalignedL2Table: .unalignedL2Table
    case .unalignedCluster: .unalignedCluster
    case .unalignedRefcountBlock: .unalignedRefcountBlock
    case .unalignedSnapshotL1: .unalignedSnapshotL1
    case .overlappingL2Table: .overlappingL2Table
    case .overlappingSnapshotL1: .overlappingSnapshotL1
    case .tooManyReferences: .tooManyReferences
    case .brokenBitmap: .brokenBitmap
    case .brokenBitmapDirectory: .brokenBitmapDirectory
    case .pastEnd: .pastEnd
    case .refcountBlockOutside: .refcountBlockOutside
    case .compressedCopied: .compressedCopied
    case .compressedInDataFile: .compressedInDataFile
    case .compressedWithBitmap: .compressedWithBitmap
    case .bitmapContradiction: .bitmapContradiction
    case .bitmapWithoutCluster: .bitmapWithoutCluster
    case .snapshotL1TooLarge: .snapshotL1TooLarge
    case .snapshotIncomplete: .snapshotIncomplete
    case .refcountBlockShared: .refcountBlockShared
    case .leak: .leak
    case .tooFewCounted: .tooFewCounted
    case .copiedFlagL1: .copiedFlagL1
    case .copiedFlagL2: .copiedFlagL2
    case .unreadableRefcount: .unreadableRefcount
    case .unreadableTable: .unreadableTable
    }
  }
}

/// Tells findings, as many of each kind as a person can make something of; the others are only counted.
///
/// An image can contradict itself as often as its tables have entries, which are more than anyone reads or any log
/// holds.
final class FindingLog {
  /// Findings of a kind that are told one by one.
  static let limit: UInt64 = 1000

  private struct Entry: Hashable {
    var kind: CheckFinding.Kind
    var isMended: Bool
  }

  private struct State {
    var counts: [Entry: UInt64] = [:]
    /// The kinds of which more were found than are told, in the order in which that came about, with an example.
    var cut: [(entry: Entry, example: String)] = []
    /// Lines that are not told yet; nil where all are told at once.
    var heldBack: [String]?
  }

  private let report: (String) -> Void
  private var state = State()
  /// The state when lines began to be held back.
  private var former = State()

  /// - Parameter report: called with each line, without a final line feed.
  init(_ report: @escaping (String) -> Void) { self.report = report }

  /// Tells a finding, as one that is being mended where `isMended`.
  func tell(_ finding: CheckFinding, isMended: Bool = false) {
    let entry = Entry(kind: finding.kind, isMended: isMended)
    let count = state.counts[entry, default: 0] + 1
    state.counts[entry] = count
    guard count <= FindingLog.limit + 1 else { return }
    let line = isMended ? finding.repairDescription : finding.description
    if count <= FindingLog.limit { tell(line) } else { state.cut.append((entry, line)) }
  }

  /// Tells something that is not a finding of its own.
  func tell(_ line: String) {
    if state.heldBack != nil { state.heldBack?.append(line) } else { report(line) }
  }

  /// Tells nothing from now on until it is certain that it is worth telling.
  func holdBack() {
    former = state
    state.heldBack = []
  }

  /// Forgets what was held back; what follows is held back, too.
  func takeBack() {
    state = former
    state.heldBack = []
  }

  /// Tells what was held back, and everything at once from now on.
  func letGo() {
    for line in state.heldBack ?? [] { report(line) }
    state.heldBack = nil
    former = State()
  }

  /// Says in the end how many findings were not told.
  func finish() {
    for (entry, example) in state.cut {
      // The line begins as the others do, so that a search for the lines of a kind finds it among them.
      let more = (state.counts[entry] ?? 0) - FindingLog.limit - 1
      report(more == 0 ? example : "\(example) (and \(more) more of this kind)")
    }
    state = State()
  }
}
