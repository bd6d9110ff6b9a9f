// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Sets refcounts to the number of references, in the blocks where they are.
///
/// Each count is right by itself, so that it does not matter which of them reach the file.
struct RefcountPatch {
  private let image: CheckedImage
  private let findings: CheckFindings
  private let references: FoundReferences
  private let refcounts: RefcountCheck

  init(
    _ image: CheckedImage, _ findings: CheckFindings, _ references: FoundReferences,
    _ refcounts: RefcountCheck
  ) {
    self.image = image
    self.findings = findings
    self.references = references
    self.refcounts = refcounts
  }

  /// Tells of every refcount that is wrong, and mends what the kind of repair allows.
  ///
  /// A repair of everything also clears counts behind the end of the file. Nobody misses them there, but once the file
  /// grows over them they are leaks.
  func run(_ what: CheckRepair, _ fixed: inout RepairCount) throws(BlockError) {
    for index in 0..<refcounts.blocks.count {
      let first = UInt64(index) << image.geometry.refcountBlockBits
      guard first < references.clusters || what == .all else { break }
      let end = first + image.geometry.refcountBlockEntries
      let range = first..<(what == .all ? end : min(references.clusters, end))
      guard refcounts.blocks.offset(index) != 0 else { continue }
      try image.context.checkInterrupted()
      guard let hasCounts = try? refcounts.blocks.load(index), hasCounts, let block = refcounts.blocks.latest
      else { continue }
      try patch(range, block, at: refcounts.blocks.offset(index), what, &fixed)
    }
  }

  private func patch(
    _ range: Range<UInt64>, _ block: Buffer, at offset: UInt64, _ what: CheckRepair,
    _ fixed: inout RepairCount
  ) throws(BlockError) {
    var bytes = block.mutableBytes
    var changed: Range<Int>?
    for cluster in range {
      let index = Int(cluster - range.lowerBound)
      let refcount = RefcountBlock.count(bytes.bytes, at: index, order: image.geometry.refcountOrder)
      let count = references[cluster]
      guard refcount != count else { continue }
      guard cluster < references.clusters else {
        set(0, &bytes, at: index, &changed)
        continue
      }
      if count > image.geometry.refcountMaximum {
        findings.found(.tooManyReferences(cluster: cluster, references: count))
        continue
      }
      let finding: CheckFinding =
        refcount < count
        ? .tooFewCounted(cluster: cluster, refcount: refcount, references: count)
        : .leak(cluster: cluster, refcount: refcount, references: count)
      if refcount < count && what == .leaks {
        findings.found(finding)
        continue
      }
      findings.tellMended(finding)
      if refcount < count { fixed.corruptions += 1 } else { fixed.leaks += 1 }
      set(count, &bytes, at: index, &changed)
    }
    guard let changed else { return }
    let start = changed.lowerBound / 512 * 512
    let end = min((changed.upperBound + 511) / 512 * 512, block.count)
    try image.file.write(at: offset + UInt64(start), from: block.bytes.slice(start..<end))
  }

  private func set(
    _ count: UInt64, _ bytes: inout MutableRawSpan, at index: Int, _ changed: inout Range<Int>?
  ) {
    RefcountBlock.set(count, &bytes, at: index, order: image.geometry.refcountOrder)
    let byte = (index << Int(image.geometry.refcountOrder)) / 8
    changed = (changed?.lowerBound ?? byte)..<byte + 8
  }
}

/// The numbers of defects that a repair has mended.
struct RepairCount {
  var corruptions: UInt64 = 0
  var leaks: UInt64 = 0
}
