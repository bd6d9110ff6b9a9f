// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Crypto
internal import Errors
internal import Host
internal import Options

/// An open encrypted disk: whole sectors are read, written, decrypted and encrypted here.
final class LuksDriver: EncryptingStorage, @unchecked Sendable {
  // Sendable because what changes is guarded by `lock`.

  /// The volume key, the secret that opened it, and the cipher.
  struct Unlocked {
    var key: LuksVolumeKey
    /// The secret itself, to tell which keys it opens.
    var passphrase: Secret
    var cipher: SectorCipher
  }

  /// The place of the header.
  enum HeaderPlace {
    /// In front of the data.
    case inFront
    /// In a file of its own, in slot `header`.
    case apart
    /// In the node's file, whether or not data follows: keys are all that is worked with.
    case alone
  }

  /// The state of a change of keys; while keys are updated, the node claims more of its file.
  enum KeyUpdate {
    /// Nothing is under way.
    case none
    /// Writing the header is claimed, or about to be.
    case updating
    /// The claim is over, but the graph may not have followed yet.
    case releasing
  }

  /// Bytes encrypted at once: as many as stay in a core's cache.
  private static let chunk = 256 << 10

  let name = "luks"
  let unlocked: Unlocked?
  private let place: HeaderPlace
  private let lock = ConditionLock()
  private var currentHeader: LuksHeader
  private var currentUpdate = KeyUpdate.none
  private let pool = BufferPool()
  private let payloadOffset: UInt64
  private let payloadLength: UInt64?
  private let sectorSize: UInt64
  private let ivTweak: UInt64

  init(_ header: LuksHeader, unlocked: Unlocked?, at place: HeaderPlace) {
    self.place = place
    currentHeader = header
    self.unlocked = unlocked
    payloadOffset = header.payloadOffset
    payloadLength = header.payloadLength
    sectorSize = UInt64(header.sectorSize)
    ivTweak = header.ivTweak
  }

  /// The header as it is in the image.
  var header: LuksHeader {
    get { lock.withLock { currentHeader } }
    set { lock.withLock { currentHeader = newValue } }
  }

  /// The state of a change of keys.
  var keyUpdate: KeyUpdate {
    get { lock.withLock { currentUpdate } }
    set { lock.withLock { currentUpdate = newValue } }
  }

  private var headerSlot: EdgeSlot { place == .apart ? .header : .file }

  /// The edge to the header's file.
  func headerFile(of node: Node) -> Edge? { node.edge(headerSlot) }

  // MARK: Graph hooks

  func allocatedLength(of node: Node) -> UInt64? { node.file?.child.allocatedLength }
  func limits(of node: Node) -> Limits {
    var limits = Limits()
    limits.requestAlignment = sectorSize
    return limits
  }

  /// The header lies still, so that the file is used as the node is, and a file of the header's own is only read, but
  /// for a change of keys: that reads and writes the header, and nobody else may look at it or write meanwhile.
  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    var request = parents.derived(for: slot == .header ? role : [.filtered, .primary], flags: flags)
    // Guest data never goes there.
    if slot == .header { request.held.formIntersection(.consistentRead) }
    if keyUpdate == .updating, slot == headerSlot {
      request.held.insert(.write)
      request.shared.subtract([.consistentRead, .write])
    }
    return request
  }

  // MARK: Shape

  func length(of node: Node) -> UInt64 {
    let stored = node.file?.length ?? 0
    // A header that lies alone has its data anywhere but behind it.
    if place == .alone, payloadOffset == 0 || payloadOffset > stored { return 0 }
    if let payloadLength { return payloadLength }
    guard stored > payloadOffset else { return 0 }
    return (stored - payloadOffset).roundedUp(to: sectorSize) ?? 0
  }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    Extent(.data, length: length, encoding: .encrypted)
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard payloadLength == nil else {
      throw BlockError(.unsupported, "Cannot resize an encrypted disk whose header states its length")
    }
    guard length.isMultiple(ofUnit: sectorSize) else {
      throw BlockError(.invalidArgument, "Size must be a multiple of the sector size of \(sectorSize) bytes")
    }
    guard let total = length.plus(payloadOffset), Int64(exactly: total) != nil else {
      throw BlockError(.tooLarge, "The requested file size is too large")
    }
    try node.file?.truncate(to: total, exact: exact, preallocation: preallocation)
  }

  func flush(_ node: Node) throws(BlockError) { try node.file?.flush() }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.isEncrypted = true
    information.specific = ["type": "luks", "data": .object(header.description)]
    return information
  }

  // MARK: Data

  func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    let cipher = try cipher()
    guard let file = node.file else { return }
    var done = 0
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      var part = buffer.slice(done..<min(done + LuksDriver.chunk, buffer.byteCount))
      try file.read(at: payloadOffset + position, into: &part)
      try cipher.decrypt(&part, from: number(of: position))
      done += part.byteCount
    }
  }

  func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError) {
    let cipher = try cipher()
    guard let file = node.file else { return }
    guard let end = offset.plus(UInt64(data.byteCount)), end <= length(of: node) else {
      throw BlockError(.inputOutput, "write past the end of node '\(node.name)'")
    }
    let buffer = pool.take(LuksDriver.chunk)
    defer { pool.put(buffer) }
    var done = 0
    while done < data.byteCount {
      let position = offset + UInt64(done)
      let count = min(LuksDriver.chunk, data.byteCount - done)
      var bytes = buffer.mutableBytes
      var part = bytes.slice(0..<count)
      try cipher.encrypt(data.slice(done..<done + count), into: &part, from: number(of: position))
      try file.write(at: payloadOffset + position, from: part.bytes, unchanged: unchanged)
      done += count
    }
  }

  var encryptionUnit: UInt64? { sectorSize }

  func encrypt(_ bytes: inout MutableRawSpan, guestOffset: UInt64, hostOffset: UInt64) throws(BlockError) {
    try cipher().encrypt(&bytes, from: number(of: guestOffset))
  }

  func writeEncrypted(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node)
    throws(BlockError)
  {
    guard let file = node.file else { return }
    guard let end = offset.plus(UInt64(data.byteCount)), end <= length(of: node) else {
      throw BlockError(.inputOutput, "write past the end of node '\(node.name)'")
    }
    try file.write(at: payloadOffset + offset, from: data, unchanged: unchanged)
  }

  private func number(of position: UInt64) -> UInt64 { position / SectorCipher.ivUnit &+ ivTweak }

  private func cipher() throws(BlockError) -> SectorCipher {
    guard let unlocked else { throw BlockError(.accessDenied, "Encrypted disk is open without its key") }
    return unlocked.cipher
  }
}
