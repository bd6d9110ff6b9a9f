// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// A walk through L1 tables and the L2 tables that they point to, which counts all that these refer to.
final class TableWalk {
  private let image: CheckedImage
  private let findings: CheckFindings
  private let references: FoundReferences
  private let tables: TableStates
  private let refcounts: RefcountCheck
  /// Memory for L2 tables.
  private lazy var run = TableRun(max(TableWalk.readBytes, image.geometry.clusterSize))

  init(
    _ image: CheckedImage, _ findings: CheckFindings, _ references: FoundReferences, _ tables: TableStates,
    _ refcounts: RefcountCheck
  ) {
    self.image = image
    self.findings = findings
    self.references = references
    self.tables = tables
    self.refcounts = refcounts
  }

  /// Bytes of tables that are read at once.
  static let readBytes: UInt64 = 1 << 20
  /// Bits of an L1 entry that must be zero.
  static let reservedL1: UInt64 = 0x7f00_0000_0000_01ff

  /// Counts an L1 table, the tables it points to, and all that those point to.
  func walk(at offset: UInt64, size: UInt32, isActive: Bool) throws(BlockError) {
    let bytes = UInt64(size) * UInt64(L1Entry.size)
    try references.add(at: offset, bytes: bytes, canMend: true)
    // The part of a table past the end of the file reads as zeros: no L2 tables.
    guard offset < image.fileLength, size > 0 else { return }
    let end = min(bytes, image.fileLength - offset + (image.geometry.clusterSize - 1)) / 8 * 8
    image.context.expect(end)
    let buffer = Buffer(count: Int(min(end, TableWalk.readBytes)))
    var position: UInt64 = 0
    while position < end {
      let count = Int(min(end - position, UInt64(buffer.count)))
      var target = buffer.mutableBytes
      var part = target.slice(0..<count)
      do throws(BlockError) {
        try image.file.read(at: offset + position, into: &part)
      } catch {
        return findings.foundUnreadable(offset + position, error.message)
      }
      try walkL1Part(buffer.bytes.slice(0..<count), isActive: isActive)
      position += UInt64(count)
      image.context.advance(UInt64(count))
    }
  }

  private func walkL1Part(_ bytes: RawSpan, isActive: Bool) throws(BlockError) {
    guard !bytes.isZero else { return }
    let count = bytes.byteCount / L1Entry.size
    for index in 0..<count {
      let entry = L1Entry(rawValue: bytes.big64(at: index * L1Entry.size))
      guard entry.rawValue != 0 else { continue }
      if entry.rawValue & TableWalk.reservedL1 != 0 {
        findings.found(.reservedBitsL1(entry: entry.rawValue), canMend: true)
      }
      if image.repair == .all, image.isRoot(entry.offset >> image.geometry.clusterBits) {
        findings.found(.overlappingL2Table(offset: entry.offset), canMend: true)
        if !isActive, entry.offset >> image.geometry.clusterBits != 0 { tables.claimL1() }
        continue
      }
      try references.add(at: entry.offset, bytes: image.geometry.clusterSize, canMend: true)
      let isAligned = image.geometry.offsetInCluster(entry.offset) == 0
      if !isAligned { findings.found(.unalignedL2Table(offset: entry.offset), canMend: true) }
      guard entry.offset < image.fileLength, isAligned || image.repair != .all else { continue }
      if try countAgain(entry.offset, isAligned: isAligned, isActive: isActive) { continue }
      if !run.holds(entry.offset, image.geometry.clusterSize) {
        try image.context.checkInterrupted()
        var wanted = image.geometry.clusterSize
        var next = index + 1
        while next < count, wanted < run.capacity,
          L1Entry(rawValue: bytes.big64(at: next * L1Entry.size)).offset == entry.offset + wanted
        {
          wanted += image.geometry.clusterSize
          next += 1
        }
        if let reason = run.load(entry.offset, wanted, from: image.file) {
          findings.foundUnreadable(entry.offset, reason)
          continue
        }
      }
      let buffer = run.buffer
      let table = buffer.bytes.slice(run.range(of: entry.offset, image.geometry.clusterSize))
      tables.note(try walkL2(table, isActive: isActive), at: entry.offset)
    }
  }

  /// Whether nothing more is to be done about a table now, because it was looked at before.
  private func countAgain(_ offset: UInt64, isAligned: Bool, isActive: Bool) throws(BlockError) -> Bool {
    guard let state = tables[offset] else {
      return isAligned ? false : !tables.takeBudget(image.geometry.l2Entries)
    }
    if state.isDamaged && tables.takeBudget(image.geometry.l2Entries) { return false }
    tables.addRepeat(at: offset)
    if isActive { findings.countClusters(of: state) }
    return true
  }

  /// Adds what tables with several references point to, as often as they have further references.
  func addRepeatedTables() throws(BlockError) {
    let repeated = tables.repeated
    guard !repeated.isEmpty else { return }
    let run = TableRun(image.geometry.clusterSize)
    for offset in repeated {
      guard let state = tables[offset] else { continue }
      try image.context.checkInterrupted()
      if let reason = run.load(offset, image.geometry.clusterSize, from: image.file) {
        findings.foundUnreadable(offset, reason)
        continue
      }
      let buffer = run.buffer
      let bytes = buffer.bytes
      var entries = L2Walk(image.geometry)
      while let (_, entry) = entries.next(in: bytes) {
        guard let range = image.hostRange(entry) else { continue }
        let before = findings.total
        try references.add(at: range.offset, bytes: range.bytes, count: UInt64(state.repeats), canMend: true)
        if findings.total != before { break }
      }
    }
  }

  // MARK: L2 entries

  /// Counts what the entries of a table point to and tells what is wrong with them.
  private func walkL2(_ bytes: RawSpan, isActive: Bool) throws(BlockError) -> TableState {
    var state = TableState()
    guard !bytes.isZero else { return state }
    let before = findings.total
    let errorsBefore = findings.result.checkErrors
    var next: UInt64 = 0
    let size = image.geometry.l2EntryBytes
    let count = bytes.byteCount / size
    let mayRun = size == 8 && !image.hasDataFile
    var index = 0
    while index < count {
      let entry = L2Entry(rawValue: bytes.big64(at: index * size))
      if mayRun {
        if entry.rawValue == 0 {
          index += bytes.run64(index..<count, first: 0, step: 0, mask: .max)
          continue
        }
        let run = plainRun(bytes, from: index, to: count)
        if run > 0 {
          try countRun(entry, UInt64(run), &next, &state, isActive: isActive)
          index += run
          continue
        }
      }
      let bitmap = SubclusterBitmap(rawValue: size == 16 ? bytes.big64(at: index * size + 8) : 0)
      if entry.isCompressed {
        try countCompressed(entry, bitmap, index, &state)
      } else if entry.rawValue != 0 || bitmap.rawValue != 0 {
        try countPlain(entry, bitmap, &next, &state, isActive: isActive)
      }
      index += 1
    }
    state.isDamaged = findings.total != before || findings.result.checkErrors != errorsBefore
    if isActive { findings.countClusters(of: state) }
    return state
  }

  /// How many entries from `start` on are for clusters with data that lie side by side in the file, all marked
  /// alike, with nothing to find wrong; 0 where the first one needs a closer look.
  private func plainRun(_ bytes: RawSpan, from start: Int, to count: Int) -> Int {
    let first = L2Entry(rawValue: bytes.big64(at: start * 8))
    let size = image.geometry.clusterSize
    let offset = first.offset
    guard first.rawValue & ~(L1Entry.offsetMask | L2Entry.copiedBit) == 0, offset != 0,
      offset & (size - 1) == 0, offset < image.fileLength
    else { return 0 }
    let room = Int(clamping: (image.fileLength - offset + size - 1) >> image.geometry.clusterBits)
    let end = start + min(count - start, room)
    return bytes.run64(start..<end, first: first.rawValue, step: size, mask: .max)
  }

  private func countRun(
    _ first: L2Entry, _ count: UInt64, _ next: inout UInt64, _ state: inout TableState, isActive: Bool
  ) throws(BlockError) {
    let start = first.offset >> image.geometry.clusterBits
    state.allocated += UInt32(truncatingIfNeeded: count)
    if next != 0 && first.offset != next { state.fragmented += 1 }
    next = first.offset + count << image.geometry.clusterBits
    if isActive && !refcounts.singles.areAll(first.isCopied, in: start..<start + count) {
      state.hasWrongFlags = true
    }
    try references.addOne(toEach: start..<start + count)
  }

  private func countCompressed(
    _ entry: L2Entry, _ bitmap: SubclusterBitmap, _ index: Int, _ state: inout TableState
  ) throws(BlockError) {
    let descriptor = CompressedDescriptor(entry, image.geometry)
    if entry.isCopied { findings.found(.compressedCopied(offset: descriptor.offset), canMend: true) }
    let shown = entry.rawValue & ~L2Entry.copiedBit
    if image.hasDataFile {
      return findings.found(.compressedInDataFile(index: index, entry: shown), canMend: true)
    }
    if bitmap.rawValue != 0 {
      return findings.found(.compressedWithBitmap(index: index, entry: shown), canMend: true)
    }
    state.allocated += 1
    state.compressed += 1
    state.fragmented += 1
    try references.add(at: descriptor.offset, bytes: descriptor.size, canMend: true)
  }

  private func countPlain(
    _ entry: L2Entry, _ bitmap: SubclusterBitmap, _ next: inout UInt64, _ state: inout TableState,
    isActive: Bool
  ) throws(BlockError) {
    if entry.rawValue & image.reservedL2 != 0 {
      findings.found(.reservedBitsL2(entry: entry.rawValue), canMend: true)
    }
    let offset = entry.offset
    let hasPlace = offset != 0 || (image.hasDataFile && entry.isCopied)
    var isPreallocated = entry.hasZeroBit
    if image.geometry.hasExtendedL2 {
      isPreallocated = bitmap.allocated == 0
      if !hasPlace {
        if bitmap.allocated != 0 { findings.found(.bitmapWithoutCluster, canMend: true) }
      } else if bitmap.allocated & bitmap.zero != 0 {
        findings.found(.bitmapContradiction(offset: offset), canMend: true)
      }
    }
    guard hasPlace else { return }
    state.allocated += 1
    if next != 0 && offset != next { state.fragmented += 1 }
    next = offset + image.geometry.clusterSize
    if image.geometry.offsetInCluster(offset) != 0 {
      findings.found(.unalignedCluster(offset: offset, isPreallocated: isPreallocated), canMend: true)
      // A repair mends the entry first; the check after it counts the cluster.
      if image.repair == .all { return }
    }
    if isActive && entry.isCopied != isSingle(offset) { state.hasWrongFlags = true }
    if !image.hasDataFile { try references.add(at: offset, bytes: image.geometry.clusterSize, canMend: true) }
  }

  /// Whether a cluster has exactly one reference by its refcount; nil where that takes a closer look.
  private func isSingle(_ offset: UInt64) -> Bool? {
    image.hasDataFile ? true : refcounts.singles[offset >> image.geometry.clusterBits]
  }
}
