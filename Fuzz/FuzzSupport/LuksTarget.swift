// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Crypto
internal import Errors

/// The input is a LUKS header. The first byte chooses: as it is, or as the JSON text of a version 2 header whose
/// binary part and checksum are right, which no fuzzer would find.
package enum LuksTarget: FuzzTarget {
  private struct Area: LuksArea {
    let bytes: [UInt8]
    let length: UInt64

    func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
      buffer.fill()
      let count = UInt64(bytes.count)
      guard offset < count else { return }
      let end = min(Int(offset) + buffer.byteCount, bytes.count)
      unsafe buffer.copy(bytes.span.bytes.slice(Int(offset)..<end))
    }
    func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
      throw BlockError(.readOnly, "read-only")
    }
    func flush() throws(BlockError) {}
  }

  /// Runs one input.
  package static func run(_ input: [UInt8]) -> String? {
    guard let choice = input.first, input.count <= 1 << 20 else { return nil }
    let body = Array(input.dropFirst())
    let bytes = choice % 2 == 0 ? body : header(json: body)
    let area = Area(bytes: bytes, length: max(UInt64(bytes.count), 20 << 20))
    for isDetached in [false, true] {
      guard let header = try? LuksHeader(in: area, isDetached: isDetached) else { continue }
      _ = try? header.cipherSpec()
      _ = header.description
      _ = header.activeSlots
      _ = try? header.firstFreeSlot()
      for slot in header.slots where slot.area.upperBound > 1 << 62 { return "key material lies nowhere" }
      if header.keyBytes <= 0 || header.keyBytes > 4096 { return "a key of \(header.keyBytes) bytes" }
    }
    return nil
  }

  /// A version 2 header of 16 KiB around its JSON text.
  private static func header(json: [UInt8]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 16384)
    bytes.replaceSubrange(0..<8, with: LuksHeader.magic + [0, 2])
    bytes[14] = 0x40
    bytes[23] = 1
    bytes.replaceSubrange(72..<78, with: Array("sha256".utf8))
    let text = json.prefix(16384 - 4097)
    bytes.replaceSubrange(4096..<4096 + text.count, with: text)
    guard let hash = try? ContentHash("sha256"), let running = try? hash.begin() else { return bytes }
    guard (try? running.update(bytes)) != nil, let sum = try? running.finish() else { return bytes }
    bytes.replaceSubrange(448..<448 + sum.count, with: sum)
    return bytes
  }

  private static let json = """
    {"keyslots":{"0":{"type":"luks2","key_size":64,"af":{"type":"luks1","stripes":4000,"hash":"sha256"},\
    "area":{"type":"raw","offset":"32768","size":"258048","encryption":"aes-xts-plain64","key_size":64},\
    "kdf":{"type":"pbkdf2","hash":"sha256","iterations":1000,"salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}},\
    "tokens":{},"segments":{"0":{"type":"crypt","offset":"16777216","size":"dynamic","iv_tweak":"0",\
    "encryption":"aes-xts-plain64","sector_size":512}},"digests":{"0":{"type":"pbkdf2","keyslots":["0"],\
    "segments":["0"],"hash":"sha256","iterations":1000,"salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",\
    "digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},\
    "config":{"json_size":"12288","keyslots_size":"16744448"}}
    """

  /// The first version's header, by its published layout.
  private static func version1() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 592)
    bytes.replaceSubrange(0..<8, with: LuksHeader.magic + [0, 1])
    for (offset, text) in [(8, "aes"), (40, "xts-plain64"), (72, "sha256"), (168, "00000000-0000")] {
      bytes.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8))
    }
    bytes.replaceSubrange(104..<108, with: [0, 0, 32, 0])
    bytes[111] = 64
    bytes[166] = 4
    for slot in 0..<8 {
      let place = 208 + 48 * slot
      bytes.replaceSubrange(place..<place + 4, with: slot == 0 ? [0, 0xAC, 0x71, 0xF3] : [0, 0, 0xDE, 0xAD])
      bytes[place + 6] = 4
      bytes.replaceSubrange(place + 42..<place + 44, with: [UInt8(1 + 2 * slot), 8])
      bytes.replaceSubrange(place + 46..<place + 48, with: [0x0F, 0xA0])
    }
    return bytes
  }

  /// Inputs to start from.
  package static func seeds() -> [(name: String, bytes: [UInt8])] {
    [
      ("luks1", [0] + version1()), ("luks2", [0] + header(json: Array(json.utf8))),
      ("json", [1] + Array(json.utf8)),
    ]
  }

  /// What is wrong with the harness: its own headers must be good ones.
  package static func selfTest() -> String? {
    for bytes in [version1(), header(json: Array(json.utf8))] {
      do throws(BlockError) {
        _ = try LuksHeader(in: Area(bytes: bytes, length: 20 << 20))
      } catch {
        return "a good header is refused: \(error.message)"
      }
    }
    return nil
  }
}
