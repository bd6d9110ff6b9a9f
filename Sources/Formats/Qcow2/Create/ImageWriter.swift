// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Options

extension Qcow2Format {
  /// Fills an empty file with an empty image: all tables in one pass, the header last.
  static func makeImage(_ request: CreateRequest) throws(BlockError) {
    let options = try CreationOptions(request.options)
    let allocates = options.preallocation != .off || options.isDataFileRaw
    let layout = try ImageLayout(
      options.geometry, length: request.size, allocatesTables: allocates,
      hasDataFile: options.dataFile != nil, encryptionHeader: options.encryption?.headerLength ?? 0)
    var header = options.header(layout, length: request.size)
    // Names of features are for people; with small clusters and long names there is no room for them.
    if header.writtenSize > Int(options.geometry.clusterSize) { header.set(.featureNames, nil) }
    guard header.writtenSize <= Int(options.geometry.clusterSize) else {
      throw BlockError(.tooLarge, "qcow2 header exceeds cluster size")
    }
    // A missing secret is told before anything is written.
    let passphrase = try options.encryption?.passphrase(request.secrets)
    let storage = options.preallocation == .metadata ? Preallocation.off : options.preallocation
    if let name = options.dataFile {
      let data = try request.files.add(name, as: .dataFile)
      try inContext("Could not resize image") { () throws(BlockError) in
        try data.truncate(to: request.size, exact: false, preallocation: storage)
      }
    }
    let end = layout.totalClusters << layout.geometry.clusterBits
    if layout.dataClusters > 0 {
      try inResize { () throws(BlockError) in try request.file.requireRoom(for: end, storage) }
    }
    var writer = ImageWriter(file: request.file, layout: layout, isEncrypted: options.encryption != nil)
    try writer.writeTables(hasDataFile: options.dataFile != nil)
    if let encryption = options.encryption, let passphrase {
      // All of its clusters are in the file, though nothing may follow them.
      if layout.encryptionClusters > 0 {
        let end = layout.firstL2Table << layout.geometry.clusterBits
        if request.file.length < end { try request.file.truncate(to: end, exact: false) }
      }
      try encryption.write(to: options.encryptionPlace(layout), in: request.file, passphrase)
    }
    if layout.dataClusters > 0 {
      try inResize { () throws(BlockError) in
        try request.file.truncate(to: end, exact: false, preallocation: storage)
      }
    }
    let area = Buffer(count: Int(layout.geometry.clusterSize))
    var bytes = area.mutableBytes
    try header.write(to: &bytes)
    try request.file.write(at: 0, from: area.bytes)
  }

  private static func inResize(_ body: () throws(BlockError) -> Void) throws(BlockError) {
    try inContext("Could not resize image: Failed to resize underlying file", body)
  }
}

extension CreationOptions {
  /// The place of the encryption header.
  func encryptionPlace(_ layout: ImageLayout) -> EncryptionPlace {
    EncryptionPlace(
      offset: layout.encryptionHeader << layout.geometry.clusterBits, length: encryption?.headerLength ?? 0)
  }

  /// The header of a new image.
  func header(_ layout: ImageLayout, length: UInt64) -> Header {
    var header = Header()
    header.version = version
    header.clusterBits = clusterBits
    header.size = length
    header.l1Size = UInt32(layout.l1Entries)
    header.l1Offset = layout.l1Entries == 0 ? 0 : layout.l1Table << layout.geometry.clusterBits
    header.refcountTableOffset = layout.refcountTable << layout.geometry.clusterBits
    header.refcountTableClusters = UInt32(layout.refcountTableClusters)
    header.refcountOrder = refcountOrder
    header.compressionType = compression.rawValue
    if dataFile != nil { header.incompatible.insert(.dataFile) }
    if compression != .zlib { header.incompatible.insert(.compressionType) }
    if hasExtendedL2 { header.incompatible.insert(.extendedL2) }
    if hasLazyRefcounts { header.compatible.insert(.lazyRefcounts) }
    if isDataFileRaw { header.autoclear.insert(.rawDataFile) }
    header.backingName = backingName
    if let backingFormat {
      header.extensions.append(HeaderExtension(.backingFormat, backingFormat.spelledBytes))
    }
    if let encryption {
      header.cryptMethod = encryption.method.rawValue
      if encryption.recipe != nil {
        header.extensions.append(HeaderExtension(.encryption, encryptionPlace(layout).data))
      }
    }
    if let dataFile { header.extensions.append(HeaderExtension(.dataFile, dataFile.spelledBytes)) }
    if version >= 3 { header.extensions.append(HeaderExtension(featureNames: FeatureName.all)) }
    return header
  }
}

/// Writes the tables of a new image from first to last through one buffer.
private struct ImageWriter {
  let file: Edge
  let layout: ImageLayout
  /// Whether space that was never written decrypts to noise, and therefore is marked as zeros.
  let isEncrypted: Bool
  private let chunk: Buffer
  private var used = 0
  private var position: UInt64

  private static let chunkBytes: UInt64 = 1 << 20

  init(file: Edge, layout: ImageLayout, isEncrypted: Bool) {
    self.isEncrypted = isEncrypted
    self.file = file
    self.layout = layout
    let clusterSize = layout.geometry.clusterSize
    chunk = Buffer(count: Int(max(ImageWriter.chunkBytes, clusterSize)))
    position = layout.refcountTable << layout.geometry.clusterBits
  }

  mutating func writeTables(hasDataFile: Bool) throws(BlockError) {
    let geometry = layout.geometry
    for block in 0..<layout.refcountBlocks {
      try put((layout.firstBlock + block) << geometry.clusterBits)
    }
    try fillCluster()
    try writeRefcounts()
    for entry in 0..<layout.l1Entries {
      let isAllocated = layout.l2Tables > 0
      try put(
        isAllocated ? L1Entry(table: (layout.firstL2Table + entry) << geometry.clusterBits).rawValue : 0)
    }
    guard layout.l2Tables > 0 else { return try flush() }
    try fillCluster()
    if layout.encryptionClusters > 0 {
      try flush()
      position += layout.encryptionClusters << geometry.clusterBits
    }
    let firstData = hasDataFile ? 0 : layout.firstData
    for cluster in 0..<layout.guestClusters {
      let entry = L2Entry(data: (firstData + cluster) << geometry.clusterBits).rawValue
      try put(isEncrypted && !geometry.hasExtendedL2 ? entry | L2Entry.zeroBit : entry)
      // Space without content: with subclusters, the backing file shows through.
      if geometry.hasExtendedL2 { try put(0) }
    }
    try fillCluster()
    try flush()
  }

  private mutating func writeRefcounts() throws(BlockError) {
    let geometry = layout.geometry
    // A byte or a word with as many counts of 1 as it holds; the rest is cut off at the end.
    let bits = geometry.refcountBits
    var counts: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: Int(bits)) { counts |= 1 << UInt64(shift) }
    let perWord = 64 / bits
    for _ in 0..<layout.totalClusters / perWord { try put(counts) }
    let rest = layout.totalClusters % perWord
    if rest > 0 {
      let word = Buffer(count: 8)
      var bytes = word.mutableBytes
      for index in 0..<Int(rest) { RefcountBlock.set(1, &bytes, at: index, order: geometry.refcountOrder) }
      try put(word.bytes.big64(at: 0))
    }
    try fillCluster()
  }

  private mutating func put(_ value: UInt64) throws(BlockError) {
    if used == chunk.count { try flush() }
    let buffer = chunk
    var bytes = buffer.mutableBytes
    bytes.storeBig(value, at: used)
    used += 8
  }

  /// Goes on at the next cluster, with zeros up to there.
  private mutating func fillCluster() throws(BlockError) {
    let size = Int(layout.geometry.clusterSize)
    guard let end = UInt64(used).roundedUp(to: UInt64(size)) else { return }
    let buffer = chunk
    var bytes = buffer.mutableBytes
    var rest = bytes.slice(used..<Int(end))
    rest.fill()
    used = Int(end)
  }

  private mutating func flush() throws(BlockError) {
    guard used > 0 else { return }
    try file.write(at: position, from: chunk.bytes.slice(0..<used))
    position += UInt64(used)
    used = 0
  }
}
