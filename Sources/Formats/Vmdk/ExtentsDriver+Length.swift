// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// Another length of the disk: its last part has another one, or is not there any more.
extension ExtentsDriver {
  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard length % 512 == 0, Int64(exactly: length) != nil else {
      throw BlockError(.invalidArgument, "Invalid image size specified")
    }
    guard preallocation != .metadata else {
      throw BlockError.noGrowth(preallocation)
    }
    let parts = currentParts
    guard length != parts.end else { return }
    guard let last = parts.all.last, last.line.access == .readWrite, last.line.isStored else {
      throw BlockError(.refused, "the last part of the disk cannot be written")
    }
    guard length > last.range.lowerBound else { return try cut(to: length, node) }
    try beginChanges(node)
    let file = try node.child(in: last.slot)
    if length > parts.end {
      guard !isDivided || length - last.range.lowerBound <= VmdkPlan.partBytes else {
        throw BlockError(
          .unsupported, "the disk needs more files of \(VmdkPlan.partBytes) bytes than it has",
          advice: "'resize' makes them.")
      }
      let before = file.length
      do throws(BlockError) {
        try grow(last, to: length, preallocation, file, node)
        try file.flush()
        try enter(length, last, node)
      } catch {
        // What the text may say is there stays.
        if opened.isCertain { try? file.truncate(to: before, exact: false) }
        throw error
      }
    } else {
      try flush(node)
      try enter(length, last, node)
      try cutFile(of: last, to: length, file)
    }
  }

  /// Lets the disk end in a part before the last one: the text names fewer files with one write, and only then the last
  /// one that it names becomes shorter.
  private func cut(to length: UInt64, _ node: Node) throws(BlockError) {
    let parts = currentParts.all
    let kept = try currentParts.part(at: max(length, 1) - 1)
    guard length > 0, kept.line.access == .readWrite, kept.line.isStored, unnamedFiles(behind: kept) != nil
    else {
      throw BlockError(
        .unsupported,
        "a disk of several files does not become shorter than its last one begins (\(parts.last?.range.lowerBound ?? 0))",
        advice: "'convert -O vmdk' makes another image, from which less can be taken.")
    }
    try beginChanges(node)
    try flush(node)
    try enter(length, kept, node, isCut: true)
    try cutFile(of: kept, to: length, node.child(in: kept.slot))
  }

  /// Lets the file of a part end with it; what else stands in it stays.
  private func cutFile(of part: ExtentParts.Part, to length: UInt64, _ file: Edge) throws(BlockError) {
    guard file.length <= part.place(of: part.range.upperBound), !isShared(part) else { return }
    try file.truncate(to: part.place(of: length), exact: false)
  }

  /// Lets the descriptor say how long the last part is, and where the disk `isCut`, name none behind it.
  private func enter(_ length: UInt64, _ last: ExtentParts.Part, _ node: Node, isCut: Bool = false)
    throws(BlockError)
  {
    try opened.edit(in: node.child(in: .file)) {
      if isCut { $0.removeExtents(behind: last.number) }
      $0.setSectors((length - last.range.lowerBound) / 512, ofExtent: last.number)
      $0.setGeometry(sectors: length / 512)
    }
    try adoptParts()
  }

  /// The parts behind one, whose files are the image's own: those of a disk that was divided, with numbers one behind
  /// the other. Nil where others are among them.
  private func unnamedFiles(behind part: ExtentParts.Part) -> [ExtentParts.Part]? {
    guard isDivided, let number = PartNumber(of: part.line.name) else { return nil }
    let behind = currentParts.all.filter { $0.number > part.number }
    for other in behind {
      guard other.line.isStored, other.line.access == .readWrite, other.line.kind == part.line.kind,
        other.line.name == number.name(plus: UInt64(other.number - part.number)), !isShared(other)
      else { return nil }
    }
    return behind
  }

  func filesBehind(_ length: UInt64, of node: Node) -> [String] {
    guard length > 0, let last = try? currentParts.part(at: length - 1),
      let behind = unnamedFiles(behind: last)
    else { return [] }
    return behind.reversed().compactMap { node.edge($0.slot)?.child.fileName }
  }

  /// Whether another part is in the same file.
  private func isShared(_ part: ExtentParts.Part) -> Bool {
    opened.current.extents.enumerated().contains { number, line in
      number != part.number && line.isStored && line.name == part.line.name
    }
  }

  /// Whether the disk is divided into files that have no more than so much.
  private var isDivided: Bool {
    let kind = opened.current.createType.lowercased()
    return kind.hasPrefix("twogbmaxextent") || kind.hasPrefix("2gbmaxextent")
  }

  /// Lets the file of the last part have what the disk is about to have; all that is new reads as zero.
  private func grow(
    _ last: ExtentParts.Part, to length: UInt64, _ preallocation: Preallocation, _ file: Edge, _ node: Node
  ) throws(BlockError) {
    let (known, old, new) = (file.length, last.place(of: last.range.upperBound), last.place(of: length))
    if known > old {
      guard !isShared(last) else {
        throw BlockError(
          .unsupported,
          "'\(last.line.name)' holds another part of the disk behind the one that would become longer")
      }
      try file.writeZeroes(at: old, length: min(known, new) - old, mayUnmap: preallocation == .off)
    }
    if known < new { try file.truncate(to: new, exact: false, preallocation: preallocation) }
    if last.line.hasTables { try hideBacking(behind: last, to: length, file, node) }
  }

  /// Lets the backing file not show through where the disk becomes longer: its bytes are covered by zeros.
  private func hideBacking(
    behind last: ExtentParts.Part, to length: UInt64, _ file: Edge, _ node: Node
  ) throws(BlockError) {
    guard let backing = node.backing, backing.length > last.range.upperBound else { return }
    let old = last.range.upperBound
    let unit = max(file.child.limits.clusterSize, 512)
    // A grain that the old end cuts gets what shows through it.
    let start = old - last.place(of: old) % unit
    if start < old {
      let extent = try file.extent(at: last.place(of: start), length: old - start)
      if extent.kind == .unallocated {
        let shown = try backing.read(at: start, count: Int(min(old - start, 1 << 30)))
        try file.write(at: last.place(of: start), from: shown.bytes)
      }
    }
    let end = min(length, backing.length)
    let zeros = Buffer(count: Int(min(end - old, 1 << 20)))
    var position = old
    while position < end {
      let count = Int(min(UInt64(zeros.count), end - position))
      try file.write(at: last.place(of: position), from: zeros.bytes.slice(0..<count))
      position += UInt64(count)
    }
  }
}

// MARK: More files

extension ExtentsDriver: ExtendingDriver {
  func lengthWithoutFiles(of node: Node) -> UInt64? {
    guard isDivided, let last = currentParts.all.last, [.flat, .sparse].contains(last.line.kind) else {
      return nil
    }
    return last.range.lowerBound + max(UInt64(last.range.count), VmdkPlan.partBytes)
  }

  /// The parts that a disk of so many bytes has behind the last one there is now.
  private func furtherLines(for length: UInt64, of node: Node) throws(BlockError) -> [VmdkExtentLine] {
    guard let start = lengthWithoutFiles(of: node), length > start, let last = currentParts.all.last else {
      return []
    }
    guard let number = PartNumber(of: last.line.name) else {
      throw BlockError(
        .unsupported, "the file '\(last.line.name)' has no number from which others could follow",
        advice: "'convert -O vmdk' makes another image, which can become longer.")
    }
    let count = (length - start).dividedUp(by: VmdkPlan.partBytes)
    guard count <= UInt64(VmdkDescriptor.mostExtents - 1 - last.number) else {
      throw BlockError(
        .tooLarge, "the disk would consist of more than \(VmdkDescriptor.mostExtents) files")
    }
    return (0..<count).map { index in
      let bytes = min(VmdkPlan.partBytes, length - start - index * VmdkPlan.partBytes)
      return VmdkExtentLine(sectors: bytes / 512, last.line.kind, name: number.name(plus: index + 1))
    }
  }

  func makeFiles(
    for length: UInt64, _ preallocation: Preallocation, _ files: any ImageFiles, of node: Node
  ) throws(BlockError) {
    guard let last = currentParts.all.last, last.line.access == .readWrite else {
      throw BlockError(.refused, "the last part of the disk cannot be written")
    }
    guard length % 512 == 0, Int64(exactly: length) != nil else {
      throw BlockError(.invalidArgument, "Invalid image size specified")
    }
    guard (node.backing?.length ?? 0) <= currentParts.end else {
      throw BlockError(
        .unsupported, "the backing file would show through where the disk becomes longer",
        advice: "'convert -O vmdk' makes another image, which can become longer.")
    }
    let subformat = last.line.kind == .flat ? "twoGbMaxExtentFlat" : "twoGbMaxExtentSparse"
    var options: OptionObject = [
      "subformat": .string(subformat), "preallocation": .string(preallocation.rawValue),
    ]
    let sparse = node.edge(last.slot)?.child.driver as? SparseDriver
    if sparse?.header.flags.contains(.zeroedGrains) == true { options["zeroed_grain"] = true }
    let plan = try VmdkPlan(size: VmdkPlan.partBytes, options, file: "disk.vmdk")
    for (index, line) in try furtherLines(for: length, of: node).enumerated() {
      let slot = ExtentsDriver.slots.element(last.number + 1 + index)
      let file = try files.add(line.path, as: slot, format: line.hasTables ? name : nil)
      try plan.write(line, to: file)
    }
  }

  func nameFiles(for length: UInt64, of node: Node) throws(BlockError) {
    guard let last = currentParts.all.last else { return }
    let lines = try furtherLines(for: length, of: node)
    try opened.edit(in: node.child(in: .file)) {
      $0.removeExtents(behind: last.number)
      for line in lines { $0.add(line) }
      $0.setGeometry(sectors: length / 512)
    }
  }
}

/// The number in the name of one of a disk's files, as `disk-s001.vmdk` has it.
private struct PartNumber {
  private let start: Substring
  private let number: UInt64
  private let width: Int
  private let rest: Substring

  /// The number that ends a name's part before the last dot; nil without one behind `-s` or `-f`.
  init?(of name: String) {
    let dot = name.lastIndex(of: ".") ?? name.endIndex
    let digits = name[..<dot].reversed().prefix { $0.isASCII && $0.isNumber }
    guard (1...6).contains(digits.count), let number = UInt64(String(digits.reversed())) else { return nil }
    start = name[..<dot].dropLast(digits.count)
    guard start.hasSuffix("-s") || start.hasSuffix("-f") else { return nil }
    self.number = number
    width = digits.count
    rest = name[dot...]
  }

  /// The name of another file, so many numbers on.
  func name(plus step: UInt64) -> String {
    let digits = String(number + step)
    return start + String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits + rest
  }
}
