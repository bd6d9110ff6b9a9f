// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Checks and repairs, in `qemu-img`'s words and figures where it looks at the same.
extension ParallelsDriver {
  /// A defect of the header.
  private enum HeaderDefect: CustomStringConvertible {
    case notClosed
    /// The first cluster cannot stand where the header has it, but at this offset.
    case data(UInt64)
    case `extension`(BlockError)

    /// Whether it is about where clusters start.
    var isOfData: Bool { if case .data = self { true } else { false } }

    var description: String {
      switch self {
      case .notClosed: "image was not closed correctly"
      case .data: "data_off field has incorrect value"
      case .extension(let error): "format extension is of no use: \(error.message)"
      }
    }
  }

  /// What nothing uses of the file: bytes behind the last cluster, and clusters before it.
  private struct Lost {
    var tail: UInt64 = 0
    var inside: UInt64 = 0
    let clusterSize: UInt64

    var clusters: UInt64 { inside + tail.dividedUp(by: clusterSize) }

    func tell(_ verb: String, _ report: (String) -> Void) {
      if inside > 0 { report("\(verb) space leaked inside the image \(inside * clusterSize)") }
      if tail > 0 { report("\(verb) space leaked at the end of the image \(tail)") }
    }
  }

  /// Compares header, map and file.
  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError) -> CheckResult
  {
    let used = try table.placesInUse(of: node)
    let defects = headerDefects(used, node)
    for defect in defects { report("ERROR \(defect)") }
    var result = try table.check(of: node, context) { (finding) throws(BlockError) in
      report("ERROR \(self.text(of: finding))")
    }
    let lost = lost(result, used, node)
    lost.tell("ERROR", report)
    result.corruptions += UInt64(defects.count)
    result.leaks = lost.clusters
    return shown(result, used, node)
  }

  /// Mends the map, cuts off what is lost, and then has the header say so.
  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    let found = try check(node, context) { _ in }
    guard found.corruptions > 0 || found.leaks > 0 else { return found }
    let verb = what == .all ? "Repairing" : "ERROR"
    let fileLength = node.file?.length ?? 0
    // Clusters outside the image are not going to have a place any more.
    let used = try table.placesInUse(of: node, before: what == .all ? fileLength : .max)
    let defects = headerDefects(used, node)
    let wasOpen = isUnclosed
    try beginChanges(node)
    for defect in defects { report("\(verb) \(defect)") }
    var lost = lost(try table.check(of: node, JobContext()) { _ in }, used, node)
    if what == .all, defects.contains(where: \.isOfData) {
      // The file is to be cut where the header says so afterwards.
      try mend(defects.filter(\.isOfData), node)
      var layout = try header.current.layout(fileLength: fileLength)
      layout.reserved = table.currentLayout.reserved
      try table.adopt(layout, header.current.coding, of: node)
    }
    var result = try table.repair(what, of: node, context) { (finding) throws(BlockError) in
      report("\(verb) \(self.text(of: finding))")
      // Its copy takes a lost place.
      if what == .all, finding.kind == .shared, lost.inside > 0 { lost.inside -= 1 }
    }
    let isCut = result.corruptions == 0
    lost.tell(isCut ? "Repairing" : "ERROR", report)
    result.leaksFixed = isCut ? lost.clusters : 0
    result.leaks = isCut ? 0 : lost.clusters
    if what == .all {
      result.corruptionsFixed += UInt64(defects.count)
      try mend(defects, node)
    } else {
      result.corruptions += UInt64(defects.count)
    }
    try endRepair(node, keepsMark: wasOpen && what != .all)
    return shown(result, try table.placesInUse(of: node), node)
  }

  private func mend(_ defects: [HeaderDefect], _ node: Node) throws(BlockError) {
    try flush(node)
    try header.change(node) { header in
      for defect in defects {
        switch defect {
        case .notClosed: break
        case .data(let offset): header.dataOffset = UInt32(clamping: offset / 512)
        case .extension: header.extensionOffset = 0
        }
      }
    }
  }

  private func headerDefects(_ used: Range<UInt64>?, _ node: Node) -> [HeaderDefect] {
    let header = self.header.current
    var defects: [HeaderDefect] = []
    if isUnclosed { defects.append(.notClosed) }
    if header.statedData(fileLength: node.file?.length ?? 0, used: used) == nil {
      let first = header.firstData(mapEnd: header.mapEnd)
      let start = used.map {
        $0.lowerBound - ($0.lowerBound - first) / header.clusterSize * header.clusterSize
      }
      defects.append(.data(start ?? first))
    }
    if header.extensionOffset != 0, let defect = extensionDefect, defect.kind == .corrupt {
      defects.append(.extension(defect))
    }
    return defects
  }

  /// The file's length as `qemu-img` has it, in whole sectors.
  private static func wholeSectors(_ node: Node) -> UInt64 {
    let length = node.file?.length ?? 0
    return length.roundedUp(to: 512) ?? length
  }

  /// Where something is outside the image, nothing can be lost at its end.
  private func lost(_ found: CheckResult, _ used: Range<UInt64>?, _ node: Node) -> Lost {
    let fileLength = ParallelsDriver.wholeSectors(node)
    let layout = table.currentLayout
    var lost = Lost(clusterSize: layout.blockSize)
    var end = used?.upperBound ?? 0
    for range in layout.reserved + layout.spare { end = max(end, range.upperBound) }
    guard !hasUnknownPlaces, used?.lowerBound ?? 0 <= fileLength, end <= fileLength + layout.blockSize else {
      return lost
    }
    lost.tail = fileLength - min(fileLength, end)
    // The table counts places for whole clusters, and in units the last that the file ends in.
    let tailUnits = lost.tail.dividedUp(by: layout.unit)
    lost.inside = found.leaks - min(found.leaks, tailUnits * layout.unit / layout.blockSize)
    return lost
  }

  /// The end that `qemu-img` tells is that of the last cluster.
  private func shown(_ result: CheckResult, _ used: Range<UInt64>?, _ node: Node) -> CheckResult {
    var result = result
    result.imageEndOffset = used?.upperBound ?? header.current.data(fileLength: node.file?.length ?? 0)
    return result
  }

  /// Names the cluster.
  func text(of finding: BlockFinding) -> String {
    let number = finding.item.number
    return switch finding.kind {
    case .pastEnd: "cluster \(number) is outside image"
    case .nowhere: "cluster \(number) is inside the header or the block map"
    case .shared: "duplicate offset in BAT entry \(number)"
    }
  }
}
