// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A set of host clusters that may say yes wrongly but never no: one bit for each cluster, modulo its size.
struct MetadataMap {
  private var words: [UInt64]
  private let mask: UInt64
  /// So many clusters were entered, some of them perhaps more than once; beyond the number of bits it says yes always.
  private var entered: UInt64 = 0

  /// Large enough to be exact for a file of so many clusters, up to a bound of 1 MiB.
  init(clusters: UInt64) {
    var bits: UInt64 = 1 << 12
    while bits < clusters, bits < 1 << 23 { bits <<= 1 }
    words = [UInt64](repeating: 0, count: Int(bits / 64))
    mask = bits - 1
  }

  mutating func insert(_ cluster: UInt64) {
    let bit = cluster & mask
    words[Int(bit >> 6)] |= 1 << (bit & 63)
  }

  mutating func insert(from offset: UInt64, bytes: UInt64, _ geometry: Geometry) {
    guard bytes > 0, entered <= mask else { return }
    entered += geometry.clusters(covering: bytes)
    guard entered <= mask else { return }
    for cluster in offset >> geometry.clusterBits...(offset + bytes - 1) >> geometry.clusterBits {
      insert(cluster)
    }
  }

  func mayContain(anyOf clusters: Range<UInt64>) -> Bool {
    guard entered <= mask else { return true }
    for cluster in clusters {
      let bit = cluster & mask
      if words[Int(bit >> 6)] & 1 << (bit & 63) != 0 { return true }
    }
    return false
  }
}

/// Damage: what is done about it, and keeping writes from making it worse. The monitor is held.
extension Qcow2Driver {
  /// Notes that the image contradicts the specification: where it may be written, it is marked corrupt and
  /// not used any further.
  func damage(_ message: String, _ node: Node) -> BlockError {
    var error = BlockError(
      .corrupt,
      "qcow2: Image is corrupt: \(message); further non-fatal corruption events will be suppressed",
      advice: "'check FILE' lists the damage; 'convert --salvage' copies what can still be read.")
    error.file = node.fileName
    guard node.isWritable, !servesSnapshot, !node.flags.contains(.checking) else { return error }
    if !isBroken {
      isBroken = true
      header.incompatible.insert(.corrupt)
      // The damage is what the user has to hear of, whether or not the mark can be written.
      if header.version >= 3 { try? writeFeatures(node) }
    }
    error.message =
      "qcow2: Marking image as corrupt: \(message); further corruption events will be suppressed"
    error.advice = nil
    return error
  }

  /// Clears what the image says of itself that stays true only where every writer knows of it, once it is open for
  /// writing.
  func clearUnknownFeatures(_ file: Edge, _ flags: NodeFlags) throws(BlockError) {
    let known = header.autoclear.intersection(.known)
    guard header.version >= 3, known != header.autoclear, flags.contains(.writable),
      flags.isDisjoint(with: [.noIO, .inactive])
    else { return }
    var changed = header
    changed.autoclear = known
    try inContext("Could not update qcow2 header") { () throws(BlockError) in
      try write(featuresOf: changed, to: file)
      if !flags.contains(.noFlush) { try file.flush() }
    }
    header = changed
  }

  /// Writes the three sets of features into the header.
  func writeFeatures(_ node: Node) throws(BlockError) { try write(featuresOf: header, to: file(of: node)) }

  private func write(featuresOf header: Header, to file: Edge) throws(BlockError) {
    let buffer = Buffer(count: 24)
    var bytes = buffer.mutableBytes
    bytes.storeBig(header.incompatible.rawValue, at: 0)
    bytes.storeBig(header.compatible.rawValue, at: 8)
    bytes.storeBig(header.autoclear.rawValue, at: 16)
    try file.write(at: UInt64(Header.Field.features), from: buffer.bytes)
  }

  /// Refuses to write guest data where known metadata is.
  func refuseOverlap(_ hostOffset: UInt64, _ bytes: UInt64, _ node: Node) throws(BlockError) {
    guard !hasDataFile, !options.overlapChecks.isEmpty else { return }
    let first = hostOffset >> geometry.clusterBits
    let last = (hostOffset + bytes - 1) >> geometry.clusterBits
    guard try mapOfMetadata(node).mayContain(anyOf: first..<last + 1) else { return }
    try refuseExactOverlap(hostOffset..<hostOffset + bytes, ignoring: [], node)
  }

  /// Refuses clusters that are counted as free but hold metadata.
  func refuseTaken(_ clusters: Range<UInt64>, for what: StaticString, _ node: Node) throws(BlockError) {
    guard clusters.lowerBound > 0 else {
      throw damage("Preventing invalid allocation of \(what) at offset 0", node)
    }
    guard !options.overlapChecks.isEmpty, try mapOfMetadata(node).mayContain(anyOf: clusters) else { return }
    let bytes = clusters.lowerBound << geometry.clusterBits..<clusters.upperBound << geometry.clusterBits
    try refuseExactOverlap(bytes, ignoring: [], node)
  }

  /// Refuses a refcount table that names a block twice: what counts for one cluster would count for another, and a
  /// search for space could find the same counts a million times.
  func refuseRepeatedBlocks(_ node: Node) throws(BlockError) {
    let table = refcounts.table
    var blocks: [UInt64] = []
    for index in 0..<table.count where table[index] != 0 {
      blocks.append(RefcountTableEntry(rawValue: table[index]).offset)
    }
    blocks.sort()
    for index in blocks.indices.dropFirst() where blocks[index] == blocks[index - 1] {
      throw damage("Refblock offset 0x\(hex(blocks[index])) is in the refcount table twice", node)
    }
  }

  /// A check of places before a kind of table is written there.
  func checkWrite(_ kind: OverlapChecks, _ node: Node) -> (UInt64, UInt64) throws(BlockError) -> Void {
    { (offset: UInt64, bytes: UInt64) throws(BlockError) in
      let first = offset >> self.geometry.clusterBits
      let last = (offset + max(bytes, 1) - 1) >> self.geometry.clusterBits
      guard !self.options.overlapChecks.isEmpty,
        try self.mapOfMetadata(node).mayContain(anyOf: first..<last + 1)
      else { return }
      // Marks in the active tables change where snapshots use the same tables, too.
      let ignored = kind == .activeL2 ? kind.union(.inactiveL2) : kind
      try self.refuseExactOverlap(offset..<offset + bytes, ignoring: ignored, node)
    }
  }

  private func refuseExactOverlap(_ range: Range<UInt64>, ignoring kind: OverlapChecks, _ node: Node)
    throws(BlockError)
  {
    let checks = options.overlapChecks.subtracting(kind)
    guard let name = try overlap(range, checks, node) else { return }
    throw damage("Preventing invalid write on metadata (overlaps with \(name))", node)
  }

  /// The name of known metadata inside a range of the file, if there is any.
  private func overlap(_ range: Range<UInt64>, _ checks: OverlapChecks, _ node: Node) throws(BlockError)
    -> String?
  {
    func meets(_ offset: UInt64, _ bytes: UInt64) -> Bool {
      bytes > 0 && offset < range.upperBound && offset + bytes > range.lowerBound
    }
    let cluster = geometry.clusterSize
    if checks.contains(.mainHeader), meets(0, cluster) { return "qcow2_header" }
    if checks.contains(.activeL1), meets(l1.offset, l1.byteCount) { return "active L1 table" }
    if checks.contains(.activeL2) {
      for index in 0..<l1.count {
        let offset = L1Entry(rawValue: l1[index]).offset
        if offset != 0, meets(offset, cluster) { return "active L2 table" }
      }
    }
    let refcountTable = refcounts.table
    if checks.contains(.refcountTable), meets(refcountTable.offset, refcountTable.byteCount) {
      return "refcount table"
    }
    if checks.contains(.refcountBlock) {
      for index in 0..<refcountTable.count {
        let offset = RefcountTableEntry(rawValue: refcountTable[index]).offset
        if offset != 0, offset <= UInt64(Int64.max), meets(offset, cluster) { return "refcount block" }
      }
    }
    if checks.contains(.snapshotTable), !snapshots.isEmpty, meets(header.snapshotsOffset, snapshotTableBytes)
    {
      return "snapshot table"
    }
    if checks.contains(.inactiveL1) {
      for snapshot in snapshots where snapshot.l1Offset <= UInt64(Int64.max) {
        if meets(snapshot.l1Offset, UInt64(snapshot.l1Size) * 8) { return "inactive L1 table" }
      }
    }
    if checks.contains(.bitmapDirectory), let directory = bitmaps.directory,
      meets(directory.offset, directory.size)
    {
      return "bitmap directory"
    }
    if checks.contains(.inactiveL2) {
      for snapshot in snapshots where snapshot.l1Offset <= UInt64(Int64.max) {
        var found = false
        try forEachL2(of: snapshot, node) { offset in found = found || meets(offset, cluster) }
        if found { return "inactive L2 table" }
      }
    }
    return nil
  }

  /// Visits the L2 tables of a snapshot, which are not kept in memory.
  private func forEachL2(of snapshot: SnapshotEntry, _ node: Node, _ body: (UInt64) -> Void)
    throws(BlockError)
  {
    let bytes = min(UInt64(snapshot.l1Size) * 8, Qcow2Limits.l1Bytes)
    let file = try file(of: node)
    var position: UInt64 = 0
    while position < bytes {
      let count = Int(min(bytes - position, ImageCheck.readBytes))
      let buffer = try file.read(at: snapshot.l1Offset + position, count: count)
      for index in 0..<count / L1Entry.size {
        let offset = L1Entry(rawValue: buffer.bytes.big64(at: index * L1Entry.size)).offset
        if offset != 0 { body(offset) }
      }
      position += UInt64(count)
    }
  }

  /// Bytes of the snapshot table.
  var snapshotTableBytes: UInt64 {
    var bytes: UInt64 = 0
    for snapshot in snapshots { bytes += UInt64(snapshot.size) }
    return bytes
  }

  private func mapOfMetadata(_ node: Node) throws(BlockError) -> MetadataMap {
    if let metadataMap { return metadataMap }
    var map = MetadataMap(clusters: geometry.clusters(covering: node.file?.length ?? 0))
    map.insert(0)
    map.insert(from: l1.offset, bytes: l1.byteCount, geometry)
    for index in 0..<l1.count {
      let offset = L1Entry(rawValue: l1[index]).offset
      if offset != 0 { map.insert(offset >> geometry.clusterBits) }
    }
    let table = refcounts.table
    map.insert(from: table.offset, bytes: table.byteCount, geometry)
    for index in 0..<table.count {
      let offset = RefcountTableEntry(rawValue: table[index]).offset
      if offset != 0 { map.insert(offset >> geometry.clusterBits) }
    }
    if !snapshots.isEmpty { map.insert(from: header.snapshotsOffset, bytes: snapshotTableBytes, geometry) }
    for snapshot in snapshots where snapshot.l1Offset <= UInt64(Int64.max) {
      map.insert(from: snapshot.l1Offset, bytes: UInt64(snapshot.l1Size) * 8, geometry)
      guard options.overlapChecks.contains(.inactiveL2) else { continue }
      try forEachL2(of: snapshot, node) { offset in map.insert(offset >> geometry.clusterBits) }
    }
    if let directory = bitmaps.directory {
      map.insert(from: directory.offset, bytes: directory.size, geometry)
    }
    metadataMap = map
    return map
  }
}
