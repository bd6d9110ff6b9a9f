// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// An open image whose descriptor is a file of its own: its parts put end to end.
final class ExtentsDriver: ComposedDriver, CheckingDriver, CompressingDriver, VmdkDriver, @unchecked Sendable
{
  /// The slots of the parts' files.
  static let slots = EdgeSlot(rawValue: "extents")

  let name = "vmdk"
  let opened: OpenDescriptor
  private let lock = ConditionLock()
  /// Guarded by `lock`.
  private var parts: ExtentParts
  /// Whether any part has tables.
  private let hasTables: Bool

  var descriptor: OpenDescriptor? { opened }
  /// The parts of the disk as it is now.
  var currentParts: ExtentParts { lock.withLock { parts } }

  /// - Throws: kind `tooLarge` for parts that are longer together than a disk can be.
  init(_ descriptor: OpenDescriptor) throws(BlockError) {
    opened = descriptor
    parts = try ExtentParts(descriptor.current.extents)
    hasTables = parts.all.contains { $0.line.hasTables }
  }

  /// Goes on with the parts that the descriptor has now.
  func adoptParts() throws(BlockError) {
    let next = try ExtentParts(opened.current.extents)
    lock.withLock { parts = next }
  }

  func length(of node: Node) -> UInt64 { currentParts.end }

  /// Where a backing file shows through, parts with tables get whole grains: they do not have it to fill theirs from.
  func limits(of node: Node) -> Limits {
    var limits = Limits()
    guard hasTables else { return limits }
    for part in currentParts.all where part.line.hasTables {
      limits.clusterSize = max(limits.clusterSize, node.edge(part.slot)?.child.limits.clusterSize ?? 0)
    }
    if node.backing != nil, limits.clusterSize.isPowerOfTwo { limits.requestAlignment = limits.clusterSize }
    return limits
  }

  /// Holds the parts against their files.
  func readReferences(of node: Node) throws(BlockError) {
    for part in currentParts.all where part.line.hasTables {
      guard let edge = node.edge(part.slot) else { continue }
      let has = edge.length
      guard has >= UInt64(part.range.count) else {
        throw BlockError(
          .corrupt,
          "the extent '\(part.line.name)' has \(has) bytes where the descriptor says \(part.range.count)")
      }
    }
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let part = try currentParts.part(at: offset)
    let count = min(length, part.range.upperBound - offset)
    guard part.line.isStored else { return Extent(.zero, length: count) }
    let edge = try node.child(in: part.slot)
    let place = part.place(of: offset)
    // What a file lacks reads as zero.
    let known = edge.length
    guard place < known else { return Extent(.zero, length: count) }
    let inside = min(count, known - place)
    guard part.line.hasTables else {
      return Extent(.data, length: inside, location: Extent.Location(part.slot, place))
    }
    let found = try edge.extent(at: place, length: inside)
    guard found.kind == .data || found.location != nil else {
      return Extent(found.kind, length: found.length)
    }
    return Extent(
      found.kind, length: found.length, location: Extent.Location(part.slot, place), isPassThrough: true)
  }

  func mayHaveHoles(of node: Node) -> Bool { true }

  // MARK: Compression

  /// Data is copied where all files do; asked to compress, `qemu-img` stores grains as they are.
  func capabilities(of node: Node) -> Capabilities {
    var capabilities: Capabilities = hasTables ? [.nativeZeroes, .ignoresCompression] : .nativeZeroes
    let holders = node.children.filter { $0.role.contains(.data) }
    if holders.allSatisfy({ $0.child.capabilities.contains(.copiesRanges) }) {
      capabilities.insert(.copiesRanges)
    }
    return capabilities
  }

  /// Parts without tables have no grains.
  func makeCompressor() throws(BlockError) -> any ClusterCompressor { throw ExtentsDriver.noGrains }

  func prepareCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError) -> CompressedSlot
  {
    throw ExtentsDriver.noGrains
  }

  func finishCompressed(_ slot: CompressedSlot, written: Bool, of node: Node) throws(BlockError) {}

  private static let noGrains = BlockError(
    .invalidArgument, "invalid cluster size",
    advice: "Only images of the subformat streamOptimized store anything compressed.")

  // MARK: Changes

  func beginChanges(_ node: Node) throws(BlockError) { try opened.renew(of: node, in: node.child(in: .file)) }

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    let part = try writablePart(at: offset)
    try beginChanges(node)
    return WriteSlot(
      length: min(length, part.range.upperBound - offset),
      location: Extent.Location(part.slot, part.place(of: offset)))
  }

  private func writablePart(at offset: UInt64) throws(BlockError) -> ExtentParts.Part {
    let part = try currentParts.part(at: offset)
    guard part.line.access == .readWrite, part.line.isStored else {
      throw BlockError(.refused, "the part of the disk at byte \(part.range.lowerBound) cannot be written")
    }
    return part
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    // A grain without data would show the backing file.
    guard node.backing == nil || !hasTables else { return false }
    try beginChanges(node)
    try forEachPiece(offset, length, of: node) { (edge, place, count) throws(BlockError) in
      try edge.writeZeroes(at: place, length: count, mayUnmap: mayUnmap)
    }
    return true
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard node.flags.contains(.unmap), node.backing == nil else { return }
    try beginChanges(node)
    try forEachPiece(offset, length, of: node) { (edge, place, count) throws(BlockError) in
      try edge.discard(at: place, length: count)
    }
  }

  private func forEachPiece(
    _ offset: UInt64, _ length: UInt64, of node: Node,
    _ body: (Edge, UInt64, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    var position = offset
    while position < offset + length {
      let part = try writablePart(at: position)
      let count = min(offset + length, part.range.upperBound) - position
      let place = part.place(of: position)
      try body(try node.child(in: part.slot), place, count)
      position += count
    }
  }

  func flush(_ node: Node) throws(BlockError) {
    for edge in node.children where edge.slot != .backing { try edge.flush() }
  }

  func close(_ node: Node) throws(BlockError) { try flush(node) }

  func requireHoles() throws(BlockError) {
    guard currentParts.all.allSatisfy(\.line.hasTables) else {
      throw BlockError(.invalidArgument, "Flat image can't have backing file")
    }
  }

  func makeEmpty(_ node: Node) throws(BlockError) {
    guard currentParts.all.allSatisfy(\.line.hasTables) else {
      throw BlockError(.unsupported, "Image format driver does not support emptying")
    }
    for part in currentParts.all {
      let extent = try node.child(in: part.slot).child
      try extent.driver.makeEmpty(extent)
      try extent.driver.flush(extent)
    }
    if let file = node.file { try opened.adoptParent(of: node, in: file) }
  }

  // MARK: Check

  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError) -> CheckResult
  {
    var result = try sum(of: node) { (driver, extent, line) throws(BlockError) in
      try driver.check(extent, context) { report("\(line.name): \($0)") }
    }
    try checkLengths(&result, node, report)
    try checkOverlaps(&result, node, report)
    return result
  }

  /// Parts that have the same bytes of one file: what is written to one changes the other.
  private func checkOverlaps(_ result: inout CheckResult, _ node: Node, _ report: (String) -> Void)
    throws(BlockError)
  {
    var places: [(file: String, range: Range<UInt64>, part: ExtentParts.Part)] = []
    // Files that are known by several names are the same.
    var names: [FileIdentity: String] = [:]
    for part in currentParts.all where part.line.isStored {
      let file = try node.child(in: part.slot)
      let storage = part.line.hasTables ? file.child.file?.child ?? file.child : file.child
      var name = storage.fileName
      if let identity = FilePaths.identity(of: name) {
        name = names[identity] ?? name
        names[identity] = name
      }
      let range =
        part.line.hasTables
        ? 0..<max(storage.length, 1) : part.fileOffset..<part.place(of: part.range.upperBound)
      places.append((name, range, part))
    }
    places.sort {
      ($0.file, $0.range.lowerBound, $0.part.number) < ($1.file, $1.range.lowerBound, $1.part.number)
    }
    guard var furthest = places.first else { return }
    for place in places.dropFirst() {
      let common = place.range.clamped(to: furthest.range)
      if place.file == furthest.file, !common.isEmpty {
        report(
          "\(place.part.line.name): ERROR: extent \(place.part.number + 1) has \(common.count) bytes of the file (offset "
            + "\(common.lowerBound)) that extent \(furthest.part.number + 1) has, too")
        result.corruptions += 1
      }
      if place.file != furthest.file || place.range.upperBound > furthest.range.upperBound {
        furthest = place
      }
    }
  }

  /// Files that are shorter than the parts that are stored in them as they are: what they lack reads as zeros.
  private func checkLengths(_ result: inout CheckResult, _ node: Node, _ report: (String) -> Void)
    throws(BlockError)
  {
    for part in currentParts.all where part.line.isStored && !part.line.hasTables {
      let (has, needed) = (try node.child(in: part.slot).length, part.place(of: part.range.upperBound))
      guard has < needed else { continue }
      report("\(part.line.name): ERROR: the file has \(has) bytes where the descriptor has \(needed)")
      result.corruptions += 1
    }
  }

  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    var result = try sum(of: node) { (driver, extent, line) throws(BlockError) in
      try driver.repair(what, extent, context) { report("\(line.name): \($0)") }
    }
    try checkLengths(&result, node, report)
    try checkOverlaps(&result, node, report)
    return result
  }

  /// The counts of all parts that have tables.
  private func sum(
    of node: Node, _ body: (any BlockTableDriver, Node, VmdkExtentLine) throws(BlockError) -> CheckResult
  ) throws(BlockError) -> CheckResult {
    var sum = CheckResult()
    for part in currentParts.all where part.line.hasTables {
      let extent = try node.child(in: part.slot).child
      guard let driver = extent.driver as? any BlockTableDriver else { continue }
      sum.add(try body(driver, extent, part.line))
    }
    sum.imageEndOffset = 0
    return sum
  }

  // MARK: Information

  func formatInformation(of node: Node) -> FormatInformation? {
    let descriptor = opened.current
    var information = FormatInformation()
    information.isDirty = false
    information.backing = descriptor.backing
    var extents: [OptionObject] = []
    for (index, line) in descriptor.extents.enumerated() {
      let edge = node.edge(ExtentsDriver.slots.element(index))
      var extent = OptionObject()
      extent["virtual-size"] = OptionTree(line.sectors * 512)
      extent["filename"] = .string(
        edge?.child.fileName
          ?? (line.name.isEmpty ? "" : ImageName.resolve(line.path, relativeTo: node.fileName)))
      if line.hasTables, let unit = edge?.child.limits.clusterSize {
        extent["cluster-size"] = OptionTree(unit)
        information.clusterSize = max(information.clusterSize ?? 0, unit)
      }
      extent["format"] = .string(line.kind.rawValue)
      extents.append(extent)
    }
    information.specific = descriptor.information(extents)
    return information
  }
}

extension VmdkDescriptor {
  /// The files of all parts, and the parent.
  var references: [ImageReference] {
    var references: [ImageReference] = []
    for (index, line) in extents.enumerated() {
      if let file = line.reference(in: ExtentsDriver.slots.element(index)) { references.append(file) }
    }
    if let backing { references.append(backing) }
    return references
  }
}

extension VmdkExtentLine {
  /// Whether the part is a file with tables.
  var hasTables: Bool { isStored && (kind == .sparse || kind == .fileSystemSparse) }
  /// Whether the part has a file that may be read.
  var isStored: Bool { kind != .zero && access != .none }

  /// The file of the part: in the descriptor's own folder or below it.
  func reference(in slot: EdgeSlot) -> ImageReference? {
    guard isStored, sectors > 0 else { return nil }
    var reference = ImageReference(
      slot: slot, role: hasTables ? [.data, .metadata] : .data, name: path, format: hasTables ? "vmdk" : nil,
      isStorage: !hasTables)
    reference.staysInFolder = true
    guard hasTables else { return reference }
    reference.check = { (node: Node) throws(BlockError) in
      guard let driver = node.driver as? any VmdkDriver, driver is any BlockTableDriver, node.backing == nil
      else {
        throw BlockError(.corrupt, "'\(node.fileName)' is no extent of an image")
      }
      return []
    }
    return reference
  }
}
