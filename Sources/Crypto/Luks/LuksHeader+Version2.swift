// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host
internal import Options

// The layout of "LUKS2 On-Disk Format Specification", version 1.1.3: two copies of a binary header with an area of
// JSON text behind it, then the key material.
extension LuksHeader {
  /// Bytes of the binary header; the JSON text follows.
  private static let binarySize = 4096
  /// Bytes that one copy may have, and so where the second may start.
  package static let copySizes: [UInt64] = [
    16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20,
  ]
  private static let secondaryMagic: [UInt8] = [0x53, 0x4B, 0x55, 0x4C, 0xBA, 0xBE]

  /// The bytes by which a second copy is known, wherever it may start: the magic number and the version.
  package static let secondarySign: [UInt8] = secondaryMagic + [0, 2]

  /// The offset of a second copy that states this offset itself; nil where there is none.
  static func secondCopy(in area: some LuksArea) -> UInt64? {
    let head = Buffer(count: 512)
    for offset in copySizes where offset < area.length {
      var bytes = head.mutableBytes
      guard (try? area.read(at: offset, into: &bytes)) != nil else { continue }
      if head.bytes.bytes(0..<secondarySign.count) == secondarySign, head.bytes.big64(at: 256) == offset {
        return offset
      }
    }
    return nil
  }

  /// Reads the better of the two copies.
  static func version2(in area: some LuksArea, isDetached: Bool, _ limits: LuksLimits) throws(BlockError)
    -> LuksHeader
  {
    var best: LuksHeader?
    var failure: BlockError?
    do throws(BlockError) {
      best = try copy(in: area, at: 0, isDetached, limits)
    } catch {
      failure = error
    }
    for offset in best.map({ [$0.metadataSize] }) ?? copySizes {
      guard let second = try? copy(in: area, at: offset, isDetached, limits) else { continue }
      if best.map({ second.sequence > $0.sequence }) ?? true { best = second }
      break
    }
    if let best { return best }
    throw failure ?? BlockError(.corrupt, "LUKS header is damaged")
  }

  /// Reads and checks the copy that starts at `offset`.
  private static func copy(
    in area: some LuksArea, at offset: UInt64, _ isDetached: Bool, _ limits: LuksLimits
  ) throws(BlockError) -> LuksHeader {
    let binary = Buffer(count: binarySize)
    var bytes = binary.mutableBytes
    try area.read(at: offset, into: &bytes)
    for (index, byte) in (offset == 0 ? magic : secondaryMagic).enumerated()
    where bytes.bytes.byte(at: index) != byte {
      throw BlockError(.corrupt, "LUKS header copy at \(offset) is missing")
    }
    let version = bytes.bytes.big16(at: 6)
    guard version == 2 else { throw BlockError(.corrupt, "LUKS header copy has version \(version)") }
    let size = bytes.bytes.big64(at: 8)
    guard copySizes.contains(size), offset == 0 || offset == size else {
      throw BlockError(.corrupt, "LUKS header size \(size) is not possible")
    }
    guard bytes.bytes.big64(at: 256) == offset else {
      throw BlockError(.corrupt, "LUKS header says that it lies at \(bytes.bytes.big64(at: 256))")
    }
    let whole = Buffer(count: Int(size))
    var all = whole.mutableBytes
    try area.read(at: offset, into: &all)
    try checkSum(&all)
    var header = try parse(all.bytes, metadataSize: size, isDetached, limits)
    header.uuid = text(all.bytes, 168, 40)
    header.label = text(all.bytes, 24, 48)
    header.sequence = all.bytes.big64(at: 16)
    header.isFirstCopy = offset == 0
    return header
  }

  private static func checkSum(_ bytes: inout MutableRawSpan) throws(BlockError) {
    let name = text(bytes.bytes, 72, 32)
    try LuksLimits.check(name: name, field: "checksum algorithm")
    let stored = Buffer(copying: bytes.bytes.slice(448..<512))
    var field = bytes.slice(448..<512)
    field.fill()
    let sum = try Digest(name).hash(bytes.bytes)
    guard sum.count <= 64, sum.bytes.equals(stored.bytes.slice(0..<sum.count)) else {
      throw BlockError(.corrupt, "LUKS header checksum is wrong")
    }
  }

  // MARK: JSON

  private static func parse(
    _ bytes: RawSpan, metadataSize: UInt64, _ isDetached: Bool, _ limits: LuksLimits
  ) throws(BlockError) -> LuksHeader {
    var end = binarySize
    while end < bytes.byteCount, bytes.byte(at: end) != 0 { end += 1 }
    guard end < bytes.byteCount else { throw BlockError(.corrupt, "LUKS metadata has no end") }
    guard bytes.slice(end..<bytes.byteCount).isZero else {
      throw BlockError(.corrupt, "LUKS metadata has text behind its end")
    }
    guard bytes.byte(at: binarySize) == UInt8(ascii: "{") else {
      throw BlockError(.corrupt, "LUKS metadata does not begin with a JSON object")
    }
    guard end - binarySize <= LuksLimits.metadataText else {
      throw BlockError(.tooLarge, "LUKS metadata of \(end - binarySize) bytes is longer than the limit")
    }
    guard let text = bytes.utf8(binarySize..<end) else {
      throw BlockError(.corrupt, "LUKS metadata is not text")
    }
    let tree: OptionTree
    do throws(JSONParser.Failure) {
      tree = try JSONParser.parse(text, maximumDepth: 32, maximumLength: Int(metadataSize))
    } catch {
      throw BlockError(.corrupt, "LUKS metadata is not JSON: \(error.reason)")
    }
    return try LuksMetadata(tree, metadataSize: metadataSize, limits).header(isDetached: isDetached)
  }
}
