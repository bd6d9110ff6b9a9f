// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

extension Qcow2Format {
  /// Opens an image: header, L1 table, refcount table and snapshot table; nothing else is read.
  static func openDriver(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let file = try request.node.child(in: .file)
    let header = try readHeader(file)
    let options = try Qcow2Options(taking: &request.options, cacheBytes: request.cacheBytes)
    let driver = try readTables(header, file, options, request.flags, request.tableBudget)
    driver.codec.use(try ClusterEncryption(header, file, options, request))
    try driver.header.clearUnknownFeatures(file, request.flags)
    var result = OpenedDriver(driver)
    result.warnings = bitmapWarnings(header, driver.bitmaps.state)
    if header.incompatible.contains(.dataFile) {
      result.fileRole = [.metadata, .primary]
      let name = header.first(.dataFile)?.text ?? ""
      result.references.append(.dataFile(name))
    }
    if let backing = Qcow2Format.backing(header) { result.references.append(backing) }
    return result
  }

  /// Reads and checks what else is needed to serve the image.
  static func readTables(
    _ header: Header, _ file: Edge, _ options: Qcow2Options, _ flags: NodeFlags, _ tableBudget: UInt64? = nil
  )
    throws(BlockError) -> Qcow2Driver
  {
    try checkUse(header, options, flags)
    let budget = try header.checkTables(takingAtMost: tableBudget)
    let lenient = !flags.isDisjoint(with: [.noIO, .checking])
    let opener = DriverOpener(
      file: file, header: header, options: options, isLenient: lenient, budget: budget)
    return try opener.open(try readBitmaps(header, file, flags))
  }

  /// The backing file as the header names it.
  static func backing(_ header: Header) -> ImageReference? {
    guard let name = header.backingName else { return nil }
    let format = header.last(.backingFormat)?.text
    return ImageReference(slot: .backing, role: .cow, name: name, format: format)
  }

  /// Reads and checks the header.
  static func readHeader(_ file: Edge) throws(BlockError) -> Header {
    // A shorter file reads as if zeros followed, and is refused for the first field that makes no sense.
    let start = try file.read(at: 0, count: Header.sizeV3)
    let clusterSize = try Header.clusterSize(parsing: start.bytes)
    let area = try file.read(at: 0, count: Int(clusterSize))
    let header = try Header(parsing: area.bytes)
    return header
  }

  /// Whether the image may be used in the way that is asked for.
  static func checkUse(_ header: Header, _ options: Qcow2Options, _ flags: NodeFlags)
    throws(BlockError)
  {
    if header.incompatible.contains(.corrupt), flags.contains(.writable), !flags.contains(.checking) {
      throw BlockError(
        .corrupt, "qcow2: Image is corrupt; cannot be opened read/write",
        advice: "'check -r all \(.file)' repairs what can be repaired; work on a copy.")
    }
    try header.checkTables()
    if options.lazyRefcounts == true && header.version < 3 {
      throw BlockError(
        .invalidArgument, "Lazy refcounts require a qcow2 image with at least qemu 1.1 compatibility level")
    }
    if options.discardNoUnref && header.version < 3 {
      throw BlockError(.invalidArgument, "discard-no-unref is only supported since qcow2 version 3")
    }
    if options.snapshot != nil && flags.contains(.writable) {
      throw BlockError(.readOnly, "An internal snapshot can only be opened read-only")
    }
  }
}

extension ImageReference {
  /// The file of guest data, apart from the tables.
  static func dataFile(_ name: String) -> ImageReference {
    ImageReference(slot: .dataFile, role: .data, name: name, format: "raw", isStorage: true)
  }
}

/// The file, header and options that a driver is made from.
private struct DriverOpener {
  let file: Edge
  let header: Header
  let options: Qcow2Options
  /// Tables may lie past the end of the file: the missing part reads as zeros.
  let isLenient: Bool
  /// The memory that is left for the snapshot table.
  let budget: MemoryBudget

  func open(_ bitmaps: BitmapStore.State) throws(BlockError) -> Qcow2Driver {
    let geometry = header.geometry
    let sliceBytes = try options.sliceBytes(geometry)
    let snapshots = try readSnapshots()
    let state = try chosenState(snapshots)
    let l1 = try table("L1 table", at: state.l1Offset, count: Int(state.l1Size))
    let entries = Int(UInt64(header.refcountTableClusters) << geometry.clusterBits) / RefcountTableEntry.size
    file.note(.reftableLoad)
    let table = try table("reference count table", at: header.refcountTableOffset, count: entries)
    return Qcow2Driver(
      header: header, options: options, l1: l1, length: state.length, refcountTable: table,
      l2SliceBytes: sliceBytes, snapshots: snapshots, bitmaps: bitmaps)
  }

  private func table(_ name: String, at offset: UInt64, count: Int) throws(BlockError) -> TableInMemory {
    guard offset + UInt64(count) * 8 <= Qcow2Limits.fileEnd else {
      throw BlockError(.corrupt, "Could not read \(name): Input/output error")
    }
    try requireInside(name, at: offset, bytes: UInt64(count) * 8)
    return try TableInMemory(offset: offset, count: count, from: file)
  }

  /// The end of the file may be cut short inside the table's last cluster: the missing part was never written.
  private func requireInside(_ name: String, at offset: UInt64, bytes: UInt64) throws(BlockError) {
    guard !isLenient, bytes > 0 else { return }
    let end = file.length.roundedUp(to: header.geometry.clusterSize) ?? .max
    guard offset < end, bytes <= end - offset else {
      throw BlockError(
        .corrupt, "The \(name) lies past the end of the file (offset \(offset), \(bytes) bytes)")
    }
  }

  private func readSnapshots() throws(BlockError) -> [SnapshotEntry] {
    guard header.snapshotCount > 0 else { return [] }
    var budget = budget
    do throws(BlockError) {
      return try SnapshotTable.read(header, from: file, &budget)
    } catch {
      if isLenient, !budget.isExceeded { return [] }
      throw error
    }
  }

  private struct State {
    var l1Offset: UInt64
    var l1Size: UInt32
    var length: UInt64
  }

  /// The active state, or that of the snapshot asked for.
  private func chosenState(_ snapshots: [SnapshotEntry]) throws(BlockError) -> State {
    guard let selector = options.snapshot else {
      return State(
        l1Offset: header.l1Offset, l1Size: header.l1Size, length: header.size / 512 * 512)
    }
    guard let entry = SnapshotTable.find(selector, in: snapshots) else {
      throw BlockError(
        .notFound, "Can't find snapshot", advice: SnapshotTable.listAdvice
      ).prefixed("Failed to load snapshot", step: .loadSnapshot)
    }
    try entry.check(header)
    return State(
      l1Offset: entry.l1Offset, l1Size: entry.l1Size, length: (entry.diskSize ?? header.size) / 512 * 512)
  }
}
