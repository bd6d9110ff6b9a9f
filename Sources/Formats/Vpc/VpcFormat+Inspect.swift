// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

extension VpcFormat: MeasuringKind {
  /// Footers, header and table, and the blocks.
  package func measure(_ request: MeasureRequest) throws(BlockError) -> ImageMeasure {
    let plan = try VpcPlan(size: request.wholeLength, request.options, parent: nil, file: "")
    let (empty, full) = try plan.fileLengths()
    return plan.choice.hasPlaces
      ? ImageMeasure(empty: full, full: full, fullyAllocated: true)
      : ImageMeasure(empty: empty, full: full, unit: VpcHeader.blockSize, unitBytes: try plan.placeBytes())
  }
}

extension VpcFormat: InspectingKind {
  /// Reads footers, header and locators, and compares where the table ought to be with the length of the file.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let found = try VpcFooters(fileLength: file.length) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
    let (footer, kind) = try found.chosen()
    let length = footer.diskLength(.auto)
    var findings = HeaderFindings(virtualSize: length)
    let creator = String(spelling: footer.bytes.bytes.bytes(28..<32))
    findings.details = [
      HeaderDetail("subformat", .text("\(kind)")), HeaderDetail("disk-id", .text("\(footer.id)")),
      HeaderDetail("creator", .text(creator)),
    ]
    if length != footer.currentSize {
      findings.remarks.append(
        "the footer states \(footer.currentSize) bytes, the geometry \(footer.geometry.length), which counts")
    }
    if footer.isSavedState { findings.remarks.append("a machine's state was saved beside it") }
    guard kind != .fixed else {
      if length > file.length - found.tailLength {
        findings.defects.append("the disk has \(length) bytes, the file \(file.length - found.tailLength)")
      }
      return findings
    }
    do throws(BlockError) {
      let image = try VpcOpened(footer, kind, length, found.defects(kind), fileLength: file.length) {
        (offset, count) throws(BlockError) in try file.read(at: offset, count: count)
      }
      findings.defects += image.defects
      findings.details.append(HeaderDetail("block-size", .bytes(image.header.blockSize)))
      if kind == .differencing {
        findings.details.append(HeaderDetail("parent-id", .text("\(image.header.parentID)")))
      }
      if let backing = image.backing {
        findings.references.append(backing)
        for other in backing.otherNames { findings.remarks.append("it names its parent '\(other)', too") }
      }
    } catch {
      findings.defects.append(error.message)
    }
    return findings
  }
}
