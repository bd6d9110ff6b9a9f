// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
import Bytes
package import Errors
import Host
package import Options

/// A small format with clusters, zero clusters and a backing file: enough to test what stands above formats.
///
/// The first 4096 bytes are the header: the magic number, the length (8 bytes, big-endian), the cluster size
/// (8), then the names of the backing file and of its format, each after a length (2). The table follows,
/// one cluster's offset (8) for each cluster: 0 for nothing here, 1 for zeros.
package struct FakeFormat: DriverKind {
  /// The first bytes of an image.
  package static let magic: UInt64 = 0x4641_4b45_464d_5431
  static let headerLength = 4096

  /// Makes the kind.
  package init() {}

  /// `fake`.
  package var name: String { "fake" }
  /// Images may have one.
  package var supportsBacking: Bool { true }
  /// Size, cluster size and backing file.
  package var creationOptions: OptionList {
    [
      OptionSpec("size", .size, "Virtual disk size"), OptionSpec("cluster_size", .size, "Cluster size"),
      OptionSpec("backing_file", .string, "Backing file"), OptionSpec("backing_fmt", .string, "Its format"),
    ]
  }

  /// Certain of the magic number.
  package func probe(_ input: ProbeInput) -> Recognition? {
    FakeFormat.isMagic(input.head.bytes) ? Recognition(by: "the magic number at byte 0") : nil
  }

  static func isMagic(_ head: RawSpan) -> Bool {
    head.byteCount >= 8 && head.big64(at: 0) == FakeFormat.magic
  }

  /// An empty image's bytes.
  package static func image(
    length: UInt64, clusterSize: UInt64 = 4096, backing: String = "", format: String = ""
  ) -> [UInt8] {
    let clusters = length.dividedUp(by: clusterSize)
    let buffer = Buffer(count: headerLength + Int(clusters) * 8)
    var bytes = buffer.mutableBytes
    bytes.storeBig(magic, at: 0)
    bytes.storeBig(length, at: 8)
    bytes.storeBig(clusterSize, at: 16)
    var offset = 24
    for text in [backing, format] {
      bytes.storeBig(UInt16(text.utf8.count), at: offset)
      for (index, byte) in text.utf8.enumerated() { bytes.store(byte, at: offset + 2 + index) }
      offset += 2 + text.utf8.count
    }
    return buffer.bytes.array
  }

  /// Reads the header and the table. The option `trouble` makes opening fail at that step; `colour` cannot be changed
  /// while the image is open, `pace` can.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    if let trouble = try request.options.takeString("trouble") {
      throw BlockError(.corrupt, "trouble: \(trouble)")
    }
    _ = try request.options.takeString("colour")
    let pace = try request.options.takeSize("pace")
    guard let file = request.node.file else { throw BlockError(.invalidArgument, "no file") }
    let header = try file.read(at: 0, count: FakeFormat.headerLength)
    guard FakeFormat.isMagic(header.bytes) else {
      throw BlockError(.invalidArgument, "Image is not in fake format")
    }
    let length = header.bytes.big64(at: 8)
    let clusterSize = header.bytes.big64(at: 16)
    guard clusterSize >= 512, clusterSize <= 1 << 20, length <= 1 << 24 else {
      throw BlockError(.corrupt, "cluster size or length out of range")
    }
    var names: [String] = []
    var offset = 24
    for _ in 0..<2 {
      let count = Int(header.bytes.big16(at: offset))
      guard count <= 1024, let name = header.bytes.utf8(offset + 2..<offset + 2 + count) else {
        throw BlockError(.corrupt, "name out of range")
      }
      names.append(name)
      offset += 2 + count
    }
    let table = try file.read(
      at: UInt64(FakeFormat.headerLength), count: Int(length.dividedUp(by: clusterSize)) * 8)
    var entries: [UInt64] = []
    for index in 0..<table.count / 8 { entries.append(table.bytes.big64(at: index * 8)) }
    let driver = FakeDriver(
      length: length, clusterSize: clusterSize, entries: entries, fileLength: file.length,
      pace: pace ?? FakeDriver.defaultPace)
    var references: [ImageReference] = []
    if !names[0].isEmpty {
      references.append(
        ImageReference(slot: .backing, role: .cow, name: names[0], format: names[1].isEmpty ? nil : names[1]))
    }
    return OpenedDriver(driver, references: references)
  }
}

/// An open image of the fake format.
package final class FakeDriver: FormatDriver, @unchecked Sendable {
  /// `fake`.
  package let name = "fake"
  private let size: UInt64
  private let clusterSize: UInt64
  private let lock = ConditionLock()
  private var entries: [UInt64]
  private var end: UInt64
  /// Clusters that have a place but are not linked yet, by index.
  private var pending: [Int: UInt64] = [:]

  /// What `pace` is where it is not stated.
  package static let defaultPace: UInt64 = 1
  private var currentPace: UInt64
  private var nextPace: UInt64?
  private var finish: (@Sendable (Node) throws(BlockError) -> Void)?

  init(length: UInt64, clusterSize: UInt64, entries: [UInt64], fileLength: UInt64, pace: UInt64) {
    size = length
    currentPace = pace
    self.clusterSize = clusterSize
    self.entries = entries
    end = fileLength.roundedUp(to: clusterSize) ?? fileLength
  }

  /// The option `pace`.
  package var pace: UInt64 { lock.withLock { currentPace } }
  /// Called when everything was reopened.
  package func whenReopened(_ body: (@Sendable (Node) throws(BlockError) -> Void)?) {
    lock.withLock { finish = body }
  }

  /// `pace` and the backing file.
  package var mutableOptions: Set<String> { ["pace", "backing"] }
  /// Reads `pace`.
  package func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    var options = options
    let pace = try options.takeSize("pace") ?? FakeDriver.defaultPace
    lock.withLock { nextPace = pace }
  }
  /// Changes the pace.
  package func commitReopen(of node: Node) { lock.withLock { currentPace = nextPace ?? currentPace } }
  /// Keeps the pace.
  package func abortReopen(of node: Node) { lock.withLock { nextPace = nil } }
  /// Does what the test asked for.
  package func finishReopen(of node: Node) throws(BlockError) {
    if let finish = lock.withLock({ finish }) { try finish(node) }
  }
  /// Reads the table once more.
  package func invalidateCache(_ node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    let table = try file.read(
      at: UInt64(FakeFormat.headerLength), count: lock.withLock { entries.count * 8 })
    lock.withLock {
      for index in entries.indices { entries[index] = table.bytes.big64(at: index * 8) }
      end = max(end, file.length.roundedUp(to: clusterSize) ?? end)
    }
  }

  /// A unit of allocation.
  package func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.clusterSize = clusterSize
    return limits
  }
  /// That in the header.
  package func length(of node: Node) -> UInt64 { size }

  /// One cluster at a time.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    precondition(offset < size && length > 0 && length <= size - offset, "status outside the length")
    let inside = offset % clusterSize
    let count = min(length, clusterSize - inside)
    switch lock.withLock({ entries[Int(offset / clusterSize)] }) {
    case 0: return Extent(.unallocated, length: count)
    case 1: return Extent(.zero, length: count)
    case let place: return Extent(.data, length: count, location: Extent.Location(.file, place + inside))
    }
  }

  /// Never called.
  package func readEncoded(
    _ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node
  )
    throws(BlockError)
  {
    throw BlockError(.unsupported, "nothing is encoded")
  }

  /// The cluster's place, or a new one at the end that is to be filled whole.
  package func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot
  {
    precondition(offset < size && length > 0, "write outside the length")
    let index = Int(offset / clusterSize)
    let inside = offset % clusterSize
    let count = min(length, clusterSize - inside)
    lock.lock()
    defer { lock.unlock() }
    while pending[index] != nil { lock.wait() }
    if entries[index] > 1 {
      return WriteSlot(length: count, location: Extent.Location(.file, entries[index] + inside))
    }
    pending[index] = end
    end += clusterSize
    return WriteSlot(
      length: count, location: Extent.Location(.file, end - clusterSize + inside), fillBefore: inside,
      fillAfter: clusterSize - inside - count, allocation: UInt64(index))
  }

  /// Links the cluster.
  package func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {
    guard let index = slot.allocation.map(Int.init) else { return }
    let place = lock.withLock { pending[index] }
    defer {
      lock.withLock {
        pending[index] = nil
        lock.notifyAll()
      }
    }
    guard written, let place else { return }
    try link(index, to: place, of: node)
  }

  private func link(_ index: Int, to place: UInt64, of node: Node) throws(BlockError) {
    let entry = Buffer(count: 8)
    var bytes = entry.mutableBytes
    bytes.storeBig(place, at: 0)
    try node.file?.write(at: UInt64(FakeFormat.headerLength + index * 8), from: entry.bytes)
    lock.withLock { entries[index] = place }
  }

  /// Marks whole clusters.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node)
    throws(BlockError)
    -> Bool
  {
    precondition(offset % clusterSize == 0, "zeroing is not aligned")
    precondition((offset + length) % clusterSize == 0 || offset + length == size, "zeroing is not aligned")
    for index in Int(offset / clusterSize)..<Int((offset + length).dividedUp(by: clusterSize)) {
      try link(index, to: 1, of: node)
    }
    return true
  }

  /// As zeroing.
  package func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    _ = try writeZeroes(at: offset, length: length, mayUnmap: true, of: node)
  }

  /// The file's.
  package func flush(_ node: Node) throws(BlockError) { try node.file?.flush() }
}
