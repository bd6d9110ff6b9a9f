// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

extension Qcow2Driver: FormatDriver {
  /// `qcow2`.
  var name: String { "qcow2" }

  /// The sectors of the guest's disk in bytes.
  func length(of node: Node) -> UInt64 { mapping.length }

  /// Space is given in clusters.
  func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.clusterSize = header.geometry.clusterSize
    limits.largestCopyUnit = limits.clusterSize
    if header.geometry.hasExtendedL2 { limits.partSize = header.geometry.subclusterSize }
    if codec.isEncrypted { limits.requestAlignment = ClusterEncryption.sector }
    return limits
  }

  /// Everything.
  func tells(of event: BlockEvent) -> Bool { true }

  /// Everything but which state of the disk is served.
  var mutableOptions: Set<String> { Qcow2Options.mutable.union(["backing"]) }

  // MARK: Reading

  /// The extent at the start of a range: as far as the tables say the same of it.
  ///
  /// A read whose tables are in memory does not wait for writes, nor for anything to become durable.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    if let known = mapping.knownExtent(at: offset, length: length) { return known }
    return try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try mapping.extent(at: offset, length: length, held)
    }
  }

  /// Whether it is worth asking the file for holes in clusters that are in use.
  func mayHaveHoles(of node: Node) -> Bool {
    lock.withHeld(node) { (held: borrowing Held) in allocator.mayHaveHoles(held) }
  }

  func readEncoded(_ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)
  {
    if extent.encoding == .encrypted, let location = extent.location {
      return try codec.readEncrypted(from: location, at: offset, into: &buffer, node)
    }
    try buffer.forEachBlock(of: header.geometry.clusterSize, from: offset) {
      (start, range, part) throws(BlockError) in
      let position = start + UInt64(range.lowerBound)
      if let entry = try compressedEntry(at: position, node) {
        try codec.read(entry, from: range.lowerBound, guest: position, into: &part, node)
      } else {
        // Somebody wrote over it between the look at the tables and the reading.
        try readAny(at: position, into: &part, of: node)
      }
    }
  }

  /// The entry of the compressed cluster at a guest offset, or nil where it is not compressed any more.
  private func compressedEntry(at offset: UInt64, _ node: Node) throws(BlockError) -> L2Entry? {
    if let known = mapping.knownEntry(at: offset) { return known.isCompressed ? known : nil }
    return try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard let place = try mapping.place(of: offset, held) else { return nil }
      let buffer = place.slice.buffer
      let entry = mapping.entry(buffer.bytes, place)
      return entry.isCompressed ? entry : nil
    }
  }

  /// Reads guest data of any kind: plain, compressed, encrypted, zeros or the backing file's.
  func readAny(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    var done = 0
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      let extent = try extent(at: position, length: UInt64(buffer.byteCount - done), of: node)
      var part = buffer.slice(done..<done + Int(extent.length))
      switch (extent.kind, extent.encoding, extent.location) {
      case (.data, .plain, .some(let location)):
        let file = try files.dataFile(of: node)
        file.note(.readAIO)
        try file.read(at: location.offset, into: &part)
      case (.data, _, _):
        try readEncoded(extent, at: position, into: &part, of: node)
      case (.unallocated, _, _):
        if let backing = node.backing { try backing.read(at: position, into: &part) } else { part.fill() }
      case (.zero, _, _):
        part.fill()
      }
      done += Int(extent.length)
    }
  }

  // MARK: Writing

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try prepareForChanges(held)
      try bitmaps.noteChange(at: offset, length: length, held)
      return try writer.prepare(at: offset, length: length, held)
    }
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try writer.finish(slot, written: written, held)
    }
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard canClear(node) else { return false }
      let keepsSpace = !mayUnmap || options.discardNoUnref
      let way: MappingTables.Clearing =
        header.version < 3 ? .unallocated : keepsSpace ? .zeroKeepingSpace : .zero
      try clear(offset, length, way, mayUnmap: mayUnmap, isDiscard: false, held)
      return true
    }
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard node.flags.contains(.unmap) else { return }
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard canClear(node) else { return }
      let way: MappingTables.Clearing =
        header.version < 3 ? .unallocated : options.discardNoUnref ? .zeroKeepingSpace : .zero
      try clear(offset, length, way, mayUnmap: true, isDiscard: true, held)
    }
  }

  /// Whether clusters can be made to read as zeros.
  private func canClear(_ node: Node) -> Bool {
    // Version 2 cannot hide a backing file behind zeros: old content of it would come to light.
    if header.version < 3 && mapping.hidesBacking(node) { return false }
    // Zeros in the data file would decrypt to noise.
    return !(isDataRaw && codec.isEncrypted)
  }

  private func clear(
    _ offset: UInt64, _ length: UInt64, _ way: MappingTables.Clearing, mayUnmap: Bool, isDiscard: Bool,
    _ held: borrowing Held
  ) throws(BlockError) {
    try prepareForChanges(held)
    try bitmaps.noteChange(at: offset, length: length, held)
    if isDataRaw {
      // A raw data file must read the same without the tables.
      claims.wait(for: offset..<offset + length, held)
      try files.dataFile(held).writeZeroes(at: offset, length: length, mayUnmap: mayUnmap)
    }
    try mapping.clear(offset..<offset + length, way, isDiscard: isDiscard, held)
  }

  func makeEmpty(_ node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard !isDataRaw else {
        throw BlockError(.unsupported, "an image with a raw data file cannot be emptied")
      }
      try prepareForChanges(held)
      claims.wait(for: 0..<mapping.length, held)
      files.note(.emptyImagePrepare, held)
      try mapping.giveUp(from: 0, to: mapping.length, .request, held)
      try mapping.settle(held)
      // Nothing may go on behind what is gone.
      allocator.forgetPacked()
      codec.forget()
      try allocator.giveBackIdleBlocks(held)
      if !files.hasDataFile { try allocator.cutFile(held) }
    }
  }

  // MARK: Other lengths and names

  func truncate(to newLength: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard newLength % 512 == 0 else { throw BlockError.noWholeSectors }
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try bitmaps.refuse(length: newLength)
      try prepareForChanges(held)
      if header.version < 3, !snapshots.entries.isEmpty {
        throw BlockError(.unsupported, "Can't resize a v2 image which has snapshots")
      }
      guard newLength != mapping.length else { return }
      try bitmaps.noteResizing(held)
      // Bitmaps note nothing: the data that guests could read before stays as it is.
      try bitmaps.paused { () throws(BlockError) in
        try resize(to: newLength, preallocation, held)
      }
    }
  }

  private func resize(to newLength: UInt64, _ preallocation: Preallocation, _ held: borrowing Held)
    throws(BlockError)
  {
    if newLength < mapping.length {
      guard preallocation == .off else {
        throw BlockError(.invalidArgument, "Preallocation can't be used for shrinking an image")
      }
      return try DiskCut(self).shrink(to: newLength, held)
    }
    guard preallocation == .off || !codec.isEncrypted || header.version >= 3 else {
      throw BlockError(
        .unsupported, "Preallocation of encrypted images requires compatibility level 1.1 or above")
    }
    try DiskGrowth(self).grow(to: newLength, preallocation, held)
  }

  func setBackingFile(_ name: String?, format: String?, of node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try prepareForChanges(held)
      let changed = try header.header(naming: name, format, isDataRaw: isDataRaw)
      // A program that reads the new name finds everything that was written under the old one.
      try mapping.writeBack(held)
      try files.barrier(held)
      try header.replace(by: changed, held)
    }
  }
}

extension Qcow2Driver: CompressingDriver {
  func makeCompressor() throws(BlockError) -> any ClusterCompressor { try codec.makeCompressor() }

  func prepareCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError) -> CompressedSlot
  {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try prepareForChanges(held)
      for cluster in clusters {
        try bitmaps.noteChange(at: cluster.guestOffset, length: header.geometry.clusterSize, held)
      }
      return try writer.prepare(clusters, held)
    }
  }

  func finishCompressed(_ slot: CompressedSlot, written: Bool, of node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try writer.end(slot.allocation, written: written, held)
    }
  }
}

extension Qcow2Driver: EncryptingDriver {
  var encryptionUnit: UInt64? { codec.isEncrypted ? ClusterEncryption.sector : nil }

  func encrypt(_ bytes: inout MutableRawSpan, guestOffset: UInt64, hostOffset: UInt64) throws(BlockError) {
    try codec.encrypt(&bytes, guestOffset: guestOffset, hostOffset: hostOffset)
  }
}
